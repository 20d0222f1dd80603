//! Why a container cannot have its limits.

use std::io;
use std::path::PathBuf;

use super::bus;

/// Why a container cannot have its limits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Version 2, and the controller is not handed down to where the cgroup would be.
    #[error(
        "{attempt}: the cgroup controller {controller:?} is not available to this user: {} does not have it",
        dir.display()
    )]
    Controller {
        /// `cannot limit …`.
        attempt: String,
        /// Its name.
        controller: String,
        /// The directory from which on it is missing.
        dir: PathBuf,
    },
    /// No place for a cgroup.
    #[error("{attempt}: no cgroup is delegated to this user")]
    Undelegated {
        /// `cannot limit …`.
        attempt: String,
        /// What was refused.
        #[source]
        source: Box<Error>,
    },
    /// A cgroup whose controllers cannot be handed down, as it has processes.
    #[error(
        "{attempt}: {} has processes of its own, so that its controllers cannot be handed down",
        dir.display()
    )]
    Occupied {
        /// `cannot limit …`.
        attempt: String,
        /// Its directory.
        dir: PathBuf,
    },
    /// Version 1 and a user who is not root.
    #[error("{attempt}: with cgroup version 1, which this machine uses, only root can")]
    Legacy {
        /// `cannot limit …`.
        attempt: String,
        /// What was refused.
        #[source]
        source: Box<Error>,
    },
    /// Nothing is mounted that could do it.
    #[error("{attempt}: no cgroup hierarchy with the controller {controller:?} is mounted here")]
    Unmounted {
        /// `cannot limit …`.
        attempt: String,
        /// Its name.
        controller: String,
    },
    /// systemd.
    #[error("{attempt}: systemd gives no cgroup")]
    Manager {
        /// `cannot limit …`.
        attempt: String,
        /// Why.
        #[source]
        source: bus::Error,
    },
    /// A limit that this version does not have.
    #[error("cgroup version {version} has no {name}")]
    Unsupported {
        /// 1 or 2.
        version: u8,
        /// In the specification's words.
        name: &'static str,
    },
    /// Limits that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A file of a cgroup.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write 5 to`, …
        action: String,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Returns the function that makes an [`Error::Io`], for `map_err`.
    pub(super) fn io(
        action: impl Into<String>,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Error {
        |source| Error::Io {
            action: action.into(),
            path: path.into(),
            source,
        }
    }

    /// Whether the user may not do it here.
    pub(super) fn is_denied(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(self, Error::Io { source, .. } if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem))
    }
}
