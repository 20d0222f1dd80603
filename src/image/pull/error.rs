//! Why a pull failed.

use crate::content::{Digest, limits};
use crate::image::{DocumentError, Platform, layer};
use crate::{registry, store};

/// Why an image could not be pulled. The words are Docker's where it has any.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The index has nothing for this platform.
    #[error("no matching manifest for {0} in the manifest list entries")]
    NoMatch(Platform),
    /// The only image there is was made for another platform.
    #[error(
        "image with reference {reference} was found but does not match the specified platform: wanted {wanted}, actual: {actual}"
    )]
    Platform {
        /// As Docker shows it.
        reference: String,
        /// As asked for.
        wanted: Box<Platform>,
        /// As its config says.
        actual: Box<Platform>,
    },
    /// A manifest, index or config that is none.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An index that leads to no end of documents.
    #[error(
        "index {0} leads to more than {max} manifests",
        max = limits::MAX_FETCHED_DOCUMENTS
    )]
    TooManyDocuments(Digest),
    /// A layer's blob does not hash to its digest.
    #[error(
        "filesystem layer verification failed for digest {expected}: content has digest {actual}"
    )]
    LayerDigest {
        /// Of the manifest.
        expected: Digest,
        /// Of what came.
        actual: Digest,
    },
    /// A layer's tar does not hash to its diff_id.
    #[error(
        "layers from manifest don't match image configuration: layer {layer} has the diff ID {actual}, not {expected}"
    )]
    DiffId {
        /// Digest of the blob.
        layer: Digest,
        /// Of the config.
        expected: Digest,
        /// Of the tar.
        actual: Digest,
    },
    /// A layer that cannot be unpacked.
    #[error("failed to register layer {layer}")]
    Layer {
        /// Digest of the blob.
        layer: Digest,
        /// Why.
        #[source]
        source: layer::Error,
    },
}
