//! Builds by users with one id: owners, groups and devices are emulated, and the image is the one that root would have made.
//!
//! Every scenario runs as every kind of user, and expects the same of each.

use std::cell::Cell;

use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(owners_reach_the_layer),
        scenario!(devices_reach_the_layer),
        scenario!(owners_are_seen_by_later_steps),
        scenario!(other_users_own_what_they_make),
        scenario!(identities_follow_the_rules),
        scenario!(power_is_kept_and_taken_up_again).needs(Need::Program("cc")),
        scenario!(memories_are_not_listed).needs(Need::Program("cc")),
        scenario!(root_takes_back_what_was_given_away),
        scenario!(archives_keep_owners),
        scenario!(copies_keep_owners),
        scenario!(directories_hand_on_their_group),
        scenario!(a_change_of_owner_takes_setuid_bits),
        scenario!(a_new_root_directory_is_respected),
        scenario!(nothing_outside_the_root_is_touched),
        scenario!(what_is_the_hosts_remembers_nothing).only(&[Tier::NoSubIds]),
        scenario!(a_killed_supervisor_fails_the_build).only(&[Tier::NoSubIds]),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Builds `FROM busybox` and `instructions`, and returns what it printed.
fn build(env: &TestEnv, name: &str, instructions: &str) -> String {
    let dockerfile = env.file(
        &format!("{name}/Dockerfile"),
        format!("FROM busybox\n{instructions}\n"),
    );
    let context = dockerfile.parent().unwrap().display().to_string();
    env.image("busybox");
    let built = env.ctr([
        "build",
        "--progress",
        "plain",
        "--no-cache",
        "-t",
        name,
        &context,
    ]);
    built.ok().err()
}

/// The entries of the image's topmost layer: `TYPE-AND-MODE UID/GID PATH`, as tar lists them.
fn top_layer(env: &TestEnv, image: &str) -> Vec<String> {
    let script = format!(
        "{{ctr}} save {image} -o image.tar && mkdir -p saved && tar xf image.tar -C saved && \
         cat saved/manifest.json"
    );
    let manifest = env.script(&script).ok().json();
    let layers = manifest[0]["Layers"].as_array().unwrap();
    let layer = layers.last().and_then(|layer| layer.as_str()).unwrap();
    let listed = env.script(&format!("tar tvf saved/{layer} --numeric-owner"));
    let listed = listed.ok().out();
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A device has its numbers in place of a size.
        let path = words[5..].join(" ");
        format!("{} {} {path}", words[0], words[1])
    };
    listed.lines().map(line).collect()
}

fn expect(lines: &[String], wanted: &[&str]) {
    for wanted in wanted {
        assert!(
            lines.iter().any(|line| line == wanted),
            "{wanted:?} is not in {lines:#?}"
        );
    }
}

/// What a RUN printed, without the numbers and times before it.
fn printed(log: &str) -> Vec<String> {
    log.lines()
        .filter(|line| line.starts_with('#'))
        .filter_map(|line| line.splitn(3, ' ').nth(2))
        .map(str::to_owned)
        .collect()
}

fn owners_reach_the_layer(env: &TestEnv) {
    build(
        env,
        "owners",
        "RUN mkdir /o && cd /o && touch file && mkdir dir && ln -s x link && mkfifo pipe \
         && chown 5:6 file && chgrp 7 dir && chown -h 8:9 link && chown 10 pipe \
         && touch moved && chown 11:12 moved && mv moved renamed && chown -h 13 link && mv link renamed-link \
         && touch back && chown 5:6 back && chown 0:0 back",
    );
    expect(
        &top_layer(env, "owners"),
        &[
            "-rw-r--r-- 5/6 o/file",
            "drwxr-xr-x 0/7 o/dir/",
            "lrwxrwxrwx 13/9 o/renamed-link -> x",
            "prw-r--r-- 10/0 o/pipe",
            "-rw-r--r-- 11/12 o/renamed",
            "-rw-r--r-- 0/0 o/back",
        ],
    );
}

