//! The harness itself: a scenario runs as the user it says, in directories of that user, and leaves nothing behind.

use std::time::Duration;

use crate::support::{Scenario, TestEnv, Tier, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(runs_as_the_user_it_names),
        scenario!(directories_belong_to_the_user),
        scenario!(streams_and_exit_code_are_kept_apart),
        scenario!(a_command_that_hangs_is_ended),
        scenario!(leftover_processes_are_ended),
        once!(busybox_tar_is_reproducible),
    ]
}

fn runs_as_the_user_it_names(env: &TestEnv) {
    let uid = env.program("id", "-u").ok().line();
    assert_eq!(uid, env.user().uid.to_string());
    match env.user().tier {
        Tier::Root => assert_eq!(uid, "0"),
        Tier::SubIds | Tier::NoSubIds => assert_ne!(uid, "0"),
    }
}

fn directories_belong_to_the_user(env: &TestEnv) {
    let uid = env.user().uid.to_string();
    for directory in [env.data(), env.runtime(), env.home(), env.work()] {
        env.program("stat", ["-c", "%u", directory.to_str().unwrap()])
            .ok()
            .stdout(&format!("{uid}\n"));
        env.program("touch", [directory.join("x").to_str().unwrap()])
            .ok();
    }
}

fn streams_and_exit_code_are_kept_apart(env: &TestEnv) {
    env.program("sh", ["-c", "cat; echo err >&2; exit 7"])
        .stdin("in\n")
        .run()
        .exits(7)
        .stdout("in\n")
        .stderr("err\n");
    env.program("sh", ["-c", "kill -9 $$"]).run().exits(128 + 9);
}

fn a_command_that_hangs_is_ended(env: &TestEnv) {
    let finished = env
        .program("sleep", "60")
        .timeout(Duration::from_millis(100))
        .run_to_timeout();
    assert!(finished, "sleep 60 returned within 0.1 s");
}

fn leftover_processes_are_ended(env: &TestEnv) {
    let pid = env
        .program("sh", ["-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"])
        .ok()
        .line();
    assert!(env.end_leftovers() >= 1);
    assert!(
        !std::path::Path::new("/proc")
            .join(&pid)
            .join("exe")
            .exists()
    );
}

fn busybox_tar_is_reproducible() {
    if let Ok(first) = crate::support::busybox::make_rootfs_tar() {
        assert!(first == crate::support::busybox::make_rootfs_tar().unwrap());
    }
}
