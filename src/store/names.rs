//! Containers' names: `names/<name>`, a symbolic link to the container's directory.
//!
//! Making the link claims the name, in one step, for one of however many ask. The directory is made before the name is
//! claimed and removed before it is freed, so a link to nothing, or to a directory that nobody holds and that has no
//! record, is what a crash left: the next who asks for the name takes it. Links are taken away under a lock on `names/`
//! only, so nobody takes away one that has just been made.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::files::{entries, failed, found};
use super::lock::flock_wait;
use super::{Error, Store};

impl Store {
    /// Claims `name` for the container `id`, whose directory exists. The caller has checked that `name` is a name: one
    /// path component.
    ///
    /// # Errors
    ///
    /// [`Error::NameInUse`], [`Error::Io`].
    pub fn claim_name(&self, name: &str, id: &str) -> Result<(), Error> {
        let path = self.name_path(name);
        let target = Path::new("../containers").join(id);
        loop {
            match symlink(&target, &path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("create", &path)(error)),
            }
            let Some(holder) = self.find_name(name)? else {
                // Freed meanwhile, unless something is there that is no link, which nobody frees.
                if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_symlink()) {
                    let foreign = io::Error::from_raw_os_error(libc::EINVAL);
                    return Err(failed("read", &path)(foreign));
                }
                continue;
            };
            if !self.is_leftover(&holder)? {
                return Err(Error::NameInUse {
                    name: name.to_owned(),
                    id: holder,
                });
            }
            self.release_name(name, &holder)?;
        }
    }

    /// Returns the ID of the container that has `name`. Whether it is all there, its record tells.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] other than "not found".
    pub fn find_name(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.name_path(name);
        let target = match fs::read_link(&path) {
            // Not a link, or no such thing as a file of that name.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EINVAL | libc::ENAMETOOLONG | libc::ENOENT | libc::ENOTDIR)
                ) =>
            {
                return Ok(None);
            }
            target => target.map_err(failed("read", &path))?,
        };
        let id = target
            .file_name()
            .map(|id| id.to_string_lossy().into_owned());
        Ok(id)
    }

    /// Frees `name` if the container `id` has it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn release_name(&self, name: &str, id: &str) -> Result<(), Error> {
        if self.find_name(name)?.as_deref() != Some(id) {
            return Ok(());
        }
        let names = self.root.join("names");
        let lock = File::open(&names).map_err(failed("open", &names))?;
        flock_wait(&lock).map_err(failed("lock", &names))?;
        // Again, now that nobody else takes links away.
        if self.find_name(name)?.as_deref() == Some(id) {
            let path = self.name_path(name);
            found(fs::remove_file(&path)).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// Returns every name and the ID it stands for, in no order.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn names(&self) -> Result<Vec<(String, String)>, Error> {
        let mut list = Vec::new();
        for (name, _) in entries(&self.root.join("names"))? {
            if let Some(name) = name.to_str()
                && let Some(id) = self.find_name(name)?
            {
                list.push((name.to_owned(), id));
            }
        }
        Ok(list)
    }

    /// Whether a crash left no more of the container than an empty shell, or nothing.
    pub(super) fn is_leftover(&self, id: &str) -> Result<bool, Error> {
        let container = self.container(id);
        Ok(!container.is_complete() && !container.is_locked()?)
    }

    fn name_path(&self, name: &str) -> PathBuf {
        self.root.join("names").join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let workers: Vec<_> = (0..8)
            .map(|n| {
                let store = store.clone();
                std::thread::spawn(move || {
                    let id = format!("{n:064x}");
                    let (_dir, lock) = store.create_container(&id).unwrap();
                    // The lock is held until all have tried: a container without one and without a record is garbage.
                    (store.claim_name("web", &id).is_ok(), lock)
                })
            })
            .collect();
        let tried: Vec<_> = workers.into_iter().map(|w| w.join().unwrap()).collect();
        assert_eq!(tried.iter().filter(|(won, _)| *won).count(), 1);
    }

    #[test]
    fn heals_after_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        // Killed between claiming and writing the record.
        let (crashed, lock) = store.create_container(&one).unwrap();
        store.claim_name("web", &one).unwrap();
        let (container, _lock) = store.create_container(&two).unwrap();
        assert!(matches!(
            store.claim_name("web", &two),
            Err(Error::NameInUse { .. })
        ));
        drop(lock);
        store.claim_name("web", &two).unwrap();
        assert_eq!(store.find_name("web").unwrap(), Some(two.clone()));
        // Removed, but killed before the name was freed.
        fs::remove_dir_all(container.path()).unwrap();
        fs::write(crashed.record_path(), "{}").unwrap();
        store.claim_name("web", &one).unwrap();
        assert!(store.claim_name("web", &two).is_err());
        store.release_name("web", &two).unwrap();
        assert_eq!(store.names().unwrap(), [("web".to_owned(), one)]);
    }
}
