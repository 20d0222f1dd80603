//! What a build tells whoever watches it.

use serde::{Deserialize, Serialize};

/// One step of one stage; stages and steps are counted as in the Dockerfile, FROM of an image being step 1. In a build for
/// several platforms the stages of each are counted after those of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId {
    /// Number of the stage.
    pub stage: usize,
    /// Number of the step within it, from 1.
    pub step: usize,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A step begins. Every step that begins ends, unless the build does first.
    Started {
        /// Which.
        step: StepId,
        /// `[stage 2/5] RUN make`.
        name: String,
    },
    /// A step of the same kind that needed no work.
    Cached {
        /// Which.
        step: StepId,
    },
    /// A step has written something.
    Output {
        /// Which.
        step: StepId,
        /// Whether to its standard error.
        stderr: bool,
        /// What.
        #[serde(with = "packed")]
        bytes: Vec<u8>,
    },
    /// A part of a step is done.
    Status {
        /// Which step.
        step: StepId,
        /// What has been done, in words.
        text: String,
    },
    /// A step has ended.
    Ended {
        /// Which.
        step: StepId,
        /// What went wrong.
        error: Option<String>,
    },
    /// A step has ended without success, and the build goes on without it.
    Missed {
        /// Which.
        step: StepId,
        /// What went wrong.
        error: String,
    },
    /// A shell in the failed step has the terminal, until the step ends.
    Shell {
        /// Which.
        step: StepId,
    },
    /// Something the user should know.
    Warning {
        /// In words.
        text: String,
    },
}

impl Event {
    fn step_mut(&mut self) -> Option<&mut StepId> {
        match self {
            Event::Started { step, .. }
            | Event::Cached { step }
            | Event::Output { step, .. }
            | Event::Status { step, .. }
            | Event::Ended { step, .. }
            | Event::Missed { step, .. }
            | Event::Shell { step } => Some(step),
            Event::Warning { .. } => None,
        }
    }

    /// Counts its stage from `first` on.
    pub(super) fn counted_from(mut self, first: usize) -> Event {
        if let Some(step) = self.step_mut() {
            step.stage += first;
        }
        self
    }
}

/// Watches a build.
pub trait Observer {
    /// Takes note of `event`.
    fn event(&mut self, event: &Event);

    /// Called ten times a second while nothing happens.
    fn tick(&mut self) {}

    /// Called once nothing more happens.
    fn finish(&mut self) {}

    /// Returns the number of the signal with which somebody wants the build to end.
    fn interruption(&self) -> Option<i32> {
        None
    }

    /// Called once nobody asks for that any more: from now on signals do what they do to other programs.
    fn release_signals(&mut self) {}
}

/// Bytes as text for the way between processes: a list of numbers takes ten times as long.
mod packed {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD as ENGINE;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&ENGINE.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        ENGINE.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}
