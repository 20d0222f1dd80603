//! What can go wrong with containers, in Docker's words where scripts look for them.

use std::path::PathBuf;

use crate::monitor::StartError;
use crate::{image, network, rootfs, runtime, store, userns, volume};

/// Why something could not be done with a container.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No container has this name or ID.
    #[error("No such container: {0}")]
    NotFound(String),
    /// More than one ID begins like this.
    #[error("multiple IDs found with provided prefix: {0}")]
    Ambiguous(String),
    /// The name has an owner.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameInUse {
        /// As asked for.
        name: String,
        /// ID of the owner.
        id: String,
    },
    /// Not a name.
    #[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    InvalidName(String),
    /// `--cidfile` exists.
    #[error("container ID file found, make sure the other container isn't running or delete {}", .0.display())]
    CidFileExists(PathBuf),
    /// Neither the image nor the user says what to run.
    #[error("no command specified")]
    NoCommand,
    /// An option's value; the words say which.
    #[error("{0}")]
    Invalid(String),
    /// The container does not run.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// The container, named, runs. Docker's words: moby, daemon/delete.go.
    #[error(
        "cannot remove container \"{0}\": container is running: stop the container before removing or force remove"
    )]
    Running(String),
    /// A user or group of `-u` or of the image.
    #[error("unable to find {kind} {name}: no matching entries in {file} file")]
    NoSuchUser {
        /// `user` or `group`.
        kind: &'static str,
        /// As asked for.
        name: String,
        /// `passwd` or `group`.
        file: &'static str,
    },
    /// The process could not be started, as its monitor reported.
    #[error(transparent)]
    Start(#[from] StartError),
    /// `--rootfs` names a directory of an id that does not exist in the container.
    #[error(
        "cannot set up {} as the root directory: it belongs to another user, and lacks something that would have to be made in it",
        path.display()
    )]
    ForeignRootfs {
        /// The directory.
        path: PathBuf,
        /// What failed.
        #[source]
        source: StartError,
    },
    /// The monitor was killed before it could say whether the container runs.
    #[error("the monitor of the container died while starting it")]
    MonitorDied,
    /// This client was dropped: it had joined a running container, and held it up.
    #[error(
        "detached: the output of the container was not read for too long; the container runs on"
    )]
    TooSlow,
    /// A file of the container.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A system call that has no file.
    #[error("cannot {action}")]
    System {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// `--device`. Docker's words: moby, daemon/oci_linux.go.
    #[error("error gathering device information while adding custom device {path:?}")]
    Device {
        /// As asked for.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program of the host's that is not there. Go's words, which are Docker's.
    #[error("{0}: executable file not found in $PATH")]
    NoProgram(&'static str),
    /// A record that is not one.
    #[error("the record {} is broken", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The image.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The store.
    #[error(transparent)]
    Store(store::Error),
    /// The network.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// `--network`.
    #[error(transparent)]
    NetworkMode(#[from] network::ModeError),
    /// `--add-host NAME:host-gateway`.
    #[error(transparent)]
    HostGateway(#[from] network::NoHostAddress),
    /// `-p`.
    #[error(transparent)]
    Port(#[from] network::PortError),
    /// A seccomp profile.
    #[error(transparent)]
    Profile(#[from] runtime::seccomp::ProfileError),
    /// Mounts and volumes.
    #[error(transparent)]
    Volume(#[from] volume::Error),
    /// The root directory.
    #[error(transparent)]
    Rootfs(#[from] rootfs::Error),
    /// The runtime, where the calling process is the parent (exec).
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// The id map.
    #[error(transparent)]
    Userns(#[from] userns::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NameInUse { name, id } => Error::NameInUse { name, id },
            other => Error::Store(other),
        }
    }
}

/// Returns the function that makes an [`Error::Io`] of an I/O error, for `map_err`.
pub(super) fn failed(
    action: &'static str,
    path: &std::path::Path,
) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Returns the function that makes an [`Error::System`] of an errno, for `map_err`.
pub(super) fn system<E: Into<std::io::Error>>(action: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error::System {
        action,
        source: source.into(),
    }
}
