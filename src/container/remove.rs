//! `rm`, and the end of a container that was run with `--rm`.
//!
//! Removing is a rename into `tmp/`; what is left to do then is deleting files, some of which belong to ids that only
//! exist in the container's user namespace. Those are deleted from inside one: the container's own while it is at hand, a
//! fresh one otherwise.

use std::path::Path;

use super::error::system;
use super::options::RemoveOptions;
use super::record::Status;
use super::start::Held;
use super::{Container, Engine, Error};
use crate::store::{self, remove_tree};
use crate::sys::child::in_child;
use crate::userns::{self, Tier};
use crate::volume::Volumes;

impl Engine {
    /// Removes the container.
    ///
    /// The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// [`Error::Running`] without `force`; [`Error::NotFound`] if somebody else was faster.
    pub fn remove(&self, container: &Container, options: RemoveOptions) -> Result<(), Error> {
        let record = &container.record;
        let dir = self.store.container(&record.id);
        let mut lock = dir.try_lock()?;
        if lock.is_none() {
            let running = container.state.status == Status::Running;
            if !options.force && (running || dir.is_locked()?) {
                return Err(Error::Running(record.name.clone()));
            }
            // Somebody may hold it who is about to start it.
            lock = match self.hold(&record.id) {
                Ok(Held::Ours(lock)) => Some(lock),
                Ok(Held::Running(now)) => {
                    self.kill_and_wait(&now)?;
                    dir.lock()?
                }
                Err(Error::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
        }
        let Some(lock) = lock else {
            // With `--rm` it has removed itself when it was killed.
            return match options.force {
                true => Ok(()),
                false => Err(Error::NotFound(record.name.clone())),
            };
        };
        self.settle(&dir, record, &lock)?;
        let volumes = match options.volumes || record.host_config.auto_remove {
            true => record.anonymous_volumes(),
            false => Vec::new(),
        };
        self.remove_files(&record.id, &record.name, &volumes)
    }

    /// Removes a container's directory, frees its name, and removes `volumes` unless somebody uses them. The caller holds the
    /// lock.
    pub(super) fn remove_files(
        &self,
        id: &str,
        name: &str,
        volumes: &[String],
    ) -> Result<(), Error> {
        self.remove_files_with(id, name, volumes, |work| {
            // A map costs two processes; a child that enters it, a third. Only for those who have such files.
            let entered = || userns::enter(&self.id_map, &self.settings);
            in_child(|| entered().map_or(1, |()| work())).map_err(system("run a child process"))
        })
    }

    /// As [`Engine::remove_files`]; `inside` runs work as root of the container's ids and returns its exit code.
    pub(super) fn remove_files_with(
        &self,
        id: &str,
        name: &str,
        volumes: &[String],
        inside: impl Fn(&dyn Fn() -> u8) -> Result<u8, Error>,
    ) -> Result<(), Error> {
        let _ = std::fs::remove_dir_all(self.run_dir(id));
        let aside = self.store.detach_container(id, name)?;
        let work = || -> Result<(), Error> {
            if let Some(aside) = &aside {
                remove_tree(aside)?;
            }
            Ok(Volumes::new(&self.store).remove_unused(volumes)?)
        };
        let may_be_foreign = self.id_map.tier == Tier::Subordinate;
        let in_namespace = || u8::from(work().is_err());
        // Volumes hide what they cannot delete in `tmp/`, for prune: from inside they can delete it all.
        if may_be_foreign && !volumes.is_empty() && matches!(inside(&in_namespace), Ok(0)) {
            return Ok(());
        }
        match work() {
            Err(error) if may_be_foreign && is_foreign(&error) => {
                inside(&in_namespace)?;
                match aside.as_deref().is_some_and(Path::exists) {
                    false => Ok(()),
                    true => Err(error),
                }
            }
            result => result,
        }
    }
}

/// Whether a file could not be deleted because it is another id's.
fn is_foreign(error: &Error) -> bool {
    let denied = |error: &store::Error| {
        matches!(error, store::Error::Io { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied)
    };
    match error {
        Error::Store(error) => denied(error),
        Error::Volume(crate::volume::Error::Store(error)) => denied(error),
        _ => false,
    }
}
