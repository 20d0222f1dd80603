//! How a build that fails is told of: with the lines of the Dockerfile that it is about.

use std::path::Path;

use crate::build;
use crate::build::context::DockerfileText;
use crate::build::dockerfile::{Span, excerpt};
use crate::cli::context::Context;
use crate::cli::error::Failure;

/// A failure, and the lines of the Dockerfile that it is about.
pub(super) struct Located {
    failure: Failure,
    lines: Option<(usize, usize)>,
}

impl Located {
    /// Shows the lines.
    pub(super) fn at(self, context: &Context, dockerfile: &DockerfileText) -> Failure {
        if let Some((first, last)) = self.lines {
            let text = String::from_utf8_lossy(&dockerfile.bytes);
            for line in excerpt(&dockerfile.name, &text, Span { first, last }).lines() {
                context.eprintln(line);
            }
        }
        self.failure
    }
}

impl From<Failure> for Box<Located> {
    fn from(failure: Failure) -> Box<Located> {
        Box::new(Located {
            failure,
            lines: None,
        })
    }
}

impl From<build::Error> for Box<Located> {
    fn from(error: build::Error) -> Box<Located> {
        Box::new(located(error))
    }
}

/// Returns what the build has failed with, in words and with the exit code for it.
pub(super) fn located(error: build::Error) -> Located {
    let lines = error.lines();
    let code = match error {
        build::Error::Interrupted(signal) => 128 + signal,
        _ => 1,
    };
    // The words of BuildKit's client, which scripts look for.
    let failure = match &error {
        build::Error::Interrupted(_) => Failure::of(error),
        _ => Failure::of(error).about("failed to build: failed to solve"),
    };
    Located {
        failure: failure.with_code(code),
        lines,
    }
}

/// Removes what an earlier build has written, so that no script takes it for the ID of an image that could not be built.
pub(super) fn forget_image_id(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            // buildx, `RunBuild`.
            Err(Failure::of(error).about(&format!("removing image ID file {}", path.display())))
        }
        _ => Ok(()),
    }
}
