//! `RUN --mount=type=cache`: directories that stay between builds.
//!
//! ```text
//! DATA/cache/mounts/<name>        the directory; the name is a hash of its id
//! DATA/cache/mounts/<name>.lock   locked by whoever uses it, says what it is (JSON; its time is when it was last used)
//! ```
//!
//! A directory is filled before it has its name, so that nobody sees a half-filled one. Whoever has waited for a lock looks
//! whether the file still has its name: prune removes it along with the directory.

use std::fs::{self, File, FileTimes};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use super::Key;
use crate::build::dockerfile::mount::Sharing;
use crate::build::error::{Error, failed};
use crate::store::Store;
use crate::store::lock::{
    is_ofd_locked, ofd_lock_shared_wait, ofd_lock_wait, still_names, try_ofd_lock,
};

/// How many copies of a private cache there can be at once.
const MAX_COPIES: u32 = 64;

/// Bytes of what a lock file says.
const MAX_LABEL: u64 = 16 << 10;

/// What the names of lock files end with.
const LOCK: &str = ".lock";

/// A cache directory in use. It is nobody else's (unless it is shared) until this is dropped.
#[derive(Debug)]
pub(crate) struct CacheMount {
    /// The directory.
    pub path: PathBuf,
    _lock: File,
}

/// A cache directory, for those who list and remove them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Of the directory.
    pub(super) name: String,
    /// What the Dockerfile calls it.
    pub(super) id: String,
    /// When it was made, RFC 3339.
    pub(super) created: String,
    /// When a step has begun to use it last.
    pub(super) used: SystemTime,
    /// Whether a step uses it now.
    pub(super) in_use: bool,
}

/// What a lock file says.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Label {
    #[serde(default)]
    id: String,
    #[serde(default)]
    created: String,
}

/// Where the directories are.
pub(super) fn root(store: &Store) -> PathBuf {
    store.cache_dir().join("mounts")
}

/// Returns the name of the directory for `id`.
pub(super) fn name_of(id: &str) -> String {
    let mut key = Key::new("mount");
    key.field("id", id);
    key.finish().hex().to_owned()
}

/// Takes the cache called `id` into use; where it is new, `fill` puts into a fresh directory what it begins with. Waits for a
/// locked one.
///
/// # Errors
///
/// Those of `fill`; [`Error::Io`]; [`Error::Invalid`] where a private one is in use too often.
pub(crate) fn take(
    store: &Store,
    id: &str,
    sharing: Sharing,
    fill: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<CacheMount, Error> {
    let root = root(store);
    fs::create_dir_all(&root).map_err(failed("create", &root))?;
    let name = name_of(id);
    let (name, lock) = match sharing {
        Sharing::Private => {
            let free = (0..MAX_COPIES).find_map(|copy| {
                let name = match copy {
                    0 => name.clone(),
                    copy => format!("{name}.{copy}"),
                };
                let lock = lock(&root, &name, id, try_ofd_lock).transpose()?;
                Some(lock.map(|lock| (name, lock)))
            });
            free.unwrap_or_else(|| {
                Err(Error::Invalid(format!(
                    "the private cache {id:?} is in use {MAX_COPIES} times"
                )))
            })?
        }
        Sharing::Shared | Sharing::Locked => {
            let wait = |file: &File| match sharing {
                Sharing::Shared => ofd_lock_shared_wait(file).map(|()| true),
                _ => ofd_lock_wait(file).map(|()| true),
            };
            loop {
                if let Some(lock) = lock(&root, &name, id, wait)? {
                    break (name, lock);
                }
            }
        }
    };
    let path = root.join(&name);
    if !path.is_dir() {
        make(store, &path, fill)?;
    }
    Ok(CacheMount { path, _lock: lock })
}

/// Opens the lock file, with a label where it is new, and locks it; `None` where it is taken, or was removed meanwhile.
fn lock(
    root: &Path,
    name: &str,
    id: &str,
    take: impl FnOnce(&File) -> std::io::Result<bool>,
) -> Result<Option<File>, Error> {
    let path = root.join(format!("{name}{LOCK}"));
    let mut file = File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(failed("create", &path))?;
    if !take(&file).map_err(failed("lock", &path))?
        || !still_names(&path, &file).map_err(failed("check", &path))?
    {
        return Ok(None);
    }
    let length = file.metadata().map_err(failed("read", &path))?.len();
    if length == 0 {
        // Two that share it may write at once: the same but for the time.
        let label = Label {
            id: id.to_owned(),
            created: jiff::Timestamp::now().to_string(),
        };
        let text = serde_json::to_vec(&label).unwrap_or_default();
        file.write_all(&text).map_err(failed("write", &path))?;
    }
    // What counts as its last use. That it cannot be noted harms nobody.
    let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
    Ok(Some(file))
}

fn make(
    store: &Store,
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let scratch = store.scratch_dir("mount")?;
    let fresh = scratch.path().join("cache");
    fs::create_dir(&fresh).map_err(failed("create", &fresh))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))
        .map_err(failed("change", &fresh))?;
    fill(&fresh)?;
    match renameat_with(CWD, &fresh, CWD, path, RenameFlags::NOREPLACE) {
        // Another step that shares it was faster.
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(errno) => Err(failed("create", path)(errno.into())),
    }
}

