//! Ways out of a container that others had to close: hostile images, hostile arguments, hostile processes inside.

use std::fs;
use std::path::Path;

use tar::EntryType;

use crate::support::busybox::{RootfsTar, rootfs_tar};
use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(descriptors_do_not_leak_in),
        scenario!(working_directory_is_inside),
        scenario!(an_exec_finds_no_way_to_the_binary),
        scenario!(an_image_cannot_execute_the_binary),
        scenario!(a_profile_without_execveat_keeps_the_binary_away),
        scenario!(a_host_without_executable_memfds_keeps_the_binary_away)
            .needs(Need::Program("unshare"))
            .needs(Need::File("/proc/sys/vm/memfd_noexec"))
            .only(&[Tier::Root]),
        scenario!(device_nodes_on_the_host_s_filesystems_are_dead).only(&[Tier::Root]),
        scenario!(device_nodes_of_the_host_cannot_be_changed),
        scenario!(links_of_an_image_stay_inside),
        scenario!(kernel_filesystems_cannot_be_replaced),
        scenario!(masks_do_not_follow_the_image),
        scenario!(masked_and_read_only_paths),
        scenario!(console_does_not_follow_the_image),
        scenario!(privileged_calls_are_refused),
        scenario!(a_command_is_looked_up_inside),
        scenario!(environment_is_only_the_process_s),
        scenario!(the_host_s_processes_are_out_of_sight),
        scenario!(directories_that_nobody_may_write_to),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Imports the busybox image with further entries, later ones in place of earlier ones of the same name.
fn image_with(env: &TestEnv, name: &str, add: impl FnOnce(&mut RootfsTar)) {
    let base = rootfs_tar().unwrap();
    // The archive without its end, which is two empty blocks.
    let mut bytes = base[..base.len() - 1024].to_vec();
    let mut tar = RootfsTar::new();
    add(&mut tar);
    bytes.extend(tar.finish());
    env.ctr(["import", "-", name]).stdin(bytes).ok();
}

/// `run --rm --network none IMAGE sh -c SCRIPT`.
fn shell<'a>(image: &'a str, script: &'a str) -> [&'a str; 8] {
    [
        "run",
        "--rm",
        "--network",
        "none",
        image,
        "sh",
        "-c",
        script,
    ]
}

/// Root inside may write to it all the same; the user, who is not root outside, puts the marks of a container there first.
fn directories_that_nobody_may_write_to(env: &TestEnv) {
    image_with(env, "closed", |tar| {
        for name in ["etc", "run"] {
            tar.add(name, EntryType::Directory, 0o555, (0, 0), b"");
        }
    });
    let script = "stat -c %a /etc /run; readlink /etc/mtab; test -e /run/.containerenv && touch /etc/x && echo ok";
    env.ctr(shell("closed", script))
        .ok()
        .stdout("555\n555\n/proc/mounts\nok\n");
}

/// CVE-2024-21626: runc let descriptors of its own into the container.
fn descriptors_do_not_leak_in(env: &TestEnv) {
    env.image("busybox");
    env.file("secret", "of the host\n");
    let list = "ls /proc/self/fd | sort -n | tr '\\n' ' '";
    // The last one is the directory that ls reads.
    let finished = env
        .script(&format!(
            "exec 5</ 7<secret 9>>secret; {{ctr}} run --rm --network none busybox sh -c \"{list}\""
        ))
        .ok();
    assert_eq!(finished.out().trim(), "0 1 2 3");
    env.ctr("run -d --name box --network none busybox sleep 1000")
        .ok();
    let finished = env
        .script(&format!(
            "exec 5</ 7<secret 9>>secret; {{ctr}} exec box sh -c \"{list}\""
        ))
        .ok();
    assert_eq!(finished.out().trim(), "0 1 2 3");
}

