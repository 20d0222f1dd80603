//! What `Containerfile.examples/` shows works.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::debian;
use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

/// Where the base images of the examples are.
const REGISTRY: &str = "registry-1.docker.io:443";

/// For a compiler's image, its packages and what it compiles.
const TIMEOUT: Duration = Duration::from_secs(900);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let fetched = ["debian", "go", "node", "python", "rust"];
    let fetched = fetched
        .map(|name| Scenario::per_case(name.to_owned(), builds).needs(Need::Reachable(REGISTRY)));
    let own = [
        scenario!(check_clean),
        scenario!(hello).needs(Need::Busybox),
        scenario!(debian_from_packages)
            .needs(Need::UserModeNetwork)
            .needs(Need::DebianPackages),
    ];
    own.into_iter().chain(fetched).collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("Containerfile.examples")
}

/// A copy of an example that the user can read.
fn example(env: &TestEnv, name: &str) -> String {
    let to = env.work().join(name);
    let copied = Command::new("cp")
        .arg("-R")
        .arg(directory().join(name))
        .arg(&to)
        .status();
    assert!(copied.expect("cp").success());
    to.display().to_string()
}

fn check_clean(env: &TestEnv) {
    let entries = std::fs::read_dir(directory()).expect("the examples");
    let mut count = 0;
    for entry in entries.map(|entry| entry.expect("an example")) {
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().expect("a name");
            env.ctr(["build", "--check", &example(env, &name)]).ok();
            count += 1;
        }
    }
    assert!(count >= 6, "{count} examples");
}

fn hello(env: &TestEnv) {
    env.image("base");
    let context = example(env, "hello");
    let base = ["build", "-q", "-t", "hello", "--build-arg", "BASE=base"];
    let mut build = base.to_vec();
    build.extend(["--build-arg", "GREETING=Hi.", &context]);
    env.ctr(&build[..]).ok();
    env.ctr("run --rm --network none hello cat /www/index.html")
        .ok()
        .stdout_has("<p>Hi.</p>");
    env.ctr("run --rm --network none hello id -u")
        .ok()
        .stdout("1000\n");
}

/// The example with apt, from a base that stands in for the one that only the registry has.
fn debian_from_packages(env: &TestEnv) {
    let tar = debian::rootfs_tar().expect("what was needed");
    let import = ["import", "-", "docker.io/library/debian:stable-slim"];
    env.ctr(import).stdin(tar).timeout(TIMEOUT).ok();
    let context = example(env, "debian");
    let build = ["build", "-q", "-t", "built", &context];
    env.ctr(build).timeout(TIMEOUT).ok();
    let run = "run --rm --network none built";
    (env.ctr(format!("{run} cat /var/www/html/index.html")).ok()).stdout_has("Hello from Debian.");
    let status = "dpkg-query --show --showformat ${db:Status-Status} nginx-light";
    env.ctr(format!("{run} {status}")).ok().stdout("installed");
    // What was downloaded stays in the mounts.
    let downloads = "find /var/cache/apt /var/lib/apt -name *.deb -o -name *InRelease";
    env.ctr(format!("{run} {downloads}")).ok().stdout("");
    // It gives directories to a user of its own, which takes more than one id.
    if env.user().tier != Tier::NoSubIds {
        env.ctr(format!("{run} nginx -t")).ok();
    }
}

fn builds(env: &TestEnv, name: &str) {
    let context = example(env, name);
    env.ctr(["build", "-q", &context]).timeout(TIMEOUT).ok();
}
