//! `--filter` of the prunes.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(filtered_containers_and_volumes).needs(Need::Busybox),
        scenario!(filtered_images).needs(Need::Busybox),
        scenario!(refused_filters),
    ]
}

fn filtered_containers_and_volumes(env: &TestEnv) {
    env.image("busybox");
    for (name, label) in [("plain", "other"), ("marked", "mark=1")] {
        env.ctr([
            "create", "--name", name, "--label", label, "busybox", "true",
        ])
        .ok();
        env.ctr(["volume", "create", "--label", label, name]).ok();
    }
    let names = |env: &TestEnv| env.ctr("ps -a --format {{.Names}}").ok().lines();
    for nothing in ["until=1h", "label=mark=2", "label=no"] {
        env.ctr(["container", "prune", "-f", "--filter", nothing])
            .ok()
            .stdout("Total reclaimed space: 0B\n");
    }
    env.ctr("container prune -f --filter label!=mark").ok();
    assert_eq!(names(env), ["marked"]);
    env.ctr("container prune -f --filter until=0s --filter label=mark=1")
        .ok();
    assert_eq!(names(env), [""; 0]);

    let volumes = |env: &TestEnv| env.ctr("volume ls -q").ok().lines();
    env.ctr("volume prune -f --filter all=1 --filter label!=mark")
        .ok();
    assert_eq!(volumes(env), ["marked"]);
    env.ctr("volume prune -a -f --filter label=other").ok();
    assert_eq!(volumes(env), ["marked"]);
}

fn filtered_images(env: &TestEnv) {
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    for (name, change) in [("plain:1", "CMD sh"), ("marked:1", "LABEL mark=1")] {
        env.ctr(["import", "-c", change, "-", name]).stdin(tar).ok();
    }
    let names = |env: &TestEnv| env.ctr("images --format {{.Repository}}").ok().lines();
    env.ctr("image prune -a -f --filter until=1h").ok();
    assert_eq!(names(env).len(), 2);
    env.ctr("image prune -a -f --filter label!=mark").ok();
    assert_eq!(names(env), ["marked"]);
    env.ctr("system prune -a -f --filter label=other").ok();
    assert_eq!(names(env), ["marked"]);
    env.ctr("image prune -f --filter dangling=false --filter label=mark=1")
        .ok();
    assert_eq!(names(env), [""; 0]);
}

fn refused_filters(env: &TestEnv) {
    for (command, words) in [
        (
            "container prune -f --filter name=x",
            "invalid filter 'name'",
        ),
        (
            "volume prune -f --filter until=1h",
            "invalid filter 'until'",
        ),
        (
            "system prune -f --filter dangling=1",
            "invalid filter 'dangling'",
        ),
        (
            "system prune -f --volumes --filter until=1h",
            "The \"until\" filter is not supported with \"--volumes\"",
        ),
    ] {
        env.ctr(command).run().exits(1).stderr_has(words);
    }
}
