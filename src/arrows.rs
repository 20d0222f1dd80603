//! Holds the sources against the map in `lib.rs`: a module uses what stands below it on the map, nothing above.
//!
//! The map is the only list: a module that is not on it, and a line of it that is no module, fail as well.

use std::fs;
use std::path::{Path, PathBuf};

/// Reads the modules' names off the map, topmost first.
fn map(lib: &str) -> Vec<&str> {
    lib.lines()
        .skip_while(|line| *line != "//! ```text")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .filter_map(|line| line.strip_prefix("//! "))
        // The lines that go on with what the line before began are indented.
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// Returns the top-level modules that `source` names after `root` (`crate::`), with the line of each. Comments, which may
/// speak of whom they like, are left out.
fn uses<'s>(source: &'s str, root: &str) -> Vec<(usize, &'s str)> {
    let mut found = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices(root) {
            let path = &code[at + root.len()..];
            let paths = match path.strip_prefix('{') {
                None => vec![path],
                Some(group) => match group.rsplit_once('}') {
                    Some((group, _)) => group.split(',').collect(),
                    None => panic!(
                        "line {}: a group of modules on one line, please",
                        number + 1
                    ),
                },
            };
            found.extend(paths.into_iter().map(|path| {
                let path = path.trim_start();
                let end = path.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                (number + 1, &path[..end.unwrap_or(path.len())])
            }));
        }
    }
    found
}

fn rust_files(path: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns each use of a module that stands above its user, as `store/blobs.rs:7: store uses image`.
fn upward(map: &[&str], module: &str, file: &str, source: &str) -> Vec<String> {
    let place = |name: &str| map.iter().position(|on_map| *on_map == name);
    let mut arrows = uses(source, "crate::");
    // From a module's own file, `super` is the crate.
    if file == format!("{module}.rs") || file == format!("{module}/mod.rs") {
        arrows.extend(uses(source, "super::"));
    }
    arrows
        .into_iter()
        .filter(|(_, used)| place(used) < place(module) && place(used).is_some())
        .map(|(line, used)| format!("{file}:{line}: {module} uses {used}"))
        .collect()
}

#[test]
fn point_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let map = map(&lib);
    let mut declared: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut on_map = map.clone();
    declared.sort_unstable();
    on_map.sort_unstable();
    assert_eq!(on_map, declared, "the map of lib.rs and its modules");

    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let file = path.strip_prefix(&src).unwrap().to_str().unwrap();
        let module = file.split(['/', '.']).next().unwrap();
        if map.contains(&module) {
            let source = fs::read_to_string(&path).unwrap();
            wrong.extend(upward(&map, module, file, &source));
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that point up:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn upward_arrows_are_seen() {
    let map = map(
        "//! ```text\n//! cli      words\n//!          more words\n//! store    words\n//! ```\n",
    );
    assert_eq!(map, ["cli", "store"]);
    let source =
        "use crate::{sys, cli};\nuse crate::store::Y; // crate::cli\nfn f() { crate::cli::g() }\n";
    let both = [
        "store/a.rs:1: store uses cli",
        "store/a.rs:3: store uses cli",
    ];
    assert_eq!(upward(&map, "store", "store/a.rs", source), both);
    assert_eq!(upward(&map, "cli", "cli/a.rs", source), [""; 0]);
    let own = upward(&map, "store", "store/mod.rs", "use super::cli;\n");
    assert_eq!(own, ["store/mod.rs:1: store uses cli"]);
}
