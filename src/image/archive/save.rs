//! From the store to an archive.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read, Write};

use serde_json::json;

use super::Error;
use super::layout::{
    DockerImage, OCI_LAYOUT, Repositories, TopEntry, TopIndex, blob_path, name_annotations,
};
use super::sink::Sink;
use crate::content::{Digest, Reference, limits};
use crate::image::Platform;
use crate::image::attestation::Attested;
use crate::image::layer::{self, Owners};
use crate::image::manifest::{Compression, Descriptor};
use crate::image::outgoing::{self, Document, ImagePlan, Known, Plan};
use crate::store::Store;

/// Read at once from a blob.
const COPY_BYTES: usize = 256 << 10;

/// What is in the archive beside the blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An OCI layout, and Docker's files.
    Docker,
    /// An OCI layout.
    Oci,
}

/// How to save.
#[derive(Debug)]
pub struct SaveOptions<'a> {
    /// What goes along with the images; see [`crate::image::attestation`].
    pub attested: &'a [Attested],
    /// What is in the archive.
    pub format: Format,
    /// Only the images for this platform.
    pub platform: Option<Platform>,
    /// Which owners the directories of layers can have.
    pub owners: Owners,
}

/// An image to be saved.
#[derive(Debug, Clone)]
pub struct Item {
    /// The manifest or index in the store.
    pub target: Digest,
    /// What it is called in the archive: with tags. None is fine.
    pub names: Vec<Reference>,
}

/// Writes images to `sink`: the blobs of each once, then the files that name them. The process runs inside the user's id map
/// (`userns::enter`).
///
/// # Errors
///
/// All of [`Error`] that are about writing. What was written is worth nothing then.
pub fn save(
    store: &Store,
    items: &[Item],
    options: &SaveOptions<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let mut lease = store.lease()?;
    for item in items {
        lease.add(&item.target)?;
    }
    let mut archive = Archive {
        store,
        owners: options.owners,
        known: None,
        written: HashSet::new(),
        sink,
    };
    let mut index = TopIndex::new();
    let mut images: Vec<DockerImage> = Vec::new();
    let mut repositories = Repositories::new();
    for item in items {
        let plan = Plan::make(store, &item.target, options.platform.as_ref())?;
        let mut saved = Vec::new();
        for image in &plan.images {
            saved.push(archive.image(image)?);
        }
        let documents: Vec<Document> = saved.iter().map(|image| image.manifest.clone()).collect();
        let attachments = outgoing::attach(options.attested, &plan.images, &documents);
        for attachment in &attachments {
            for blob in &attachment.blobs {
                archive.blob(&blob.digest, &blob.bytes)?;
            }
            archive.document(attachment.manifest.clone())?;
        }
        let top = match outgoing::top(&plan, &documents, &attachments)? {
            Some(top) => archive.document(top)?,
            None => continue,
        };
        let entry = |annotations| TopEntry {
            media_type: top.media_type.clone(),
            digest: top.digest.clone(),
            size: top.bytes.len() as u64,
            annotations,
        };
        if item.names.is_empty() {
            index.manifests.push(entry(BTreeMap::new()));
        }
        for name in &item.names {
            index.manifests.push(entry(name_annotations(name)));
        }
        // Docker's own file knows no platforms; its readers take the first of equal names.
        let best = saved.iter().zip(&plan.images).min_by_key(|(_, image)| {
            let rank = Platform::host().rank(&image.image.config.platform());
            rank.unwrap_or(usize::MAX)
        });
        if let Some((saved, image)) = best {
            note(&mut images, &mut repositories, saved, image, &item.names);
        }
    }
    archive.text("index.json", &json_of(&index))?;
    if options.format == Format::Docker {
        archive.text("manifest.json", &json_of(&images))?;
        archive.text("repositories", &json_of(&repositories))?;
    }
    archive.text("oci-layout", OCI_LAYOUT.as_bytes())?;
    archive.sink.finish()
}

/// An image that is in the archive.
struct Saved {
    manifest: Document,
    layers: Vec<Descriptor>,
}

struct Archive<'a> {
    store: &'a Store,
    owners: Owners,
    /// Collected where a blob is missing.
    known: Option<Known>,
    written: HashSet<Digest>,
    sink: &'a mut dyn Sink,
}

