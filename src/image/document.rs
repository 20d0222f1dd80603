//! Manifests, indexes and configs, from a registry or from the store: parsed, and compared with each other.

use super::config::{ConfigError, ImageConfiguration};
use super::manifest::{Document, Manifest, ManifestError};
use crate::content::{Digest, limits};

/// Why the documents of an image are none.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A manifest or index that is none.
    #[error("manifest {digest}")]
    Manifest {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// An image config that is none.
    #[error("image config {digest}")]
    Config {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: ConfigError,
    },
    /// Manifest and config do not have the same number of layers. The words up to the colon are Docker's.
    #[error(
        "layers from manifest don't match image configuration: the manifest has {manifest}, the configuration {config}"
    )]
    LayerCount {
        /// Layers of the manifest.
        manifest: usize,
        /// Layers of the config.
        config: usize,
    },
    /// Indexes within indexes.
    #[error("index {0} is nested deeper than {max}", max = limits::MAX_INDEX_DEPTH)]
    Nesting(Digest),
}

/// Parses the manifest or index `digest`, of which the registry, if it was one, says that it is a `media_type`.
///
/// # Errors
///
/// [`DocumentError::Manifest`].
pub(super) fn parse(
    digest: &Digest,
    bytes: &[u8],
    media_type: Option<&str>,
) -> Result<Document, DocumentError> {
    Document::parse(bytes, media_type).map_err(|source| DocumentError::Manifest {
        digest: digest.clone(),
        source,
    })
}

/// Parses the config that `manifest` names.
///
/// # Errors
///
/// [`DocumentError::Config`], [`DocumentError::LayerCount`].
pub(super) fn parse_config(
    manifest: &Manifest,
    bytes: &[u8],
) -> Result<ImageConfiguration, DocumentError> {
    let config = ImageConfiguration::parse(bytes).map_err(|source| DocumentError::Config {
        digest: manifest.config.digest.clone(),
        source,
    })?;
    let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != diff_ids {
        return Err(DocumentError::LayerCount {
            manifest: layers,
            config: diff_ids,
        });
    }
    Ok(config)
}