/// CVE-2024-21626: a working directory reached over such a descriptor lies on the host.
fn working_directory_is_inside(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -d --name box --network none busybox sleep 1000")
        .ok();
    image_with(env, "linked", |tar| tar.link("cwd", "/proc/self/fd/7"));
    for command in [
        "run --rm --network none -w /proc/self/fd/7 busybox pwd",
        "run --rm --network none -w /cwd linked pwd",
        "exec -w /proc/self/fd/7 box pwd",
    ] {
        let finished = env
            .script(&format!("exec 5</ 7</; {{ctr}} {command}"))
            .run();
        assert_ne!(finished.code(), 0, "{command}: {finished}");
        assert_eq!(finished.out(), "", "{command}");
    }
    // What is named by way of `..` is the container's own.
    env.ctr("run --rm --network none -w /../../../tmp busybox pwd")
        .ok()
        .stdout("/tmp\n");
}

/// CVE-2019-5736: a process inside saw the runtime as `/proc/PID/exe` and wrote to it.
fn an_exec_finds_no_way_to_the_binary(env: &TestEnv) {
    env.image("busybox");
    let before = fs::read(env.binary()).unwrap();
    let watch = "while :; do for exe in /proc/[0-9]*/exe; do readlink $exe; ( : >> $exe ) 2>&1; done; done \
                 | grep --line-buffered -v -e busybox -e 'No such' > /seen";
    env.ctr([
        "run",
        "-d",
        "--name",
        "box",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        watch,
    ])
    .ok();
    for _ in 0..10 {
        env.ctr("exec box true").ok();
    }
    let seen = env.ctr("exec box sort -u /seen").ok().out();
    let name = env.binary().file_name().unwrap().to_str().unwrap();
    assert!(
        !seen.lines().any(|line| line.ends_with(&format!("/{name}"))),
        "{seen}"
    );
    assert!(fs::read(env.binary()).unwrap() == before, "{seen}");
}

/// CVE-2019-5736, from the other side: the image's program is the one that executed it.
fn an_image_cannot_execute_the_binary(env: &TestEnv) {
    let before = fs::read(env.binary()).unwrap();
    image_with(env, "evil", |tar| {
        let script = b"#!/proc/self/exe version\n";
        tar.add("evil", EntryType::Regular, 0o755, (0, 0), script);
        tar.link("link", "/proc/self/exe");
    });
    for command in ["/evil", "/link", "/proc/self/exe", "/proc/1/exe"] {
        let finished = env
            .ctr([
                "run",
                "--rm",
                "--network",
                "none",
                "evil",
                command,
                "version",
            ])
            .run();
        assert_ne!(finished.code(), 0, "{command}: {finished}");
        assert!(!finished.out().contains("Version"), "{finished}");
    }
    assert!(fs::read(env.binary()).unwrap() == before);
}

/// An image whose `/evil` is a script of whatever executes it.
fn evil_image(env: &TestEnv) {
    image_with(env, "evil", |tar| {
        let script = b"#!/proc/self/exe version\n";
        tar.add("evil", EntryType::Regular, 0o755, (0, 0), script);
    });
}

/// CVE-2019-5736 once more: what executes the program instead of the binary is itself executed in a way that a profile
/// may forbid. Then another has to be found, or none.
fn a_profile_without_execveat_keeps_the_binary_away(env: &TestEnv) {
    evil_image(env);
    let profile = env.file(
        "profile.json",
        r#"{"defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["execveat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#,
    );
    let run = |more: &str| {
        let option = format!("--security-opt seccomp={}", profile.display());
        env.ctr(format!("run --network none {option} {more}")).run()
    };
    run("--rm evil /evil").exits(127).stdout("");
    run("--rm evil echo ran").exits(0).stdout("ran\n");

    run("-d --name box evil sleep 1000").exits(0);
    env.ctr("exec box /evil").run().exits(127).stdout("");
    env.ctr("exec box echo ran").ok().stdout("ran\n");

    // Who can mount something on /proc could decide what is executed.
    run("-d --name mounter --cap-add SYS_ADMIN evil sleep 1000").exits(0);
    let refused = env
        .ctr("exec mounter echo ran")
        .run()
        .stdout("")
        .stderr_has("execveat");
    assert_ne!(refused.code(), 0, "{refused}");
}

