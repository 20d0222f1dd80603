//! The files of `RUN --mount=type=secret`, outside the store.

use std::path::PathBuf;

use super::Worker;
use crate::build::error::Error;
use crate::store::BuildDir;

impl Worker<'_> {
    /// Returns a directory for secrets, which is not in the store and goes with the stage.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub(in crate::build) fn secrets_dir(&self) -> Result<PathBuf, Error> {
        let mut secrets = self.secrets.borrow_mut();
        let dir = match secrets.take() {
            Some(dir) => dir,
            None => BuildDir::create(&self.engine.settings.run_dir)?,
        };
        Ok(secrets.insert(dir).path().to_owned())
    }

    /// Deletes the files of secrets. The mounts of a command that runs keep what they show.
    pub(in crate::build) fn forget_secrets(&self) {
        self.secrets.replace(None);
    }
}
