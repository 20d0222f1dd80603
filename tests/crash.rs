//! Nothing is lost: `kill -9` at random instants, a full disk, everything at once, damaged files. The next command works,
//! nothing half-made shows, and `system prune` finds what is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::image::{Family, Packing, TestImage, noise};
use crate::support::registry::{Fault, Registry};
use crate::support::{Need, Scenario, TestEnv, scenario};

/// Kills of each command by each of the three kinds of user: 216 in all.
pub(crate) const ROUNDS: u32 = 24;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(killed_pulls),
        scenario!(killed_runs),
        scenario!(killed_removals),
        scenario!(pulls_and_runs_at_once),
        scenario!(prune_during_pulls_and_runs),
        scenario!(a_full_disk),
        scenario!(damaged_blobs),
        scenario!(left_overs_of_a_power_cut),
    ]
    .map(|scenario| scenario.needs(Need::Busybox))
    .into()
}

pub(crate) fn store(env: &TestEnv) -> PathBuf {
    env.data().join("ctr")
}

/// Names of what is in a directory of the store.
pub(crate) fn entries(env: &TestEnv, directory: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(store(env).join(directory))
        .unwrap_or_else(|error| panic!("{directory}: {error}"))
        .map(|entry| entry.expect("an entry").file_name().display().to_string())
        .collect();
    names.sort();
    names
}

/// Asserts that `system prune` leaves nothing but what is in use.
#[track_caller]
pub(crate) fn assert_prune_cleans(env: &TestEnv, directories: &[&str]) {
    env.ctr("system prune -a -f").ok();
    for directory in directories {
        assert_eq!(entries(env, directory), [""; 0], "in {directory}/");
    }
}

/// Different each time it is asked, and each time the suite runs.
fn random() -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let seed = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) ^ now.as_nanos() as u64;
    // splitmix64, Steele 2014.
    let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Starts `args` and kills it with SIGKILL at a random instant within `span`; every other time along with every process
/// that came of it. Returns the instant, for the message of a failure.
#[track_caller]
pub(crate) fn kill_within(env: &TestEnv, round: u32, span: Duration, args: &[&str]) -> Duration {
    let instant = span.mul_f64((random() % 1000) as f64 / 1000.0);
    let running = env.ctr(args).spawn();
    std::thread::sleep(instant);
    running.signal(Signal::SIGKILL);
    if round % 2 == 1 {
        env.end_leftovers();
    }
    running.wait();
    instant
}

/// How long `args` takes when nobody kills it.
#[track_caller]
pub(crate) fn duration_of(env: &TestEnv, args: &[&str]) -> Duration {
    let start = Instant::now();
    env.ctr(args).ok();
    start.elapsed()
}

/// Busybox under a few layers with much in them, so that a pull has many instants.
fn layered() -> TestImage {
    let mut image = TestImage::busybox();
    for layer in 0..3_u8 {
        let mut content = noise(1 << 20);
        content[0] = layer;
        image = image.file(&format!("noise/{layer}"), &content, Packing::Gzip);
    }
    let mut tar = crate::support::busybox::RootfsTar::new();
    for file in 0..300 {
        let path = format!("many/{file}");
        tar.add(&path, tar::EntryType::Regular, 0o644, (1000, 1000), b"x");
    }
    let image = image.layer(&tar.finish(), Packing::Zstd);
    assert_eq!(image.family, Family::Oci);
    image
}

/// Asserts that the image is there as a whole.
#[track_caller]
fn assert_runs(env: &TestEnv, image: &str) {
    let script = "cat /noise/* | wc -c; ls /many | wc -l";
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        image,
        "sh",
        "-c",
        script,
    ])
    .ok()
    .stdout("3145728\n300\n");
}

fn killed_pulls(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &layered());
    let name = registry.name("x");
    let span = duration_of(env, &["pull", &name]);
    for round in 0..ROUNDS {
        env.ctr(["rmi", &name]).run();
        kill_within(env, round, span, &["pull", &name]);
        env.ctr("images").ok();
        env.ctr("ps -a").ok();
        // Either it is there as a whole, or it is not there.
        if env.ctr(["image", "inspect", &name]).run().code() == 0 {
            assert_runs(env, &name);
        }
        if round % 4 == 3 {
            env.ctr(["pull", &name]).ok();
            assert_runs(env, &name);
        }
    }
    env.ctr(["pull", &name]).ok();
    assert_runs(env, &name);
    assert_prune_cleans(env, &["tmp", "blobs/sha256", "layers", "refs"]);
}