fn devices_reach_the_layer(env: &TestEnv) {
    // Where only the making of devices is emulated, they look like files until the layer is written.
    let look = match env.user().tier {
        Tier::NoSubIds => "&& test -c null && test -b disk",
        _ => "",
    };
    let lines = format!(
        "USER app\nRUN ! mknod /tmp/disk b 8 1\nUSER root\n\
         RUN mkdir /o && cd /o && mknod -m 666 null c 1 3 && mknod disk b 8 1 && chown 0:6 disk {look} && ! mknod none c 0 0\n\
         RUN mkdir /o/own && cd /o/own && chown 5 . && chmod 2775 . && mv ../null ../disk . && mknod b b 8 2"
    );
    build(env, "devices", &lines);
    expect(
        &top_layer(env, "devices"),
        &[
            "crw-rw-rw- 0/0 o/own/null",
            "brw-r--r-- 0/6 o/own/disk",
            "brw-r--r-- 0/0 o/own/b",
        ],
    );
}

fn owners_are_seen_by_later_steps(env: &TestEnv) {
    let log = build(
        env,
        "seen",
        "RUN touch /f && chown 5:6 /f && ln -s f /l && chown -h 7:8 /l\n\
         RUN stat -c '%n %u:%g' /f /l /home/app; chmod 600 /f; mv /l /m; stat -c '%n %u:%g' /f /m",
    );
    let printed = printed(&log);
    for line in ["/f 5:6", "/l 7:8", "/home/app 1000:1000", "/m 7:8"] {
        let ends = |printed: &String| printed.ends_with(line);
        assert!(printed.iter().any(ends), "{line:?} is not in {log}");
    }
    // Copied up by what did not change the owner.
    expect(
        &top_layer(env, "seen"),
        &["-rw------- 5/6 f", "lrwxrwxrwx 7/8 m -> f"],
    );
}

fn other_users_own_what_they_make(env: &TestEnv) {
    let log = build(
        env,
        "others",
        "RUN mkdir /o && chown app:app /o\n\
         USER app\n\
         RUN id -u; id -G; umask 027; cd /o; touch file; mkdir dir; ln -s x link; mkfifo pipe; echo > file; \
         echo > fresh; stat -c '%u:%g %a' file dir",
    );
    let printed = printed(&log);
    for line in ["1000", "1000 50", "1000:1000 640", "1000:1000 750"] {
        let said = printed.iter().any(|printed| printed == line);
        assert!(said, "{line:?} is not in {log}");
    }
    expect(
        &top_layer(env, "others"),
        &[
            "-rw-r----- 1000/1000 o/file",
            "-rw-r----- 1000/1000 o/fresh",
            "drwxr-x--- 1000/1000 o/dir/",
            "lrwxrwxrwx 1000/1000 o/link -> x",
            "prw-r----- 1000/1000 o/pipe",
        ],
    );
}

fn identities_follow_the_rules(env: &TestEnv) {
    let log = build(
        env,
        "identities",
        "RUN su app -s /bin/sh -c 'id -u; id -g; chown 0 /tmp/x 2>/dev/null || echo refused; touch /tmp/mine; \
         (sleep 0.2; id -u > /tmp/orphan; touch /tmp/orphan2) & ' ; \
         while [ ! -e /tmp/orphan2 ]; do sleep 0.1; done; id -u; cat /tmp/orphan",
    );
    let said = printed(&log).join("|");
    // What outlives its parent is still who it was.
    assert!(said.contains("1000|1000|refused|0|1000"), "{log}");
    expect(
        &top_layer(env, "identities"),
        &[
            "-rw-r--r-- 1000/1000 tmp/mine",
            "-rw-r--r-- 1000/1000 tmp/orphan2",
        ],
    );
}

/// Changes its user as `setpriv` does: the capabilities are kept, so that the group can be changed afterwards.
const KEEPING_POWER: &str = r#"
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct data[2];

int main(void) {
    if (syscall(SYS_capget, &header, data)) err(1, "capget");
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) err(1, "prctl");
    if (setresuid(6, 6, 6)) err(1, "setresuid");
    if (!setresgid(12, 12, 12) || errno != EPERM) err(1, "a group without effective capabilities");
    if (syscall(SYS_capset, &header, data)) err(1, "capset");
    if (setresgid(12, 12, 12)) err(1, "setresgid");
    if (setgroups(0, 0)) err(1, "setgroups");
    data[0] = data[1] = (struct __user_cap_data_struct){0};
    if (syscall(SYS_capset, &header, data)) err(1, "capset to nothing");
    if (!setgid(0) || errno != EPERM) err(1, "a group without capabilities");
    if (open("/made/file", O_CREAT | O_WRONLY, 0644) < 0) err(1, "open");
    return 0;
}
"#;