/// `vm.memfd_noexec=2`, which holds for a pid namespace and those below it.
fn a_host_without_executable_memfds_keeps_the_binary_away(env: &TestEnv) {
    evil_image(env);
    let script = r#"
        echo 2 > /proc/sys/vm/memfd_noexec || exit 99
        {ctr} run --rm --network none evil echo ran
        {ctr} run --rm --network none evil /evil; echo $?
        {ctr} run -d --init --name box --network none evil sleep 1000 > id
        {ctr} exec box /evil; echo $?
        {ctr} exec box sh -c 'readlink /proc/1/exe; (echo x > /proc/1/exe) 2> /dev/null || echo read-only'
        {ctr} rm -f box
    "#;
    let script = format!(
        "unshare --pid --fork --mount-proc sh -c '{}'",
        script.replace('\'', r"'\''")
    );
    env.script(&script)
        .ok()
        .stdout("ran\n127\n127\n/stub\nread-only\nbox\n");
}

/// A user namespace takes no device node away that lies on a filesystem of the host.
fn device_nodes_on_the_host_s_filesystems_are_dead(env: &TestEnv) {
    env.image("busybox");
    env.ctr("volume create data").ok();
    let volume = env
        .ctr(["volume", "inspect", "-f", "{{.Mountpoint}}", "data"])
        .ok()
        .line();
    let root = env.work().join("root");
    fs::create_dir(&root).unwrap();
    env.program("tar", ["-C", root.to_str().unwrap(), "-xf", "-"])
        .stdin(rootfs_tar().unwrap())
        .ok();
    let below = root.join("below");
    fs::create_dir(&below).unwrap();
    for directory in [Path::new(&volume), &root, &below] {
        env.program(
            "mknod",
            [
                "-m",
                "666",
                directory.join("node").to_str().unwrap(),
                "c",
                "1",
                "5",
            ],
        )
        .ok();
    }
    let root = root.to_str().unwrap();
    let read = "head -c 1 /data/node; head -c 1 /data/below/node; head -c 1 /node; head -c 1 /below/node; \
                head -c 1 /dev/zero | wc -c";
    for source in [
        "-v data:/data busybox".to_owned(),
        format!("-v {root}:/data busybox"),
        format!("--rootfs {root}"),
        format!("--rootfs {root}:O"),
    ] {
        let finished = env
            .script(&format!(
                "{{ctr}} run --rm --network none {source} sh -c '{read}'"
            ))
            .ok()
            .stdout("1\n");
        assert!(finished.err().contains("Permission denied"), "{finished}");
    }
}

/// Devices that are bound are the host's own nodes, and so is what masks a file. What is tried here changes nothing that
/// matters, should it succeed.
fn device_nodes_of_the_host_cannot_be_changed(env: &TestEnv) {
    env.image("busybox");
    let script = "for node in /dev/null /dev/tty /proc/keys /bound; do \
                      chmod 666 $node && echo mode of $node; \
                      chown 0 $node && echo owner of $node; \
                      touch -d 2001-01-01 $node && echo times of $node; \
                  done; \
                  touch /proc/keys && echo now; \
                  echo x > /dev/null; cat /dev/zero | head -c 4 | wc -c; head -c 4 /bound | wc -c";
    env.script(&format!(
        "{{ctr}} run --rm --network none -v /dev/zero:/bound busybox sh -c '{script}'"
    ))
    .ok()
    .stdout("4\n4\n");
    // Whose ids do not have the owner of the nodes may do with them what everybody may.
    let touch = "run --rm --network none -v /dev/zero:/bound busybox touch /dev/null /bound";
    let code = if env.user().tier == Tier::Root { 1 } else { 0 };
    env.ctr(touch).run().exits(code);
}

