//! Why a push failed.

use crate::content::Digest;
use crate::image::{self, layer};
use crate::{registry, store};

/// Why an image could not be pushed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is to be pushed.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// An index without an image that is in the store.
    #[error("nothing of index {0} is in the store")]
    Empty(Digest),
    /// A layer that cannot be written as a tar.
    #[error("cannot pack layer {diff_id}")]
    Layer {
        /// Which.
        diff_id: Digest,
        /// Why.
        #[source]
        source: layer::Error,
    },
    /// A layer that came from elsewhere, whose blob is neither here nor there, and whose directory says it in other bytes.
    #[error(
        "layer {0} cannot be pushed: the registry does not have it, and its blob is not in the store"
    )]
    NoBlob(Digest),
    /// The scratch file for a compressed layer.
    #[error("cannot write a compressed layer")]
    Scratch(#[source] std::io::Error),
}
