//! The names that `buildx create` gives to the builder: `builders.json` in ctr's directory of settings.
//!
//! ```json
//! {"current": "ci", "builders": {"ci": {"driver": "docker-container", "node": "ci0"}}}
//! ```
//!
//! Who changes it holds a lock on the directory and replaces the file, so that readers need none.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::DOCKER_DRIVER;
use crate::bounded;
use crate::cli::context::Context;
use crate::cli::environment;
use crate::cli::error::Failure;
use crate::unfinished::Unfinished;

/// The name that the builder has by itself.
pub(super) const DEFAULT: &str = "default";

/// Bytes of the file.
const MAX_BYTES: u64 = 1 << 20;

/// Bytes of a name.
const MAX_NAME: usize = 128;

/// What a name stands for: always this builder, and what was asked for when it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    /// `--driver`.
    pub(super) driver: String,
    /// `--node`.
    pub(super) node: String,
}

/// All names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Names {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default)]
    builders: BTreeMap<String, Named>,
}

impl Names {
    /// Reads the file; no file is no names.
    pub(super) fn read(context: &Context) -> Result<Names, Failure> {
        let path = path(context)?;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::message(format!("cannot read {}: {error}", path.display()))
        };
        let bytes = bounded::read_file(&path, MAX_BYTES).map_err(|error| failed(&error))?;
        match bytes {
            None => Ok(Names::default()),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(&error)),
        }
    }

    /// Has `work` change them.
    pub(super) fn change<T>(
        context: &Context,
        work: impl FnOnce(&mut Names) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let dir = &context.settings.config_dir;
        let _lock = lock(dir).map_err(|error| {
            Failure::of(error).about(&format!("cannot write to {}", dir.display()))
        })?;
        let mut names = Names::read(context)?;
        let result = work(&mut names)?;
        let path = path(context)?;
        let mut unfinished = Unfinished::beside(&path).map_err(Failure::on_file("open", &path))?;
        let text = serde_json::to_string(&names).unwrap_or_default();
        let written = writeln!(unfinished.file, "{text}");
        written.map_err(|error| {
            Failure::of(error).about(&format!("cannot write {}", path.display()))
        })?;
        unfinished
            .finish(&path)
            .map_err(Failure::on_file("rename", &path))?;
        Ok(result)
    }

    /// The name that a command is about: the one that it was given, `BUILDX_BUILDER`, or the current one.
    pub(super) fn chosen(&self, given: Option<&str>) -> String {
        let set = || environment::set("BUILDX_BUILDER").filter(|name| !name.is_empty());
        match given {
            Some(name) => name.to_owned(),
            None => set().unwrap_or_else(|| self.current().to_owned()),
        }
    }

    /// The name of the current builder.
    pub(super) fn current(&self) -> &str {
        let current = self.current.as_deref();
        let known = current.filter(|name| self.builders.contains_key(*name));
        known.unwrap_or(DEFAULT)
    }

    /// What is called `name`.
    pub(super) fn get(&self, name: &str) -> Result<Named, Failure> {
        if name == DEFAULT {
            return Ok(Named {
                driver: DOCKER_DRIVER.to_owned(),
                node: DEFAULT.to_owned(),
            });
        }
        let missing = || Failure::message(format!("no builder {name:?} found"));
        self.builders.get(name).cloned().ok_or_else(missing)
    }

    /// All of them in the order in which they are listed.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Named)> {
        let made = self.builders.keys().map(String::as_str);
        let names = made.chain([DEFAULT]);
        names.filter_map(|name| Some((name, self.get(name).ok()?)))
    }

    /// Makes `name`, which is listed, the current one.
    pub(super) fn set_current(&mut self, name: &str) {
        self.current = (name != DEFAULT).then(|| name.to_owned());
    }

    /// Gives the name.
    pub(super) fn insert(&mut self, name: String, named: Named) {
        self.builders.insert(name, named);
    }

    /// Takes the name away.
    pub(super) fn remove(&mut self, name: &str) {
        self.builders.remove(name);
    }
}

/// Checks a name that somebody wants to give, and returns it as it is kept.
pub(super) fn check(name: &str) -> Result<String, Failure> {
    let mut bytes = name.bytes();
    let is_name = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && name.len() <= MAX_NAME;
    match is_name {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(Failure::message(format!(
            "invalid name {name}, name needs to start with a letter and may not contain symbols, except ._-"
        ))),
    }
}

fn path(context: &Context) -> Result<PathBuf, Failure> {
    let dir = &context.settings.config_dir;
    match dir.as_os_str().is_empty() {
        true => Err(Failure::message("cannot find your home directory").with_hint("set HOME")),
        false => Ok(dir.join("builders.json")),
    }
}

fn lock(dir: &std::path::Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let dir = fs::File::open(dir)?;
    rustix::fs::flock(&dir, FlockOperation::LockExclusive)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_given() {
        assert_eq!(check("CI.runner_1-x").unwrap(), "ci.runner_1-x");
        for wrong in ["", "1a", "a b", "a/b", "a*", "é"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_current_builder_that_is_gone_is_not_current() {
        let mut names = Names::default();
        assert_eq!(names.current(), DEFAULT);
        let named = names.get(DEFAULT).unwrap();
        names.insert("ci".to_owned(), named);
        names.set_current("ci");
        assert_eq!(names.current(), "ci");
        let all: Vec<&str> = names.all().map(|(name, _)| name).collect();
        assert_eq!(all, ["ci", DEFAULT]);
        names.remove("ci");
        assert_eq!(names.current(), DEFAULT);
        assert!(names.get("ci").is_err());
    }
}
