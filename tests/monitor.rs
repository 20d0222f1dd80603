//! The process beside each container: what it keeps, what it survives, what happens when it does not.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Need, Running, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(a_killed_one_takes_the_container_with_it),
        scenario!(after_a_reboot_nothing_runs),
        scenario!(after_a_reboot_numbers_are_somebody_else_s),
        scenario!(asked_to_end_it_asks_the_container),
        scenario!(a_stopped_client_loses_nothing),
        scenario!(a_dead_client_blocks_nobody),
        scenario!(a_stalled_guest_holds_nobody_up_for_long),
        scenario!(signals_pass_input_that_nobody_reads),
        scenario!(it_holds_nothing_of_the_caller_s),
        scenario!(logs_are_rotated),
        scenario!(a_run_directory_may_have_a_long_name),
        scenario!(restart_keeps_what_rm_would_remove),
        scenario!(a_failed_start_is_remembered),
        scenario!(a_start_that_fails_before_there_is_a_monitor_is_remembered),
        scenario!(input_outlives_a_client_that_comes_and_goes),
        scenario!(a_log_of_nothing_cannot_be_read),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

fn detached(env: &TestEnv, flags: &str, script: &str) {
    env.image("busybox");
    let mut args: Vec<&str> = "run -d --name box --network none".split(' ').collect();
    args.extend(flags.split_whitespace());
    args.extend(["busybox", "sh", "-c", script]);
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    env.ctr(args).ok();
}

fn inspect(env: &TestEnv, template: &str) -> String {
    env.ctr(["inspect", "-f", template, "box"]).ok().line()
}

/// The container's process 1 and its monitor.
fn processes(env: &TestEnv) -> (i32, i32) {
    let pid: i32 = inspect(env, "{{.State.Pid}}").parse().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    (pid, parent.unwrap().trim().parse().unwrap())
}

fn is_alive(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // Nobody waits for orphans where process 1 is not an init.
    !status.is_empty() && !status.contains("State:\tZ")
}