/// Waits until nobody has the cache called `id` for himself, and keeps it from being removed until the file is dropped.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn hold(store: &Store, id: &str) -> Result<File, Error> {
    let wait = |file: &File| ofd_lock_shared_wait(file).map(|()| true);
    loop {
        if let Some(lock) = lock(&root(store), &name_of(id), id, wait)? {
            return Ok(lock);
        }
    }
}

/// Lists the directories.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn list(store: &Store) -> Result<Vec<Found>, Error> {
    let root = root(store);
    let mut found = Vec::new();
    let entries = match fs::read_dir(&root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed("read", &root)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", &root))?;
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file_name.strip_suffix(LOCK) else {
            continue;
        };
        let Ok(file) = File::open(entry.path()) else {
            continue;
        };
        let mut text = Vec::new();
        let used = file.metadata().and_then(|meta| meta.modified());
        let in_use = is_ofd_locked(&file).map_err(failed("lock", entry.path()))?;
        let _ = (&file).take(MAX_LABEL).read_to_end(&mut text);
        let label: Label = serde_json::from_slice(&text).unwrap_or_default();
        found.push(Found {
            name: name.to_owned(),
            id: label.id,
            created: label.created,
            used: used.unwrap_or(SystemTime::UNIX_EPOCH),
            in_use,
        });
    }
    Ok(found)
}

/// Removes the directory called `name` unless a step uses it. Returns whether it did.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Store`].
pub(super) fn remove(store: &Store, name: &str) -> Result<bool, Error> {
    let path = root(store).join(name);
    let lock_path = root(store).join(format!("{name}{LOCK}"));
    let open = File::options().read(true).write(true).open(&lock_path);
    let lock = match open {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed("open", &lock_path)(error)),
    };
    if !try_ofd_lock(&lock).map_err(failed("lock", &lock_path))?
        || !still_names(&lock_path, &lock).map_err(failed("check", &lock_path))?
    {
        return Ok(false);
    }
    // Out of sight as a whole; then it takes as long as it takes.
    let scratch = store.scratch_dir("mount")?;
    match fs::rename(&path, scratch.path().join("cache")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failed("remove", &path)(error));
        }
        _ => {}
    }
    fs::remove_file(&lock_path).map_err(failed("remove", &lock_path))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        (dir, store)
    }

    fn take_empty(store: &Store, sharing: Sharing) -> CacheMount {
        take(store, "/c", sharing, |_| Ok(())).unwrap()
    }

    #[test]
    fn what_is_in_use_stays() {
        let (_dir, store) = store();
        let mount = take(&store, "/c", Sharing::Shared, |dir| {
            fs::write(dir.join("f"), "x").map_err(failed("write", dir))
        })
        .unwrap();
        // The second does not fill it again.
        let other = take(&store, "/c", Sharing::Shared, |_| panic!("it is full")).unwrap();
        assert_eq!(other.path, mount.path);
        let found = list(&store).unwrap();
        assert_eq!((found.len(), found[0].id.as_str()), (1, "/c"));
        assert!(found[0].in_use && mount.path.join("f").exists());
        drop(other);
        assert!(!remove(&store, &found[0].name).unwrap());
        drop(mount);
        assert!(!list(&store).unwrap()[0].in_use);
        assert!(remove(&store, &found[0].name).unwrap());
        assert!(list(&store).unwrap().is_empty());
        assert_eq!(fs::read_dir(root(&store)).unwrap().count(), 0);
        assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn private_ones_are_nobody_elses() {
        let (_dir, store) = store();
        let one = take_empty(&store, Sharing::Private);
        let two = take_empty(&store, Sharing::Private);
        assert_ne!(one.path, two.path);
        let first = one.path.clone();
        drop(one);
        assert_eq!(take_empty(&store, Sharing::Private).path, first);
        assert_eq!(list(&store).unwrap().len(), 2);
    }

    #[test]
    fn one_that_could_not_be_filled_is_not_there() {
        let (_dir, store) = store();
        let failure = take(&store, "/c", Sharing::Locked, |dir| {
            fs::write(dir.join("half"), "").unwrap();
            Err(Error::Invalid("no".to_owned()))
        });
        assert!(failure.is_err());
        let mount = take_empty(&store, Sharing::Locked);
        assert_eq!(fs::read_dir(&mount.path).unwrap().count(), 0);
    }
}
