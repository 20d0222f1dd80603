//! `run`: what the process finds: its environment, identity, directory and host name, devices, what is hidden.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(environment_is_docker_s),
        scenario!(environment_comes_from_flags_and_files),
        scenario!(identity_is_what_user_asks),
        scenario!(working_directory_is_made),
        scenario!(hostname_and_hosts),
        scenario!(entrypoint_is_replaced_and_cleared),
        scenario!(capabilities_and_confinement),
        scenario!(devices_and_kernel_filesystems),
        scenario!(masked_and_read_only_paths),
        scenario!(kernel_parameters_of_its_own),
        scenario!(a_domain_for_its_name).needs(Need::UserModeNetwork),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn a_domain_for_its_name(env: &TestEnv) {
    env.image("busybox");
    let words = "run -d --name box -h web --domainname example.org busybox sleep 1000";
    env.ctr(words).ok();
    env.ctr("exec box cat /proc/sys/kernel/domainname /etc/hostname")
        .ok()
        .stdout("example.org\nweb\n");
    let shown = env.ctr("inspect box").ok().json()[0]["Config"]["Domainname"].clone();
    assert_eq!(shown, "example.org");
    let hosts = env.ctr("exec box cat /etc/hosts").ok().out();
    assert!(hosts.contains("\tweb.example.org web\n"), "{hosts}");
    if !env.is_peer() {
        env.ctr("run --rm --network container:box --domainname a busybox true")
            .run()
            .exits(125)
            .stderr_has("conflicting options: domainname and the network mode");
    }
}

fn kernel_parameters_of_its_own(env: &TestEnv) {
    env.image("busybox");
    let flags = [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.ip_unprivileged_port_start", "1000"),
        ("kernel.shm_rmid_forced", "1"),
        ("kernel.msgmax", "9000"),
        ("fs.mqueue.msg_max", "20"),
    ];
    let mut words: Vec<String> = vec!["--name".into(), "box".into()];
    words.extend(["--network", "none"].map(str::to_owned));
    let mut script = "cd /proc/sys; cat".to_owned();
    for (name, value) in flags {
        words.extend(["--sysctl".to_owned(), format!("{name}={value}")]);
        script += &format!(" {}", name.replace('.', "/"));
    }
    words.extend(["busybox", "sh", "-c", &script].map(str::to_owned));
    words.insert(0, "create".to_owned());
    env.ctr(words).ok();
    let shown = "1\n1000\n1\n9000\n20\n";
    // Again with every start.
    for _ in 0..2 {
        env.ctr("start -a box").ok().stdout(shown);
    }
    let inspected = env.ctr("inspect box").ok().json()[0]["HostConfig"]["Sysctls"].clone();
    assert_eq!(
        inspected,
        serde_json::json!(std::collections::BTreeMap::from(flags))
    );
    for (flags, words) in [
        (
            "--sysctl kernel.hostname=a",
            "sysctl 'kernel.hostname=a' is not allowed",
        ),
        ("--sysctl kernel.sem", "sysctl 'kernel.sem' is not allowed"),
        ("--sysctl net.ipv4.nothing=1", "net/ipv4/nothing"),
        (
            "--network host --sysctl net.ipv4.ip_forward=1",
            "sysctl \"net.ipv4.ip_forward\" not allowed in host network namespace",
        ),
    ] {
        let refused = env.ctr(format!("run --rm {flags} busybox true")).run();
        let refused = refused.exits(125);
        if !env.is_peer() {
            refused.stderr_has(words);
        }
    }
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
