//! A container's life after `create`: `start`, `stop`, `kill`, `wait`, `restart`, `attach`, `rm`.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(unknown_names_are_1),
        scenario!(start_says_the_name),
        scenario!(start_attached_gives_output_and_code),
        scenario!(stop_sends_the_signal_then_kills),
        scenario!(stop_signal_is_the_container_s),
        scenario!(kill_sends_any_signal),
        scenario!(kill_needs_a_running_container),
        scenario!(wait_prints_codes),
        scenario!(restart_keeps_the_files),
        scenario!(rm_refuses_what_runs),
        scenario!(files_given_away_keep_nobody_from_starting),
        scenario!(rm_several_goes_on),
        scenario!(id_prefixes_are_names_too),
        scenario!(attach_needs_a_running_container),
        scenario!(attach_shows_output_and_code),
        scenario!(signals_may_come_before_the_relay),
        scenario!(three_signals_end_the_client),
        scenario!(signals_are_passed_on),
        scenario!(a_killed_client_leaves_the_container),
        scenario!(container_prefix_is_the_same),
        scenario!(top_shows_the_container_s_processes).needs(Need::Program("ps")),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

/// A container that runs `script`.
fn detached(env: &TestEnv, name: &str, script: &str) -> String {
    env.image("busybox");
    env.ctr([
        "run",
        "-d",
        "--name",
        name,
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ])
    .ok()
    .line()
}

fn status(env: &TestEnv, name: &str) -> String {
    env.ctr([
        "inspect",
        "-f",
        "{{.State.Status}} {{.State.ExitCode}}",
        name,
    ])
    .ok()
    .line()
}

fn unknown_names_are_1(env: &TestEnv) {
    for command in [
        "start", "stop", "kill", "wait", "restart", "attach", "logs", "rm", "pause", "unpause",
        "top", "port",
    ] {
        if !env.is_peer() && ["pause", "unpause"].contains(&command) {
            continue;
        }
        env.ctr([command, "nosuch"])
            .run()
            .exits(1)
            .stdout("")
            .stderr_has("No such container: nosuch");
    }
    for command in [
        "start", "stop", "kill", "wait", "restart", "attach", "logs", "rm",
    ] {
        env.ctr(command)
            .run()
            .exits(1)
            .stdout("")
            .stderr_has("requires");
        env.ctr([command, "--nosuch", "box"])
            .run()
            .exits(125)
            .stdout("")
            .stderr_has("unknown flag: --nosuch");
    }
    env.ctr("rm -f nosuch")
        .run()
        .exits(0)
        .stdout("")
        .stderr_has("No such container: nosuch");
}

fn start_says_the_name(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("create --name box --network none busybox sleep 1000")
        .ok()
        .line();
    env.ctr("start box").ok().stdout("box\n").stderr("");
    assert_eq!(status(env, "box"), "running 0");
    // Again is no mistake, and what was typed comes back.
    env.ctr(["start", &id[..8]])
        .ok()
        .stdout(&format!("{}\n", &id[..8]));
    env.ctr("start nosuch box")
        .run()
        .exits(1)
        .stdout("box\n")
        .stderr_has("No such container: nosuch");
}

fn start_attached_gives_output_and_code(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "create",
        "-i",
        "--name",
        "box",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "cat; echo err >&2; exit 4",
    ])
    .ok();
    env.ctr("start -a -i box")
        .stdin("typed\n")
        .run()
        .exits(4)
        .stdout("typed\n")
        .stderr("err\n");
    assert_eq!(status(env, "box"), "exited 4");
}

fn stop_sends_the_signal_then_kills(env: &TestEnv) {
    detached(
        env,
        "polite",
        "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done",
    );
    env.until_logged("polite", "ready");
    env.ctr("stop polite").ok().stdout("polite\n").stderr("");
    assert_eq!(status(env, "polite"), "exited 5");
    // Again is no mistake.
    env.ctr("stop polite").ok().stdout("polite\n");

    detached(
        env,
        "deaf",
        "trap '' TERM; echo ready; while :; do sleep 0.1; done",
    );
    env.until_logged("deaf", "ready");
    let start = Instant::now();
    env.ctr("stop -t 1 deaf").ok().stdout("deaf\n");
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "SIGKILL after {:?}",
        start.elapsed()
    );
    assert_eq!(status(env, "deaf"), "exited 137");
}

