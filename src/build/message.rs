//! What the processes of a build tell each other.
//!
//! One process builds one stage, so that independent ones run side by side and none of them needs a thread. Each is
//! connected to the process that the user started by a stream socket: frames of a length (4 bytes, little-endian) and JSON.
//!
//! ```text
//! worker → coordinator   Event…, Need(stage) → Result(stage), Claim(key) → Turn, Settled(key), …, then Done or Failed
//! ```
//!
//! Stages for several platforms may have steps in common, such as those of a stage that is for the build's own platform. Each
//! of these is carried out once: who claims it first does it, and the others wait for what comes of it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cache::{Record, Used};
use super::error::Failure;
use super::event::Event;
use super::layer::Layer;
use super::provenance::Witness;
use crate::content::Digest;
use crate::image::config::ImageConfiguration;

/// Bytes of a frame: a config and its layers, or a chunk of output.
const MAX_FRAME: usize = 64 << 20;

/// What came of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StageResult {
    /// The config that the next stage begins with.
    pub image: ImageConfiguration,
    /// Its layers, lowest first. All of them are in the store.
    pub layers: Vec<Layer>,
    /// What of it came with the base image.
    pub inherited: Inherited,
    /// Annotations of the base image's manifest, where they are inherited.
    pub annotations: BTreeMap<String, String>,
    /// The ARGs that a stage which begins with it has, with their values.
    pub arguments: Vec<(String, String)>,
    /// What of the cache it comes from.
    pub used: Used,
    /// What else it comes from.
    pub witness: Witness,
}

/// How much of a stage's result is the image's that it, or the stage it begins with, has begun with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inherited {
    /// Layers, from the lowest.
    pub layers: usize,
    /// Entries of the history, from the first.
    pub history: usize,
}

/// Who carries out a step that several stages may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Turn {
    /// Whoever gets this.
    Yours,
    /// Nobody any more. Its result, where a record can tell it.
    Done(Option<Record>),
}

/// From a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// For the observer.
    Event(Event),
    /// The result of that stage is needed now; it comes as an answer.
    Need(usize),
    /// The step with that key is about to be carried out; whether to comes as an answer, a [`Turn`].
    Claim(Digest),
    /// What has come of a step that was claimed.
    Settled {
        /// As claimed.
        key: Digest,
        /// For who else claims it.
        turn: Turn,
    },
    /// The stage is built.
    Done(Box<StageResult>),
    /// It cannot be.
    Failed(Failure),
}

/// Writes a frame.
///
/// # Errors
///
/// Those of writing.
pub(super) fn send(mut to: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| io::ErrorKind::InvalidData)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&frame)
}

/// Reads a frame; `None` at the end.
///
/// # Errors
///
/// Those of reading; `InvalidData` for what is no frame.
pub(super) fn receive<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(Some(serde_json::from_slice(&frame)?))
}
