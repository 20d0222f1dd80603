//! `run` and `create`: exit codes, streams, names, and what is left behind.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(exit_code_is_the_commands),
        scenario!(signals_become_128_plus_n),
        scenario!(streams_are_kept_apart),
        scenario!(stdin_needs_the_flag),
        scenario!(output_of_any_size_arrives),
        scenario!(detached_prints_the_id_and_returns),
        scenario!(names_are_checked_and_unique),
        scenario!(cidfile_is_written_once),
        scenario!(init_reaps),
        scenario!(rm_leaves_nothing),
        scenario!(create_does_not_start),
        scenario!(many_at_once),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn exit_code_is_the_commands(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none busybox true")
        .run()
        .exits(0)
        .stdout("")
        .stderr("");
    env.ctr("run --rm --network none busybox false")
        .run()
        .exits(1)
        .stdout("")
        .stderr("");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "exit 200",
    ])
    .run()
    .exits(200)
    .stdout("")
    .stderr("");
}

fn signals_become_128_plus_n(env: &TestEnv) {
    env.image("busybox");
    // PID 1 is deaf to its own signals, so the shell ends with its child's code.
    for (signal, code) in [("KILL", 137), ("SEGV", 139), ("TERM", 143)] {
        let script = format!("sh -c 'kill -{signal} $$'; exit $?");
        env.ctr([
            "run",
            "--rm",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            &script,
        ])
        .run()
        .exits(code);
    }
    let running = env
        .ctr("run --name sleeper --network none busybox sleep 1000")
        .spawn();
    env.until_running("sleeper");
    env.ctr("kill sleeper").ok().stdout("sleeper\n");
    running.wait().exits(137);
    env.ctr(["inspect", "-f", "{{.State.ExitCode}}", "sleeper"])
        .ok()
        .stdout("137\n");
}

fn streams_are_kept_apart(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "echo out; echo err >&2; printf end",
    ])
    .ok()
    .stdout("out\nend")
    .stderr("err\n");
}

fn stdin_needs_the_flag(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -i --rm --network none busybox cat")
        .stdin("one\ntwo")
        .ok()
        .stdout("one\ntwo");
    env.ctr("run --rm --network none busybox cat")
        .stdin("one\ntwo")
        .ok()
        .stdout("");
}

fn output_of_any_size_arrives(env: &TestEnv) {
    env.image("busybox");
    let size = 10_000_000;
    let finished = env
        .ctr([
            "run",
            "--rm",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            &format!("yes | head -c {size}"),
        ])
        .ok();
    assert_eq!(finished.bytes().len(), size);
    let sent: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
    let finished = env
        .ctr("run -i --rm --network none busybox cat")
        .stdin(sent.clone())
        .ok();
    assert!(
        finished.bytes() == sent,
        "{} bytes came back",
        finished.bytes().len()
    );
}

fn detached_prints_the_id_and_returns(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("run -d --network none --name box busybox sleep 1000")
        .ok()
        .line();
    assert!(
        id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    env.ctr("ps -q --no-trunc").ok().stdout(&format!("{id}\n"));
    env.ctr("ps -q").ok().stdout(&format!("{}\n", &id[..12]));
    env.ctr([
        "inspect",
        "-f",
        "{{.State.Running}} {{.Name}} {{.Id}}",
        &id[..5],
    ])
    .ok()
    .stdout(&format!("true /box {id}\n"));
    env.ctr("rm -f box").ok().stdout("box\n");
    env.ctr("run -d -a stdout busybox true")
        .run()
        .stdout("")
        .stderr_has("conflicting options: cannot specify both --attach and --detach");
}

fn names_are_checked_and_unique(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("create --network none --name dup busybox true")
        .ok()
        .line();
    env.ctr("run --network none --name dup busybox true").run().exits(125).stdout("").stderr_has(&format!(
        "Conflict. The container name \"/dup\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    ));
    env.ctr("rm dup").ok();
    env.ctr("run --rm --network none --name dup busybox true")
        .ok();
    // Where none is given, two words are made up.
    env.ctr("create --network none busybox true").ok();
    let name = env.ctr(["ps", "-a", "--format", "{{.Names}}"]).ok().line();
    assert!(
        name.split_once('_')
            .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty()),
        "{name}"
    );
}

fn cidfile_is_written_once(env: &TestEnv) {
    env.image("busybox");
    let path = env.work().join("cid");
    env.ctr("run --rm --network none --cidfile cid busybox true")
        .ok();
    let id = std::fs::read_to_string(&path).unwrap();
    assert!(id.len() == 64 && !id.contains('\n'), "{id:?}");
    env.ctr("run --rm --network none --cidfile cid busybox true")
        .run()
        .exits(125)
        .stderr_has(
            "container ID file found, make sure the other container isn't running or delete cid",
        );
}

fn init_reaps(env: &TestEnv) {
    env.image("busybox");
    // Whom nobody waits for stays in the list, under its name.
    let script =
        "(sleep 0.1 &); while ps -o comm | grep -q '^sleep'; do usleep 10000; done; echo reaped";
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "--init",
        "busybox",
        "sh",
        "-c",
        script,
    ])
    .ok()
    .stdout("reaped\n");
    // Its own code and signals pass through.
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "--init",
        "busybox",
        "sh",
        "-c",
        "exit 7",
    ])
    .run()
    .exits(7);
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "--init",
        "busybox",
        "sh",
        "-c",
        "kill -9 $$",
    ])
    .run()
    .exits(137);
    env.ctr("run --rm --network none --init busybox nosuch")
        .run()
        .exits(127);
}

fn rm_leaves_nothing(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        "/anonymous",
        "busybox",
        "sh",
        "-c",
        "mkdir -m 0 /locked && touch /tmp/x && chown 7:7 /tmp/x 2>/dev/null; true",
    ])
    .ok();
    env.ctr("ps -aq").ok().stdout("");
    env.ctr("volume ls -q").ok().stdout("");
    env.ctr("run -d --rm --name gone --network none busybox true")
        .ok();
    env.until(|| env.ctr("ps -aq").ok().out().is_empty());
}

fn create_does_not_start(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr([
            "create",
            "--name",
            "later",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            "echo hi; exit 3",
        ])
        .ok()
        .stderr("")
        .line();
    assert_eq!(id.len(), 64);
    env.ctr(["ps", "-a", "--format", "{{.Names}} {{.Status}}"])
        .ok()
        .stdout("later Created\n");
    env.ctr("ps -q").ok().stdout("");
    env.ctr("start -a later")
        .run()
        .exits(3)
        .stdout("hi\n")
        .stderr("");
    env.ctr("start -a later")
        .run()
        .exits(3)
        .stdout("hi\n")
        .stderr("");
}

fn many_at_once(env: &TestEnv) {
    env.image("busybox");
    let running: Vec<_> = (0..20)
        .map(|number| {
            env.ctr(format!("run --rm --network none busybox echo {number}"))
                .spawn()
        })
        .collect();
    for (number, running) in running.into_iter().enumerate() {
        running
            .wait()
            .exits(0)
            .stdout(&format!("{number}\n"))
            .stderr("");
    }
    env.ctr("ps -aq").ok().stdout("");
}
