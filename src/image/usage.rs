//! `system df`: what images weigh on the disk, and what of it would go with those that nobody uses.

use std::collections::{BTreeMap, HashSet};

use super::{Error, Listed, list};
use crate::content::Digest;
use crate::store::Store;

/// One image and its weight.
#[derive(Debug, Clone)]
pub struct ImageUsage {
    /// The image.
    pub listed: Listed,
    /// Bytes of its unpacked layers that other images have as well.
    pub shared: u64,
    /// Bytes of those that are its alone.
    pub unique: u64,
    /// Containers made from it.
    pub containers: usize,
}

/// All images and their weight.
#[derive(Debug, Default)]
pub struct Usage {
    /// Newest first.
    pub images: Vec<ImageUsage>,
    /// Bytes of everything: unpacked layers, and the blobs they came as. Each once.
    pub bytes: u64,
    /// Bytes of what belongs to no image that a container was made from.
    pub reclaimable: u64,
    /// The layers of all images.
    pub layers: HashSet<Digest>,
}

/// Something on the disk.
#[derive(Debug, Default)]
struct Weight {
    bytes: u64,
    images: usize,
    used: bool,
}

/// Weighs the images of a store. `used` are the image IDs of all containers, each as often as there are containers.
///
/// # Errors
///
/// [`Error::Store`].
pub fn usage(store: &Store, used: &[Digest]) -> Result<Usage, Error> {
    let images = list(store)?.images;
    let mut layers: BTreeMap<Digest, Weight> = BTreeMap::new();
    let mut blobs: BTreeMap<Digest, Weight> = BTreeMap::new();
    let containers = |image: &Listed| used.iter().filter(|id| **id == image.image.id).count();
    for listed in &images {
        let image = &listed.image;
        let is_used = containers(listed) > 0;
        let own: HashSet<&Digest> = image.layers().iter().collect();
        for diff_id in own {
            let weight = layers.entry(diff_id.clone()).or_default();
            weight.bytes = store.layer_size(diff_id)?.unwrap_or_default();
            weight.images += 1;
            weight.used |= is_used;
        }
        let documents = [&image.target, &image.manifest_digest, &image.id];
        let packed = image.manifest.layers.iter().map(|layer| &layer.digest);
        for digest in documents.into_iter().chain(packed) {
            let weight = blobs.entry(digest.clone()).or_default();
            // Layers that were made here have no blob.
            weight.bytes = std::fs::metadata(store.blob_path(digest)).map_or(0, |meta| meta.len());
            weight.used |= is_used;
        }
    }
    let all = || layers.values().chain(blobs.values());
    let mut usage = Usage {
        images: Vec::new(),
        bytes: all().map(|weight| weight.bytes).sum(),
        reclaimable: all()
            .filter(|weight| !weight.used)
            .map(|weight| weight.bytes)
            .sum(),
        layers: layers.keys().cloned().collect(),
    };
    for listed in images {
        let own = listed.image.layers().iter();
        let shared = own
            .filter_map(|diff_id| layers.get(diff_id))
            .filter(|weight| weight.images > 1);
        let shared = shared.map(|weight| weight.bytes).sum();
        usage.images.push(ImageUsage {
            shared,
            unique: listed.size.saturating_sub(shared),
            containers: containers(&listed),
            listed,
        });
    }
    Ok(usage)
}
