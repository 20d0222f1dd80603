//! WORKDIR: makes the directory, where it is missing.

use std::path::Path;

use rustix::fs::Timespec;

use crate::build::error::Error;
use crate::build::stage::{Outcome, Worker};
use crate::build::tree::{Implicit, Target};
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
    key.finish()
}

/// Carries it out.
///
/// # Errors
///
/// [`Error::Invalid`] where something else is in the way; [`Error::Io`].
pub(crate) fn execute(worker: &mut Worker<'_>) -> Result<Outcome, Error> {
    let lower = worker.lower()?;
    let stage = worker.engine.store.stage_layer()?;
    let mut target = Target::new(stage.dir(), lower, worker.owners)?;
    let path = target.resolve(Path::new(&worker.image.config.working_dir))?;
    // As Docker: it exists already more often than not, and then there is no layer.
    if path.as_os_str().is_empty() || target.find(&path)?.is_some() {
        return Ok(Outcome::Nothing);
    }
    let implicit = Implicit {
        uid: 0,
        gid: 0,
        time: TIME,
    };
    target.ensure_directory(&path, implicit)?;
    target.finish(TIME)?;
    Ok(Outcome::Layer(stage))
}
