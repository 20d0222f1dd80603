//! Why a build failed.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::dockerfile::suggest::did_you_mean;
use super::dockerfile::{self, Span};
use super::ignore::IgnoreError;
use crate::container::Obstacle;
use crate::image::layer;
use crate::monitor::StartError;
use crate::{container, errno, image, rootfs, store, userns};

/// Why there is no source of COPY or ADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// There is nothing of its name.
    Absent,
    /// It would not be found either if it were there.
    Excluded,
    /// It is a symbolic link, and there is nothing where that leads.
    DeadLink,
    /// It is a symbolic link to what would not be found either.
    LinkToExcluded,
}

impl NotFound {
    /// What a message adds.
    fn words(self) -> &'static str {
        match self {
            NotFound::Absent => "",
            NotFound::Excluded => ": .dockerignore excludes it",
            NotFound::DeadLink => ": it is a link that leads nowhere",
            NotFound::LinkToExcluded => ": it is a link to what .dockerignore excludes",
        }
    }
}

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Dockerfile.
    #[error(transparent)]
    Dockerfile(#[from] dockerfile::Error),
    /// An instruction, at its place in the Dockerfile; its words and those of its causes.
    #[error("{}", .0.words)]
    Step(Failure),
    /// `.dockerignore`.
    #[error("failed to read {name}")]
    Ignore {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: IgnoreError,
    },
    /// A RUN ended with another code than 0. The words are BuildKit's.
    #[error("process {command:?} did not complete successfully: exit code: {code}")]
    ExitCode {
        /// As it was run.
        command: String,
        /// Its own, or 128+n where signal n ended it.
        code: i32,
    },
    /// A RUN for another platform.
    #[error(
        "programs for {platform} cannot be executed on {host}: no emulator is registered for them (binfmt_misc; Debian: qemu-user-static)"
    )]
    Emulator {
        /// The image's.
        platform: String,
        /// This machine's.
        host: String,
        /// What the kernel said.
        #[source]
        source: StartError,
    },
    /// A source of COPY or ADD, or of a mount.
    #[error("failed to calculate checksum of {path:?}: not found{}", .why.words())]
    SourceNotFound {
        /// As written; with wildcards the one that matched.
        path: String,
        /// What there is instead.
        why: NotFound,
    },
    /// A base image, or one that `--from` names.
    #[error("{image}: failed to resolve source metadata{hint}", hint = did_you_mean(.near.as_deref()))]
    Image {
        /// As written.
        image: String,
        /// A stage or a common image with a name like it, which may have been meant.
        near: Option<String>,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something that is fetched: a file, a repository.
    #[error("failed to fetch {url}")]
    Remote {
        /// Without passwords.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What this version or this user cannot do, or a mistake in the Dockerfile that shows only now.
    #[error("{0}")]
    Invalid(String),
    /// A file operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `copy`, `read`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process of the build has gone without a word.
    #[error("a process of the build ended with exit code {0}")]
    Worker(u8),
    /// Interrupted by a signal of this number.
    #[error("the build was interrupted")]
    Interrupted(i32),
    /// RUN.
    #[error(transparent)]
    Container(#[from] container::Error),
    /// An image of the store.
    #[error(transparent)]
    Images(#[from] image::Error),
    /// A layer.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The root directory.
    #[error(transparent)]
    Rootfs(#[from] rootfs::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Namespaces.
    #[error(transparent)]
    Userns(#[from] userns::Error),
}

/// A failure on its way from one process to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// First and last line of the instruction.
    pub lines: Option<(usize, usize)>,
    /// The error's words and those of its causes.
    pub words: String,
    /// Exit code of a RUN.
    pub exit_code: Option<i32>,
    /// What stands in the way, if that is known.
    pub obstacle: Option<Obstacle>,
}

impl Failure {
    /// Takes an error of this process.
    pub fn of(error: &Error, span: Option<Span>) -> Failure {
        let words = words(error);
        let lines = match error {
            Error::Dockerfile(error) => Some((error.span.first, error.span.last)),
            Error::Step(failure) => return failure.clone(),
            _ => span.map(|span| (span.first, span.last)),
        };
        let exit_code = match error {
            Error::ExitCode { code, .. } => Some(*code),
            _ => None,
        };
        Failure {
            lines,
            words,
            exit_code,
            obstacle: obstacle(error),
        }
    }
}

/// Returns what stands in the way of a step.
fn obstacle(error: &Error) -> Option<Obstacle> {
    match error {
        Error::Container(container::Error::Start(error)) => error.obstacle,
        Error::Container(container::Error::Network(error)) => Obstacle::of(error),
        Error::Container(container::Error::Userns(error)) | Error::Userns(error) => {
            Obstacle::of(error)
        }
        _ => None,
    }
}

impl Error {
    /// Returns the lines of the Dockerfile that it is about.
    pub fn lines(&self) -> Option<(usize, usize)> {
        match self {
            Error::Dockerfile(error) => Some((error.span.first, error.span.last)),
            Error::Step(failure) => failure.lines,
            _ => None,
        }
    }
}

/// Returns an error's words and those of its causes.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words += ": ";
        words += &error.to_string();
        cause = error.source();
    }
    errno::told(&words).into_owned()
}

/// Gives an I/O error its action and path.
pub(super) fn failed<'a>(
    action: &'static str,
    path: impl AsRef<Path> + 'a,
) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io {
        action,
        path: path.as_ref().to_owned(),
        source,
    }
}

/// As [`failed`], for system calls.
pub(super) fn refused<'a>(
    action: &'static str,
    path: impl AsRef<Path> + 'a,
) -> impl FnOnce(rustix::io::Errno) -> Error + 'a {
    move |errno| failed(action, path)(errno::of_walk(errno))
}
