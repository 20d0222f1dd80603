//! `--cache-to`.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::import::credentials;
use super::place::{Hashed, Open, failed};
use super::{
    CacheTarget, Contents, Document, INLINE, KeyedRecord, MEDIA_TYPE, Mount, Place, TransferError,
    Used,
};
use crate::build::apart;
use crate::build::cache::{Record, Records, mounts};
use crate::build::error::words;
use crate::build::request::Request;
use crate::container::Engine;
use crate::content::limits::MAX_LAYERS;
use crate::content::media_type::{OCI_LAYER, OCI_MANIFEST};
use crate::content::{Algorithm, Digest, Hasher};
use crate::image::compress::Packing;
use crate::image::config::ImageConfiguration;
use crate::image::layer::{self, Owners};
use crate::image::manifest::{Compression, Descriptor};
use crate::store::Store;

/// Bytes on their way to a scratch file.
const BUFFER: usize = 256 << 10;

/// Puts what a build has used into an image's own config, for the steps whose layers the image has.
pub(in crate::build) fn inline(image: &mut ImageConfiguration, store: &Store, used: &Used) {
    let records = (records_of(store, &used.keys).into_iter()).filter(|keyed| {
        let layer = keyed.record.diff_id.as_ref();
        layer.is_none_or(|layer| image.rootfs.diff_ids.contains(layer))
    });
    let document = Document {
        records: records.collect(),
        ..Document::default()
    };
    if let Ok(value) = serde_json::to_value(document) {
        image.extra.insert(INLINE.to_owned(), value);
    }
}

fn records_of(store: &Store, keys: &[Digest]) -> Vec<KeyedRecord> {
    let records = Records::new(store);
    let find = |key: &Digest| {
        let record = Record {
            // The same input gives the same document.
            made: None,
            ..records.find(key)?
        };
        let key = key.clone();
        Some(KeyedRecord { key, record })
    };
    keys.iter().filter_map(find).collect()
}

/// Writes what a build has used to one place.
pub(in crate::build) struct Exporter<'a> {
    pub(in crate::build) request: &'a Request,
    pub(in crate::build) engine: &'a Engine,
    pub(in crate::build) owners: Owners,
    pub(in crate::build) used: &'a Used,
}

