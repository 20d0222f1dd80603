//! A stage's result → an image of the store.

use serde_json::json;

use super::cache;
use super::config;
use super::error::Error;
use super::layer::{self, Layer};
use super::message::StageResult;
use super::request::Request;
use crate::container::Engine;
use crate::content::limits::{MAX_CONFIG_BYTES, MAX_HISTORY};
use crate::content::media_type::{DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST};
use crate::content::{Digest, Reference};
use crate::store::{Lease, Store};

/// A new image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Image ID.
    pub id: Digest,
    /// Digest of its manifest.
    pub manifest: Digest,
}

/// What nobody could read again.
pub(super) fn too_long() -> Error {
    Error::Invalid(format!(
        "the image's configuration would have more than {MAX_CONFIG_BYTES} bytes, or more than {MAX_HISTORY} instructions"
    ))
}

/// Gives an image its names; without any it is one that only its ID leads to.
///
/// # Errors
///
/// [`Error::Store`].
pub(super) fn give_names(store: &Store, built: &Built, names: &[Reference]) -> Result<(), Error> {
    for name in names {
        store.set_ref(Some(name), &built.manifest)?;
    }
    if names.is_empty() {
        store.set_ref(None, &built.manifest)?;
    }
    Ok(())
}

/// Puts the image into the store, without a name.
///
/// # Errors
///
/// [`Error::Invalid`] for one that is too large, [`Error::Store`].
pub(super) fn put(
    request: &Request,
    engine: &Engine,
    result: &StageResult,
    lease: &mut Lease,
) -> Result<Built, Error> {
    let layers = &result.layers;
    let mut image = result.image.clone();
    if let Some(labels) = &mut image.config.labels {
        labels.retain(|name, _| !request.unset_labels.contains(name));
    }
    for (name, value) in &request.env {
        let env = image.config.env.get_or_insert_default();
        match value {
            Some(value) => config::set_variable(env, name, value),
            None => env.retain(|entry| entry.split('=').next() != Some(name)),
        }
    }
    if !request.labels.is_empty() {
        let labels = image.config.labels.get_or_insert_default();
        labels.extend(request.labels.iter().cloned());
    }
    image.rootfs.kind = "layers".to_owned();
    image.rootfs.diff_ids = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    // As old as its youngest part, so that a build that changes nothing gives the same image.
    image.created = match request.epoch {
        Some(seconds) => jiff::Timestamp::from_second(seconds)
            .ok()
            .map(|time| time.to_string()),
        None => (image.history.iter().rev())
            .find_map(|entry| entry.created.clone())
            .or_else(|| Some(jiff::Timestamp::now().to_string())),
    };
    if request.epoch.is_some() {
        let created = image.created.clone();
        for entry in image
            .history
            .iter_mut()
            .filter(|entry| entry.created.is_none())
        {
            entry.created.clone_from(&created);
        }
    }
    if request.omits_history {
        image.history.clear();
    }
    if request.cache_to.iter().any(|target| target.place.is_none()) {
        cache::inline(&mut image, &engine.store, &result.used);
    }
    let bytes = image.to_json();
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        return Err(too_long());
    }
    let store = &engine.store;
    let (id, config_blob) = store.prepare_blob(&bytes)?;
    let (manifest_type, config_type) = match request.docker_format {
        true => (DOCKER_MANIFEST, DOCKER_CONFIG),
        false => (OCI_MANIFEST, OCI_CONFIG),
    };
    let layer_type = |layer: &Layer| match request.docker_format {
        true => layer::docker_type(&layer.media_type).to_owned(),
        false => layer.media_type.clone(),
    };
    let descriptors: Vec<_> = layers
        .iter()
        .map(|layer| json!({"mediaType": layer_type(layer), "digest": layer.digest, "size": layer.size}))
        .collect();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": {"mediaType": config_type, "digest": id, "size": bytes.len()},
        "layers": descriptors,
    });
    let mut annotations = result.annotations.clone();
    annotations.retain(|name, _| !request.unset_annotations.contains(name));
    annotations.extend(request.annotations.iter().cloned());
    if !annotations.is_empty() {
        manifest["annotations"] = json!(annotations);
    }
    let manifest = manifest.to_string().into_bytes();
    let (manifest, manifest_blob) = store.prepare_blob(&manifest)?;
    lease.add(&id)?;
    lease.add(&manifest)?;
    if !store.has_blob(&id) || !store.has_blob(&manifest) {
        store.publish_unsettled(vec![config_blob, manifest_blob])?;
    }
    Ok(Built { id, manifest })
}