fn stop_signal_is_the_container_s(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "-d",
        "--name",
        "box",
        "--stop-signal",
        "USR1",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "trap 'exit 6' USR1; echo ready; while :; do sleep 0.1; done",
    ])
    .ok();
    env.until_logged("box", "ready");
    env.ctr("stop box").ok();
    assert_eq!(status(env, "box"), "exited 6");
}

fn kill_sends_any_signal(env: &TestEnv) {
    for signal in ["USR1", "SIGUSR1", "10"] {
        detached(
            env,
            "box",
            "trap 'exit 8' USR1; echo ready; while :; do sleep 0.1; done",
        );
        env.until_logged("box", "ready");
        env.ctr(["kill", "-s", signal, "box"]).ok().stdout("box\n");
        env.ctr("wait box").ok().stdout("8\n");
        env.ctr("rm box").ok();
    }
    detached(env, "box", "sleep 1000");
    env.ctr("kill -s NOSUCH box")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("nvalid signal: NOSUCH");
}

fn kill_needs_a_running_container(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("create --name box --network none busybox true")
        .ok()
        .line();
    let words = format!("annot kill container: box: container {id} is not running");
    env.ctr("kill box")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has(&words);
}

fn wait_prints_codes(env: &TestEnv) {
    detached(env, "one", "sleep 0.5; exit 11");
    detached(env, "two", "exit 12");
    env.ctr("wait one two").ok().stdout("11\n12\n").stderr("");
    env.ctr("wait two nosuch")
        .run()
        .exits(1)
        .stdout("12\n")
        .stderr_has("No such container: nosuch");
}

fn restart_keeps_the_files(env: &TestEnv) {
    let script = "trap 'exit 0' TERM; echo x >> /count; while :; do sleep 0.1; done";
    detached(env, "box", script);
    let has_counted = |count: &str| {
        env.until(|| env.ctr("exec box cat /count").run().out() == count);
    };
    has_counted("x\n");
    env.ctr("restart box").ok().stdout("box\n");
    assert_eq!(status(env, "box"), "running 0");
    has_counted("x\nx\n");
    // What is stopped is started.
    env.ctr("stop box").ok();
    env.ctr("restart -t 0 box").ok();
    has_counted("x\nx\nx\n");
}

fn files_given_away_keep_nobody_from_starting(env: &TestEnv) {
    env.image("busybox");
    let script = "chown 5:5 /etc/resolv.conf /etc/hosts; chmod 0 /etc/hostname; true";
    env.ctr([
        "run",
        "--name",
        "box",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ])
    .ok();
    env.ctr("start -a box").ok();
}

fn rm_refuses_what_runs(env: &TestEnv) {
    let id = detached(env, "box", "sleep 1000");
    let finished = env.ctr("rm box").run().exits(1).stdout("");
    let words = finished.err();
    let known = [
        // moby 20.10, then 26 and later.
        format!(
            "You cannot remove a running container {id}. Stop the container before attempting removal or force remove"
        ),
        "cannot remove container \"/box\": container is running: stop the container before removing or force remove".into(),
        "cannot remove container \"box\": container is running: stop the container before removing or force remove".into(),
    ];
    assert!(
        known
            .iter()
            .any(|known| words.matches(known.as_str()).count() == 1),
        "{finished}"
    );
    assert_eq!(
        words.matches("cannot remove").count().max(1),
        1,
        "{finished}"
    );
    assert_eq!(status(env, "box"), "running 0");
    env.ctr("rm -f box").ok().stdout("box\n").stderr("");
    env.ctr("ps -aq").ok().stdout("");
}

fn rm_several_goes_on(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name one busybox true").ok();
    env.ctr("create --name two busybox true").ok();
    env.ctr("rm one nosuch two")
        .run()
        .exits(1)
        .stdout("one\ntwo\n")
        .stderr_has("No such container: nosuch");
    env.ctr("ps -aq").ok().stdout("");
}

