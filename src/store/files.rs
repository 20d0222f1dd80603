//! File operations that carry the path in their errors.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Error;

/// Returns the function that makes an [`Error::Io`] of an I/O error, for `map_err`.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Turns "not found" into `None`.
pub(super) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is something under this name. A path that cannot be looked at counts as absent.
pub(super) fn exists(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXISTS).is_ok()
}

/// Reads a file of at most `limit` bytes; `None` if there is none. A longer one is an error.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let Some(file) = found(File::open(path)).map_err(failed("open", path))? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::Mismatch {
            what: format!("size of {}", path.display()),
            expected: format!("at most {limit} bytes"),
            actual: "more".to_owned(),
        });
    }
    Ok(Some(bytes))
}

/// Makes a directory that only the user can enter, and those above it that are missing. Fine if it exists.
pub(super) fn ensure_private_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("create", path))
}

/// Makes one directory that only the user can enter; `false` if it was there.
pub(super) fn create_private_dir(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns options for a new or existing file that only the user can read.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

/// Returns the entries of a directory as name and whether it is a directory; none if there is no such directory.
pub(super) fn entries(path: &Path) -> Result<Vec<(PathBuf, bool)>, Error> {
    let Some(iter) = found(fs::read_dir(path)).map_err(failed("read", path))? else {
        return Ok(Vec::new());
    };
    let mut list = Vec::new();
    for entry in iter {
        let entry = entry.map_err(failed("read", path))?;
        let Some(kind) = found(entry.file_type()).map_err(failed("read", &entry.path()))? else {
            continue;
        };
        list.push((PathBuf::from(entry.file_name()), kind.is_dir()));
    }
    Ok(list)
}

/// Replaces a file that only one process at a time writes, so that readers see the old or the new content: written
/// beside it, then renamed. Nothing is synced; after a power cut the file may be empty or old.
///
/// # Errors
///
/// [`Error::Io`]; the old content is then still there.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or(OsStr::new("")).to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let written = private_file()
        .truncate(true)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(failed("write", &beside))
        .and_then(|()| fs::rename(&beside, path).map_err(failed("replace", path)));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Returns the sum of the sizes of the regular files below `path`, bytes; a file with several names counts once. What
/// cannot be looked at counts nothing.
pub fn tree_bytes(path: &Path) -> u64 {
    let mut seen = HashSet::new();
    let mut bytes = 0;
    let mut pending = vec![path.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        if meta.is_file() {
            if meta.nlink() == 1 || seen.insert((meta.dev(), meta.ino())) {
                bytes += meta.len();
            }
        } else if meta.is_dir()
            && let Ok(list) = fs::read_dir(&path)
        {
            pending.extend(list.flatten().map(|entry| entry.path()));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_or_keeps() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(replace_file(&dir.path().join("no/such"), b"").is_err());
    }

    #[test]
    fn reads_with_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert!(read_bounded(&path, 3).unwrap().is_none());
        fs::write(&path, "abc").unwrap();
        assert_eq!(read_bounded(&path, 3).unwrap().unwrap(), b"abc");
        assert!(matches!(
            read_bounded(&path, 2),
            Err(Error::Mismatch { .. })
        ));
    }
}
