//! `RUN --mount=type=cache`: directories that stay between builds.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::Key;
use crate::build::dockerfile::mount::Sharing;
use crate::build::error::{Error, failed};
use crate::store::Store;

/// How many copies of a private cache there can be at once.
const MAX_COPIES: u32 = 64;

/// A cache directory in use. It is nobody else's (unless it is shared) until this is dropped.
#[derive(Debug)]
pub(crate) struct CacheMount {
    /// The directory.
    pub path: PathBuf,
    /// Whether it has just been made.
    pub is_new: bool,
    _lock: Option<File>,
}

/// Takes the cache called `id` into use, making it with `mode` and giving it to the caller's `owner` where it is new.
/// Waits for a locked one.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::Invalid`] where a private one is in use too often.
pub(crate) fn take(
    store: &Store,
    id: &str,
    sharing: Sharing,
    mode: u32,
) -> Result<CacheMount, Error> {
    let root = store.cache_dir().join("mounts");
    fs::create_dir_all(&root).map_err(failed("create", &root))?;
    let mut key = Key::new("mount");
    key.field("id", id);
    let name = key.finish().hex().to_owned();
    if sharing == Sharing::Shared {
        let lock = lock_file(&root, &name)?;
        let wait = rustix::fs::flock(lock.as_fd(), FlockOperation::LockShared);
        wait.map_err(|error| failed("lock", &root)(error.into()))?;
        return open(root.join(name), Some(lock), mode);
    }
    if sharing == Sharing::Locked {
        let lock = lock_file(&root, &name)?;
        let wait = rustix::fs::flock(lock.as_fd(), FlockOperation::LockExclusive);
        wait.map_err(|error| failed("lock", &root)(error.into()))?;
        return open(root.join(name), Some(lock), mode);
    }
    for copy in 0..MAX_COPIES {
        let name = match copy {
            0 => name.clone(),
            copy => format!("{name}.{copy}"),
        };
        let lock = lock_file(&root, &name)?;
        if rustix::fs::flock(lock.as_fd(), FlockOperation::NonBlockingLockExclusive).is_ok() {
            return open(root.join(name), Some(lock), mode);
        }
    }
    Err(Error::Invalid(format!(
        "the private cache {id:?} is in use {MAX_COPIES} times"
    )))
}

fn lock_file(root: &Path, name: &str) -> Result<File, Error> {
    let path = root.join(format!("{name}.lock"));
    File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(failed("create", path))
}

fn open(path: PathBuf, lock: Option<File>, mode: u32) -> Result<CacheMount, Error> {
    let is_new = match fs::create_dir(&path) {
        Ok(()) => {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(&path, mode).map_err(failed("create", &path))?;
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(failed("create", &path)(error)),
    };
    Ok(CacheMount {
        path,
        is_new,
        _lock: lock,
    })
}
