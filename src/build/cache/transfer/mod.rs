//! The cache on its way to other machines: `--cache-to` and `--cache-from`.
//!
//! ```text
//! config     our own media type: a [`Document`] of records, by their keys
//! layers     what the records made, packed as a push packs them; then what cache mounts hold
//! ```
//!
//! The two are one OCI manifest, in an OCI image layout (`type=local`) or a registry (`type=registry`). With `type=inline` the
//! document is a field of the image's own config, about the image's own layers. BuildKit's cache manifests say something else
//! in another form: neither reads the other's.
//!
//! Whoever names a source trusts it to tell the truth about what steps make, as with every cache. Nothing else is believed:
//! documents are bounded, and a layer must hash to the diff_id that the document gives. Layers are fetched when a step asks
//! for them, and not before.

mod export;
mod import;
mod place;

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::records::Record;
use crate::content::{Digest, Reference};
use crate::image::compress::Packing;
use crate::image::config::ImageConfiguration;
use crate::image::layer;
use crate::image::manifest::{Descriptor, Manifest, ManifestError};
use crate::{registry, store};

pub(in crate::build) use export::{Exporter, inline};
pub(in crate::build) use import::Imported;

/// Media type of a [`Document`].
const MEDIA_TYPE: &str = "application/vnd.ctr.buildcache.v1+json";

/// The field of an image config that holds one.
const INLINE: &str = "ctr.buildcache.v1";

/// Records of one document.
const MAX_RECORDS: usize = 10_000;

/// Where a cache is kept for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory that is an OCI image layout.
    Local(PathBuf),
    /// A repository and a tag.
    Registry(Box<Reference>),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Local(path) => path.display().fmt(f),
            Place::Registry(reference) => reference.familiar().fmt(f),
        }
    }
}

/// One `--cache-to`.
#[derive(Debug, Clone)]
pub struct CacheTarget {
    /// Where to; `None` for the image's own config.
    pub place: Option<Place>,
    /// `mode=max`: the steps of all stages, not of the result alone.
    pub all_stages: bool,
    /// For layers that have no blob yet.
    pub packing: Packing,
    /// `mounts=true`: what the cache mounts hold goes along.
    pub mounts: bool,
    /// `ignore-error=true`: a failure is a warning.
    pub ignore_error: bool,
}

/// What a build has used of the cache, or put into it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::build) struct Used {
    /// Keys of records.
    pub(in crate::build) keys: Vec<Digest>,
    /// What cache mounts are called.
    pub(in crate::build) mounts: Vec<String>,
}

impl Used {
    /// Adds what another stage has used.
    pub(in crate::build) fn absorb(&mut self, other: &Used) {
        for key in &other.keys {
            if !self.keys.contains(key) {
                self.keys.push(key.clone());
            }
        }
        for mount in &other.mounts {
            if !self.mounts.contains(mount) {
                self.mounts.push(mount.clone());
            }
        }
    }
}

/// What a config says.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Document {
    records: Vec<KeyedRecord>,
    /// What the manifest's layers are, in their order. Of an inline cache the image knows that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    diff_ids: Vec<Digest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<Mount>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeyedRecord {
    key: Digest,
    #[serde(flatten)]
    record: Record,
}

#[derive(Debug, Serialize, Deserialize)]
struct Mount {
    id: String,
    diff_id: Digest,
}

/// What a place holds.
#[derive(Debug, Default)]
struct Contents {
    records: HashMap<Digest, Record>,
    /// By diff_id.
    layers: HashMap<Digest, Descriptor>,
    mounts: HashMap<String, Digest>,
}

