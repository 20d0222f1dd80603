//! `run` and `create`: exit codes, streams, what the process finds, and what is refused.

use std::time::Duration;

use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(exit_code_is_the_commands),
        scenario!(signals_become_128_plus_n),
        scenario!(missing_commands_are_127),
        scenario!(what_cannot_be_executed_is_126),
        scenario!(missing_arguments_are_wrong_usage),
        scenario!(unknown_flags_are_125),
        scenario!(bad_values_are_125_and_leave_nothing),
        scenario!(bad_references_are_125),
        scenario!(absent_image_without_pull_is_125),
        scenario!(streams_are_kept_apart),
        scenario!(stdin_needs_the_flag),
        scenario!(output_of_any_size_arrives),
        scenario!(environment_is_docker_s),
        scenario!(environment_comes_from_flags_and_files),
        scenario!(identity_is_what_user_asks),
        scenario!(working_directory_is_made),
        scenario!(hostname_and_hosts),
        scenario!(entrypoint_is_replaced_and_cleared),
        scenario!(detached_prints_the_id_and_returns),
        scenario!(names_are_checked_and_unique),
        scenario!(cidfile_is_written_once),
        scenario!(bind_mounts_read_and_write),
        scenario!(bind_sources_are_created),
        scenario!(named_volumes_last),
        scenario!(volumes_start_with_the_image_s_content).only(&[Tier::Root, Tier::SubIds]),
        scenario!(read_only_and_tmpfs),
        scenario!(capabilities_and_confinement),
        scenario!(devices_and_kernel_filesystems),
        scenario!(masked_and_read_only_paths),
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

fn environment_is_docker_s(env: &TestEnv) {
    env.image("busybox");
    let mut lines = env
        .ctr("run --rm --network none -h box busybox env")
        .ok()
        .lines();
    lines.sort();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(lines, ["HOME=/root", "HOSTNAME=box", path]);
    let home = env
        .ctr([
            "run",
            "--rm",
            "--network",
            "none",
            "-u",
            "app",
            "busybox",
            "sh",
            "-c",
            "echo $HOME",
        ])
        .ok();
    home.stdout("/home/app\n");
}

fn environment_comes_from_flags_and_files(env: &TestEnv) {
    env.image("busybox");
    env.file(
        "vars",
        "# comment\nA=1\nB=two words\n\nFROM_OUTSIDE\nMISSING_OUTSIDE\n",
    );
    let script = "echo \"$A|$B|$C|$D|$FROM_OUTSIDE|${MISSING_OUTSIDE-unset}|$E\"";
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "--env-file",
        "vars",
        "-e",
        "C=3",
        "-e",
        "D",
        "-eE=x=y",
        "busybox",
        "sh",
        "-c",
        script,
    ])
    .env("FROM_OUTSIDE", "o")
    .env("D", "d")
    .ok()
    .stdout("1|two words|3|d|o|unset|x=y\n");
}

fn identity_is_what_user_asks(env: &TestEnv) {
    env.image("busybox");
    for (user, expected) in [
        ("root", "uid=0(root) gid=0(root)"),
        ("app", "uid=1000(app) gid=1000(app)"),
        ("1000:50", "uid=1000(app) gid=50(staff)"),
        ("app:root", "uid=1000(app) gid=0(root)"),
    ] {
        let line = env
            .ctr([
                "run",
                "--rm",
                "--network",
                "none",
                "-u",
                user,
                "busybox",
                "id",
            ])
            .ok()
            .line();
        assert!(line.starts_with(expected), "-u {user}: {line}");
    }
}

fn working_directory_is_made(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none busybox pwd")
        .ok()
        .stdout("/\n");
    env.ctr("run --rm --network none -w /new/dir busybox pwd")
        .ok()
        .stdout("/new/dir\n");
}

fn hostname_and_hosts(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none -h myhost busybox cat /etc/hostname")
        .ok()
        .stdout("myhost\n");
    env.ctr("run --rm --network none -h myhost busybox hostname")
        .ok()
        .stdout("myhost\n");
    env.ctr("run --rm --network none busybox cat /etc/hosts")
        .ok()
        .stdout_has("127.0.0.1\tlocalhost\n");
    // The short ID is the name where none is given.
    let id = env
        .ctr("create --network none --name named busybox hostname")
        .ok()
        .line();
    env.ctr("start -a named")
        .ok()
        .stdout(&format!("{}\n", &id[..12]));
    env.ctr("run --rm --network none busybox readlink /etc/mtab")
        .ok()
        .stdout("/proc/mounts\n");
    env.ctr("run --rm --network none busybox test -f /.dockerenv")
        .ok();
}

fn entrypoint_is_replaced_and_cleared(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none --entrypoint /bin/echo busybox a b")
        .ok()
        .stdout("a b\n");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "",
        "busybox",
        "echo",
        "a",
    ])
    .ok()
    .stdout("a\n");
    env.ctr("run --rm --network none busybox")
        .run()
        .exits(125)
        .stderr_has("o command specified");
}

fn detached_prints_the_id_and_returns(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("run -d --network none --name box busybox sleep 1000")
        .timeout(Duration::from_secs(20))
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

fn bind_mounts_read_and_write(env: &TestEnv) {
    env.image("busybox");
    let file = env.file("dir/in", "from outside\n");
    let directory = file.parent().unwrap().to_str().unwrap().to_owned();
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &format!("{directory}:/data"),
        "busybox",
        "sh",
        "-c",
        "cat /data/in; echo inside > /data/out",
    ])
    .ok()
    .stdout("from outside\n");
    assert_eq!(
        std::fs::read_to_string(file.with_file_name("out")).unwrap(),
        "inside\n"
    );
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &format!("{directory}:/data:ro"),
        "busybox",
        "touch",
        "/data/x",
    ])
    .run()
    .exits(1)
    .stderr_has("Read-only file system");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &format!("{}:/etc/one", file.display()),
        "busybox",
        "cat",
        "/etc/one",
    ])
    .ok()
    .stdout("from outside\n");
}

