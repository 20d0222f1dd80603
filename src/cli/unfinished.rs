//! Files that a command writes: they get their names when they are whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::error::{Failure, words};
use crate::sys;

/// A file that gets its name when it is whole; dropped before that, it is removed.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) file: File,
    /// What it is called meanwhile; `None` for what is no regular file (a pipe, a device) and is written as it is.
    path: Option<PathBuf>,
}

impl Unfinished {
    /// Begins a file that will be called `path`.
    pub(crate) fn beside(path: &Path) -> Result<Unfinished, Failure> {
        let failed = |error: std::io::Error| {
            let why = words(&error.to_string());
            Failure::message(format!("open {}: {why}", path.display()))
        };
        if path.metadata().is_ok_and(|meta| !meta.is_file()) {
            let file = File::options().write(true).open(path).map_err(failed)?;
            return Ok(Unfinished { file, path: None });
        }
        let mut number = [0; 8];
        sys::random::fill(&mut number)?;
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{:016x}", u64::from_ne_bytes(number)));
        let beside = path.with_file_name(name);
        let file = File::create_new(&beside).map_err(failed)?;
        Ok(Unfinished {
            file,
            path: Some(beside),
        })
    }

    /// Gives it its name.
    pub(crate) fn finish(mut self, to: &Path) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        fs::rename(path, to).map_err(|error| {
            let why = words(&error.to_string());
            Failure::message(format!("rename {}: {why}", to.display()))
        })?;
        self.path = None;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Nobody misses it; that it cannot be removed is nothing to add to what went wrong.
            let _ = fs::remove_file(path);
        }
    }
}
