//! Containers' directories: made, found, locked, removed. What is in the records is `container`'s business.
//!
//! ```text
//! containers/<id>/
//!   lock            locked by the creator, then by the monitor: free = not running
//!   record.json     written once, by rename; a directory without it whose lock is free is garbage
//!   state.json      rewritten by rename
//!   config.json     the runtime-spec
//!   upper/, work/   overlayfs
//! ```

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use super::files::{create_private_dir, entries, failed, found, private_file};
use super::lock::{is_ofd_locked, ofd_lock_wait, still_names, try_ofd_lock};
use super::staging::fresh_path;
use super::{Error, Store};

/// Bytes of a container's or an anonymous volume's ID: 64 hexadecimal digits.
const ID_BYTES: usize = 32;

/// What the names of removed containers in `tmp/` begin with.
pub(super) const REMOVED: &str = "container";

/// Returns a fresh random ID of 64 hexadecimal digits, for a container or an anonymous volume.
///
/// # Errors
///
/// The kernel's, where it has no random numbers.
pub fn new_id() -> io::Result<String> {
    let mut bytes = [0; ID_BYTES];
    loop {
        crate::sys::random::fill(&mut bytes)?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // As moby's stringid: a short ID that is all digits would pass for a number (for a uid, in a host name).
        if !id[..12].bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(id);
        }
    }
}

/// The directory of one container, which may or may not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerDir {
    path: PathBuf,
}

/// Holds a container: as its creator, its monitor, or while changing what must not run. Forked children share it; it
/// is free when the last of them is gone.
#[derive(Debug)]
pub struct ContainerLock {
    file: File,
}

impl AsFd for ContainerLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Store {
    /// Returns the directory of container `id` (64 digits), whether it exists or not.
    pub fn container(&self, id: &str) -> ContainerDir {
        ContainerDir {
            path: self.root.join("containers").join(id),
        }
    }

    /// Makes the directory of a new container and locks it, so that nobody takes it for garbage while it has no record.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; an ID that exists is one of them.
    pub fn create_container(&self, id: &str) -> Result<(ContainerDir, ContainerLock), Error> {
        let dir = self.container(id);
        loop {
            if !create_private_dir(&dir.path).map_err(failed("create", &dir.path))? {
                let exists = io::Error::from(io::ErrorKind::AlreadyExists);
                return Err(failed("create", &dir.path)(exists));
            }
            let path = dir.lock_path();
            // A prune may see the directory before it is locked, and take it.
            let opened = found(private_file().truncate(false).open(&path));
            let Some(file) = opened.map_err(failed("create", &path))? else {
                continue;
            };
            ofd_lock_wait(&file).map_err(failed("lock", &path))?;
            if still_names(&path, &file).map_err(failed("check", &path))? {
                return Ok((dir, ContainerLock { file }));
            }
        }
    }

    /// Returns the IDs of all containers that have a directory, in no order. Some may be half-made: those without a record.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn containers(&self) -> Result<Vec<String>, Error> {
        let list = entries(&self.root.join("containers"))?;
        Ok(list
            .into_iter()
            .filter_map(|(name, is_dir)| {
                name.into_os_string().into_string().ok().filter(|_| is_dir)
            })
            .collect())
    }

    /// Takes the container away in one step, leaving its files in the returned directory of `tmp/` (for [`super::remove_tree`],
    /// by somebody who may delete them all; else for prune), and frees `name`. `None` if there is no such container.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn detach_container(&self, id: &str, name: &str) -> Result<Option<PathBuf>, Error> {
        let dir = self.container(id);
        let aside = fresh_path(self, REMOVED)?;
        let moved = found(fs::rename(&dir.path, &aside)).map_err(failed("remove", &dir.path))?;
        // In this order: a name whose container is gone heals itself, a container whose name is gone does not.
        self.release_name(name, id)?;
        Ok(moved.map(|()| aside))
    }
}

impl ContainerDir {
    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `record.json`.
    pub fn record_path(&self) -> PathBuf {
        self.path.join("record.json")
    }

    /// `state.json`.
    pub fn state_path(&self) -> PathBuf {
        self.path.join("state.json")
    }

    /// `config.json`, the runtime-spec.
    pub fn config_path(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// overlayfs's `upperdir`.
    pub fn upper_path(&self) -> PathBuf {
        self.path.join("upper")
    }

    /// overlayfs's `workdir`.
    pub fn work_path(&self) -> PathBuf {
        self.path.join("work")
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Returns whether the container is all there: it has a record. An empty one, which a power cut may leave, is none.
    pub fn is_complete(&self) -> bool {
        fs::metadata(self.record_path()).is_ok_and(|meta| meta.len() > 0)
    }

    /// Returns whether somebody (its creator or monitor) holds the container. Takes nothing, so it disturbs nobody.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] other than "not found", which is `false`.
    pub fn is_locked(&self) -> Result<bool, Error> {
        let path = self.lock_path();
        let opened = found(File::options().read(true).write(true).open(&path));
        match opened.map_err(failed("open", &path))? {
            Some(file) => is_ofd_locked(&file).map_err(failed("check", &path)),
            None => Ok(false),
        }
    }

    /// Takes the lock; `None` if somebody holds it, or if the container is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn try_lock(&self) -> Result<Option<ContainerLock>, Error> {
        let path = self.lock_path();
        // Not `O_CREAT`: a directory without a lock file has been made by nobody that lives.
        let opened = found(private_file().create(false).open(&path));
        let Some(file) = opened.map_err(failed("open", &path))? else {
            return Ok(None);
        };
        let ours = try_ofd_lock(&file).map_err(failed("lock", &path))?
            && still_names(&path, &file).map_err(failed("check", &path))?;
        Ok(ours.then_some(ContainerLock { file }))
    }

    /// Waits for the lock, as after a kill until the monitor has written how it ended; `None` if the container is gone by
    /// then.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn lock(&self) -> Result<Option<ContainerLock>, Error> {
        let path = self.lock_path();
        let opened = found(private_file().create(false).open(&path));
        let Some(file) = opened.map_err(failed("open", &path))? else {
            return Ok(None);
        };
        ofd_lock_wait(&file).map_err(failed("lock", &path))?;
        let ours = still_names(&path, &file).map_err(failed("check", &path))?;
        Ok(ours.then_some(ContainerLock { file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_locked_listed_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let id = new_id().unwrap();
        assert_eq!(id.len(), 64);
        let (container, lock) = store.create_container(&id).unwrap();
        assert!(store.create_container(&id).is_err());
        assert!(container.is_locked().unwrap());
        assert!(container.try_lock().unwrap().is_none());
        assert!(!container.is_complete());
        store.claim_name("web", &id).unwrap();
        drop(lock);
        assert!(!container.is_locked().unwrap());
        assert!(container.try_lock().unwrap().is_some());
        assert_eq!(store.containers().unwrap(), std::slice::from_ref(&id));
        let aside = store.detach_container(&id, "web").unwrap().unwrap();
        assert!(store.detach_container(&id, "web").unwrap().is_none());
        assert!(container.lock().unwrap().is_none());
        assert!(!container.is_locked().unwrap());
        assert_eq!(store.find_name("web").unwrap(), None);
        assert_eq!(aside.parent().unwrap(), store.root().join("tmp"));
        assert!(aside.exists());
    }
}
