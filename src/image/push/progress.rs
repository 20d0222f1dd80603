//! What a push tells whoever watches it, in Docker's order and words.

use std::fmt;
use std::time::Duration;

use crate::content::Digest;

/// Watches a push. Called from several threads.
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
    /// Not all of an index is in the store, so that only one of its images is pushed.
    Partial {
        /// What the name leads to.
        index: &'a Digest,
        /// What is pushed.
        manifest: &'a Digest,
    },
    /// `0123456789ab: Pushed`.
    Layer {
        /// First twelve digits of the diff_id.
        id: &'a str,
        /// Where it is.
        state: LayerState<'a>,
    },
    /// All of it is there.
    Done,
}

/// The states of a layer. `Display` gives Docker's words, without numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerState<'a> {
    /// It will be pushed.
    Preparing,
    /// Others are compressed first.
    Waiting,
    /// It is packed: made a tar and compressed.
    Packing,
    /// It goes.
    Pushing {
        /// Bytes on their way.
        current: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The connection broke and is tried again after this pause.
    Retrying(Duration),
    /// It is there.
    Pushed,
    /// It was there.
    AlreadyExists,
    /// The registry took it from this repository of its own.
    Mounted(&'a str),
}

impl fmt::Display for LayerState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LayerState::Preparing => "Preparing",
            LayerState::Waiting => "Waiting",
            LayerState::Packing => "Compressing",
            LayerState::Pushing { .. } => "Pushing",
            LayerState::Retrying(pause) => {
                // As for a pull.
                let seconds = pause.as_secs_f64().ceil().max(1.0);
                let plural = if seconds > 1.0 { "s" } else { "" };
                return write!(f, "Retrying in {seconds} second{plural}");
            }
            LayerState::Pushed => "Pushed",
            LayerState::AlreadyExists => "Layer already exists",
            LayerState::Mounted(from) => return write!(f, "Mounted from {from}"),
        })
    }
}
