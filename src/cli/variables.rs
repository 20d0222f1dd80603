//! `-e` and `--env-file`: the container's variables, some with values from ctr's own environment.
//!
//! The rules are Docker's (docker/cli, `pkg/kvfile` and `opts/env.go`): in a file, blank lines and lines that begin with `#`
//! are skipped, white space before a name is dropped, everything after the first `=` is the value as it stands, quotes
//! included. A name without `=` takes its value from the environment: in a file it is dropped where there is none, with `-e`
//! it takes the image's variable away.

use std::path::{Path, PathBuf};

use super::environment;
use super::error::Failure;
use super::exit_code::ENGINE_ERROR;

/// An environment file has at most this many bytes: a program's environment has less.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Returns the variables of `files`, then those of `flags`, as `NAME=VALUE` or, to take one away, `NAME`.
///
/// # Errors
///
/// A file that cannot be read; a name that is none.
pub(crate) fn collect(files: &[PathBuf], flags: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for path in files {
        let text = read(path)?;
        parse_file(&text, environment::set, &mut all)
            .map_err(|message| failure(format!("{}: {message}", path.display())))?;
    }
    for flag in flags {
        let name = flag.split('=').next().unwrap_or_default();
        if name.is_empty() {
            return Err(failure(format!("invalid environment variable: {flag}")));
        }
        match environment::set(name) {
            Some(value) if !flag.contains('=') => all.push(format!("{name}={value}")),
            _ => all.push(flag.clone()),
        }
    }
    Ok(all)
}

fn failure(message: String) -> Failure {
    Failure::message(message).with_code(ENGINE_ERROR)
}

fn read(path: &Path) -> Result<String, Failure> {
    let cannot = |why: &dyn std::fmt::Display| {
        failure(format!(
            "cannot read environment file {}: {why}",
            path.display()
        ))
    };
    // Docker's words for what is not there or not to be read.
    let unopened = |error: std::io::Error| failure(format!("open {}: {error}", path.display()));
    let status = std::fs::metadata(path).map_err(unopened)?;
    if status.len() > MAX_FILE_BYTES {
        return Err(cannot(&"it is too large"));
    }
    let bytes = std::fs::read(path).map_err(unopened)?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        cannot(&format!("invalid utf8 bytes at line {line}"))
    })
}

fn parse_file(
    text: &str,
    own: impl Fn(&str) -> Option<String>,
    all: &mut Vec<String>,
) -> Result<(), String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        if name.is_empty() {
            return Err(format!("no variable name on line '{line}'"));
        }
        if name.contains(|c: char| c.is_whitespace()) {
            return Err(format!("variable '{name}' contains whitespaces"));
        }
        match (value, own(name)) {
            (Some(_), _) => all.push(line.to_owned()),
            (None, Some(value)) => all.push(format!("{name}={value}")),
            (None, None) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse_file;

    fn parse(text: &str) -> Result<Vec<String>, String> {
        let mut all = Vec::new();
        let own = |name: &str| (name == "MINE").then(|| "yes".to_owned());
        parse_file(text, own, &mut all).map(|()| all)
    }

    #[test]
    fn reads_files_as_docker() {
        assert_eq!(
            parse("\u{feff}A=1\n# no\n  B = x \r\n\nC=\"q # r\"\nMINE\nNOT_SET\nD=\n"),
            Err("variable 'B ' contains whitespaces".to_owned())
        );
        assert_eq!(
            parse("\u{feff}A=1\n# no\n  B= x \r\n\nC=\"q # r\"\nMINE\nNOT_SET\nD="),
            Ok(["A=1", "B= x ", "C=\"q # r\"", "MINE=yes", "D="]
                .map(str::to_owned)
                .to_vec())
        );
        assert_eq!(parse("=x"), Err("no variable name on line '=x'".to_owned()));
    }
}
