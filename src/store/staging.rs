//! Things in `tmp/`: made, locked by their writer, then given their name or removed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::files::{create_private_dir, failed, found, private_file};
use super::lock::{flock_wait, still_names};
use super::removal::remove_tree;
use super::{Error, Store};

/// What begins the name of a thing that nobody needs any more.
pub(super) const SUPERSEDED: &str = "superseded";

impl Store {
    /// Replaces a file of the store that several processes may be writing at once: readers see one of their contents.
    /// Nothing is synced.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the old content is then still there.
    pub fn replace_shared_file(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        Staged::write(self, "file", bytes)?.place(path)
    }

    /// Makes an empty directory in `tmp/` that no prune takes away while it is in use. `kind` begins its name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn scratch_dir(&self, kind: &str) -> Result<ScratchDir, Error> {
        Ok(ScratchDir(Staged::directory(self, kind)?))
    }
}

/// A directory for a while; dropped, it is removed with everything in it.
#[derive(Debug)]
pub struct ScratchDir(Staged);

impl ScratchDir {
    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A file or directory in `tmp/`, locked. Dropped before it was placed, it is removed.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
    /// Holds the lock.
    handle: File,
    /// The name is no longer ours to remove.
    settled: bool,
}

impl Staged {
    /// Makes an empty file whose name begins with `kind`.
    pub(super) fn file(store: &Store, kind: &str) -> Result<Staged, Error> {
        loop {
            let path = fresh_path(store, kind)?;
            let opened = private_file()
                .create_new(true)
                .open(&path)
                .map_err(failed("create", &path))?;
            if let Some(staged) = Staged::lock(path, opened)? {
                return Ok(staged);
            }
        }
    }

    /// Makes an empty directory whose name begins with `kind`.
    pub(super) fn directory(store: &Store, kind: &str) -> Result<Staged, Error> {
        loop {
            let path = fresh_path(store, kind)?;
            if !create_private_dir(&path).map_err(failed("create", &path))? {
                continue;
            }
            let opened = match File::open(&path) {
                // A prune was faster than our lock.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed("open", &path))?,
            };
            if let Some(staged) = Staged::lock(path, opened)? {
                return Ok(staged);
            }
        }
    }

    /// Makes a file that holds `bytes`.
    pub(super) fn write(store: &Store, kind: &str, bytes: &[u8]) -> Result<Staged, Error> {
        let mut staged = Staged::file(store, kind)?;
        staged
            .handle
            .write_all(bytes)
            .map_err(failed("write", &staged.path))?;
        Ok(staged)
    }

    /// Takes over a file that was opened, locked, and found to be still there.
    pub(super) fn adopt(path: PathBuf, handle: File) -> Staged {
        Staged {
            path,
            handle,
            settled: false,
        }
    }

    /// Waits for the lock; `None` if the thing was swept before we got it.
    fn lock(path: PathBuf, handle: File) -> Result<Option<Staged>, Error> {
        flock_wait(&handle).map_err(failed("lock", &path))?;
        if still_names(&path, &handle).map_err(failed("check", &path))? {
            Ok(Some(Staged::adopt(path, handle)))
        } else {
            Ok(None)
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn handle(&mut self) -> &mut File {
        &mut self.handle
    }

    /// Waits until the file's bytes are on the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.handle.sync_data().map_err(failed("write", &self.path))
    }

    /// Gives the thing its name, replacing a file of that name.
    pub(super) fn place(mut self, to: &Path) -> Result<(), Error> {
        fs::rename(&self.path, to).map_err(failed("create", to))?;
        self.settled = true;
        Ok(())
    }

    /// Gives a directory its name; somebody else's non-empty directory of that name wins, and ours is removed. Returns
    /// whether ours has the name.
    pub(super) fn place_unless_taken(mut self, to: &Path) -> Result<bool, Error> {
        match fs::rename(&self.path, to) {
            Ok(()) => {
                self.settled = true;
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed("create", to)(error)),
        }
    }

    /// Leaves the thing to [`Store::settle`]: an equal one is there already.
    pub(super) fn supersede(self, store: &Store) -> Result<(), Error> {
        supersede_path(store, &self.path)?;
        self.leave();
        Ok(())
    }

    /// Leaves the thing in `tmp/` for a later run: garbage for prune, until somebody adopts it.
    pub(super) fn leave(mut self) {
        self.settled = true;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.settled {
            // What cannot be removed now is garbage that prune finds.
            let _ = remove_tree(&self.path);
        }
    }
}

/// Moves what is at `path`, if there is anything, to where [`Store::settle`] deletes it.
pub(super) fn supersede_path(store: &Store, path: &Path) -> Result<(), Error> {
    let to = fresh_path(store, SUPERSEDED)?;
    found(fs::rename(path, &to)).map_err(failed("rename", path))?;
    Ok(())
}

/// Returns a path in `tmp/` that nobody has.
pub(super) fn fresh_path(store: &Store, kind: &str) -> Result<PathBuf, Error> {
    let tmp = store.root().join("tmp");
    let mut number = [0; 8];
    crate::sys::random::fill(&mut number).map_err(failed("name a file in", &tmp))?;
    let number = u64::from_ne_bytes(number);
    Ok(tmp.join(format!("{kind}-{number:016x}")))
}