fn send(pid: i32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

fn a_killed_one_takes_the_container_with_it(env: &TestEnv) {
    detached(env, "", "echo started; sleep 1000");
    // `run -d` returns when the shell runs: on a busy machine the monitor would be killed before it has heard a word.
    env.until(|| env.ctr("logs box").ok().out() == "started\n");
    let (container, monitor) = processes(env);
    send(monitor, Signal::SIGKILL);
    env.until(|| !is_alive(container));
    env.ctr("ps -q").ok().stdout("");
    env.ctr("exec box true").run().exits(1);
    env.ctr("wait box").ok().stdout("137\n");
    assert_eq!(
        inspect(env, "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}"),
        "exited 137 0"
    );
    let finished = inspect(env, "{{.State.FinishedAt}}");
    assert_eq!(inspect(env, "{{.State.FinishedAt}}"), finished);
    env.ctr("start box").ok();
    env.until(|| env.ctr("logs box").ok().out() == "started\nstarted\n");
    env.ctr("rm -f box").ok();
    env.ctr("ps -aq").ok().stdout("");
}

fn after_a_reboot_nothing_runs(env: &TestEnv) {
    detached(env, "", "sleep 1000");
    let (container, monitor) = processes(env);
    send(monitor, Signal::SIGKILL);
    env.until(|| !is_alive(container));
    fs::remove_dir_all(env.runtime().join("ctr")).unwrap();
    env.ctr(["ps", "-a", "--format", "{{.State}}"])
        .ok()
        .stdout("exited\n");
    env.ctr("start box").ok();
    env.ctr("exec box echo here").ok().stdout("here\n");
    env.ctr("rm -f box").ok();
}

fn after_a_reboot_numbers_are_somebody_else_s(env: &TestEnv) {
    detached(env, "", "sleep 1000");
    let id = inspect(env, "{{.Id}}");
    let path = env
        .data()
        .join("ctr/containers")
        .join(id)
        .join("state.json");
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let (container, monitor) = processes(env);
    send(monitor, Signal::SIGKILL);
    env.until(|| !is_alive(container));
    // Number and start time are those of somebody's who runs now; only the boot was another.
    let innocent = env.program("sleep", "1000").spawn();
    let stat = fs::read_to_string(format!("/proc/{}/stat", innocent.pid())).unwrap();
    let started: u64 = stat.split(' ').nth(21).unwrap().parse().unwrap();
    state["Pid"] = innocent.pid().into();
    state["PidStart"] = started.into();
    let this_boot = state["BootId"].take();
    assert_eq!(this_boot.as_str().unwrap().len(), 36, "{this_boot}");
    for (boot, survives) in [
        ("6f9c8a0e-1d0b-4a5c-9a53-5a2f2f0f8d11".into(), true),
        (this_boot, false),
    ] {
        state["BootId"] = boot;
        fs::write(&path, state.to_string()).unwrap();
        env.ctr(["ps", "-a", "--format", "{{.State}}"])
            .ok()
            .stdout("exited\n");
        assert_eq!(is_alive(innocent.pid() as i32), survives);
    }
    env.ctr("start box").ok();
    env.ctr("rm -f box").ok();
}

fn asked_to_end_it_asks_the_container(env: &TestEnv) {
    detached(
        env,
        "--stop-signal USR1",
        "trap 'echo bye; exit 9' USR1; echo ready; while :; do sleep 0.1; done",
    );
    env.until_logged("box", "ready\n");
    let (_, monitor) = processes(env);
    // A terminal's signals are nothing to it.
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        send(monitor, signal);
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(inspect(env, "{{.State.Status}}"), "running");
    send(monitor, Signal::SIGTERM);
    env.ctr("wait box").ok().stdout("9\n");
    env.ctr("logs box").ok().stdout("ready\nbye\n");
}

fn a_stopped_client_loses_nothing(env: &TestEnv) {
    env.image("busybox");
    let client = talker(env, &format!("{WAIT_FOR_GO}; seq 1 300000"));
    stop(&client);
    env.ctr("exec box touch /go").ok();
    until_the_log_is_still(env);
    send(client.pid() as i32, Signal::SIGCONT);
    let finished = client.wait().exits(0);
    assert_eq!(finished.lines().len(), 300_000);
    assert_eq!(finished.lines().last().unwrap(), "300000");
    // Nor does the log.
    assert_eq!(env.ctr("logs box").ok().bytes(), finished.bytes());
}

fn a_dead_client_blocks_nobody(env: &TestEnv) {
    env.image("busybox");
    let script = format!("{WAIT_FOR_GO}; seq 1 300000; touch /done; sleep 1000");
    let client = talker(env, &script);
    // With output on its way that it will never take.
    stop(&client);
    env.ctr("exec box touch /go").ok();
    until_the_log_is_still(env);
    assert_eq!(env.ctr("exec box test -e /done").run().code(), 1);
    client.signal(Signal::SIGKILL);
    client.wait();
    env.until(|| env.ctr("exec box test -e /done").run().code() == 0);
    env.ctr("rm -f box").ok();
}

fn a_stalled_guest_holds_nobody_up_for_long(env: &TestEnv) {
    detached(
        env,
        "",
        "until test -e /go; do echo here; sleep 0.1; done; seq 1 600000; touch /done; sleep 1000",
    );
    let mut guest = env.ctr("attach box").spawn();
    guest.until_it_says("here\n");
    stop(&guest);
    env.ctr("exec box touch /go").ok();
    env.until(|| env.ctr("exec box test -e /done").run().code() == 0);
    send(guest.pid() as i32, Signal::SIGCONT);
    guest.wait().exits(1).stderr_has("the container runs on");
    assert_eq!(inspect(env, "{{.State.Status}}"), "running");
    env.ctr("logs -n 1 box").ok().stdout("600000\n");
    env.ctr("rm -f box").ok();
}

fn signals_pass_input_that_nobody_reads(env: &TestEnv) {
    env.image("busybox");
    // More than fits into the pipe, the monitor and the socket together.
    let client = env
        .ctr("run -i --init --name box --network none busybox sleep 1000")
        .stdin(vec![b'y'; 4 << 20])
        .spawn();
    env.until_running("box");
    until_still(env, || bytes_read(client.pid()));
    client.signal(Signal::SIGTERM);
    client.wait().exits(143);
    // All of it arrives where somebody does read.
    let count = "sleep 1; wc -c";
    env.ctr([
        "run",
        "--rm",
        "-i",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        count,
    ])
    .stdin(vec![b'y'; 4 << 20])
    .ok()
    .stdout("4194304\n");
}

/// Stops a client, and waits until it has stopped.
fn stop(client: &Running) {
    send(client.pid() as i32, Signal::SIGSTOP);
    let path = format!("/proc/{}/status", client.pid());
    while !fs::read_to_string(&path).unwrap().contains("State:\tT") {
        std::thread::yield_now();
    }
}

/// Waits until a number has begun to grow and grows no more.
fn until_still(env: &TestEnv, number: impl Fn() -> u64) {
    env.until(|| {
        let before = number();
        std::thread::sleep(Duration::from_millis(500));
        before > 0 && number() == before
    });
}

/// Waits until the container has written all that it can while somebody does not read.
fn until_the_log_is_still(env: &TestEnv) {
    let id = inspect(env, "{{.Id}}");
    let log = env.data().join("ctr/containers").join(id).join("log");
    until_still(env, || log.metadata().map_or(0, |log| log.len()));
}

/// What a process has read in all. See proc(5), `io`.
fn bytes_read(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().parse().unwrap()
}

/// What a shell does until there is a file `/go`.
const WAIT_FOR_GO: &str = "until test -e /go; do sleep 0.1; done";

/// A client in the foreground of a container that runs.
fn talker(env: &TestEnv, script: &str) -> Running {
    let mut args: Vec<String> = "run --name box --network none busybox sh -c"
        .split(' ')
        .map(str::to_owned)
        .collect();
    args.push(script.to_owned());
    let client = env.ctr(args).spawn();
    env.until_running("box");
    client
}

fn it_holds_nothing_of_the_caller_s(env: &TestEnv) {
    env.image("busybox");
    // `cat` ends when nobody has the other end any more, whatever its number.
    let script = "({ctr} run -d --name box --network none busybox sleep 1000 7>&1 9>&1 >/dev/null) | cat; echo over";
    let finished = env.script(script).ok();
    finished.stdout("over\n");
    assert_eq!(inspect(env, "{{.State.Status}}"), "running");
    let (_, monitor) = processes(env);
    assert_eq!(
        fs::read_link(format!("/proc/{monitor}/cwd")).unwrap(),
        PathBuf::from("/")
    );
    env.ctr("rm -f box").ok();
}

fn logs_are_rotated(env: &TestEnv) {
    // Some 38 MB of log, 85 bytes an entry.
    detached(env, "", "seq 1000000001 1000450000");
    env.ctr("wait box").ok().stdout("0\n");
    let id = inspect(env, "{{.Id}}");
    let dir = env.data().join("ctr/containers").join(id);
    let sizes: Vec<u64> = ["log", "log.1", "log.2"]
        .iter()
        .map(|name| dir.join(name).metadata().unwrap().size())
        .collect();
    // A file may grow beyond its size by what was read at once.
    assert!(
        sizes.iter().all(|size| *size < (10 << 20) + (1 << 20)),
        "{sizes:?}"
    );
    assert!(!dir.join("log.3").exists());
    let kept = env.ctr("logs box").ok().lines();
    assert_eq!(kept.last().unwrap(), "1000450000");
    assert!(
        (200_000..450_000).contains(&kept.len()),
        "{} lines",
        kept.len()
    );
    env.ctr("logs -n 2 box")
        .ok()
        .stdout("1000449999\n1000450000\n");
}

fn a_run_directory_may_have_a_long_name(env: &TestEnv) {
    env.image("busybox");
    let long = env.runtime().join("x".repeat(150));
    let flag = |args: &str| {
        let mut all = vec!["--runroot".to_owned(), long.display().to_string()];
        all.extend(args.split(' ').map(str::to_owned));
        all
    };
    env.ctr(flag("run -d -i --name box --network none busybox cat"))
        .ok();
    let client = env.ctr(flag("attach box")).stdin("hello\n").spawn();
    env.until(|| env.ctr(flag("logs box")).ok().out() == "hello\n");
    env.ctr(flag("kill box")).ok();
    client.wait().exits(137).stdout("hello\n");
    env.ctr(flag("rm box")).ok();
}

fn restart_keeps_what_rm_would_remove(env: &TestEnv) {
    detached(
        env,
        "--rm",
        "test -e /x && echo again; touch /x; exec sleep 1000",
    );
    env.until(|| env.ctr("exec box test -e /x").run().code() == 0);
    env.ctr("restart -t 0 box").ok().stdout("box\n");
    env.until(|| env.ctr("logs box").ok().out() == "again\n");
    env.ctr("stop -t 0 box").ok();
    env.ctr("ps -aq").ok().stdout("");
}

fn a_failed_start_is_remembered(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --name box --network none busybox nosuch")
        .run()
        .exits(127);
    assert_eq!(
        inspect(env, "{{.State.Status}} {{.State.ExitCode}}"),
        "created 127"
    );
    assert!(inspect(env, "{{.State.Error}}").contains("nosuch"));
    env.ctr("start box").run().exits(1).stderr_has("nosuch");
    env.ctr("rm box").ok();
    // With --rm nothing is left.
    env.ctr("run --rm --network none busybox nosuch")
        .run()
        .exits(127);
    env.ctr("ps -aq").ok().stdout("");
}

fn a_start_that_fails_before_there_is_a_monitor_is_remembered(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name box -u nobody-here --network none busybox true")
        .ok();
    let words = "unable to find user nobody-here: no matching entries in passwd file";
    env.ctr("start box").run().exits(1).stderr_has(words);
    assert_eq!(
        inspect(env, "{{.State.Status}} {{.State.Error}}"),
        format!("created {words}")
    );
    env.ctr("rm box").ok();
    env.ctr("run --rm -u nobody-here --network none busybox true")
        .run()
        .stderr_has(words);
    env.ctr("ps -aq").ok().stdout("");
}

fn input_outlives_a_client_that_comes_and_goes(env: &TestEnv) {
    detached(env, "-i", "while read line; do echo got $line; done");
    for word in ["one", "two"] {
        let client = env.ctr("attach box").stdin(format!("{word}\n")).spawn();
        env.until(|| env.ctr("logs box").ok().out().contains(word));
        client.signal(Signal::SIGKILL);
        client.wait();
    }
    assert_eq!(inspect(env, "{{.State.Status}}"), "running");
    env.ctr("logs box").ok().stdout("got one\ngot two\n");
    env.ctr("rm -f box").ok();
}

fn a_log_of_nothing_cannot_be_read(env: &TestEnv) {
    env.image("busybox");
    let run = env
        .ctr("run --name box --network none --log-driver none busybox echo shown")
        .run();
    if run.code() == 125 {
        // Not every version has the flag; none ignores it.
        run.stderr_has("--log-driver is not supported yet");
        return;
    }
    run.exits(0).stdout("shown\n");
    env.ctr("logs box")
        .run()
        .exits(1)
        .stderr_has("configured logging driver does not support reading");
}