/// Files that are put into a container must not land where a link of the image leads on the host.
fn links_of_an_image_stay_inside(env: &TestEnv) {
    let victim = env.file("victim", "untouched\n");
    let directory = env.work().join("directory");
    fs::create_dir(&directory).unwrap();
    let target = victim.to_str().unwrap();
    let climbing = format!("../../../../../../../..{target}");
    image_with(env, "links", |tar| {
        tar.link("etc/hosts", target);
        tar.link("etc/resolv.conf", &climbing);
        tar.link("etc/hostname", "/proc/self/fd/0");
        tar.link("outside", directory.to_str().unwrap());
        tar.link("up", "../../../..");
    });
    env.ctr(shell("links", "echo x >> /etc/hosts; true")).run();
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &format!("{target}:/outside/file"),
        "-v",
        "/up/up/data",
        "--tmpfs",
        "/outside/deep/er",
        "links",
        "true",
    ])
    .run();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched\n");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

/// CVE-2019-19921, CVE-2023-27561: `/proc` of the image is a link to a directory full of files of its own.
fn kernel_filesystems_cannot_be_replaced(env: &TestEnv) {
    for name in ["proc", "sys", "dev"] {
        let image = format!("fake-{name}");
        image_with(env, &image, |tar| {
            tar.add("fake/", EntryType::Directory, 0o755, (0, 0), b"");
            tar.link(name, "/fake");
        });
        // Either it is refused, or the mount is where the path leads; never are later steps fooled.
        let script = format!("grep -c ' /{name} \\| /fake ' /proc/mounts");
        let finished = env.ctr(shell(&image, &script)).run();
        if finished.code() == 0 {
            assert_ne!(finished.line(), "0");
            env.ctr(shell(&image, "echo h > /proc/sysrq-trigger"))
                .run()
                .exits(1);
        } else {
            assert!(matches!(finished.code(), 125..=127), "{finished}");
        }
    }
}

/// CVE-2025-31133: the image made `/dev/null`, which is bound over masked files, a link to something else.
fn masks_do_not_follow_the_image(env: &TestEnv) {
    image_with(env, "null", |tar| {
        tar.add("dev/null", EntryType::Regular, 0o666, (0, 0), b"mine\n");
    });
    image_with(env, "null-link", |tar| {
        tar.link("dev/null", "/proc/sys/kernel/core_pattern");
    });
    for image in ["null", "null-link"] {
        env.ctr(shell(
            image,
            "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null; \
             test -c /dev/null && echo x > /proc/kcore; cat /dev/null /proc/kcore",
        ))
        .run()
        .stdout("");
    }
}

/// Docker's lists: moby, oci/defaults.go.
fn masked_and_read_only_paths(env: &TestEnv) {
    env.image("busybox");
    let script = r#"
        for path in acpi asound interrupts kcore keys latency_stats timer_list timer_stats sched_debug scsi; do
            if [ -d /proc/$path ]; then ls -A /proc/$path; elif [ -e /proc/$path ]; then cat /proc/$path; fi
        done
        ls -A /sys/firmware 2>/dev/null
        ls -A /sys/devices/virtual/powercap 2>/dev/null
        for path in sys/kernel/core_pattern sys/kernel/modprobe sysrq-trigger irq/default_smp_affinity sys/vm/panic_on_oom; do
            if [ -e /proc/$path ]; then ( echo h > /proc/$path ) 2>/dev/null && echo "wrote $path"; fi
        done
        ( echo x > /sys/kernel/uevent_helper ) 2>/dev/null && echo "wrote to sys"
        umount /proc/kcore 2>/dev/null && echo unmasked
        mount -o remount,rw /proc/sys 2>/dev/null && echo remounted
        true
    "#;
    env.ctr(shell("busybox", script)).ok().stdout("");
}

/// CVE-2025-52565: `/dev/console` is bound, and the image, or its process, decided onto what.
fn console_does_not_follow_the_image(env: &TestEnv) {
    let victim = env.file("victim", "untouched\n");
    image_with(env, "console", |tar| {
        tar.link("dev/console", victim.to_str().unwrap());
        tar.link("dev/pts", "/proc/sys/kernel");
        tar.link("dev/ptmx", "/proc/sysrq-trigger");
    });
    let mut terminal = env.ctr("run -it --rm --network none console sh").terminal();
    terminal.expect("/ # ");
    terminal.send("test -c /dev/console && test ! -L /dev/console && readlink /dev/ptmx; exit 4\n");
    terminal.expect("pts/ptmx\r\n");
    assert_eq!(terminal.wait(), 4);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched\n");
}

