//! `run`: what is mounted: `-v`, `--tmpfs`, `--read-only`, `--rootfs`.

use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(bind_mounts_read_and_write),
        scenario!(bind_sources_are_created),
        scenario!(named_volumes_last),
        scenario!(volumes_start_with_the_image_s_content).only(&[Tier::Root, Tier::SubIds]),
        scenario!(read_only_and_tmpfs),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .chain([scenario!(a_directory_with_mounts_is_not_covered)])
    .collect()
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

fn a_directory_with_mounts_is_not_covered(env: &TestEnv) {
    let failed = env.ctr("run --rm --rootfs /dev:O true").run().exits(125);
    let words =
        "Error: /dev cannot be covered by an overlay: other filesystems are mounted in it (/dev/";
    assert!(failed.err().starts_with(words), "{failed}");
    env.ctr("ps -aq").ok().stdout("");
}