fn id_prefixes_are_names_too(env: &TestEnv) {
    env.image("busybox");
    let mut ids: Vec<String> = Vec::new();
    // Seventeen ids cannot all begin with different digits.
    for _ in 0..17 {
        ids.push(env.ctr("create --network none busybox true").ok().line());
    }
    let shared = ids.iter().enumerate().find_map(|(index, id)| {
        ids[..index]
            .iter()
            .any(|other| other[..1] == id[..1])
            .then(|| id[..1].to_owned())
    });
    let prefix = shared.unwrap();
    env.ctr(["rm", &prefix])
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("provided prefix");
    env.ctr(["inspect", "-f", "{{.Id}}", &ids[0][..20]])
        .ok()
        .stdout(&format!("{}\n", ids[0]));
    env.ctr(["rm", &ids[0]]).ok();
    // A name that looks like an id wins over it.
    let name = &ids[1][..12];
    let named = env
        .ctr([
            "create",
            "--name",
            name,
            "--network",
            "none",
            "busybox",
            "true",
        ])
        .ok()
        .line();
    env.ctr(["inspect", "-f", "{{.Id}}", name])
        .ok()
        .stdout(&format!("{named}\n"));
    env.ctr(["inspect", "-f", "{{.Id}}", &format!("/{name}")])
        .ok()
        .stdout(&format!("{named}\n"));
}

fn attach_needs_a_running_container(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name box --network none busybox true")
        .ok();
    env.ctr("attach box")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("You cannot attach to a stopped container, start it first");
}

fn attach_shows_output_and_code(env: &TestEnv) {
    detached(
        env,
        "box",
        "until test -e /go; do echo here; sleep 0.1; done; echo out; echo err >&2; exit 3",
    );
    let mut attached = [(); 2].map(|()| env.ctr("attach --no-stdin box").spawn());
    for attached in &mut attached {
        attached.until_it_says("here\n");
    }
    env.ctr("exec box touch /go").ok();
    for attached in attached {
        let ended = attached.wait().exits(3).stderr("err\n");
        assert_eq!(ended.out().trim_start_matches("here\n"), "out\n");
    }
}

fn signals_are_passed_on(env: &TestEnv) {
    env.image("busybox");
    let script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let running = env
        .ctr([
            "run",
            "--name",
            "box",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            script,
        ])
        .spawn();
    env.until_logged("box", "ready");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait().exits(9).stdout("ready\ncaught\n");
}

fn signals_may_come_before_the_relay(env: &TestEnv) {
    env.image("busybox");
    // Without a network helper there is a warning once the container runs; with nobody to take it the client gets no further.
    let path = env.work().join("bin");
    std::fs::create_dir(&path).unwrap();
    for program in ["newuidmap", "newgidmap"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{program}"), path.join(program)).unwrap();
    }
    let script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let words = |flags: &str| -> Vec<String> {
        let flags = flags.split(' ').map(str::to_owned);
        let command = ["busybox", "sh", "-c", script].map(str::to_owned);
        flags.chain(command).collect()
    };
    env.ctr(words("create --name start")).ok();
    for (name, client) in [
        ("run", words("run --name run")),
        ("terminal", words("run -t --name terminal")),
        ("start", ["start", "-a", "start"].map(str::to_owned).into()),
    ] {
        let (mut unread, stderr) = std::io::pipe().unwrap();
        let room = rustix::pipe::fcntl_getpipe_size(&stderr).unwrap();
        (&stderr).write_all(&vec![b'.'; room]).unwrap();
        let client = env.ctr(client).env("PATH", &path).stderr(stderr).spawn();
        env.until_logged(name, "ready");
        client.signal(nix::sys::signal::Signal::SIGTERM);
        let taken = std::thread::spawn(move || {
            let mut text = String::new();
            unread.read_to_string(&mut text).map(|_| text)
        });
        let ended = client.wait().exits(9);
        assert_eq!(ended.out().replace('\r', ""), "ready\ncaught\n", "{name}");
        let warning = taken.join().unwrap().unwrap();
        assert!(warning.contains("WARNING: no network"), "{warning:?}");
    }
}

