//! WORKDIR: makes the directory, where it is missing, for the image's user so far.

use std::path::Path;

use rustix::fs::{FileType, Timespec};

use crate::build::error::Error;
use crate::build::layer::Made;
use crate::build::stage::{Outcome, Worker};
use crate::build::tree::{Implicit, Target};
use crate::container;
use crate::content::Digest;

/// The time of a directory that comes from nowhere: always the same, so that its layer is.
const TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Returns what the step depends on.
pub(crate) fn key(worker: &Worker<'_>) -> Digest {
    let mut key = worker.key("workdir");
    key.field("path", &worker.image.config.working_dir);
    key.field("user", &worker.image.config.user);
    key.finish()
}

/// Carries it out.
///
/// # Errors
///
/// [`Error::Invalid`] where something else is in the way; [`Error::Container`] for a user that the image does not have;
/// [`Error::Io`].
pub(crate) fn execute(worker: &mut Worker<'_>) -> Result<Outcome, Error> {
    let lower = worker.lower()?;
    let stage = worker.engine.store.stage_layer()?;
    let mut target = Target::new(stage.dir(), lower, worker.owners, TIME)?
        .into_layer(worker.owners, worker.request.epoch);
    let path = target.resolve(Path::new(&worker.image.config.working_dir))?;
    // As Docker: it exists already more often than not, and then there is no layer.
    if path.as_os_str().is_empty() {
        return Ok(Outcome::Nothing);
    }
    if let Some(stat) = target.find(&path)? {
        return match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Outcome::Nothing),
            _ => Err(Error::Invalid(format!(
                "mkdir /{}: not a directory",
                path.display()
            ))),
        };
    }
    let (uid, gid) = match worker.image.config.user.as_str() {
        "" => (0, 0),
        user => {
            let dirs: Vec<_> = (worker.layers.iter())
                .map(|layer| layer.dir.clone())
                .collect();
            container::find_owner(&dirs, user)?
        }
    };
    let implicit = Implicit {
        uid,
        gid,
        mode: 0o755,
        time: TIME,
    };
    target.ensure_directory(&path, implicit)?;
    let written = target.finish()?;
    Ok(Outcome::Layer(Made {
        stage,
        written,
        key: None,
    }))
}
