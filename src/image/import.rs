//! `import`: an image from the tar of a root filesystem.
//!
//! The layer's diff_id is the digest of *our* tar of what was unpacked, not of the tar that came: so it has no blob until
//! somebody wants one, as every layer that is made here.

use std::io::Read;

use serde_json::json;

use super::Platform;
use super::change::{self, ChangeError};
use super::config::{Config, History, ImageConfiguration, RootFs};
use super::expansion::Bounded;
use super::layer::{self, UnpackOptions};
use crate::content::limits::FREE_LAYER_BYTES;
use crate::content::media_type::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use crate::content::{Digest, Reference};
use crate::store::{self, Store};
use crate::userns::IdMap;

/// What to make of the tar.
#[derive(Debug, Clone)]
pub struct ImportOptions<'a> {
    /// The image's name (tag `latest` by default), or none.
    pub reference: Option<&'a Reference>,
    /// `--change`, in order.
    pub changes: &'a [String],
    /// `--message`; Docker's default is `Imported from -` or the file's URL.
    pub message: &'a str,
    /// `--platform`; the host's by default.
    pub platform: Option<&'a Platform>,
    /// The image's age.
    pub created: jiff::Timestamp,
    /// The ids that files can belong to.
    pub id_map: &'a IdMap,
}

/// A new image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Image ID.
    pub id: Digest,
    /// Each once, for the user.
    pub warnings: Vec<String>,
}

/// Why there is no new image.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// `--change`.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A reference with a digest.
    #[error("cannot import digest reference")]
    DigestReference,
    /// The file's compression.
    #[error("cannot read the archive")]
    Read(#[source] std::io::Error),
    /// The tar.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Makes an image of the tar (plain, gzip, zstd or xz) from `reader`. The process runs inside the user's id map
/// (`userns::enter`).
///
/// # Errors
///
/// All of [`ImportError`]; the store is unchanged then.
pub fn import(
    store: &Store,
    reader: impl Read,
    options: &ImportOptions<'_>,
) -> Result<Imported, ImportError> {
    if options.reference.is_some_and(|r| r.digest().is_some()) {
        return Err(ImportError::DigestReference);
    }
    let mut process = Config::default();
    for line in options.changes {
        change::apply(&mut process, line)?;
    }
    let mut lease = store.lease()?;
    let stage = store.stage_layer()?;
    let tar = Bounded::detect(reader, FREE_LAYER_BYTES).map_err(ImportError::Read)?;
    let unpack_options = UnpackOptions::new(options.id_map);
    let unpacked = layer::unpack(tar, stage.dir(), &unpack_options)?;
    let written = layer::write(stage.dir(), unpack_options.owners, std::io::sink())?;

    let platform = options.platform.cloned().unwrap_or_else(Platform::host);
    let created = Some(options.created.to_string());
    let config = ImageConfiguration {
        architecture: platform.architecture,
        variant: platform.variant,
        os: platform.os,
        created: created.clone(),
        config: process,
        rootfs: RootFs {
            diff_ids: vec![written.diff_id.clone()],
            ..RootFs::default()
        },
        history: vec![History {
            created,
            comment: Some(options.message.to_owned()),
            ..History::default()
        }],
        ..ImageConfiguration::default()
    };
    let config = config.to_json();
    let (id, config_blob) = store.prepare_blob(&config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": id, "size": config.len()},
        "layers": [{"mediaType": OCI_LAYER, "digest": written.diff_id, "size": written.size}],
    })
    .to_string()
    .into_bytes();
    let (target, manifest_blob) = store.prepare_blob(&manifest)?;
    for digest in [&written.diff_id, &id, &target] {
        lease.add(digest)?;
    }
    let layer = stage.finish(&written.diff_id, unpacked.size)?;
    store.publish(vec![layer, config_blob, manifest_blob])?;
    let reference = options.reference.map(|r| r.clone().with_default_tag());
    store.set_ref(reference.as_ref(), &target)?;
    Ok(Imported {
        id,
        warnings: unpacked.warnings,
    })
}
