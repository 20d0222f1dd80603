//! What a pull tells whoever watches it, in Docker's order and words.

use std::fmt;
use std::time::Duration;

use crate::content::Digest;

/// Watches a pull. Called from several threads.
pub trait Progress: Sync {
    /// Takes note of `event`.
    fn event(&self, event: Event<'_>);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// `latest: Pulling from library/alpine`: the manifest is here.
    Pulling {
        /// Tag, or the digest where there is none.
        tag: &'a str,
        /// Within its registry.
        repository: &'a str,
    },
    /// `0123456789ab: Pull complete`. Every layer starts with [`LayerState::PullingFsLayer`] or
    /// [`LayerState::AlreadyExists`] and, unless the pull fails, ends with that or [`LayerState::PullComplete`].
    Layer {
        /// First twelve digits of the blob's digest.
        id: &'a str,
        /// Where it is.
        state: LayerState,
    },
    /// `Digest: sha256:…`: of what the reference means now.
    Digest(&'a Digest),
    /// `Status: Downloaded newer image for alpine:latest`, or `Status: Image is up to date for alpine:latest`.
    Status {
        /// As Docker shows it.
        reference: &'a str,
        /// Whether something came.
        is_newer: bool,
    },
    /// Something the user should know, once.
    Warning(&'a str),
}

/// The states of a layer. `Display` gives Docker's words, without numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerState {
    /// It will be downloaded.
    PullingFsLayer,
    /// Somebody else, another pull perhaps, has to be ready first.
    Waiting,
    /// It comes, and is unpacked while it does.
    Downloading {
        /// Bytes here.
        current: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The connection broke and is tried again after this pause.
    Retrying(Duration),
    /// All is here.
    VerifyingChecksum,
    /// It is what was asked for.
    DownloadComplete,
    /// It is unpacked from the blob that an earlier pull left.
    Extracting {
        /// Bytes of the blob done.
        current: u64,
        /// Bytes in all.
        total: u64,
    },
    /// It can be used.
    PullComplete,
    /// It could be used already.
    AlreadyExists,
}

impl fmt::Display for LayerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LayerState::PullingFsLayer => "Pulling fs layer",
            LayerState::Waiting => "Waiting",
            LayerState::Downloading { .. } => "Downloading",
            LayerState::Retrying(pause) => {
                // moby distribution/xfer/download.go counts down in whole seconds.
                let seconds = pause.as_secs_f64().ceil().max(1.0);
                let plural = if seconds > 1.0 { "s" } else { "" };
                return write!(f, "Retrying in {seconds} second{plural}");
            }
            LayerState::VerifyingChecksum => "Verifying Checksum",
            LayerState::DownloadComplete => "Download complete",
            LayerState::Extracting { .. } => "Extracting",
            LayerState::PullComplete => "Pull complete",
            LayerState::AlreadyExists => "Already exists",
        })
    }
}
