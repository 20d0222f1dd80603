//! What a container needs of the store, as its record says. The record has much more to say, to others.

use serde::Deserialize;

use crate::content::Digest;

use super::files::read_bounded;
use super::{ContainerDir, Error};

/// A record is a page or two; one with the largest environment the kernel takes has this much.
const MAX_RECORD: u64 = 16 << 20;

/// Content and volumes that a container's record names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Its name.
    pub name: String,
    /// Digest of the image config.
    pub image: Option<Digest>,
    /// Digest of the manifest it was made from.
    pub manifest: Option<Digest>,
    /// Its layers, as diff_ids.
    pub layers: Vec<Digest>,
    /// Names of the volumes it mounts.
    pub volumes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    #[serde(default)]
    name: String,
    image: Option<Digest>,
    image_manifest: Option<Digest>,
    #[serde(default)]
    layers: Vec<Digest>,
    #[serde(default)]
    mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    #[serde(default)]
    name: String,
}

impl ContainerDir {
    /// Returns what the container's record claims; `None` where it has none, or a torn one, as a power cut may leave it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] other than "not found"; [`Error::Record`] for one that has another shape.
    pub fn claims(&self) -> Result<Option<Claims>, Error> {
        let path = self.record_path();
        let Some(bytes) = read_bounded(&path, MAX_RECORD)? else {
            return Ok(None);
        };
        let record = match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) => record,
            // What a power cut leaves of a file: nothing, its beginning, or zeros. Anything else is damage, and not ours to
            // throw away.
            Err(error) if error.is_eof() || bytes.iter().all(|byte| *byte == 0) => {
                return Ok(None);
            }
            Err(source) => return Err(Error::Record { path, source }),
        };
        Ok(Some(Claims {
            name: record.name,
            image: record.image,
            manifest: record.image_manifest,
            layers: record.layers,
            volumes: record
                .mounts
                .into_iter()
                .map(|mount| mount.name)
                .filter(|name| !name.is_empty())
                .collect(),
        }))
    }
}
