//! What is in use: everything that references, containers and live leases lead to.
//!
//! Indexes, manifests and configs are read far enough to find what they name; a blob that is none of them names nothing.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::PathBuf;

use serde::Deserialize;

use crate::content::Digest;
use crate::content::limits::{MAX_CONFIG_BYTES, MAX_INDEX_DEPTH};

use super::files::{entries, failed, found, read_bounded};
use super::lock::try_flock;
use super::publish::Kind;
use super::{Error, Store, lease};

/// Digests and diff_ids that must stay.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) blobs: HashSet<Digest>,
    /// Those of the blobs that are image configs.
    pub(super) configs: HashSet<Digest>,
    pub(super) layers: HashSet<Digest>,
}

/// The parts of an index, a manifest and a config that name content, in one: no two of them share a field.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    /// Of an index.
    manifests: Vec<Descriptor>,
    /// Of a manifest. A config has a `config` too, without a digest.
    config: Option<MaybeDescriptor>,
    /// Of a manifest.
    layers: Vec<Descriptor>,
    /// Of a config.
    rootfs: Option<Rootfs>,
}

#[derive(Debug, Deserialize)]
struct Descriptor {
    digest: Digest,
}

#[derive(Debug, Deserialize)]
struct MaybeDescriptor {
    digest: Option<Digest>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rootfs {
    diff_ids: Vec<Digest>,
}

impl Node {
    /// Returns the digest of the config, of a manifest.
    pub(super) fn config(&self) -> Option<&Digest> {
        self.config.as_ref()?.digest.as_ref()
    }

    /// Returns the diff_ids, of a config.
    pub(super) fn diff_ids(&self) -> &[Digest] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }

    /// Returns the digests of manifests (or further indexes), of an index.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &Digest> {
        self.manifests.iter().map(|manifest| &manifest.digest)
    }

    /// Returns the digests of layers as they were pulled.
    pub(super) fn layer_blobs(&self) -> impl Iterator<Item = &Digest> {
        self.layers.iter().map(|layer| &layer.digest)
    }
}

/// Reads a blob as an index, manifest or config; `None` where it is none, or missing.
pub(super) fn read_node(store: &Store, digest: &Digest) -> Result<Option<Node>, Error> {
    let read = |path: PathBuf| match read_bounded(&path, MAX_CONFIG_BYTES) {
        // Too large for any of the three: a layer.
        Err(Error::Mismatch { .. }) => Ok(Some(Vec::new())),
        read => read,
    };
    let bytes = read(store.blob_path(digest))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

impl Marks {
    /// Marks from everything that names content now.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Record`]: what cannot be understood may be naming anything, so nothing may be removed.
    pub(super) fn collect(store: &Store) -> Result<Marks, Error> {
        // First: whoever gives content a name of its own keeps the lease until then.
        let leased = leased(store)?;
        let cached = cached(store)?;
        let mut marks = Marks::of_names(store)?;
        marks.layers.extend(cached);
        for digest in leased {
            marks.follow(store, &digest)?;
            marks.layers.insert(digest);
        }
        Ok(marks)
    }

    /// Whether an object is in use.
    pub(super) fn has(&self, kind: Kind, digest: &Digest) -> bool {
        match kind {
            Kind::Blob => self.blobs.contains(digest),
            Kind::Layer => self.layers.contains(digest),
        }
    }

    /// Marks what references and containers lead to.
    fn of_names(store: &Store) -> Result<Marks, Error> {
        let mut marks = Marks::default();
        for entry in store.refs()? {
            marks.follow(store, &entry.target)?;
        }
        for id in store.containers()? {
            let Some(claims) = store.container(&id).claims()? else {
                continue;
            };
            for digest in claims.manifest.iter().chain(&claims.image) {
                marks.follow(store, digest)?;
            }
            marks.layers.extend(claims.layers);
        }
        Ok(marks)
    }

    /// Marks only what `target` leads to.
    pub(super) fn of_image(store: &Store, target: &Digest) -> Result<Marks, Error> {
        let mut marks = Marks::default();
        marks.follow(store, target)?;
        Ok(marks)
    }

    fn follow(&mut self, store: &Store, target: &Digest) -> Result<(), Error> {
        let mut level = vec![target.clone()];
        // An index, its manifests, their configs.
        for _ in 0..MAX_INDEX_DEPTH + 2 {
            let mut next = Vec::new();
            for digest in level {
                if !self.blobs.insert(digest.clone()) {
                    continue;
                }
                let Some(node) = read_node(store, &digest)? else {
                    continue;
                };
                self.configs.extend(node.config().cloned());
                next.extend(node.manifests().chain(node.config()).cloned());
                self.blobs.extend(node.layer_blobs().cloned());
                self.layers.extend(node.diff_ids().iter().cloned());
            }
            level = next;
        }
        Ok(())
    }
}

/// Who needs layers beside the build cache.
#[derive(Debug, Default)]
pub struct LayerUsers {
    /// Those of images and containers.
    pub named: HashSet<Digest>,
    /// Those that a live process is about to use.
    pub leased: HashSet<Digest>,
}

impl Store {
    /// Returns the layers that something other than the build cache needs.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Record`].
    pub fn layer_users(&self) -> Result<LayerUsers, Error> {
        Ok(LayerUsers {
            named: Marks::of_names(self)?.layers,
            leased: leased(self)?.into_iter().collect(),
        })
    }
}

/// Bytes of a record of the build cache.
const MAX_CACHE_RECORD: u64 = 64 << 10;

/// Returns the layers that the build cache names. A record that cannot be read names nothing: its builder finds it void too.
fn cached(store: &Store) -> Result<Vec<Digest>, Error> {
    #[derive(serde::Deserialize)]
    struct Record {
        diff_id: Option<Digest>,
    }
    let dir = store.step_cache_dir();
    let mut digests = Vec::new();
    for (name, _) in entries(&dir)? {
        let path = dir.join(name);
        let bytes = super::files::read_bounded(&path, MAX_CACHE_RECORD)?.unwrap_or_default();
        let record = serde_json::from_slice::<Record>(&bytes);
        digests.extend(record.ok().and_then(|record| record.diff_id));
    }
    Ok(digests)
}

/// Returns what live leases name.
fn leased(store: &Store) -> Result<Vec<Digest>, Error> {
    let tmp = store.root().join("tmp");
    let mut digests = Vec::new();
    for (name, _) in entries(&tmp)? {
        if !name.to_string_lossy().starts_with(lease::KIND) {
            continue;
        }
        let path = tmp.join(name);
        let Some(file) = found(File::open(&path)).map_err(failed("open", &path))? else {
            continue;
        };
        // Nobody holds it: its process has died. (A lease that has just been made and is not locked yet names nothing.)
        if try_flock(&file).map_err(failed("lock", &path))? {
            continue;
        }
        let text = found(fs::read_to_string(&path)).map_err(failed("read", &path))?;
        let lines = text.iter().flat_map(|text| text.lines());
        digests.extend(lines.filter_map(|line| line.parse::<Digest>().ok()));
    }
    Ok(digests)
}