fn three_signals_end_the_client(env: &TestEnv) {
    use nix::sys::signal::Signal;

    env.image("busybox");
    let script = "trap 'echo no' INT TERM; echo ready; while :; do sleep 0.1; done";
    let running = env
        .ctr([
            "run",
            "--name",
            "box",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            script,
        ])
        .spawn();
    for (signal, said) in [
        (Signal::SIGINT, "ready\n"),
        (Signal::SIGTERM, "ready\nno\n"),
        (Signal::SIGINT, "ready\nno\nno\n"),
    ] {
        env.until(|| env.ctr("logs box").run().out() == said);
        running.signal(signal);
    }
    running
        .wait()
        .exits(1)
        .stderr("\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n");
    assert_eq!(status(env, "box"), "running 0");
}

fn a_killed_client_leaves_the_container(env: &TestEnv) {
    env.image("busybox");
    let running = env
        .ctr("run --name box --network none busybox sleep 1000")
        .spawn();
    env.until_running("box");
    running.signal(nix::sys::signal::Signal::SIGKILL);
    running.wait();
    assert_eq!(status(env, "box"), "running 0");
    env.ctr("exec box true").ok();
    env.ctr("rm -f box").ok();
}

fn container_prefix_is_the_same(env: &TestEnv) {
    env.image("busybox");
    env.ctr("container run --rm --network none busybox echo a")
        .ok()
        .stdout("a\n");
    env.ctr("container create --name box --network none busybox sleep 1000")
        .ok();
    env.ctr("container start box").ok().stdout("box\n");
    env.ctr("container exec box echo b").ok().stdout("b\n");
    env.ctr(["container", "ls", "--format", "{{.Names}}"])
        .ok()
        .stdout("box\n");
    env.ctr("container kill box").ok().stdout("box\n");
    env.ctr("container wait box").ok().stdout("137\n");
    env.ctr(["container", "inspect", "-f", "{{.Name}}", "box"])
        .ok()
        .stdout("/box\n");
    env.ctr("container rm box").ok().stdout("box\n");
}

fn top_shows_the_container_s_processes(env: &TestEnv) {
    let id = detached(env, "box", "sleep 1001 & exec sleep 1000");
    let running = env.ctr("exec box sleep 1002").spawn();
    let names = || env.ctr("top box -eo pid,args").ok().lines();
    // With its children, and with what was executed in it later, once all of them are what they become.
    let commands = || -> Vec<String> {
        let mut commands: Vec<_> = (names().iter())
            .filter_map(|row| row.get(20..).map(str::to_owned))
            .collect();
        commands.sort();
        commands
    };
    env.until(|| commands() == ["COMMAND", "sleep 1000", "sleep 1001", "sleep 1002"]);
    let (first, rows) = (names().remove(0), names().split_off(1));
    assert_eq!(first, "PID                 COMMAND");
    let pid = env.ctr("inspect -f {{.State.Pid}} box").ok().line();
    assert!(rows.contains(&format!("{pid:20}sleep 1000")), "{rows:?}");
    for command in ["sleep 1001", "sleep 1002"] {
        assert!(rows.iter().any(|row| row.ends_with(command)), "{rows:?}");
    }
    running.signal(nix::sys::signal::Signal::SIGKILL);
    // Without options it is `ps -ef`; options may be one word or many, and some do not go with a list of processes.
    let lines = env.ctr("container top box").ok().lines();
    assert!(
        lines[0].starts_with("UID                 PID "),
        "{lines:?}"
    );
    assert!(lines[0].ends_with(" CMD"), "{lines:?}");
    env.ctr(["top", "box", "-eo pid,comm"])
        .ok()
        .stdout_has("sleep\n");
    env.ctr("top box axf").ok().stdout_has("sleep 1001");
    env.ctr("top box -eo comm")
        .run()
        .exits(1)
        .stderr_has("Couldn't find PID field in ps output");
    env.ctr("top box -o ppid=PID")
        .run()
        .exits(1)
        .stderr_has("specifying \"ppid=PID\" is not allowed");
    env.ctr("top box --nosuch")
        .run()
        .exits(1)
        .stderr_has("ps: ");
    env.ctr("kill box").ok();
    env.ctr("top box")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has(&format!("container {id} is not running"));
}