fn bind_sources_are_created(env: &TestEnv) {
    env.image("busybox");
    let source = env.work().join("not/there/yet");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &format!("{}:/data", source.display()),
        "busybox",
        "touch",
        "/data/x",
    ])
    .ok();
    assert!(source.join("x").exists());
}

fn named_volumes_last(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none -v keep:/data busybox touch /data/x")
        .ok();
    env.ctr("run --rm --network none -v keep:/other busybox ls /other")
        .ok()
        .stdout("x\n");
}

fn volumes_start_with_the_image_s_content(env: &TestEnv) {
    env.image("busybox");
    // The owner included, which takes more than one id.
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        "home:/home",
        "busybox",
        "stat",
        "-c",
        "%u %n",
        "/home/app",
    ])
    .ok()
    .stdout("1000 /home/app\n");
}

fn read_only_and_tmpfs(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none --read-only busybox touch /x")
        .run()
        .exits(1)
        .stderr_has("Read-only file system");
    env.ctr("run --rm --network none --read-only --tmpfs /t busybox touch /t/x")
        .ok();
    let mount = env
        .ctr([
            "run",
            "--rm",
            "--network",
            "none",
            "--tmpfs",
            "/t:size=1m,mode=700",
            "busybox",
            "grep",
            " /t ",
            "/proc/mounts",
        ])
        .ok()
        .line();
    for option in [
        "tmpfs /t tmpfs rw,",
        "nosuid",
        "nodev",
        "noexec",
        "size=1024k",
        "mode=700",
    ] {
        assert!(mount.contains(option), "{option}: {mount}");
    }
}

fn capabilities_and_confinement(env: &TestEnv) {
    env.image("busybox");
    let status = |flags: &str, field: &str| {
        let command =
            format!("run --rm --network none {flags} busybox grep -w {field} /proc/self/status");
        env.ctr(command)
            .ok()
            .line()
            .split_whitespace()
            .last()
            .unwrap()
            .to_owned()
    };
    // docker/moby oci/caps/defaults.go
    assert_eq!(status("", "CapBnd:"), "00000000a80425fb");
    assert_eq!(status("", "CapEff:"), "00000000a80425fb");
    assert_eq!(status("", "Seccomp:"), "2");
    assert_eq!(status("", "NoNewPrivs:"), "0");
    assert_eq!(
        status("--security-opt no-new-privileges", "NoNewPrivs:"),
        "1"
    );
    assert_eq!(status("--security-opt seccomp=unconfined", "Seccomp:"), "0");
    assert_eq!(status("--cap-drop ALL", "CapEff:"), "0000000000000000");
    assert_eq!(
        status("--cap-drop all --cap-add NET_BIND_SERVICE", "CapBnd:"),
        "0000000000000400"
    );
    assert_eq!(
        status("--cap-add CAP_SYS_TIME", "CapBnd:"),
        "00000000aa0425fb"
    );
    // Another user than root has them in the bounding set only.
    assert_eq!(status("-u 1000", "CapEff:"), "0000000000000000");
    assert_eq!(status("-u 1000", "CapBnd:"), "00000000a80425fb");
}

fn devices_and_kernel_filesystems(env: &TestEnv) {
    env.image("busybox");
    let mut names = env
        .ctr("run --rm --network none busybox ls /dev")
        .ok()
        .lines();
    // `core` is there where the kernel has /proc/kcore, `console` with a terminal.
    names.retain(|name| name != "core" && name != "console");
    assert_eq!(
        names,
        [
            "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
            "stdout", "tty", "urandom", "zero"
        ]
    );
    let script = "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c && readlink /dev/fd";
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ])
    .ok()
    .stdout("4\n4\n/proc/self/fd\n");
    let mounts = env
        .ctr("run --rm --network none busybox cat /proc/mounts")
        .ok()
        .out();
    for expected in [
        "proc /proc proc rw,nosuid,nodev,noexec,relatime",
        "sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime",
        "mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime",
        "/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k",
    ] {
        assert!(mounts.contains(expected), "{expected}\n{mounts}");
    }
}

fn masked_and_read_only_paths(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "cat /proc/keys /proc/timer_list; ls -A /sys/firmware /proc/scsi 2>/dev/null; true",
    ])
    .ok()
    .stdout("/sys/firmware:\n");
    for path in [
        "/proc/sys/kernel/domainname",
        "/proc/sysrq-trigger",
        "/sys/kernel/x",
    ] {
        let script = format!("echo 1 > {path}");
        let finished = env
            .ctr([
                "run",
                "--rm",
                "--network",
                "none",
                "busybox",
                "sh",
                "-c",
                &script,
            ])
            .run();
        assert_ne!(finished.code(), 0, "{path} can be written\n{finished}");
    }
}

fn init_reaps(env: &TestEnv) {
    env.image("busybox");
    let script = "(sleep 0.1 &) ; sleep 0.5; ps -o stat,comm | grep -c '^Z'";
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
    .run()
    .exits(1)
    .stdout("0\n");
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
    env.until(Duration::from_secs(10), || {
        env.ctr("ps -aq").ok().out().is_empty()
    });
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
