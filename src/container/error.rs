//! What can go wrong with containers, in Docker's words where scripts look for them.

use std::path::PathBuf;

use crate::{image, network, runtime, store, userns};

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
    /// The container runs. The words are the client's: "stop the container before removing or force remove" and so on.
    #[error("container is running: stop the container before removing or force remove")]
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

/// What kind of failure kept a process from starting; it decides the exit code of `run`, `start -a` and `exec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFailure {
    /// 125: ours.
    Engine,
    /// 126: the command cannot be executed.
    NotExecutable,
    /// 127: there is no such command.
    NotFound,
}

impl StartFailure {
    /// Returns the exit code that Docker's contract gives it.
    pub fn exit_code(self) -> i32 {
        match self {
            StartFailure::Engine => 125,
            StartFailure::NotExecutable => 126,
            StartFailure::NotFound => 127,
        }
    }

    /// Classifies an error of the runtime.
    pub fn of(error: &runtime::Error) -> StartFailure {
        match error {
            runtime::Error::CommandNotFound(_) => StartFailure::NotFound,
            runtime::Error::CommandNotExecutable { .. } => StartFailure::NotExecutable,
            _ => StartFailure::Engine,
        }
    }
}

/// An error that another process (the monitor) ran into, with its causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// Its kind.
    pub failure: StartFailure,
    /// What was attempted.
    pub message: String,
    /// Its cause, and that one's cause, and so on.
    pub cause: Option<Box<Cause>>,
}

/// A cause reported by another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

impl StartError {
    /// Makes an error of the words of an error and of its causes, outermost first.
    pub fn new(failure: StartFailure, words: &[String]) -> StartError {
        let mut cause = None;
        for message in words.iter().skip(1).rev() {
            cause = Some(Box::new(Cause {
                message: message.clone(),
                cause,
            }));
        }
        StartError {
            failure,
            message: words.first().cloned().unwrap_or_default(),
            cause,
        }
    }
}

/// Returns the words of `error` and of its causes, outermost first.
pub fn words(error: &dyn std::error::Error) -> Vec<String> {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        words.push(error.to_string());
        source = error.source();
    }
    words
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        (self.cause.as_deref()).map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        (self.cause.as_deref()).map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_survive_the_way_through_another_process() {
        let error = Error::Io {
            action: "read",
            path: "/x".into(),
            source: std::io::Error::from_raw_os_error(2),
        };
        let list = words(&error);
        let again = StartError::new(StartFailure::Engine, &list);
        assert_eq!(words(&again), list);
        assert_eq!(list.len(), 2);
    }
}
