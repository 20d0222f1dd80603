//! The small files that tell what a command has made: an ID, a digest, a JSON object.

use std::fs;
use std::path::Path;

use crate::cli::error::Failure;
use crate::sys::rights::as_caller;

/// Writes one, with the caller's own rights, wherever the process is by now.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    as_caller(|| fs::write(path, text)).map_err(Failure::on_file("write", path))
}
