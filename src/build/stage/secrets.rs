//! The files of `RUN --mount=type=secret`, outside the store.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use super::Worker;
use crate::build::error::{Error, failed};
use crate::store::lock::{flock_wait, still_names};
use crate::store::{ensure_run_dir, remove_tree};

impl Worker<'_> {
    /// Returns a directory for secrets, which is not in the store and goes with the stage.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Store`].
    pub(in crate::build) fn secrets_dir(&self) -> Result<PathBuf, Error> {
        ensure_run_dir(&self.engine.settings.run_dir)?;
        let path = self.secrets_path();
        loop {
            let made = DirBuilder::new().mode(0o700).create(&path);
            match made {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(failed("create", &path)(error));
                }
                Err(_) if self.secrets_lock.borrow().is_some() => return Ok(path),
                _ => {}
            }
            // Held by nobody it is what a killed build has left.
            let dir = match File::open(&path) {
                // Swept before it was locked.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.map_err(failed("open", &path))?,
            };
            flock_wait(&dir).map_err(failed("lock", &path))?;
            if still_names(&path, &dir).map_err(failed("check", &path))? {
                self.secrets_lock.replace(Some(dir));
                return Ok(path);
            }
        }
    }

    fn secrets_path(&self) -> PathBuf {
        let name = format!("build-{}", std::process::id());
        self.engine.settings.run_dir.join(name)
    }

    /// Deletes the files of secrets. The mounts of a command that runs keep what they show.
    pub(in crate::build) fn forget_secrets(&self) {
        // What cannot be deleted now is when the stage ends.
        let _ = remove_tree(&self.secrets_path());
        self.secrets_lock.replace(None);
    }
}
