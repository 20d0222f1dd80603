//! From an archive to the store.
//!
//! Everything is found and checked as far as it can be before anything is unpacked. Layers are unpacked several at once; those
//! of one image are published together, then its documents, then its names. Two loads of the same layer never wait for each
//! other: what somebody else is at is left for when nothing is held.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::json;

use super::Error;
use super::container::{Container, Input};
use super::found::{self, Found, FoundImage, FoundLayer};
use super::incoming::{self, Arrived, Packed};
use crate::content::media_type::{OCI_CONFIG, OCI_MANIFEST};
use crate::content::{Algorithm, Digest, Reference};
use crate::image::Progress;
use crate::image::layer::UnpackOptions;
use crate::image::outgoing::layer_type;
use crate::image::{Image, Platform};
use crate::store::{Lease, Store, Verified};

/// How to load.
#[derive(Debug)]
pub struct LoadOptions {
    /// Only images for this platform.
    pub platform: Option<Platform>,
    /// Which owners can be given.
    pub unpack: UnpackOptions,
    /// Layers at once.
    pub workers: NonZeroUsize,
}

/// What was loaded under its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The image ID; of an index, that of the image that would be run here.
    pub id: Digest,
    /// With tags.
    pub names: Vec<Reference>,
    /// Names that meant another image before, and its ID.
    pub replaced: Vec<(Reference, Digest)>,
    /// Each once, for the user.
    pub warnings: Vec<String>,
}

/// Loads every image of an archive. The process runs inside the user's id map (`userns::enter`), and has one thread again
/// afterwards.
///
/// # Errors
///
/// All of [`Error`] that are about reading. Images that were loaded before the one that is wrong stay.
pub fn load(
    store: &Store,
    input: Input<'_>,
    options: &LoadOptions,
    progress: &dyn Progress,
) -> Result<Vec<Loaded>, Error> {
    let container = Container::open(store, input)?;
    let found = found::find(&container, options.platform.as_ref())?;
    let mut lease = store.lease()?;
    let mut loaded = Vec::new();
    for one in &found {
        loaded.push(load_one(store, &mut lease, one, options, progress)?);
    }
    Ok(loaded)
}

/// Brings an image or index into the store, without a name; returns what a name would lead to.
pub(super) fn bring(
    store: &Store,
    lease: &mut Lease,
    found: &Found,
    options: &LoadOptions,
    progress: &dyn Progress,
    warnings: &mut Vec<String>,
) -> Result<Digest, Error> {
    let mut set = Vec::new();
    let mut made = None;
    for image in &found.images {
        let layers = load_layers(store, lease, image, options, progress, warnings)?;
        prepare(store, lease, &image.config_bytes, &mut set)?;
        if found.target.is_none() {
            let manifest = manifest_of(image, &layers);
            made = Some(prepare(store, lease, &manifest, &mut set)?);
        }
    }
    let mut seen = HashSet::new();
    for (digest, bytes) in &found.documents {
        // An index may name the same manifest twice; whoever writes a blob holds its lock.
        if seen.insert(digest) {
            lease.add(digest)?;
            set.push(verified(store, digest, bytes)?);
        }
    }
    store.publish(set)?;
    found.target.clone().or(made).ok_or(Error::NoImages)
}

fn load_one(
    store: &Store,
    lease: &mut Lease,
    found: &Found,
    options: &LoadOptions,
    progress: &dyn Progress,
) -> Result<Loaded, Error> {
    let mut warnings = Vec::new();
    let target = bring(store, lease, found, options, progress, &mut warnings)?;
    let mut replaced = Vec::new();
    let id = Image::load(store, &target, options.platform.as_ref())?.id;
    for name in &found.names {
        if let Some(before) = store.get_ref(name)?
            && let Ok(image) = Image::load(store, &before, None)
            && image.id != id
        {
            replaced.push((name.clone(), image.id));
        }
        store.set_ref(Some(name), &target)?;
    }
    let is_named =
        || -> Result<bool, Error> { Ok(store.refs()?.iter().any(|entry| entry.target == target)) };
    if found.names.is_empty() && !is_named()? {
        store.set_ref(None, &target)?;
    }
    warnings.sort();
    warnings.dedup();
    Ok(Loaded {
        id,
        names: found.names.clone(),
        replaced,
        warnings,
    })
}