/// The profile and the capabilities together, with and without a user namespace of the process's own.
fn privileged_calls_are_refused(env: &TestEnv) {
    env.image("busybox");
    for command in [
        "unshare -U true",
        "unshare -m true",
        "unshare -r true",
        "mount -t tmpfs none /tmp",
        "mount -t proc none /proc",
        "umount /proc",
        "nsenter -t 1 -m true",
        "pivot_root /tmp /tmp",
        "hostname other",
        "date -s 2020-01-01",
        "dmesg",
        "swapon /etc/passwd",
        "insmod /etc/passwd",
        "reboot -f",
    ] {
        let finished = env
            .ctr(format!("run --rm --network none busybox {command}"))
            .run();
        // The exit code says nothing: busybox's date has 0 for this.
        assert!(
            finished.err().contains("ermi") || finished.err().contains("denied"),
            "{command}: {finished}"
        );
    }
    // Without the filter the same call is the kernel's to decide, so it is the filter that refused.
    let unconfined = "run --rm --network none --security-opt seccomp=unconfined busybox";
    env.ctr(format!("{unconfined} unshare -U true")).ok();
}

/// A `PATH` of the image's making leads to nothing outside, and no magic link is followed.
fn a_command_is_looked_up_inside(env: &TestEnv) {
    env.image("busybox");
    fs::create_dir(env.work().join("bin")).unwrap();
    let tool = env.file("bin/host-tool", "#!/bin/sh\necho from the host\n");
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let bin = tool.parent().unwrap();
    for path in [
        bin.to_str().unwrap().to_owned(),
        format!("../../../../../../../..{}", bin.display()),
        "/proc/self/cwd/bin:/proc/1/cwd/bin:.:bin:".to_owned(),
        format!("/proc/self/root{0}:/proc/1/root{0}", bin.display()),
    ] {
        let variable = format!("PATH={path}");
        let finished = env
            .ctr([
                "run",
                "--rm",
                "--network",
                "none",
                "-e",
                &variable,
                "busybox",
                "host-tool",
            ])
            .run();
        assert!(matches!(finished.code(), 126 | 127), "{path}: {finished}");
        assert_eq!(finished.out(), "", "{path}");
    }
}

/// What a container's environment says is for the process alone: no loader and no helper of ours listens to it.
fn environment_is_only_the_process_s(env: &TestEnv) {
    env.image("busybox");
    let data = env.work().join("elsewhere");
    let finished = env
        .ctr([
            "run",
            "--rm",
            "--network",
            "none",
            "-e",
            &format!("XDG_DATA_HOME={}", data.display()),
            "-e",
            "LD_PRELOAD=/nonexistent.so",
            "-e",
            "_LIBCONTAINER_INITPIPE=3",
            "-e",
            "BROKEN=first\nSECOND=line",
            "busybox",
            "env",
        ])
        .ok()
        .stderr("");
    assert!(finished.out().contains("BROKEN=first\nSECOND=line\n"));
    assert!(!finished.out().contains("CTR_TEST_ENV="), "{finished}");
    assert!(!Path::new(&data).exists());
}

fn the_host_s_processes_are_out_of_sight(env: &TestEnv) {
    env.image("busybox");
    let finished = env
        .ctr(shell(
            "busybox",
            "ls -d /proc/[0-9]*; kill -0 -1 2>&1; kill -9 2 2>&1",
        ))
        .run();
    assert!(
        !finished
            .out()
            .lines()
            .any(|line| line == format!("/proc/{}", std::process::id())),
        "{finished}"
    );
    assert!(finished.out().contains("No such process"), "{finished}");
}
