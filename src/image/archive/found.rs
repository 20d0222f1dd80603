//! The images of an archive, before their layers: from `index.json`, or from Docker's `manifest.json`.

use std::collections::HashSet;

use super::Error;
use super::container::{Container, Section};
use super::layout::{DockerImage, annotated_name, blob_path, tag_of};
use crate::content::{Digest, Reference, limits};
use crate::image::Platform;
use crate::image::config::ImageConfiguration;
use crate::image::document::{self, DocumentError};
use crate::image::manifest::{Descriptor, Document, Manifest};

/// An image or index with its names.
#[derive(Debug)]
pub(super) struct Found {
    /// What the names lead to; `None` for an image without a manifest, which is made when its layers are known.
    pub(super) target: Option<Digest>,
    /// Indexes and manifests, those last that lead to others.
    pub(super) documents: Vec<(Digest, Vec<u8>)>,
    pub(super) images: Vec<FoundImage>,
    /// With tags.
    pub(super) names: Vec<Reference>,
}

/// One image for one platform.
#[derive(Debug)]
pub(super) struct FoundImage {
    pub(super) id: Digest,
    pub(super) config_bytes: Vec<u8>,
    /// Lowest first.
    pub(super) layers: Vec<FoundLayer>,
}

/// A layer and where its bytes are.
#[derive(Debug, Clone)]
pub(super) struct FoundLayer {
    pub(super) diff_id: Digest,
    /// Of the blob, where the archive says it; its bytes must hash to it.
    pub(super) digest: Option<Digest>,
    pub(super) section: Section,
}

/// Finds everything in the archive; with `platform`, only what is for it.
///
/// # Errors
///
/// All of [`Error`] that are about reading.
pub(super) fn find(
    container: &Container,
    platform: Option<&Platform>,
) -> Result<Vec<Found>, Error> {
    let has_docker = container.has("manifest.json");
    let docker: Vec<DockerImage> = match has_docker {
        true => container.json("manifest.json", limits::MAX_MANIFEST_BYTES)?,
        false => Vec::new(),
    };
    if docker.len() > limits::MAX_ARCHIVE_IMAGES {
        return Err(Error::TooMany(limits::MAX_ARCHIVE_IMAGES));
    }
    let mut found = match container.has("index.json") {
        true => from_index(container, platform)?,
        false if !has_docker => return Err(Error::NoImages),
        false => Vec::new(),
    };
    if found.is_empty() {
        for image in &docker {
            found.extend(from_docker(container, image, platform)?);
        }
    } else {
        // Both say what is there; the names may stand in either.
        for image in &docker {
            let bytes = container.bytes(&image.config, limits::MAX_CONFIG_BYTES);
            let id = bytes.map(|bytes| Digest::sha256_of(&bytes)).ok();
            let is_it = |found: &&mut Found| {
                found
                    .images
                    .iter()
                    .any(|image| Some(&image.id) == id.as_ref())
            };
            if let Some(found) = found.iter_mut().find(is_it) {
                found.names.extend(names(image));
            }
        }
    }
    merge(&mut found);
    match (found.is_empty(), platform) {
        (true, Some(platform)) => Err(Error::Platform(platform.clone())),
        (true, None) => Err(Error::NoImages),
        _ => Ok(found),
    }
}

/// Gives what is there several times, once for each name, all its names.
fn merge(found: &mut Vec<Found>) {
    let mut merged: Vec<Found> = Vec::new();
    for one in found.drain(..) {
        let same = |other: &&mut Found| one.target.is_some() && other.target == one.target;
        match merged.iter_mut().find(same) {
            Some(other) => other.names.extend(one.names),
            None => merged.push(one),
        }
    }
    for one in &mut merged {
        let mut seen = HashSet::new();
        one.names.retain(|name| seen.insert(name.clone()));
    }
    *found = merged;
}

/// Finds the image or index that `wanted` picks among those of the layout, and with `platform` what of it is for that.
///
/// # Errors
///
/// All of [`Error`] that are about reading.
pub(super) fn find_one(
    container: &Container,
    platform: Option<&Platform>,
    wanted: &dyn Fn(&[Descriptor]) -> Result<Descriptor, Error>,
) -> Result<Found, Error> {
    let entry = wanted(&top(container)?)?;
    let found = below(container, platform, &entry)?;
    match (found.images.is_empty(), platform) {
        (true, Some(platform)) => Err(Error::Platform(platform.clone())),
        (true, None) => Err(Error::NoImages),
        _ => Ok(found),
    }
}

/// What `index.json` names.
fn top(container: &Container) -> Result<Vec<Descriptor>, Error> {
    let bytes = container.bytes("index.json", limits::MAX_MANIFEST_BYTES)?;
    let digest = Digest::sha256_of(&bytes);
    // Some tools leave its media type out, which only an index may.
    let Document::Index(index) = document::parse(&digest, &bytes, None)? else {
        return Err(Error::NoImages);
    };
    Ok(index.manifests)
}

fn from_index(container: &Container, platform: Option<&Platform>) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for entry in &top(container)? {
        let one = below(container, platform, entry)?;
        if !one.images.is_empty() {
            found.push(one);
        }
    }
    Ok(found)
}

