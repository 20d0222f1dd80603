//! Containers of users with one id: owners and users are emulated, and programs see what they would see in root's.
//!
//! A scenario that runs as every kind of user expects the same of each.

use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let single = |scenario: Scenario| scenario.only(&[Tier::NoSubIds]);
    [
        scenario!(entry_points_hand_over_to_others),
        scenario!(processes_have_owners),
        scenario!(what_only_looks_like_a_process_is_not_opened),
        scenario!(volumes_are_handed_over),
        scenario!(owners_outlive_the_process),
        scenario!(others_have_their_groups_and_no_power),
        scenario!(exec_is_whoever_it_is_told_to_be),
        scenario!(setuid_programs_work_unless_forsworn),
        single(scenario!(the_hosts_files_are_everybodys)),
        single(scenario!(emulation_can_be_turned_off)),
        single(scenario!(nobody_outlives_the_container)),
        single(scenario!(a_killed_supervisor_ends_the_container)),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Runs a script in a container of its own.
fn run(env: &TestEnv, flags: &str, script: &str) -> Vec<String> {
    env.image("busybox");
    let mut line: Vec<&str> = "run --rm --network none".split(' ').collect();
    line.extend(flags.split_whitespace());
    line.extend(["busybox", "sh", "-c", script]);
    env.ctr(line.as_slice()).ok().lines()
}

/// What images of databases do: root prepares a directory and becomes somebody else.
fn entry_points_hand_over_to_others(env: &TestEnv) {
    let script = "mkdir -p /srv/data && chown -R app:app /srv/data && chmod 700 /srv/data && \
        exec su app -s /bin/sh -c 'id -u; id -g; touch /srv/data/mine; stat -c %u:%g:%a /srv/data /srv/data/mine; \
        chown 0 /srv/data/mine 2>/dev/null || echo refused'";
    assert_eq!(
        run(env, "", script),
        ["1000", "1000", "1000:1000:700", "1000:1000:644", "refused"]
    );
}

/// `/proc/PID` is whose the process is, also for those who look from another `exec`.
fn processes_have_owners(env: &TestEnv) {
    env.image("busybox");
    let script = "su app -s /bin/sh -c 'exec sleep 1001' & exec sleep 1000";
    let flags = ["run", "-d", "--name", "box", "--network", "none", "busybox"];
    env.ctr([&flags[..], &["sh", "-c", script]].concat().as_slice())
        .ok();
    let listed = || {
        let finished = env.ctr("exec -u 4242 box ps -o user,args").ok();
        let mut lines: Vec<String> = (finished.lines().iter())
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        lines.sort();
        lines
    };
    let wanted = [
        "4242 ps -o user,args",
        "USER COMMAND",
        "app sleep 1001",
        "root sleep 1000",
    ];
    env.until(|| listed() == wanted);
    let own = "stat -c %u:%g /proc/$$ /proc/$$/status /proc/1";
    let said = env
        .ctr(["exec", "-u", "app", "box", "sh", "-c", own])
        .ok()
        .lines();
    assert_eq!(said, ["1000:1000", "1000:1000", "0:0"]);
}

/// Whoever opens a FIFO waits for the other end, and so would everybody whose calls they answer.
fn what_only_looks_like_a_process_is_not_opened(env: &TestEnv) {
    let script = "mkdir -p /j/bin /j/proc/7; cp /bin/busybox /j/bin; mkfifo /j/proc/7/limits; touch /j/proc/7/x; \
        chown 5 /j/proc/7/x; chroot /j /bin/busybox stat -c %u /proc/7/x /proc/7/limits";
    assert_eq!(run(env, "", script), ["5", "0"]);
}

fn volumes_are_handed_over(env: &TestEnv) {
    let prepare = "chown -R app:app /data && su app -s /bin/sh -c 'echo hello > /data/mine'";
    run(env, "-v data:/data", prepare);
    let look = "stat -c %u:%g /data /data/mine; find /data ! -user app | wc -l; cat /data/mine";
    assert_eq!(
        run(env, "-v data:/data", look),
        ["1000:1000", "1000:1000", "0", "hello"]
    );
    // For a user who was never root as well.
    assert_eq!(
        run(env, "-v data:/data -u app", look),
        ["1000:1000", "1000:1000", "0", "hello"]
    );
}

fn owners_outlive_the_process(env: &TestEnv) {
    env.image("busybox");
    let script = "test -e /srv/one || { mkdir -p /srv; touch /srv/one; chown 5:6 /srv/one; }; exec sleep 1000";
    let flags = ["run", "-d", "--name", "box", "--network", "none", "busybox"];
    env.ctr([&flags[..], &["sh", "-c", script]].concat().as_slice())
        .ok();
    let owner = || {
        let finished = env.ctr("exec box stat -c %u:%g /srv/one").run();
        finished.out().trim().to_owned()
    };
    env.until(|| owner() == "5:6");
    env.ctr("exec box chown 7 /srv/one").ok();
    env.ctr("restart -t 0 box").ok();
    assert_eq!(owner(), "7:6");
}

fn others_have_their_groups_and_no_power(env: &TestEnv) {
    let script = "id -u; id -g; id -G; grep CapEff /proc/self/status; mkdir /tmp/d; touch /tmp/d/f; \
        stat -c %u:%g /tmp/d /tmp/d/f /bin; chgrp 50 /tmp/d/f && stat -c %g /tmp/d/f; \
        chgrp 51 /tmp/d/f 2>/dev/null || echo refused";
    assert_eq!(
        run(env, "-u app", script),
        [
            "1000",
            "1000",
            "1000 50",
            "CapEff:\t0000000000000000",
            "1000:1000",
            "1000:1000",
            "0:0",
            "50",
            "refused"
        ]
    );
}

fn exec_is_whoever_it_is_told_to_be(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -d --name box --network none -u app busybox sleep 1000")
        .ok();
    let exec = |user: &str, script: &str| {
        env.ctr(["exec", "-u", user, "box", "sh", "-c", script])
            .ok()
            .line()
    };
    let own = "touch /tmp/a; chown 5:6 /tmp/a; echo $(id -u) $(stat -c %u:%g /tmp/a)";
    assert_eq!(exec("root", own), "0 5:6");
    let look = "echo $(stat -c %u:%g /tmp/a) $(id -G)";
    assert_eq!(exec("app", look), "5:6 1000 50");
    assert_eq!(exec("4242:77", "echo $(id -u) $(id -g)"), "4242 77");
}

fn setuid_programs_work_unless_forsworn(env: &TestEnv) {
    env.image("busybox");
    let dockerfile = env.file(
        "setuid/Dockerfile",
        "FROM busybox\n\
         RUN mkdir /own && cp /bin/busybox /own && chmod 4755 /own/busybox && sed -i s/^root:x:/root::/ /etc/passwd\n\
         USER app\n",
    );
    let context = dockerfile.parent().unwrap().display().to_string();
    env.ctr(["build", "-q", "-t", "setuid", &context]).ok();
    let become_root = |flags: &str| {
        let line = format!("run --rm --network none {flags} setuid /own/busybox su root -c id");
        env.ctr(line).run()
    };
    let said = become_root("").exits(0).out();
    assert!(said.starts_with("uid=0"), "{said}");
    become_root("--security-opt no-new-privileges").exits(1);
}

/// A directory of the user's stays as it is, and programs that insist on owning their data are content.
fn the_hosts_files_are_everybodys(env: &TestEnv) {
    env.file("data/file", "here\n");
    let data = env.work().join("data").display().to_string();
    let script = "chown -R app:app /data && stat -c %u:%g /data/file && su app -s /bin/sh -c 'stat -c %u:%g /data /data/file; \
        test -O /data/file && echo own; touch /data/new; mkdir /data/dir; chown 0 /data/new 2>/dev/null || echo refused'; \
        ! mknod /data/null c 1 3 2>/dev/null && stat -c %u /data/new && chown 5:6 /inside/it && stat -c %u:%g /inside/it";
    let flags = format!("-v {data}:/data -v other:/inside -w /inside");
    run(env, &flags, "touch it");
    assert_eq!(
        run(env, &flags, script),
        [
            "0:0",
            "1000:1000",
            "1000:1000",
            "own",
            "refused",
            "0",
            "5:6"
        ]
    );
    let uid = env.user().uid;
    let outside =
        env.script("getfattr -R -d -m - data; stat -c %u data data/file data/new data/dir");
    outside.ok().stdout(&format!("{uid}\n").repeat(4));
}

fn emulation_can_be_turned_off(env: &TestEnv) {
    let can = |flags: &str| {
        let script =
            "chown 5 /tmp 2>/dev/null && echo can; grep -c '^Seccomp:.0' /proc/self/status || true";
        run(env, flags, script).join(" ")
    };
    assert_eq!(can(""), "can 0");
    assert_eq!(can("--security-opt emulation=off"), "0");
    assert_eq!(can("--security-opt seccomp=unconfined"), "1");
    assert_eq!(can("--privileged"), "1");
    assert_eq!(can("--privileged --security-opt emulation=on"), "can 0");
    // The one id is whoever is asked for.
    let off = "--security-opt emulation=off -u app";
    assert_eq!(run(env, off, "id -u; stat -c %u /bin"), ["1000", "1000"]);
    env.ctr("run --security-opt emulation=perhaps busybox true")
        .run()
        .exits(125);
}

fn nobody_outlives_the_container(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -d --name box --network none busybox sleep 1000")
        .ok();
    env.ctr("exec -d box sleep 1000").ok();
    // The end of its streams does not wait for what is left behind.
    env.script("{ctr} exec box sh -c 'sleep 1000 >/dev/null 2>&1 &' | cat")
        .ok();
    assert!(env.processes().len() >= 4);
    env.ctr("kill box").ok();
    env.until(|| env.processes().is_empty());
}

fn a_killed_supervisor_ends_the_container(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -d --name box --network none busybox sleep 1000")
        .ok();
    let children =
        "m=$(ps -o ppid= -p $({ctr} inspect -f '{{.State.Pid}}' box)); ps -o pid=,comm= --ppid $m";
    let listed = env.script(children).ok().lines();
    let beside: Vec<&String> = listed
        .iter()
        .filter(|line| !line.ends_with("sleep"))
        .collect();
    assert_eq!(beside.len(), 1, "{listed:?}");
    let pid: i32 = beside[0]
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    env.ctr("wait box").ok().stdout("137\n");
    let error = env
        .ctr(["inspect", "-f", "{{.State.Error}}", "box"])
        .ok()
        .line();
    assert!(error.contains("was killed"), "{error}");
}
