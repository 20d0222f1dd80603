//! `build --isolation chroot`: RUN with the host's processes, IPC, network and cgroup.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(a_chroot_shares_what_it_says),
        scenario!(nothing_is_left_behind),
        scenario!(a_chroot_gives_the_same_layers),
        scenario!(runs_where_no_proc_can_be_mounted),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

fn context(env: &TestEnv, dockerfile: &str) -> String {
    env.file("context/Dockerfile", dockerfile);
    env.work().join("context").display().to_string()
}

fn a_chroot_shares_what_it_says(env: &TestEnv) {
    env.image("busybox");
    let look = "for ns in pid ipc net cgroup mnt uts user; do echo $ns $(readlink /proc/self/ns/$ns); done";
    let text = format!(
        "FROM busybox\nRUN {look} > /seen; hostname >> /seen\nRUN --network=none ls /sys/class/net > /net; readlink /proc/self/ns/net > /own\n"
    );
    let dir = context(env, &text);
    env.ctr(format!("build -q -t it --isolation chroot {dir}"))
        .ok();
    let read = |file: &str| {
        let run = format!("run --rm --network none it cat {file}");
        env.ctr(run).ok().lines()
    };
    let seen = read("/seen");
    let host = env.program("sh", ["-c", look]).ok().lines();
    assert_eq!(seen[..4], host[..4]);
    for (inside, outside) in seen[4..7].iter().zip(&host[4..]) {
        assert_ne!(inside, outside);
    }
    assert_eq!(seen[7], "buildkitsandbox");
    assert_ne!(format!("net {}", read("/own")[0]), host[2]);
    // The variable that buildah's own images set.
    let text = "FROM busybox\nRUN readlink /proc/self/ns/pid > /pid\n";
    let dir = context(env, text);
    env.ctr(format!("build -q -t it {dir}"))
        .env("BUILDAH_ISOLATION", "chroot")
        .ok();
    assert_eq!(format!("pid {}", read("/pid")[0]), host[0]);
    env.ctr(format!("build --isolation what {dir}"))
        .run()
        .exits(1)
        .stderr_has("unrecognized isolation type");
}

fn nothing_is_left_behind(env: &TestEnv) {
    env.image("busybox");
    let leave = "(setsid sleep 1234 & setsid sleep 1234 >/dev/null 2>&1 &)";
    let dir = context(env, &format!("FROM busybox\nRUN {leave}; echo done > /x\n"));
    env.ctr(format!("build -q --isolation chroot {dir}")).ok();
    // One may still wait for the disk.
    let is_over = || env.processes().is_empty();
    env.until(is_over);
    // Nor where the build is interrupted.
    let text = format!("FROM busybox\nRUN {leave}; echo wait''ing; sleep 1234\n");
    let dir = context(env, &text);
    let log = env.work().join("log");
    let script = format!(
        "exec {{ctr}} build --progress plain --isolation chroot {dir} 2> {}",
        log.display()
    );
    let build = env.script(&script).spawn();
    env.until(|| std::fs::read_to_string(&log).is_ok_and(|text| text.contains("waiting")));
    build.signal(nix::sys::signal::Signal::SIGINT);
    build.wait().exits(130);
    env.until(is_over);
}

fn a_chroot_gives_the_same_layers(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN --network=none mkdir /d; echo 1 > /d/f; chown 33:34 /d/f; ln -s f /d/l; chown -h 5 /d/l; rm /bin/true\n";
    let dir = context(env, text);
    let build = |isolation: &str| {
        let build = format!(
            "build -q --no-cache --network none --timestamp 1000000000 --isolation {isolation} {dir}"
        );
        env.ctr(build).ok().out()
    };
    assert_eq!(build("chroot"), build("oci"));
}

/// In a container that masks parts of `/proc` the kernel lets nobody mount another one, and the one there shows nothing of
/// a new pid namespace.
fn runs_where_no_proc_can_be_mounted(env: &TestEnv) {
    env.image("busybox");
    env.ctr("save -o busybox.tar busybox").ok();
    env.file(
        "run/Dockerfile",
        "FROM busybox\nRUN test -e /proc/self/status && cat /proc/self/comm > /comm\n",
    );
    let script = "set -e; alias ctr='/ctr --root /tmp/store --runroot /tmp/run'\n\
                  ctr load -q -i /work/busybox.tar\nctr build --isolation chroot -t it /work/run\n\
                  ctr save -o /tmp/saved it";
    env.file("script", script);
    let (work, binary) = (env.work(), env.binary());
    env.ctr(format!(
        "run --rm --network none --security-opt seccomp=unconfined -v {}:/work:ro -v {}:/ctr:ro busybox sh /work/script",
        work.display(),
        binary.display()
    ))
    .ok();
}
