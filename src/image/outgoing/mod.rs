//! What a push and a save have in common: which documents leave the store, what is known of their layers, and documents made
//! anew where a layer leaves as another blob than its manifest says.

mod attach;
mod known;
mod plan;
mod rewrite;

pub(super) use attach::{attach, top};
pub(super) use known::Known;
pub(super) use plan::{ImagePlan, Plan};
pub(super) use rewrite::{layer_type, manifest};

use serde_json::Value;

use crate::content::Digest;

/// A manifest or index as it leaves.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// A small blob as it leaves.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) digest: Digest,
    pub(super) bytes: Vec<u8>,
}

impl Blob {
    fn of(value: &Value) -> Blob {
        let bytes = value.to_string().into_bytes();
        Blob {
            digest: Digest::sha256_of(&bytes),
            bytes,
        }
    }
}

impl Document {
    fn of(value: &Value, media_type: &str) -> Document {
        let Blob { digest, bytes } = Blob::of(value);
        Document {
            digest,
            media_type: media_type.to_owned(),
            bytes,
        }
    }
}
