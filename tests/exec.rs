//! `exec`: a second process in a running container.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from. The exit codes 126 and 127 are those of newer daemons: 20.10 says 126 to both.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let own = [scenario!(what_cannot_run_is_126_or_127)];
    let docker = [
        scenario!(exit_code_and_streams),
        scenario!(environment_user_and_directory),
        scenario!(another_user),
        scenario!(sees_the_container),
        scenario!(has_the_container_s_confinement),
        scenario!(needs_a_running_container),
        scenario!(wrong_usage),
        scenario!(detached_returns_at_once),
        scenario!(many_at_once),
    ];
    let docker = docker
        .into_iter()
        .map(|scenario| scenario.claimed_of_docker(MEASURED));
    docker
        .chain(own)
        .map(|scenario| scenario.needs(Need::Busybox))
        .collect()
}

/// A container called `box` that sleeps.
fn sleeper(env: &TestEnv, flags: &str) {
    env.image("busybox");
    env.ctr(format!(
        "run -d --name box --network none {flags} busybox sleep 1000"
    ))
    .ok();
}

fn exit_code_and_streams(env: &TestEnv) {
    sleeper(env, "");
    env.ctr(["exec", "box", "sh", "-c", "echo out; echo err >&2; exit 9"])
        .run()
        .exits(9)
        .stdout("out\n")
        .stderr("err\n");
    env.ctr("exec -i box cat").stdin("in").ok().stdout("in");
    env.ctr("exec box cat").stdin("in").ok().stdout("");
    env.ctr(["exec", "box", "sh", "-c", "kill -9 $$"])
        .run()
        .exits(137);
    let size = 5_000_000;
    let finished = env
        .ctr(["exec", "box", "sh", "-c", &format!("yes | head -c {size}")])
        .ok();
    assert_eq!(finished.bytes().len(), size);
}

fn environment_user_and_directory(env: &TestEnv) {
    sleeper(env, "-e A=1 -u app -w /tmp");
    env.ctr([
        "exec",
        "-e",
        "B=2",
        "box",
        "sh",
        "-c",
        "echo $A $B $HOME; id -un; pwd",
    ])
    .ok()
    .stdout("1 2 /home/app\napp\n/tmp\n");
}

fn another_user(env: &TestEnv) {
    sleeper(env, "-u app");
    env.ctr([
        "exec",
        "-u",
        "root",
        "-w",
        "/etc",
        "box",
        "sh",
        "-c",
        "echo $HOME; id -u; pwd",
    ])
    .ok()
    .stdout("/root\n0\n/etc\n");
}

fn sees_the_container(env: &TestEnv) {
    sleeper(env, "-h inside");
    env.ctr("exec box hostname").ok().stdout("inside\n");
    env.ctr("exec box touch /made").ok();
    env.ctr("exec box ls /made").ok().stdout("/made\n");
    env.ctr(["exec", "box", "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"])
        .ok()
        .stdout("sleep 1000 ");
    env.ctr(["exec", "box", "sh", "-c", "ls /proc/self/fd | wc -l"])
        .ok()
        .stdout("4\n");
}

fn has_the_container_s_confinement(env: &TestEnv) {
    sleeper(env, "--cap-drop ALL --security-opt no-new-privileges");
    env.ctr([
        "exec",
        "box",
        "grep",
        "-E",
        "^(CapBnd|CapEff|NoNewPrivs|Seccomp):",
        "/proc/self/status",
    ])
    .ok()
    .stdout("CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
}

fn what_cannot_run_is_126_or_127(env: &TestEnv) {
    sleeper(env, "");
    env.ctr("exec box nosuch")
        .run()
        .exits(127)
        .stderr_has("exec: \"nosuch\": executable file not found in $PATH");
    env.ctr("exec box /etc")
        .run()
        .exits(126)
        .stderr_has("exec: \"/etc\"");
    env.ctr("exec -u nosuch box true")
        .run()
        .exits(126)
        .stderr_has("unable to find user nosuch: no matching entries in passwd file");
    env.ctr("exec -w /nosuch box true")
        .run()
        .exits(126)
        .stderr_has("/nosuch");
}

fn needs_a_running_container(env: &TestEnv) {
    env.image("busybox");
    let box_of = "exec-faults";
    env.ctr(format!(
        "run -d --name {box_of} --network none busybox sleep 1000"
    ))
    .ok();
    for flag in ["-u nosuchuser", "-w /nonexist"] {
        env.ctr(format!("exec {flag} {box_of} true"))
            .run()
            .exits(126)
            .stdout("");
    }
    env.ctr("exec nosuch true")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("No such container: nosuch");
    let id = env
        .ctr("create --name idle --network none busybox true")
        .ok()
        .line();
    env.ctr("exec idle true")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has(&format!("ontainer {id} is not running"));
}

fn wrong_usage(env: &TestEnv) {
    env.ctr("exec")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("requires at least 2 arguments");
    env.ctr("exec box")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("requires at least 2 arguments");
    env.ctr("exec --nosuch box true")
        .run()
        .exits(125)
        .stdout("")
        .stderr_has("unknown flag: --nosuch");
}

fn detached_returns_at_once(env: &TestEnv) {
    sleeper(env, "");
    env.ctr([
        "exec",
        "-d",
        "box",
        "sh",
        "-c",
        "echo done > /flag; sleep 1000",
    ])
    .ok()
    .stdout("");
    env.until(|| env.ctr("exec box cat /flag").run().out() == "done\n");
}

fn many_at_once(env: &TestEnv) {
    sleeper(env, "");
    let running: Vec<_> = (0..16)
        .map(|number| env.ctr(format!("exec box echo {number}")).spawn())
        .collect();
    for (number, running) in running.into_iter().enumerate() {
        running.wait().exits(0).stdout(&format!("{number}\n"));
    }
}
