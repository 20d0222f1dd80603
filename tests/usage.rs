//! The command line itself: unknown words, help, version, `argv[0]`, and every flag that Docker has.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let docker = [
        scenario!(unknown_commands_are_1),
        scenario!(unknown_flags_are_125),
        scenario!(help_goes_to_stdout),
        scenario!(version_and_info_have_formats),
        scenario!(booleans_and_bundles).needs(Need::Busybox),
        scenario!(a_closed_pipe_is_quiet).needs(Need::Busybox),
        scenario!(missing_streams_are_null).needs(Need::Busybox),
        scenario!(labels_have_names),
    ]
    .map(|scenario| scenario.claimed_of_docker(MEASURED));
    let own = [
        scenario!(its_name_is_in_its_version),
        scenario!(output_that_cannot_be_written_is_1).needs(Need::Busybox),
        scenario!(errors_do_not_order_the_terminal_about).needs(Need::Busybox),
        scenario!(names_are_not_too_long),
        scenario!(called_docker_it_answers_as_docker).needs(Need::Busybox),
        scenario!(no_flag_of_docker_s_run_is_ignored).needs(Need::Busybox),
        scenario!(unbuilt_commands_say_so),
        scenario!(rootfs_directories_run).needs(Need::Busybox),
        scenario!(a_rootfs_of_somebody_else_s).needs(Need::Busybox),
    ];
    docker.into_iter().chain(own).collect()
}

fn unknown_commands_are_1(env: &TestEnv) {
    env.ctr("nosuch")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("unknown command: ")
        .stderr_has(" nosuch");
    env.ctr("container nosuch")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("unknown command: ")
        .stderr_has(" container nosuch");
}

fn unknown_flags_are_125(env: &TestEnv) {
    env.ctr("--nosuch ps")
        .run()
        .exits(125)
        .stdout("")
        .stderr_has("unknown flag: --nosuch");
    env.ctr("ps --nosuch")
        .run()
        .exits(125)
        .stdout("")
        .stderr_has("unknown flag: --nosuch");
    env.ctr("ps -n x")
        .run()
        .exits(125)
        .stdout("")
        .stderr_has("invalid argument \"x\" for \"-n, --last\" flag");
}

fn help_goes_to_stdout(env: &TestEnv) {
    env.ctr("--help")
        .ok()
        .stdout_has("Usage:")
        .stdout_has("run ")
        .stderr("");
    env.ctr("run --help")
        .ok()
        .stdout_has("run [OPTIONS] IMAGE [COMMAND] [ARG...]")
        .stdout_has("--detach")
        .stderr("");
    env.ctr("container --help")
        .ok()
        .stdout_has("Usage:")
        .stderr("");
    env.ctr("help run")
        .ok()
        .stdout_has("run [OPTIONS] IMAGE [COMMAND] [ARG...]");
}

fn version_and_info_have_formats(env: &TestEnv) {
    let version = env.ctr("version --format {{.Client.Version}}").ok().line();
    assert!(version.split('.').count() >= 3, "{version}");
    env.ctr("version")
        .ok()
        .stdout_has("Version:")
        .stdout_has("OS/Arch:");
    let info = env.ctr(["info", "--format", "{{json .}}"]).ok().json();
    for key in [
        "ID",
        "Containers",
        "ContainersRunning",
        "Images",
        "Driver",
        "OSType",
        "Architecture",
        "NCPU",
        "ServerVersion",
        "SecurityOptions",
    ] {
        assert!(info.get(key).is_some(), "{key}");
    }
    env.ctr("info")
        .ok()
        .stdout_has("Containers: 0")
        .stdout_has("Storage Driver: ");
}

fn booleans_and_bundles(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -di --name=box --rm=false --network=none --init=true busybox cat")
        .ok();
    env.ctr([
        "inspect",
        "-f",
        "{{.Config.OpenStdin}} {{.HostConfig.AutoRemove}} {{.HostConfig.Init}}",
        "box",
    ])
    .ok()
    .stdout("true false true\n");
    // Flags end at the image: what follows is the command's.
    env.ctr("run --rm --network none busybox echo --rm -d")
        .ok()
        .stdout("--rm -d\n");
}

fn a_closed_pipe_is_quiet(env: &TestEnv) {
    env.image("busybox");
    env.script("{ctr} images | true; {ctr} info | true; {ctr} inspect busybox | true")
        .ok()
        .stdout("")
        .stderr("");
}

fn missing_streams_are_null(env: &TestEnv) {
    env.image("busybox");
    let run = "{ctr} run --rm --network none busybox";
    for (command, closed, code) in [
        ("sh -c 'sleep .3; exit 5'", "<&-", 5),
        ("echo ok", ">&-", 0),
        ("echo ok", "<&- >&- 2>&-", 0),
    ] {
        env.script(&format!("{run} {command} {closed}"))
            .run()
            .exits(code)
            .stdout("")
            .stderr("");
    }
    env.ctr("ps -aq").ok().stdout("");
}