fn power_is_kept_and_taken_up_again(env: &TestEnv) {
    compile(env, "power", KEEPING_POWER);
    build(
        env,
        "power",
        "COPY program /\nRUN mkdir -m 777 /made && /program && rm /program",
    );
    expect(&top_layer(env, "power"), &["-rw-r--r-- 6/12 made/file"]);
}

/// Says how many bytes the names of a file's attributes take.
const LISTING: &str = r#"
#include <stdio.h>
#include <sys/xattr.h>

int main(int count, char **paths) {
    for (int i = 1; i < count; i++) {
        char names[256];
        printf("%s: %ld %ld\n", paths[i], (long)llistxattr(paths[i], 0, 0),
               (long)llistxattr(paths[i], names, sizeof names));
    }
    return 0;
}
"#;

fn memories_are_not_listed(env: &TestEnv) {
    compile(env, "listed", LISTING);
    let log = build(
        env,
        "listed",
        "COPY program /\nRUN touch /f && ln -s f /l && chown 5:6 /f && chown -h 7:8 /l && /program /f /l /bin",
    );
    let said = printed(&log).join("|");
    assert!(said.contains("/f: 0 0|/l: 0 0|/bin: 0 0"), "{log}");
}

/// Compiles a program into the context of the build `name`.
fn compile(env: &TestEnv, name: &str, source: &str) {
    let source = env.file(&format!("{name}.c"), source);
    let program = env.file(&format!("{name}/program"), "");
    let (source, program) = (source.display(), program.display());
    env.script(&format!("cc -static -o {program} {source}"))
        .ok();
}

fn root_takes_back_what_was_given_away(env: &TestEnv) {
    let log = build(
        env,
        "back",
        "RUN mkdir -p /d/e && touch /d/f /d/e/g && chown -R 5:6 /d && ln -s f /d/l && chown -h 7:8 /d/l && chown -R 0:0 /d \
         && stat -c '%n %u:%g' /d /d/f /d/l /d/e/g",
    );
    let said = printed(&log).join("|");
    let owners = "/d 0:0|/d/f 0:0|/d/l 0:0|/d/e/g 0:0";
    assert!(said.contains(owners), "{log}");
    expect(
        &top_layer(env, "back"),
        &[
            "drwxr-xr-x 0/0 d/",
            "-rw-r--r-- 0/0 d/f",
            "lrwxrwxrwx 0/0 d/l -> f",
            "-rw-r--r-- 0/0 d/e/g",
        ],
    );
}

fn archives_keep_owners(env: &TestEnv) {
    build(
        env,
        "archives",
        "RUN mkdir -p /a/d && cd /a && touch d/f && ln -s f d/l && chown -R 5:6 d && chown -h 7:8 d/l \
         && tar cf /a.tar d && mkdir /b && tar xf /a.tar -C /b && cp -a d /c && rm -r /a /a.tar",
    );
    expect(
        &top_layer(env, "archives"),
        &[
            "drwxr-xr-x 5/6 b/d/",
            "-rw-r--r-- 5/6 b/d/f",
            "-rw-r--r-- 5/6 c/f",
            "lrwxrwxrwx 7/8 c/l -> f",
        ],
    );
}

fn copies_keep_owners(env: &TestEnv) {
    build(
        env,
        "copies",
        "RUN mkdir /o && touch /o/f && ln -s f /o/l && chown 5:6 /o/f && chown -h 7:8 /o/l\n\
         FROM busybox\n\
         COPY --from=0 /o /p",
    );
    expect(
        &top_layer(env, "copies"),
        &["-rw-r--r-- 5/6 p/f", "lrwxrwxrwx 7/8 p/l -> f"],
    );
}

fn directories_hand_on_their_group(env: &TestEnv) {
    build(
        env,
        "groups",
        "RUN mkdir /g && chgrp 50 /g && chmod 2775 /g && touch /g/f && mkdir /g/d && ln -s x /g/l && touch /g/d/f",
    );
    expect(
        &top_layer(env, "groups"),
        &[
            "drwxrwsr-x 0/50 g/",
            "-rw-r--r-- 0/50 g/f",
            "drwxr-sr-x 0/50 g/d/",
            "lrwxrwxrwx 0/50 g/l -> x",
            "-rw-r--r-- 0/50 g/d/f",
        ],
    );
}