/// Unpacks and publishes the layers of an image that are not here; returns what all of them are.
fn load_layers(
    store: &Store,
    lease: &mut Lease,
    image: &FoundImage,
    options: &LoadOptions,
    progress: &dyn Progress,
    warnings: &mut Vec<String>,
) -> Result<Vec<Packed>, Error> {
    let mut packed = Vec::new();
    // Each blob and each layer once: whoever writes a blob holds its lock.
    let mut jobs: Vec<(&FoundLayer, Packed)> = Vec::new();
    let mut blobs: HashMap<Digest, Digest> = HashMap::new();
    for layer in &image.layers {
        let one = incoming::identify(layer)?;
        lease.add(&layer.diff_id)?;
        lease.add(&one.digest)?;
        let other = blobs.insert(one.digest.clone(), layer.diff_id.clone());
        match other {
            Some(other) if other != layer.diff_id => {
                return Err(Error::DiffId {
                    layer: one.digest,
                    expected: layer.diff_id.clone(),
                    actual: other,
                });
            }
            _ if jobs.iter().any(|(job, _)| job.diff_id == layer.diff_id) => {}
            _ => jobs.push((layer, one.clone())),
        }
        packed.push(one);
    }
    let arrived = each(&jobs, options.workers, |job| {
        let (layer, packed) = job;
        let taken = incoming::take(store, layer, packed, &options.unpack, progress, false)?;
        Ok((job, taken))
    })?;
    let mut set = Vec::new();
    let mut busy = Vec::new();
    for (job, taken) in arrived {
        match taken {
            Some(Arrived {
                set: own,
                warnings: words,
            }) => {
                set.extend(own);
                warnings.extend(words);
            }
            None => busy.push(job),
        }
    }
    store.publish(set)?;
    // Another load or pull is at these. It may be waiting for one of ours, so they come when we hold none any more.
    for (layer, packed) in busy {
        let taken = incoming::take(store, layer, packed, &options.unpack, progress, true)?;
        if let Some(Arrived {
            set,
            warnings: words,
        }) = taken
        {
            warnings.extend(words);
            store.publish(set)?;
        }
    }
    Ok(packed)
}

/// Does `work` for each of `jobs`, `workers` at once; returns the results in no order, or the first error.
fn each<'j, J: Sync, R: Send>(
    jobs: &'j [J],
    workers: NonZeroUsize,
    work: impl Fn(&'j J) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(Vec::new()));
    let run = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = work(job);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *done, result) {
                (Ok(list), Ok(result)) => list.push(result),
                (Ok(_), Err(error)) => *done = Err(error),
                (Err(_), _) => {}
            }
            if done.is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        // The caller's thread is one of them.
        for _ in 1..workers.get().min(jobs.len()) {
            let thread = thread::Builder::new().name("layer".into());
            if let Err(error) = thread.spawn_scoped(scope, run) {
                *done.lock().unwrap_or_else(PoisonError::into_inner) = Err(Error::Thread(error));
            }
        }
        run();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the manifest of an image that came without one.
fn manifest_of(image: &FoundImage, layers: &[Packed]) -> Vec<u8> {
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            let media_type = layer_type(OCI_MANIFEST, layer.compression);
            json!({"mediaType": media_type, "digest": layer.digest, "size": layer.size})
        })
        .collect();
    let size = image.config_bytes.len();
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": image.id, "size": size},
        "layers": layers,
    })
    .to_string()
    .into_bytes()
}

fn prepare(
    store: &Store,
    lease: &mut Lease,
    bytes: &[u8],
    set: &mut Vec<Verified>,
) -> Result<Digest, Error> {
    let (digest, blob) = store.prepare_blob(bytes)?;
    lease.add(&digest)?;
    set.push(blob);
    Ok(digest)
}

/// A document under the digest that leads to it, whatever its algorithm.
fn verified(store: &Store, digest: &Digest, bytes: &[u8]) -> Result<Verified, Error> {
    if digest.algorithm() == Algorithm::Sha256 {
        return Ok(store.prepare_blob(bytes)?.1);
    }
    let mut writer = store.stage_blob(digest, bytes.len() as u64)?;
    writer.restart()?;
    writer.write(bytes)?;
    Ok(writer.finish()?)
}