fn output_that_cannot_be_written_is_1(env: &TestEnv) {
    env.image("busybox");
    let words = "Error: write /dev/stdout: no space left on device\n";
    for command in [
        "ps",
        "run --rm --network none busybox echo ok",
        "run --name box --network none busybox sh -c 'echo ok; sleep 1000'",
    ] {
        env.script(&format!("{{ctr}} {command} >/dev/full"))
            .run()
            .exits(1)
            .stderr(words);
    }
    // It is the client that has ended.
    env.ctr("rm -f box").ok();
}

fn errors_do_not_order_the_terminal_about(env: &TestEnv) {
    env.image("busybox");
    let evil = "\u{1b}[2J\u{9b}31mx\nError: y";
    for words in [
        vec![
            "run",
            "--rm",
            "--network",
            "none",
            "-u",
            evil,
            "busybox",
            "true",
        ],
        vec!["run", "--rm", "--network", "none", "busybox", evil],
        vec!["inspect", evil],
        vec![evil],
    ] {
        let finished = env.ctr(words.as_slice()).run();
        assert_ne!(finished.code(), 0);
        let printed = finished.err();
        let control = |c: char| c != '\n' && c.is_control();
        assert!(printed.contains("1b"), "{printed:?}");
        assert!(!printed.contains(control), "{printed:?}");
    }
}

fn labels_have_names(env: &TestEnv) {
    for command in ["run --rm", "create", "volume create"] {
        env.ctr(format!("{command} --label =x busybox"))
            .run()
            .exits(125)
            .stdout("")
            .stderr_has("--label\" flag: invalid label '=x': empty name");
    }
}

fn names_are_not_too_long(env: &TestEnv) {
    let name = "a".repeat(256);
    env.ctr(["create", "--name", &name, "busybox"])
        .run()
        .exits(125)
        .stderr_has("Invalid container name: it has 256 bytes, and at most 255 are allowed");
    env.ctr(["volume", "create", &name])
        .run()
        .exits(1)
        .stderr_has("the name has 256 bytes, and at most 255 are allowed");
}

fn its_name_is_in_its_version(env: &TestEnv) {
    for command in ["--version", "-v"] {
        let line = env.ctr(command).ok().line();
        assert!(
            line.starts_with(concat!("ctr version ", env!("CARGO_PKG_VERSION"))),
            "{line}"
        );
    }
}

fn called_docker_it_answers_as_docker(env: &TestEnv) {
    let line = env.ctr("-v").arg0("docker").ok().line();
    assert!(line.starts_with("Docker version 28."), "{line}");
    let link = env.work().join("docker");
    std::os::unix::fs::symlink(env.binary(), &link).unwrap();
    env.image("busybox");
    env.ctr("run --rm --network none busybox echo works")
        .arg0(link.to_str().unwrap())
        .ok()
        .stdout("works\n");
    env.ctr("run")
        .arg0("docker")
        .run()
        .stderr_has("docker run [OPTIONS] IMAGE [COMMAND] [ARG...]");
}

/// Every flag of `docker run` 28.2.2 that is not in another scenario, with a value where it takes one.
const FLAGS_OF_RUN: &[&str] = &[
    "--add-host=a:1.2.3.4",
    "--annotation=a=b",
    "--blkio-weight=10",
    "--cap-add=SYS_TIME",
    "--cgroup-parent=/x",
    "--cgroupns=private",
    "--cpu-period=1000",
    "--cpu-quota=1000",
    "--cpu-shares=10",
    "--cpus=0.5",
    "--cpuset-cpus=0",
    "--device=/dev/null",
    "--device-cgroup-rule=c",
    "--device-read-bps=/dev/null:1",
    "--dns=1.2.3.4",
    "--dns-option=a",
    "--dns-search=a",
    "--domainname=a",
    "--expose=80",
    "--gpus=all",
    "--group-add=50",
    "--health-cmd=true",
    "--health-interval=1s",
    "--health-retries=1",
    "--health-start-period=1s",
    "--health-timeout=1s",
    "--ip=1.2.3.4",
    "--ipc=private",
    "--label-file=/dev/null",
    "--link=a:b",
    "--log-driver=none",
    "--log-opt=max-size=1m",
    "--mac-address=02:00:00:00:00:01",
    "--memory=64m",
    "--memory-reservation=32m",
    "--memory-swap=64m",
    "--mount=type=tmpfs,dst=/x",
    "--network-alias=a",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--oom-score-adj=1",
    "--pid=private",
    "--pids-limit=10",
    "--publish-all",
    "--restart=no",
    "--runtime=x",
    "--shm-size=1m",
    "--storage-opt=a=b",
    "--sysctl=net.ipv4.ip_forward=1",
    "--ulimit=nofile=10",
    "--userns=host",
    "--uts=host",
    "--volumes-from=a",
    "--volume-driver=local",
];

