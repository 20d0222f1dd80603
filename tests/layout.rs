//! No test file is forgotten.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{Scenario, once};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![once!(every_file_is_registered)]
}

fn every_file_is_registered() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files: BTreeSet<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|stem| stem != "main")
        .collect();
    let registered: BTreeSet<String> = crate::FILES
        .iter()
        .map(|(file, _)| (*file).to_owned())
        .collect();
    assert_eq!(
        files, registered,
        "the files in tests/ and the table in tests/main.rs differ"
    );
}
