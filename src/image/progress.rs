//! What a pull, a push and a load tell whoever watches them, in Docker's order and words.

use std::fmt;
use std::time::Duration;

use crate::content::Digest;

/// Watches. Called from several threads.
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
    /// Not all of an index is in the store, so that only one of its images is pushed.
    Partial {
        /// What the name leads to.
        index: &'a Digest,
        /// What is pushed.
        manifest: &'a Digest,
    },
    /// `0123456789ab: Pull complete`. Every layer of a pull starts with [`LayerState::PullingFsLayer`] or
    /// [`LayerState::AlreadyExists`] and, unless the pull fails, ends with that or [`LayerState::PullComplete`].
    Layer {
        /// First twelve digits: of a pull, of the blob's digest; else of the diff_id.
        id: &'a str,
        /// Where it is.
        state: LayerState<'a>,
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
    /// All that was pushed is there.
    Pushed,
    /// Something the user should know, once.
    Warning(&'a str),
}

/// The states of a layer. `Display` gives Docker's words, without numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerState<'a> {
    /// It will be downloaded.
    PullingFsLayer,
    /// It will be pushed.
    Preparing,
    /// Others come first: another pull of the same layer perhaps, or layers that are compressed.
    Waiting,
    /// It comes, and is unpacked while it does.
    Downloading(Bytes),
    /// The connection broke and is tried again after this pause.
    Retrying(Duration),
    /// All is here.
    VerifyingChecksum,
    /// It is what was asked for.
    DownloadComplete,
    /// It is unpacked from the blob that an earlier pull left.
    Extracting(Bytes),
    /// It can be used.
    PullComplete,
    /// It could be used already.
    AlreadyExists,
    /// It is read from an archive.
    Loading(Bytes),
    /// It has been.
    Loaded,
    /// It is packed: made a tar and compressed.
    Packing,
    /// It goes to a registry.
    Pushing(Bytes),
    /// It is there.
    Pushed,
    /// It was there.
    ExistsThere,
    /// The registry took it from this repository of its own.
    Mounted(&'a str),
}

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes {
    /// Done.
    pub current: u64,
    /// In all.
    pub total: u64,
}

impl LayerState<'_> {
    /// Returns how far it is, where that is known.
    pub fn bytes(&self) -> Option<Bytes> {
        match self {
            LayerState::Downloading(bytes)
            | LayerState::Extracting(bytes)
            | LayerState::Loading(bytes)
            | LayerState::Pushing(bytes) => Some(*bytes),
            _ => None,
        }
    }
}

impl fmt::Display for LayerState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LayerState::PullingFsLayer => "Pulling fs layer",
            LayerState::Preparing => "Preparing",
            LayerState::Waiting => "Waiting",
            LayerState::Downloading(_) => "Downloading",
            LayerState::Retrying(pause) => {
                // moby distribution/xfer/{download,upload}.go count down in whole seconds.
                let seconds = pause.as_secs_f64().ceil().max(1.0);
                let plural = if seconds > 1.0 { "s" } else { "" };
                return write!(f, "Retrying in {seconds} second{plural}");
            }
            LayerState::VerifyingChecksum => "Verifying Checksum",
            LayerState::DownloadComplete => "Download complete",
            LayerState::Extracting(_) => "Extracting",
            LayerState::PullComplete => "Pull complete",
            LayerState::AlreadyExists => "Already exists",
            LayerState::Loading(_) => "Loading layer",
            LayerState::Loaded => "Loaded layer",
            LayerState::Packing => "Compressing",
            LayerState::Pushing(_) => "Pushing",
            LayerState::Pushed => "Pushed",
            LayerState::ExistsThere => "Layer already exists",
            LayerState::Mounted(from) => return write!(f, "Mounted from {from}"),
        })
    }
}