impl Contents {
    /// Understands a manifest and its config.
    fn read(manifest: &Manifest, config: &[u8]) -> Result<Contents, TransferError> {
        let wrong = |source| TransferError::Document(source);
        let (document, diff_ids) = if manifest.config.media_type == MEDIA_TYPE {
            let mut document: Document = serde_json::from_slice(config).map_err(wrong)?;
            let diff_ids = std::mem::take(&mut document.diff_ids);
            (document, diff_ids)
        } else {
            manifest.check_image()?;
            let mut image = ImageConfiguration::parse(config)
                .map_err(|error| TransferError::Invalid(error.to_string()))?;
            let field = image.extra.remove(INLINE).ok_or(TransferError::None)?;
            let document = serde_json::from_value(field).map_err(wrong)?;
            (document, image.rootfs.diff_ids)
        };
        if document.records.len() > MAX_RECORDS || document.mounts.len() > MAX_RECORDS {
            return Err(TransferError::Invalid("it has too many records".to_owned()));
        }
        if diff_ids.len() != manifest.layers.len() {
            let problem = "it has other layers than its manifest";
            return Err(TransferError::Invalid(problem.to_owned()));
        }
        let records = document.records.into_iter();
        let mounts = document.mounts.into_iter();
        Ok(Contents {
            records: records.map(|keyed| (keyed.key, keyed.record)).collect(),
            layers: diff_ids
                .into_iter()
                .zip(manifest.layers.iter().cloned())
                .collect(),
            mounts: mounts.map(|mount| (mount.id, mount.diff_id)).collect(),
        })
    }
}

/// Why a cache could not be carried.
#[derive(Debug, thiserror::Error)]
pub(in crate::build) enum TransferError {
    /// An image without one, or a directory that nobody has exported to.
    #[error("there is no build cache")]
    None,
    /// A document that cannot be understood.
    #[error("the cache config is not understood")]
    Document(#[source] serde_json::Error),
    /// A manifest that cannot be understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// What is wrong with the rest.
    #[error("{0}")]
    Invalid(String),
    /// Content that does not hash to its digest.
    #[error("digest: expected {expected}, got {actual}")]
    WrongDigest {
        /// As named.
        expected: Digest,
        /// As found.
        actual: Digest,
    },
    /// A file operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The scratch file for a packed layer.
    #[error("cannot pack a layer")]
    Pack(#[from] std::io::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A layer.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::content::media_type::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
    use crate::image::manifest;

    fn manifest(media_type: &str, layers: usize) -> Manifest {
        let digest = Digest::sha256_of(b"blob");
        let layer = json!({"mediaType": OCI_LAYER, "digest": digest, "size": 1});
        let text = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": media_type, "digest": digest, "size": 1},
            "layers": vec![layer; layers],
        })
        .to_string();
        match manifest::Document::parse(text.as_bytes(), None).unwrap() {
            manifest::Document::Manifest(manifest) => *manifest,
            manifest::Document::Index(_) => panic!("a manifest"),
        }
    }

    #[test]
    fn reads_its_own_and_refuses_what_does_not_fit() {
        let digest = Digest::sha256_of(b"tar");
        let record = json!({"key": digest, "diff_id": digest, "tar_bytes": 1, "created": "", "description": "RUN"});
        let whole = json!({"records": [record], "diff_ids": [digest]});
        let contents = Contents::read(&manifest(MEDIA_TYPE, 1), whole.to_string().as_bytes());
        let contents = contents.unwrap();
        assert!(contents.records.contains_key(&digest) && contents.layers.contains_key(&digest));
        let refused = |layers, config: &str| {
            Contents::read(&manifest(MEDIA_TYPE, layers), config.as_bytes()).unwrap_err()
        };
        assert!(matches!(
            refused(2, &whole.to_string()),
            TransferError::Invalid(_)
        ));
        let many = json!({"records": vec![record; MAX_RECORDS + 1], "diff_ids": [digest]});
        assert!(matches!(
            refused(1, &many.to_string()),
            TransferError::Invalid(_)
        ));
        for broken in ["", "{}", "[]", r#"{"records":[{"key":"x"}]}"#] {
            assert!(matches!(refused(0, broken), TransferError::Document(_)));
        }
    }

    #[test]
    fn reads_an_image_with_an_inline_cache_only() {
        let diff_id = Digest::sha256_of(b"tar");
        let mut image = json!({"architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
        let read = |image: &serde_json::Value| {
            Contents::read(&manifest(OCI_CONFIG, 1), image.to_string().as_bytes())
        };
        assert!(matches!(read(&image), Err(TransferError::None)));
        image[INLINE] = json!({"records": []});
        assert!(read(&image).unwrap().layers.contains_key(&diff_id));
        let other = Contents::read(
            &manifest("application/vnd.buildkit.cacheconfig.v0", 1),
            b"{}",
        );
        assert!(matches!(other, Err(TransferError::Manifest(_))));
    }
}