fn no_flag_of_docker_s_run_is_ignored(env: &TestEnv) {
    env.image("busybox");
    for flag in FLAGS_OF_RUN {
        let finished = env
            .ctr(["run", "--rm", "--network", "none", flag, "busybox", "true"])
            .run();
        let name = flag.split('=').next().unwrap();
        let words = finished.err();
        assert!(
            !words.contains("unknown flag"),
            "{name} is unknown\n{finished}"
        );
        // Either it does something, or it is refused by its name.
        match finished.code() {
            0 => assert_eq!(words, "", "{name} is accepted with words"),
            125 if words.contains("is not supported yet") => {
                assert!(words.contains(name), "{finished}")
            }
            125 => {}
            _ => panic!("{finished}"),
        }
    }
    env.ctr("ps -aq").ok().stdout("");
}

fn unbuilt_commands_say_so(env: &TestEnv) {
    for command in [
        "build .",
        "push x",
        "commit x",
        "save x",
        "load",
        "cp a b",
        "diff x",
        "export x",
        "history x",
        "login",
        "search x",
        "stats",
        "top x",
        "update x",
    ] {
        let finished = env.ctr(command).run();
        assert_ne!(finished.code(), 0, "{finished}");
        assert!(!finished.err().contains("unknown command"), "{finished}");
    }
}

fn rootfs_directories_run(env: &TestEnv) {
    let directory = env.work().join("rootfs");
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    env.program("mkdir", [directory.to_str().unwrap()]).ok();
    env.program("tar", ["-C", directory.to_str().unwrap(), "-xf", "-"])
        .stdin(tar)
        .ok();
    let path = directory.to_str().unwrap();
    // Changes go away with `:O`, and stay without.
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "--rootfs",
        &format!("{path}:O"),
        "touch",
        "/made",
    ])
    .ok();
    assert!(!directory.join("made").exists());
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "--rootfs",
        path,
        "touch",
        "/made",
    ])
    .ok();
    assert!(directory.join("made").exists());
}

fn a_rootfs_of_somebody_else_s(env: &TestEnv) {
    // Of whoever runs the suite.
    let directory = env.work().join("rootfs");
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    let archive = env.file("rootfs.tar", tar);
    std::fs::create_dir_all(directory.join("srv")).unwrap();
    let path = directory.to_str().unwrap();
    let unpacked = std::process::Command::new("tar")
        .args(["--no-same-owner", "-C", path, "-xf"])
        .arg(archive)
        .status();
    assert!(unpacked.unwrap().success());
    let run = |rootfs: &str| {
        let flags = ["run", "--rm", "--network", "none", "-h", "box"];
        let mounts = ["-v", "data:/srv/a/b", "--tmpfs", "/usr/c", "-w", "/var/d"];
        let script = "cat /etc/hostname; touch /srv/a/b/file && ls /srv/a/b; pwd; touch /made && ls /etc/passwd";
        let command = ["--rootfs", rootfs, "sh", "-c", script];
        let args: Vec<&str> = (flags.into_iter().chain(mounts).chain(command)).collect();
        env.ctr(args.as_slice()).run()
    };
    let shown = "box\nfile\n/var/d\n/etc/passwd\n";
    run(&format!("{path}:O")).exits(0).stdout(shown);
    // The one that has the store in it cannot be covered.
    let above = env.data();
    run(&format!("{}:O", above.display()))
        .exits(125)
        .stderr_has("cannot be covered by an overlay");
    assert!(!directory.join("made").exists());
    let owner = std::os::unix::fs::MetadataExt::uid(&directory.metadata().unwrap());
    if env.user().uid == owner {
        run(path).exits(0).stdout(shown);
    } else {
        run(path)
            .exits(125)
            .stdout("")
            .stderr_has("it belongs to another user")
            .stderr_has(&format!(
                "Hint: have an overlay take all writes: --rootfs {path}:O"
            ));
        // What is there need not be made.
        for place in ["etc/hosts", "etc/hostname", "etc/resolv.conf"] {
            std::fs::write(directory.join(place), "").unwrap();
        }
        env.ctr([
            "run",
            "--rm",
            "--network",
            "none",
            "-h",
            "box",
            "--rootfs",
            path,
            "cat",
            "/etc/hostname",
        ])
        .ok()
        .stdout("box\n");
    }
}