impl Exporter<'_> {
    /// Does it, in a process of its own. Returns how many layers and cache mounts had no room; `tell` hears what has been
    /// written.
    ///
    /// # Errors
    ///
    /// In words.
    pub(in crate::build) fn run(
        &self,
        target: &CacheTarget,
        place: &Place,
        tell: &mut dyn FnMut(String),
    ) -> Result<usize, String> {
        let credentials =
            credentials(place, self.request, self.engine).map_err(|error| words(&error))?;
        let settings = &self.engine.settings;
        let access = crate::registry::Access::Push;
        apart::run_telling(tell, |tell| {
            let open = Open::new(place, access, &credentials, settings)?;
            self.write(target, &open, tell)
        })
        .map_err(|error| words(error.as_ref()))
    }

    fn write(
        &self,
        target: &CacheTarget,
        open: &Open,
        tell: &mut dyn FnMut(&str),
    ) -> Result<usize, TransferError> {
        tell("preparing build cache for export");
        let store = &self.engine.store;
        // What an earlier export has packed is not packed again.
        let there = open.contents().unwrap_or_default();
        let mut document = Document {
            records: records_of(store, &self.used.keys),
            ..Document::default()
        };
        let mut layers: Vec<Descriptor> = Vec::new();
        let made: Vec<Digest> = (document.records.iter())
            .filter_map(|keyed| keyed.record.diff_id.clone())
            .collect();
        let mut left_out = BTreeSet::new();
        for diff_id in made {
            if document.diff_ids.contains(&diff_id) {
                continue;
            }
            if layers.len() == MAX_LAYERS {
                left_out.insert(diff_id);
                continue;
            }
            let blob = match kept(&there, open, &diff_id, target.packing)? {
                Some(blob) => blob,
                None => {
                    let dir = store.layer_dir(&diff_id);
                    let (written, blob) = self.put_tree(&dir, target.packing, open)?;
                    if written != diff_id {
                        let problem = format!("layer {diff_id} says other bytes than it came as");
                        return Err(TransferError::Invalid(problem));
                    }
                    blob
                }
            };
            tell(&format!("writing layer {}", blob.digest));
            document.diff_ids.push(diff_id);
            layers.push(blob);
        }
        // A step whose layer did not fit would be found in vain.
        let fits = &document.diff_ids;
        let has = |keyed: &KeyedRecord| {
            let layer = keyed.record.diff_id.as_ref();
            layer.is_none_or(|layer| fits.contains(layer))
        };
        document.records.retain(has);
        let mut left_out = left_out.len();
        if target.mounts {
            for id in &self.used.mounts {
                let dir = mounts::root(store).join(mounts::name_of(id));
                if !dir.is_dir() {
                    continue;
                }
                if layers.len() == MAX_LAYERS {
                    left_out += 1;
                    continue;
                }
                let _held = mounts::hold(store, id)
                    .map_err(|error| TransferError::Invalid(words(&error)))?;
                let (diff_id, blob) = self.put_tree(&dir, target.packing, open)?;
                let id = id.clone();
                document.mounts.push(Mount {
                    id,
                    diff_id: diff_id.clone(),
                });
                if !document.diff_ids.contains(&diff_id) {
                    document.diff_ids.push(diff_id);
                    layers.push(blob);
                }
            }
        }
        let config = serde_json::to_vec(&document).map_err(TransferError::Document)?;
        let manifest = manifest(&config, &layers);
        open.finish(&config, &manifest)?;
        tell(&format!("writing config {}", Digest::sha256_of(&config)));
        tell(&format!(
            "writing cache manifest {}",
            Digest::sha256_of(&manifest)
        ));
        Ok(left_out)
    }

    /// Packs a directory and puts it there. Returns the digest of its tar, and the blob.
    fn put_tree(
        &self,
        dir: &Path,
        packing: Packing,
        open: &Open,
    ) -> Result<(Digest, Descriptor), TransferError> {
        let scratch = self.engine.store.scratch_dir("export")?;
        let path = scratch.path().join("blob");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed("create", &path))?;
        let mut out = Hashed {
            inner: io::BufWriter::with_capacity(BUFFER, file),
            hasher: Hasher::new(Algorithm::Sha256),
            bytes: 0,
        };
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let mut diff_id = None;
        packing.pack(workers, &mut out, |tar: &mut dyn Write| {
            diff_id = Some(layer::write(dir, self.owners, tar)?.diff_id);
            Ok::<(), TransferError>(())
        })?;
        out.flush()?;
        let blob = Descriptor {
            media_type: layer_type(packing.compression()),
            digest: out.hasher.finish(),
            size: out.bytes,
            platform: None,
            annotations: serde_json::Map::new(),
        };
        if !open.has(&blob.digest)? {
            let file = File::open(&path).map_err(failed("open", &path))?;
            open.put(&blob.digest, blob.size, file)?;
        }
        let diff_id = diff_id.ok_or(TransferError::None)?;
        Ok((diff_id, blob))
    }
}

/// The blob that an earlier export has made of a layer, if it is packed as wanted and still there.
fn kept(
    there: &Contents,
    open: &Open,
    diff_id: &Digest,
    packing: Packing,
) -> Result<Option<Descriptor>, TransferError> {
    let Some(blob) = there.layers.get(diff_id) else {
        return Ok(None);
    };
    let is_same = blob.compression().ok() == Some(packing.compression());
    Ok((is_same && open.has(&blob.digest)?).then(|| blob.clone()))
}

fn layer_type(compression: Compression) -> String {
    let suffix = match compression {
        Compression::None => "",
        Compression::Gzip => "+gzip",
        Compression::Zstd => "+zstd",
    };
    format!("{OCI_LAYER}{suffix}")
}

fn manifest(config: &[u8], layers: &[Descriptor]) -> Vec<u8> {
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}))
        .collect();
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": MEDIA_TYPE,
            "digest": Digest::sha256_of(config),
            "size": config.len(),
        },
        "layers": layers,
    })
    .to_string()
    .into_bytes()
}
