//! `run` and `create`: what cannot be run, and command lines that are refused.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(missing_commands_are_127),
        scenario!(what_cannot_be_executed_is_126),
        scenario!(missing_arguments_are_wrong_usage),
        scenario!(unknown_flags_are_125),
        scenario!(bad_values_are_125_and_leave_nothing),
        scenario!(bad_references_are_125),
        scenario!(absent_image_without_pull_is_125),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn missing_commands_are_127(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none busybox nosuch")
        .run()
        .exits(127)
        .stdout("")
        .stderr_has("exec: \"nosuch\": executable file not found in $PATH");
    env.ctr("run --rm --network none busybox /bin/nosuch")
        .run()
        .exits(127)
        .stdout("")
        .stderr_has("exec: \"/bin/nosuch\"")
        .stderr_has("o such file or directory");
    env.ctr("ps -aq").ok().stdout("");
}

fn what_cannot_be_executed_is_126(env: &TestEnv) {
    env.image("busybox");
    for command in ["/etc", "/etc/passwd"] {
        env.ctr(["run", "--rm", "--network", "none", "busybox", command])
            .run()
            .exits(126)
            .stdout("")
            .stderr_has(&format!("exec: \"{command}\""));
    }
}

fn missing_arguments_are_wrong_usage(env: &TestEnv) {
    // Docker says 1 to `docker run` and 125 to `docker run --nosuch`; podman, and we, say 125 to both.
    let code = if env.is_peer() { 1 } else { 125 };
    for command in ["run", "run --rm -e"] {
        let finished = env.ctr(command).run().stdout("");
        assert!([code, 125].contains(&finished.code()), "{finished}");
    }
    env.ctr("run")
        .run()
        .stderr_has("requires at least 1 argument")
        .stderr_has("run [OPTIONS] IMAGE [COMMAND] [ARG...]");
}

fn unknown_flags_are_125(env: &TestEnv) {
    env.ctr("run --nosuch busybox true")
        .run()
        .exits(125)
        .stdout("")
        .stderr_has("unknown flag: --nosuch");
    env.ctr("run -@ busybox true")
        .run()
        .exits(125)
        .stdout("")
        .stderr_has("unknown shorthand flag: '@' in -@");
}

fn bad_values_are_125_and_leave_nothing(env: &TestEnv) {
    env.image("busybox");
    for (flags, words) in [
        (
            "-w rel",
            "the working directory 'rel' is invalid, it needs to be an absolute path",
        ),
        (
            "-u nosuch",
            "unable to find user nosuch: no matching entries in passwd file",
        ),
        ("-v /a:b", "invalid volume specification: '/a:b'"),
        ("-v /a:/b:xx", "invalid mode: xx"),
        (
            "-v a$:/b",
            "includes invalid characters for a local volume name",
        ),
        (
            "--name -x",
            "Invalid container name (-x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        ),
        (
            "--name x",
            "Invalid container name (x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        ),
        ("--network nosuch", "network nosuch not found"),
        (
            "--cap-add nosuch",
            "invalid CapAdd: unknown capability: \"CAP_NOSUCH\"",
        ),
        (
            "--cap-drop nosuch",
            "invalid CapDrop: unknown capability: \"CAP_NOSUCH\"",
        ),
        ("--security-opt nosuch", "nvalid --security-opt: \"nosuch\""),
        ("-p 99999:1", "invalid hostPort: 99999"),
        ("-p abc", "invalid containerPort: abc"),
        ("--stop-signal NOSUCH", "nvalid signal: NOSUCH"),
        ("--tmpfs rel", "mount path must be absolute"),
        ("-a nosuch", "valid streams are STDIN, STDOUT and STDERR"),
        (
            "--pull nosuch",
            "invalid pull option: 'nosuch': must be one of \"always\", \"missing\" or \"never\"",
        ),
        (
            "--env-file /nosuch",
            "open /nosuch: no such file or directory",
        ),
    ] {
        env.ctr(format!("run --rm {flags} busybox true"))
            .run()
            .exits(125)
            .stdout("")
            .stderr_has(words);
    }
    env.ctr("ps -aq").ok().stdout("");
}

fn bad_references_are_125(env: &TestEnv) {
    for reference in ["INVALID/Foo", "busybox@sha256:12", "a//b", "-", "busybox:"] {
        env.ctr(["run", "--rm", "--", reference, "true"])
            .run()
            .exits(125)
            .stdout("")
            .stderr_has("invalid reference format");
    }
}

fn absent_image_without_pull_is_125(env: &TestEnv) {
    env.ctr("run --pull never nosuch:1 true")
        .run()
        .exits(125)
        .stdout("")
        .stderr_has("No such image: nosuch:1");
}