/// What `entry` leads to; no images where there are none for the platform.
fn below(
    container: &Container,
    platform: Option<&Platform>,
    entry: &Descriptor,
) -> Result<Found, Error> {
    let mut found = Found {
        target: Some(entry.digest.clone()),
        documents: Vec::new(),
        images: Vec::new(),
        names: annotated_name(&entry.annotations).into_iter().collect(),
    };
    let mut walk = Walk {
        container,
        platform,
        read: 0,
    };
    walk.descend(entry, 0, &mut found)?;
    Ok(found)
}

/// The way down from `index.json`.
struct Walk<'a> {
    container: &'a Container,
    platform: Option<&'a Platform>,
    /// Documents read, to know an end.
    read: usize,
}

impl Walk<'_> {
    /// Adds what `entry` leads to. An index may name images that the archive leaves out, and things that are no images;
    /// neither is in the way of the others.
    fn descend(&mut self, entry: &Descriptor, depth: usize, into: &mut Found) -> Result<(), Error> {
        if depth > 0 && !self.container.has(&blob_path(&entry.digest)) {
            return Ok(());
        }
        self.read += 1;
        if self.read > limits::MAX_ARCHIVE_IMAGES * 2 {
            return Err(Error::TooMany(limits::MAX_ARCHIVE_IMAGES));
        }
        let bytes = self.blob(entry, limits::MAX_MANIFEST_BYTES)?;
        match document::parse(&entry.digest, &bytes, None)? {
            Document::Index(_) if depth == limits::MAX_INDEX_DEPTH => {
                return Err(DocumentError::Nesting(entry.digest.clone()).into());
            }
            Document::Index(index) => {
                let before = into.images.len();
                for entry in &index.manifests {
                    self.descend(entry, depth + 1, into)?;
                }
                if into.images.len() == before {
                    return Ok(());
                }
            }
            Document::Manifest(manifest) => {
                // Attestations and the like, and images whose content stayed where it was.
                let whole = self.container.has(&blob_path(&manifest.config.digest));
                if manifest.check_image().is_err() || (depth > 0 && !whole) {
                    return Ok(());
                }
                let Some(image) = self.image(&manifest)? else {
                    return Ok(());
                };
                into.images.push(image);
            }
        }
        into.documents.push((entry.digest.clone(), bytes));
        Ok(())
    }

    fn image(&self, manifest: &Manifest) -> Result<Option<FoundImage>, Error> {
        let config_bytes = self.blob(&manifest.config, limits::MAX_CONFIG_BYTES)?;
        let config = document::parse_config(manifest, &config_bytes)?;
        if !fits(self.platform, &config) {
            return Ok(None);
        }
        let mut layers = Vec::new();
        for (layer, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
            let section = self.container.section(&blob_path(&layer.digest))?;
            check_size(layer, section.len())?;
            layers.push(FoundLayer {
                diff_id: diff_id.clone(),
                digest: Some(layer.digest.clone()),
                section,
            });
        }
        Ok(Some(FoundImage {
            id: manifest.config.digest.clone(),
            config_bytes,
            layers,
        }))
    }

    /// Reads a document and compares it with its descriptor.
    fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        let bytes = self
            .container
            .bytes(&blob_path(&descriptor.digest), limit)?;
        check_size(descriptor, bytes.len() as u64)?;
        let actual = Digest::of(descriptor.digest.algorithm(), &bytes);
        if actual != descriptor.digest {
            return Err(Error::Digest {
                expected: descriptor.digest.clone(),
                actual,
            });
        }
        Ok(bytes)
    }
}

fn check_size(descriptor: &Descriptor, actual: u64) -> Result<(), Error> {
    match actual == descriptor.size {
        true => Ok(()),
        false => Err(Error::Size {
            digest: descriptor.digest.clone(),
            expected: descriptor.size,
            actual,
        }),
    }
}

fn fits(platform: Option<&Platform>, config: &ImageConfiguration) -> bool {
    platform.is_none_or(|wanted| wanted.accepts(&config.platform()))
}

/// The names of an image of `manifest.json`; what is no name is none.
fn names(image: &DockerImage) -> impl Iterator<Item = Reference> {
    let tags = image.repo_tags.iter().flatten();
    tags.filter_map(|text| tag_of(text.parse().ok()?))
}

fn from_docker(
    container: &Container,
    image: &DockerImage,
    platform: Option<&Platform>,
) -> Result<Option<Found>, Error> {
    let config_bytes = container.bytes(&image.config, limits::MAX_CONFIG_BYTES)?;
    let id = Digest::sha256_of(&config_bytes);
    let config =
        ImageConfiguration::parse(&config_bytes).map_err(|source| DocumentError::Config {
            digest: id.clone(),
            source,
        })?;
    let paths = image.layers.as_deref().unwrap_or_default();
    let diff_ids = &config.rootfs.diff_ids;
    if paths.len() != diff_ids.len() {
        return Err(DocumentError::LayerCount {
            manifest: paths.len(),
            config: diff_ids.len(),
        }
        .into());
    }
    if !fits(platform, &config) {
        return Ok(None);
    }
    let mut layers = Vec::new();
    for (path, diff_id) in paths.iter().zip(diff_ids) {
        layers.push(FoundLayer {
            diff_id: diff_id.clone(),
            digest: None,
            section: container.section(path)?,
        });
    }
    Ok(Some(Found {
        target: None,
        documents: Vec::new(),
        images: vec![FoundImage {
            id,
            config_bytes,
            layers,
        }],
        names: names(image).collect(),
    }))
}
