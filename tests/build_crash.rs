//! Builds that are killed, interrupted, out of room, or not alone: what they leave is found by prune, and the next one works.

use std::fs;

use nix::sys::signal::Signal;

use crate::crash::{ROUNDS, assert_prune_cleans, duration_of, entries, kill_within};
use crate::support::{Need, Scenario, TestEnv, scenario};

/// Everything that a build writes into.
const DIRECTORIES: [&str; 6] = [
    "tmp",
    "blobs/sha256",
    "layers",
    "refs",
    "cache/steps",
    "cache/mounts",
];

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(killed_builds),
        scenario!(interrupted_builds),
        scenario!(interrupted_outputs),
        scenario!(ignored_signals),
        scenario!(a_full_disk),
        scenario!(the_same_twice_at_once),
        scenario!(prune_beside_builds),
    ]
    .map(|scenario| scenario.needs(Need::Busybox))
    .into()
}

/// A context with files, stages, a cache mount and a secret. Returns its path.
fn context(env: &TestEnv) -> String {
    for file in 0..100 {
        env.file(&format!("context/many/{file}"), "x");
    }
    env.file("context/token", "secret");
    env.file(
        "context/Dockerfile",
        "FROM busybox AS one\n\
         COPY many /many\n\
         RUN chown -R 1000:1000 /many; chmod 700 /many; echo one > /one\n\
         FROM busybox AS two\n\
         RUN --mount=type=cache,target=/c,sharing=locked --mount=type=secret,id=token \
             mkdir -p /c/d; cat /run/secrets/token > /c/d/f; cat /c/d/f > /two\n\
         FROM busybox\n\
         WORKDIR /result\n\
         COPY --from=one /one /many ./\n\
         COPY --from=two /two ./\n\
         RUN cat one two > three; rm one\n",
    );
    env.work().join("context").display().to_string()
}

#[track_caller]
fn assert_works(env: &TestEnv, name: &str) {
    let script = [
        "run",
        "--rm",
        "--network",
        "none",
        name,
        "cat",
        "three",
        "99",
    ];
    env.ctr(script).ok().stdout("one\nsecretx");
}

/// Asserts that no process of a build is left, but for those that only wait for the disk.
#[track_caller]
fn assert_no_process(env: &TestEnv) {
    env.until(|| env.processes().is_empty());
}

fn killed_builds(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env);
    let secret = format!("id=token,src={dir}/token");
    let cached = [
        "build",
        "-q",
        "-t",
        "x",
        "--network",
        "none",
        "--secret",
        &secret,
        &dir,
    ];
    let whole: Vec<&str> = cached.into_iter().chain(["--no-cache"]).collect();
    let span = duration_of(env, &whole);
    for round in 0..ROUNDS {
        env.ctr("rmi x").run();
        let args = if round % 4 < 2 { &whole } else { &cached[..] };
        if round % 4 > 1 {
            env.ctr("builder prune -f").ok();
        }
        kill_within(env, round, span, args);
        assert_no_process(env);
        env.ctr("images").ok();
        env.ctr("builder du").ok();
        if env.ctr("image inspect x").run().code() == 0 {
            assert_works(env, "x");
        }
        if round % 4 == 3 {
            env.ctr(&cached[..]).ok();
            assert_works(env, "x");
            env.ctr("system check").ok();
        }
    }
    env.ctr(&cached[..]).ok();
    assert_works(env, "x");
    env.ctr("system check").ok();
    assert_prune_cleans(env, &DIRECTORIES);
    let run_dir = env.runtime().join("ctr");
    let left = fs::read_dir(run_dir).into_iter().flatten().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "secrets of killed builds: {left:?}");
}

fn interrupted_builds(env: &TestEnv) {
    env.image("busybox");
    let dockerfile =
        "FROM busybox\nRUN --mount=type=cache,target=/c echo > /f; touch /c/here; sleep 1000\n";
    for (signal, to_group) in [
        (Signal::SIGINT, false),
        (Signal::SIGINT, true),
        (Signal::SIGTERM, false),
        (Signal::SIGHUP, false),
    ] {
        let running = env
            .ctr("build --progress plain -")
            .stdin(dockerfile)
            .spawn();
        env.until(|| {
            let mounts = fs::read_dir(env.data().join("ctr/cache/mounts"));
            let mut mounts = mounts.into_iter().flatten().flatten();
            mounts.any(|mount| mount.path().join("here").exists())
        });
        match to_group {
            // As a terminal does.
            true => {
                let group = nix::unistd::Pid::from_raw(running.pid().cast_signed());
                nix::sys::signal::killpg(group, signal).expect("a group of ours");
            }
            false => running.signal(signal),
        }
        // Without waiting for the step.
        running.wait().exits(128 + signal as i32);
        assert_no_process(env);
        assert_eq!(entries(env, "tmp"), [""; 0]);
        env.ctr("ps -aq").ok().stdout("");
        env.ctr("builder prune -a -f").ok();
    }
    env.ctr("system check").ok();
    assert_prune_cleans(
        env,
        &["tmp", "blobs/sha256", "layers", "refs", "cache/mounts"],
    );
}