fn killed_runs(env: &TestEnv) {
    env.image("busybox");
    let flags = ["run", "--name", "web", "--network", "none"];
    let command = ["busybox", "sh", "-c", "echo > /file; sleep 0.01"];
    let removed: Vec<&str> = flags.into_iter().chain(["--rm"]).chain(command).collect();
    let kept: Vec<&str> = flags.into_iter().chain(command).collect();
    let span = duration_of(env, &removed);
    for round in 0..ROUNDS {
        let args = if round % 4 < 2 { &removed } else { &kept };
        let instant = kill_within(env, round, span, args);
        let context = format!("killed {args:?} after {instant:?}");
        let listed = env.ctr("ps -a --format {{.Names}}").ok().lines();
        assert!(
            listed.is_empty() || listed == ["web"],
            "{context}: {listed:?}"
        );
        // A run whose client alone was killed goes on: it may come or go just now.
        let gone = || {
            env.ctr("rm -f web").run();
            env.ctr("ps -aq").ok().out().is_empty()
        };
        env.until(gone);
        env.ctr(removed.as_slice()).run().exits(0);
    }
    env.until(|| env.ctr("ps -aq").ok().out().is_empty());
    assert_prune_cleans(env, &["tmp", "containers", "names", "layers"]);
}

fn killed_removals(env: &TestEnv) {
    env.image("busybox");
    let make = |env: &TestEnv| {
        let script = "mkdir -p /a/b; chown -R 1000:1000 /a; chmod 0 /a/b; \
                      i=0; while [ $i -lt 200 ]; do echo > /a/$i; i=$((i+1)); done";
        let flags = ["run", "--name", "web", "--network", "none"];
        let command = ["busybox", "sh", "-c", script];
        let args: Vec<&str> = flags.into_iter().chain(command).collect();
        env.ctr(args.as_slice()).ok();
    };
    make(env);
    let span = duration_of(env, &["rm", "-f", "web"]);
    for round in 0..ROUNDS {
        make(env);
        let instant = kill_within(env, round, span, &["rm", "-f", "web"]);
        let context = format!("killed after {instant:?}");
        let listed = env.ctr("ps -a --format {{.Names}}").ok().lines();
        let expected = if listed.is_empty() { 1 } else { 0 };
        assert!(
            listed.is_empty() || listed == ["web"],
            "{context}: {listed:?}"
        );
        // What shows is whole: it can be removed.
        env.ctr("rm web").run().exits(expected);
        env.ctr("ps -aq").ok().stdout("");
    }
    assert_prune_cleans(env, &["tmp", "containers", "names", "layers"]);
}

fn pulls_and_runs_at_once(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &layered());
    let name = registry.name("x");
    let pulls = [(); 2].map(|()| env.ctr(["pull", &name]).spawn());
    let runs: Vec<_> = (0..20)
        .map(|number| {
            let number = number.to_string();
            let args = ["run", "--rm", "--network", "none", &name, "echo", &number];
            (
                number.clone(),
                env.ctr(args).timeout(Duration::from_secs(120)).spawn(),
            )
        })
        .collect();
    for pull in pulls {
        pull.wait().exits(0);
    }
    for (number, run) in runs {
        run.wait().exits(0).stdout(&format!("{number}\n"));
    }
    env.ctr("ps -aq").ok().stdout("");
    for directory in ["tmp", "containers", "names"] {
        assert_eq!(entries(env, directory), [""; 0], "in {directory}/");
    }
    assert_runs(env, &name);
}

fn prune_during_pulls_and_runs(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &layered());
    registry.push("y", "latest", &layered());
    let (x, y) = (registry.name("x"), registry.name("y"));
    registry.fail("blobs/", 8, Fault::Slow(Duration::from_millis(15)));
    let pull = env.ctr(["pull", &x]).spawn();
    let run = env
        .ctr(["run", "--rm", "--network", "none", &y, "sleep", "1"])
        .spawn();
    // As many as there is time for, but some while everything is under way.
    for _ in 0..6 {
        env.ctr("system prune -f").ok();
        std::thread::sleep(Duration::from_millis(100));
    }
    pull.wait().exits(0);
    run.wait().exits(0);
    assert_runs(env, &x);
    // A container keeps its image, however its name fares.
    env.ctr(["create", "--name", "box", "--network", "none", &y, "true"])
        .ok();
    env.ctr(["rmi", "-f", &y]).run();
    env.ctr("image prune -a -f").ok();
    env.ctr("start -a box").ok();
    env.ctr("rm box").ok();
    assert_prune_cleans(env, &["tmp", "blobs/sha256", "layers", "refs"]);
}

