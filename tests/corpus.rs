//! `ctr build` makes of every Dockerfile in `tests/build/corpus` what BuildKit makes of it: one trial for all cases whose
//! names begin with the same word, which share a store.
//!
//! The work is done by `tests/build/compare`, which also builds by peers; what they made is in each `expected.json`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{Need, Scenario, TestEnv};

/// For some dozens of builds.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Where the corpus and its tools are.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/build")
}

/// The cases, sorted.
fn cases() -> Vec<String> {
    let cases = std::fs::read_dir(directory().join("corpus")).expect("the corpus");
    let mut names: Vec<String> = cases
        .map(|case| case.expect("a case"))
        .filter(|case| case.path().is_dir())
        .map(|case| case.file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

/// What a case is about: the first word of its name.
fn subject(case: &str) -> &str {
    case.split('-').next().expect("a word")
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut subjects: Vec<String> = cases().iter().map(|c| subject(c).to_owned()).collect();
    subjects.dedup();
    (subjects.into_iter())
        .map(|name| {
            Scenario::per_case(name, as_expected)
                .needs(Need::Busybox)
                .needs(Need::Program("python3"))
                .needs(Need::Program("xz"))
                .needs(Need::Program("bzip2"))
        })
        .collect()
}

fn as_expected(env: &TestEnv, wanted: &str) {
    let cases: Vec<String> = (cases().into_iter())
        .filter(|case| subject(case) == wanted)
        .collect();
    // Copied, because the user may not be able to read where the project lies.
    let to = env.work().join("build");
    std::fs::create_dir_all(to.join("corpus")).expect("a directory in work");
    let parts = ["lib", "compare", "accepted"].map(str::to_owned);
    for part in (parts.into_iter()).chain(cases.iter().map(|case| format!("corpus/{case}"))) {
        let copied = Command::new("cp")
            .arg("-R")
            .arg(directory().join(&part))
            .arg(to.join(&part))
            .status();
        assert!(copied.expect("cp").success(), "{part}");
    }
    let cases = cases.join(" ");
    let script = format!("exec python3 -B build/compare check --ctr '{{ctr}}' {cases}");
    (env.script(&script).timeout(TIMEOUT).ok()).stdout("");
}
