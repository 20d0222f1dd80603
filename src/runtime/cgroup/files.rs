//! Reading and writing the files of cgroups.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::error::Error;

/// Bytes of a cgroup's file.
const MAX_BYTES: u64 = 64 << 10;

/// Moves the calling process.
pub(super) fn enter(dir: &Path) -> Result<(), Error> {
    write(&dir.join("cgroup.procs"), "0")
}

/// Reads a file of a cgroup.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    let bytes = crate::bounded::read_file(path, MAX_BYTES)
        .and_then(|bytes| bytes.ok_or_else(missing))
        .map_err(Error::io("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a file of a cgroup, which is there.
pub(super) fn write(path: &Path, value: &str) -> Result<(), Error> {
    File::options()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(Error::io(format!("write {value} to"), path))
}
