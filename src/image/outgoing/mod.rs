//! What a push and a save have in common: which documents leave the store, what is known of their layers, and documents made
//! anew where a layer leaves as another blob than its manifest says.

mod known;
mod plan;
mod rewrite;

pub(super) use known::Known;
pub(super) use plan::{ImagePlan, Plan};
pub(super) use rewrite::{index, layer_type, manifest};

use crate::content::Digest;

/// A manifest or index as it leaves.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}