/// In a mount namespace with a store of sixteen megabytes.
fn a_full_disk(env: &TestEnv) {
    let registry = Registry::start();
    let large = TestImage::busybox().file("noise", &noise(12 << 20), Packing::Gzip);
    registry.push("large", "latest", &large);
    registry.push("small", "latest", &TestImage::busybox());
    let unshare = match env.user().uid {
        0 => "unshare -m",
        _ => "unshare -rm",
    };
    let script = format!(
        "exec {unshare} sh -c '
        fail() {{ echo \"$1\" >&2; exit 1; }}
        mount -t tmpfs -o size=16m none \"$XDG_DATA_HOME\" || exit 77
        run=\"{{ctr}} run --rm --network none {small}\"
        {{ctr}} pull -q {large} && fail \"there was room\"
        test -z \"$({{ctr}} images -q)\" || fail \"a half image shows\"
        $run true || fail \"no room after a pull that failed\"
        dd if=/dev/zero of=\"$XDG_DATA_HOME/ctr/filler\" bs=64k 2>/dev/null
        for size in 4096 512 1; do
            dd if=/dev/zero bs=$size >> \"$XDG_DATA_HOME/ctr/filler\" 2>/dev/null
        done
        $run true; code=$?
        test $code = 125 || fail \"run on a full disk: $code\"
        {{ctr}} ps -a || fail \"ps on a full disk\"
        {{ctr}} pull -q {large} && fail \"there was room again\"
        rm \"$XDG_DATA_HOME/ctr/filler\"
        $run true || fail \"run after the disk was full\"
        test -z \"$({{ctr}} ps -aq)\" || fail \"a half container shows\"
        {{ctr}} system prune -a -f || fail \"prune\"
        find \"$XDG_DATA_HOME\"/ctr/tmp \"$XDG_DATA_HOME\"/ctr/layers -mindepth 1 | grep . && fail \"left over\"
        exit 0'",
        large = registry.name("large"),
        small = registry.name("small"),
    );
    let finished = env.script(&script).run();
    if finished.code() == 77 {
        // No mount namespace for this user here; the other kinds of user show it.
        return;
    }
    finished.exits(0).stderr_has("no space left on device");
}

fn damaged_blobs(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &layered());
    let name = registry.name("x");
    env.ctr(["pull", &name]).ok();
    env.ctr("system check").ok();
    for blob in entries(env, "blobs/sha256") {
        let path = store(env).join("blobs/sha256").join(&blob);
        flip_bit(&path);
        env.ctr("system check").run().exits(1).stdout_has(&blob);
        env.ctr("system check --repair").run();
        // Whatever it was, pulling brings it again, and nothing else is needed.
        env.ctr(["pull", &name]).ok();
        env.ctr("system check").ok();
        assert_runs(env, &name);
    }
}

fn flip_bit(path: &Path) {
    let mut bytes = fs::read(path).expect("a blob");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("a blob");
}

/// What a journal that was cut leaves: names without content.
fn left_overs_of_a_power_cut(env: &TestEnv) {
    env.image("busybox");
    let run = "run --name web --network none busybox true";
    env.ctr(run).ok();
    let id = entries(env, "containers").remove(0);
    let container = store(env).join("containers").join(&id);
    // Nothing of a container is synced, so its files may be empty.
    let state = container.join("state.json");
    let whole = fs::read(&state).expect("a file of the store");
    for torn in [&[], &whole[..whole.len() / 2]] {
        fs::write(&state, torn).expect("a file of the store");
        // It counts as one that was killed, and can be used as any other.
        let template = "{{.State.Status}} {{.State.ExitCode}}";
        let inspected = env.ctr(["inspect", "-f", template, "web"]).ok().line();
        assert_eq!(inspected, "exited 137");
        fs::write(&state, torn).expect("a file of the store");
        env.ctr(["ps", "-a", "--format", "{{.Names}} {{.State}}"])
            .ok()
            .stdout("web exited\n");
        fs::write(&state, torn).expect("a file of the store");
        env.ctr("start -a web").ok();
        fs::write(&state, torn).expect("a file of the store");
        env.ctr("stop web").ok();
    }
    fs::write(&state, "").expect("a file of the store");
    env.ctr("rm web").ok();
    env.ctr(run).ok();
    let id = entries(env, "containers").remove(0);
    let container = store(env).join("containers").join(&id);
    fs::write(container.join("record.json"), "").expect("a file of the store");
    env.ctr("ps -aq").ok().stdout("");
    // Its name is free.
    env.ctr(run).ok();
    env.ctr("rm web").ok();
    fs::write(store(env).join("format"), "").expect("a file of the store");
    env.ctr("images -q").ok();
    assert_prune_cleans(env, &["tmp", "containers", "names"]);
}