/// What comes after the last step waits for others, and can be interrupted as well.
fn interrupted_outputs(env: &TestEnv) {
    env.file("context/Dockerfile", "FROM scratch\nCOPY much /\n");
    env.file("context/much", vec![7; 1 << 20]);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let running = (env.ctr("build --progress plain -o - context"))
            .stdout(writer)
            .spawn();
        let mut first = [0];
        std::io::Read::read_exact(&mut reader, &mut first).expect("the tar has begun");
        running.signal(signal);
        running.wait().exits(128 + signal as i32);
        assert_no_process(env);
    }
    env.ctr("system check").ok();
    assert_prune_cleans(
        env,
        &["tmp", "blobs/sha256", "layers", "refs", "cache/steps"],
    );
}

/// `nohup ctr build`, and what a shell starts in the background.
fn ignored_signals(env: &TestEnv) {
    env.image("busybox");
    let shared = env.work().join("shared");
    env.file("shared/it", "is the user's");
    env.file(
        "Dockerfile",
        "FROM busybox\nRUN touch /v/begun; until [ -e /v/go ]; do sleep .05; done\n",
    );
    let build = "build --progress plain --network none";
    let script = format!(
        "trap '' HUP; exec {{ctr}} {build} -v {}:/v -f Dockerfile shared",
        shared.display()
    );
    let running = env.script(&script).spawn();
    env.until(|| shared.join("begun").exists());
    running.signal(Signal::SIGHUP);
    env.file("shared/go", "");
    running.wait().exits(0);
}

/// In a mount namespace with a store of sixteen megabytes.
fn a_full_disk(env: &TestEnv) {
    let tar = crate::support::busybox::rootfs_tar().expect("busybox");
    let tar = env.file("busybox.tar", tar);
    env.file(
        "large",
        "FROM busybox\nRUN echo 1 > /f\nRUN cat /dev/zero > /big\n",
    );
    env.file("small", "FROM busybox\nRUN echo 1 > /f\nRUN echo 2 > /g\n");
    let unshare = match env.user().uid {
        0 => "unshare -m",
        _ => "unshare -rm",
    };
    let script = format!(
        "exec {unshare} sh -c '
        fail() {{ echo \"$1\" >&2; exit 1; }}
        mount -t tmpfs -o size=16m none \"$XDG_DATA_HOME\" || exit 77
        build=\"{{ctr}} build -q --network none -f\"
        {{ctr}} import {tar} busybox || fail import
        $build large . && fail \"there was room\"
        find \"$XDG_DATA_HOME\"/ctr/tmp -mindepth 1 | grep . && fail \"left over\"
        $build small . || fail \"no room after a build that failed\"
        dd if=/dev/zero of=\"$XDG_DATA_HOME/ctr/filler\" bs=64k 2>/dev/null
        for size in 4096 512 1; do
            dd if=/dev/zero bs=$size >> \"$XDG_DATA_HOME/ctr/filler\" 2>/dev/null
        done
        $build small . --no-cache; code=$?
        test $code = 1 || fail \"build on a full disk: $code\"
        rm \"$XDG_DATA_HOME/ctr/filler\"
        $build small . --no-cache || fail \"build after the disk was full\"
        {{ctr}} system check || fail check
        {{ctr}} system prune -a -f || fail prune
        cd \"$XDG_DATA_HOME\"/ctr
        find tmp layers cache/steps -mindepth 1 | grep . && fail \"left over\"
        exit 0'",
        tar = tar.display(),
    );
    let finished = env.script(&script).run();
    if finished.code() == 77 {
        // No mount namespace for this user here; the other kinds of user show it.
        return;
    }
    finished.exits(0);
}

fn the_same_twice_at_once(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env);
    let secret = format!("id=token,src={dir}/token");
    for _ in 0..3 {
        let builds = ["x", "y", "z"].map(|name| {
            let args = [
                "build",
                "-q",
                "-t",
                name,
                "--secret",
                &secret,
                "--network",
                "none",
                &dir,
            ];
            env.ctr(args).spawn()
        });
        for build in builds {
            build.wait().exits(0);
        }
        for name in ["x", "y", "z"] {
            assert_works(env, name);
        }
        // What two have made alike is deleted after the build.
        env.until(|| entries(env, "tmp").is_empty());
        env.ctr("rmi x y z").ok();
        env.ctr("builder prune -a -f").ok();
    }
    env.ctr("system check").ok();
}

fn prune_beside_builds(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env);
    let secret = format!("id=token,src={dir}/token");
    for round in 0..6 {
        let name = format!("x{round}");
        let args = [
            "build",
            "-q",
            "-t",
            &name,
            "--secret",
            &secret,
            "--network",
            "none",
            &dir,
        ];
        let build = env.ctr(args).spawn();
        for _ in 0..3 {
            env.ctr("builder prune -a -f").ok();
            env.ctr("image prune -f").ok();
        }
        build.wait().exits(0);
        assert_works(env, &name);
        env.ctr("system check").ok();
    }
    assert_prune_cleans(env, &DIRECTORIES);
}