impl Archive<'_> {
    /// Writes layers, config and manifest, unless they are there.
    fn image(&mut self, plan: &ImagePlan) -> Result<Saved, Error> {
        let image = &plan.image;
        let mut layers = Vec::new();
        let mut done: HashMap<&Digest, Descriptor> = HashMap::new();
        for (diff_id, layer) in image.layers().iter().zip(&image.manifest.layers) {
            let saved = match done.get(diff_id) {
                Some(saved) => saved.clone(),
                None => self.layer(image.manifest.media_type, diff_id, layer)?,
            };
            done.insert(diff_id, saved.clone());
            layers.push(saved);
        }
        let config = self.store.read_blob(&image.id, limits::MAX_CONFIG_BYTES)?;
        self.blob(&image.id, &config)?;
        let manifest = if layers == image.manifest.layers {
            Document {
                digest: image.manifest_digest.clone(),
                media_type: image.manifest.media_type.to_owned(),
                bytes: plan.bytes.clone(),
            }
        } else {
            outgoing::manifest(&plan.bytes, &image.manifest, &layers)?
        };
        let manifest = self.document(manifest)?;
        Ok(Saved { manifest, layers })
    }

    /// Writes a layer: its blob, or another one that it came as, or its directory as a plain tar.
    fn layer(
        &mut self,
        family: &'static str,
        diff_id: &Digest,
        layer: &Descriptor,
    ) -> Result<Descriptor, Error> {
        let mut blob = layer.clone();
        if !self.store.has_blob(&blob.digest) && blob.digest != *diff_id {
            blob = self.substitute(family, diff_id, layer)?;
        }
        if !self.written.insert(blob.digest.clone()) {
            return Ok(blob);
        }
        let (store, owners) = (self.store, self.owners);
        let mut fill = |out: &mut dyn Write| match store.has_blob(&blob.digest) {
            true => copy(store, &blob.digest, out),
            false => {
                let written = write_layer(store, owners, diff_id, out)?;
                match written.diff_id == *diff_id {
                    true => Ok(()),
                    false => Err(Error::NoBlob(diff_id.clone())),
                }
            }
        };
        self.sink
            .file(&blob_path(&blob.digest), blob.size, &mut fill)?;
        Ok(blob)
    }

    /// Finds what a layer can be saved as whose own blob is not here: it came with another image, as another blob; or its
    /// directory says it in the same bytes.
    fn substitute(
        &mut self,
        family: &'static str,
        diff_id: &Digest,
        layer: &Descriptor,
    ) -> Result<Descriptor, Error> {
        let known = match &mut self.known {
            Some(known) => known,
            empty => empty.insert(Known::collect(self.store, None)?),
        };
        let mut others = known.blobs(diff_id).iter().map(|blob| &blob.descriptor);
        if let Some(other) = others.find(|other| self.store.has_blob(&other.digest)) {
            return Ok(other.clone());
        }
        let written = write_layer(self.store, self.owners, diff_id, io::sink())?;
        if written.diff_id != *diff_id {
            return Err(Error::NoBlob(diff_id.clone()));
        }
        Ok(Descriptor {
            media_type: outgoing::layer_type(family, Compression::None),
            digest: diff_id.clone(),
            size: written.size,
            ..layer.clone()
        })
    }

    fn document(&mut self, document: Document) -> Result<Document, Error> {
        self.blob(&document.digest, &document.bytes)?;
        Ok(document)
    }

    fn blob(&mut self, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
        match self.written.insert(digest.clone()) {
            true => self.text(&blob_path(digest), bytes),
            false => Ok(()),
        }
    }

    fn text(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut fill = |out: &mut dyn Write| Ok(out.write_all(bytes)?);
        self.sink.file(path, bytes.len() as u64, &mut fill)
    }
}

fn write_layer(
    store: &Store,
    owners: Owners,
    diff_id: &Digest,
    out: impl Write,
) -> Result<layer::Written, Error> {
    if !store.has_layer(diff_id) {
        return Err(Error::NoBlob(diff_id.clone()));
    }
    layer::write(&store.layer_dir(diff_id), owners, out).map_err(|error| match error {
        // The only thing that is read here is what is written: this is the archive.
        layer::Error::Read(source) => Error::Write(source),
        source => Error::Layer {
            layer: diff_id.clone(),
            source,
        },
    })
}

fn copy(store: &Store, digest: &Digest, out: &mut dyn Write) -> Result<(), Error> {
    let mut file = store.open_blob(digest)?;
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => out.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(Error::Store(crate::store::Error::Io {
                    action: "read",
                    path: store.blob_path(digest),
                    source,
                }));
            }
        }
    }
}

/// Notes an image for Docker's files; one that is there already only gets more names.
fn note(
    images: &mut Vec<DockerImage>,
    repositories: &mut Repositories,
    saved: &Saved,
    plan: &ImagePlan,
    names: &[Reference],
) {
    let config = blob_path(&plan.image.id);
    let tags = names.iter().map(Reference::familiar);
    match images.iter_mut().find(|image| image.config == config) {
        Some(image) => {
            let known = image.repo_tags.get_or_insert_default();
            known.extend(tags);
            known.dedup();
        }
        None => {
            let diff_ids = plan.image.layers().iter();
            let sources = diff_ids.zip(&saved.layers).map(|(diff_id, layer)| {
                let source = json!({
                    "mediaType": layer.media_type,
                    "size": layer.size,
                    "digest": layer.digest,
                });
                (diff_id.to_string(), source)
            });
            images.push(DockerImage {
                config,
                repo_tags: (!names.is_empty()).then(|| tags.collect()),
                layers: Some(saved.layers.iter().map(|l| blob_path(&l.digest)).collect()),
                layer_sources: Some(sources.collect()),
            });
        }
    }
    if let Some(top) = saved.layers.last() {
        for name in names {
            let tags = repositories.entry(name.familiar_name()).or_default();
            let tag = name.tag().unwrap_or_default().to_owned();
            tags.insert(tag, top.digest.hex().to_owned());
        }
    }
}

fn json_of(value: &impl serde::Serialize) -> Vec<u8> {
    // Strings, numbers and maps with string keys always have a JSON form.
    serde_json::to_vec(value).unwrap_or_default()
}