fn a_change_of_owner_takes_setuid_bits(env: &TestEnv) {
    build(
        env,
        "bits",
        "RUN touch /f /g && chmod 6755 /f /g && chown 5 /f && chown 5 /g && chmod 4755 /g",
    );
    expect(
        &top_layer(env, "bits"),
        &["-rwxr-xr-x 5/0 f", "-rwsr-xr-x 5/0 g"],
    );
}

fn a_new_root_directory_is_respected(env: &TestEnv) {
    build(
        env,
        "roots",
        "RUN mkdir -p /r/bin /r/etc && cp /bin/busybox /r/bin && touch /x /r/x && chroot /r /bin/busybox chown 5:6 /x ../../x \
         && chown 7 /r/etc && rm /r/bin/busybox",
    );
    let lines = top_layer(env, "roots");
    expect(
        &lines,
        &[
            "-rw-r--r-- 5/6 r/x",
            "-rw-r--r-- 0/0 x",
            "drwxr-xr-x 7/0 r/etc/",
        ],
    );
}

fn nothing_outside_the_root_is_touched(env: &TestEnv) {
    let outside = env.file("outside", "here\n");
    let path = outside.display();
    build(
        env,
        "outside-build",
        &format!(
            "RUN ln -s ../../../../../../../../..{path} /up; ln -s /proc/self/root{path} /self; ln -s /proc/1/cwd/..{path} /one; \
             for way in /up /self /one /proc/self/cwd/..{path} ..{path}; do chown 5:6 $way 2>/dev/null && exit 1; done; true"
        ),
    );
    let listed = env.script("getfattr -d -m - outside; stat -c '%u' outside; cat outside");
    let uid = env.user().uid;
    listed.ok().stdout(&format!("{uid}\nhere\n"));
}

fn what_is_the_hosts_remembers_nothing(env: &TestEnv) {
    env.image("busybox");
    env.file("data/file", "here\n");
    let work = env.work().display().to_string();
    env.file(
        "volume/Dockerfile",
        "FROM busybox\nRUN chown 5:6 /v/file && touch /v/new && chown 7 /v/new && stat -c %u:%g /v/file > /seen; \
         su app -s /bin/sh -c 'stat -c %u:%g /v/file' >> /seen; touch /own && chown 5:6 /own && stat -c %u:%g /own >> /seen\n",
    );
    env.ctr(format!(
        "build -q -t volume -v {work}/data:/v {work}/volume"
    ))
    .ok();
    let seen = env.ctr("run --rm --network none volume cat /seen").ok();
    seen.stdout("0:0\n1000:1000\n5:6\n");
    let outside = env.script("getfattr -R -d -m - data; cat data/file");
    outside.ok().stdout("here\n");
}

fn a_killed_supervisor_fails_the_build(env: &TestEnv) {
    env.image("busybox");
    let dockerfile = env.file(
        "killed/Dockerfile",
        "FROM busybox\nRUN while true; do chown 5:6 /tmp; done\n",
    );
    let context = dockerfile.parent().unwrap().display().to_string();
    let building = env
        .ctr(["build", "--no-cache", "-t", "killed", &context])
        .spawn();
    let found = Cell::new(None);
    env.until(|| {
        found.set(find_supervisor(building.pid()));
        found.get().is_some()
    });
    let pid = nix::unistd::Pid::from_raw(found.get().unwrap().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let failed = building.wait().exits(1).err();
    assert!(failed.contains("was killed"), "{failed}");
}

/// Finds the supervisor below the process `pid`: a sibling of the container's first process, and still the engine's program.
fn find_supervisor(pid: u32) -> Option<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let path = format!("/proc/{pid}/task/{pid}/children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    };
    let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let all = children(pid);
    let container = all.iter().any(|pid| name(pid) == "sh\n");
    let beside = all.iter().find(|pid| name(pid) == "ctr\n");
    match beside {
        Some(pid) if container => Some(*pid),
        _ => all.into_iter().find_map(find_supervisor),
    }
}
