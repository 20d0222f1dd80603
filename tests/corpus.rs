//! `ctr build` makes of every Dockerfile in `tests/build/corpus` what BuildKit makes of it: one trial per case.
//!
//! The work is done by `tests/build/compare`, which also builds by peers; what they made is in each `expected.json`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Need, Scenario, TestEnv};

/// A directory of `tests/build`.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/build")
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let cases = std::fs::read_dir(directory().join("corpus")).expect("the corpus");
    let mut names: Vec<String> = cases
        .map(|case| case.expect("a case"))
        .filter(|case| case.path().is_dir())
        .map(|case| case.file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    (names.into_iter())
        .map(|name| {
            Scenario::per_case(name, as_expected)
                .needs(Need::Busybox)
                .needs(Need::Program("python3"))
                .needs(Need::Program("xz"))
                .needs(Need::Program("bzip2"))
        })
        .collect()
}

fn as_expected(env: &TestEnv, case: &str) {
    // Copied, because the user may not be able to read where the project lies.
    let to = env.work().join("build");
    std::fs::create_dir_all(to.join("corpus")).expect("a directory in work");
    for part in ["lib", "compare", "accepted", &format!("corpus/{case}")] {
        let copied = Command::new("cp")
            .arg("-R")
            .arg(directory().join(part))
            .arg(to.join(part))
            .status();
        assert!(copied.expect("cp").success(), "{part}");
    }
    let script = format!("exec python3 -B build/compare check --ctr '{{ctr}}' {case}");
    env.script(&script).ok().stdout("");
}
