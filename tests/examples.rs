//! What `Containerfile.examples/` shows works.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{Need, Scenario, TestEnv, scenario};

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

fn builds(env: &TestEnv, name: &str) {
    let context = example(env, name);
    env.ctr(["build", "-q", &context]).timeout(TIMEOUT).ok();
}
