//! What a build has made for one platform or for several, on its way out.
//!
//! For several platforms the image is an index of the images for each, and files are in a directory for each.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::Built;
use super::error::Error;
use super::output::Product;
use crate::container::Engine;
use crate::content::media_type::{DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::content::{Digest, Reference, limits};
use crate::image::attestation::Attested;
use crate::image::manifest::{Descriptor, Document};
use crate::image::{self, Platform};
use crate::store::Lease;

/// The results of a build.
#[derive(Debug)]
pub struct Products<'a> {
    engine: &'a Engine,
    /// One for each platform.
    list: Vec<Product<'a>>,
    /// Names the indexes until they have a name.
    lease: Lease,
    index: Option<Built>,
}

impl<'a> Products<'a> {
    /// Takes what was built for each platform; at least one.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn new(engine: &'a Engine, list: Vec<Product<'a>>) -> Result<Products<'a>, Error> {
        Ok(Products {
            engine,
            list,
            lease: engine.store.lease()?,
            index: None,
        })
    }

    /// Returns whether the image is an index.
    pub fn are_several(&self) -> bool {
        self.list.len() > 1
    }

    /// Makes the image's documents, which have no name yet.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn image(&mut self) -> Result<Built, Error> {
        if let [one] = self.list.as_mut_slice() {
            return one.image();
        }
        if let Some(built) = &self.index {
            return Ok(built.clone());
        }
        let entries = self.entries()?.into_iter().map(|(_, entry)| entry);
        let entries = entries.collect();
        let built = self.put(entries)?;
        self.index = Some(built.clone());
        Ok(built)
    }

    /// Gives the image its names; without any it is an image that only its ID leads to.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn name(&mut self, names: &[Reference]) -> Result<Built, Error> {
        let built = self.image()?;
        super::image::give_names(&self.engine.store, &built, names)?;
        Ok(built)
    }

    /// `--manifest`: adds the image, or each of them, to the list of that name, in the place of those for the same platforms.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where that is the name of an image; [`Error::Store`].
    pub fn add_to_list(&mut self, name: &Reference) -> Result<Built, Error> {
        let new = self.entries()?;
        let known = |platform: &Option<Platform>| {
            let is_it = |other: &Platform| Some(other) == platform.as_ref();
            new.iter().any(|(other, _)| is_it(other))
        };
        let store = &self.engine.store;
        loop {
            let before = store.get_ref(name)?;
            let mut entries = Vec::new();
            for descriptor in self.listed(name, before.as_ref())? {
                if !known(&descriptor.platform) {
                    entries.push(entry(&descriptor));
                }
            }
            entries.extend(new.iter().map(|(_, entry)| entry.clone()));
            let built = self.put(entries)?;
            // Another build may have added its own meanwhile.
            if store.replace_ref(name, before.as_ref(), &built.manifest)? {
                return Ok(built);
            }
        }
    }

    /// Puts the files into `dir`; those for several platforms into `dir/OS_ARCH`. See [`Product::write_files`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_files(&self, dir: &Path) -> Result<(), Error> {
        if let [one] = self.list.as_slice() {
            return one.write_files(dir);
        }
        for product in &self.list {
            // BuildKit, exporter/local.
            let name = product.platform().to_string().replace('/', "_");
            product.write_files(&dir.join(name))?;
        }
        Ok(())
    }

    /// Writes the files as a tar. See [`Product::write_tar`].
    ///
    /// # Errors
    ///
    /// As there; [`Error::Invalid`] where there are several platforms.
    pub fn write_tar(&self, out: impl Write) -> Result<(), Error> {
        match self.list.as_slice() {
            [one] => one.write_tar(out),
            _ => Err(Error::Invalid(
                "a tar of files is for one platform: use --output type=local".to_owned(),
            )),
        }
    }

    /// Returns what is attested of the images where they go, which are called `names` there. A registry gets also what is for
    /// registries alone, and so does everybody who gets an index.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for images in Docker's format; [`Error::Store`].
    pub fn attested(
        &mut self,
        names: &[Reference],
        to_registry: bool,
    ) -> Result<Vec<Attested>, Error> {
        let also_inline_only = to_registry || self.are_several();
        let mut attested = Vec::new();
        for product in &mut self.list {
            attested.extend(product.attested(names, also_inline_only)?);
        }
        Ok(attested)
    }

    /// Returns the entry of an index for each image.
    fn entries(&mut self) -> Result<Vec<(Platform, Value)>, Error> {
        let mut entries = Vec::new();
        for product in &mut self.list {
            let built = product.image()?;
            let bytes =
                (self.engine.store).read_blob(&built.manifest, limits::MAX_MANIFEST_BYTES)?;
            let platform = product.platform();
            let media_type = match product.has_docker_format() {
                true => DOCKER_MANIFEST,
                false => OCI_MANIFEST,
            };
            let entry = entry(&Descriptor {
                media_type: media_type.to_owned(),
                digest: built.manifest,
                size: bytes.len() as u64,
                platform: Some(platform.clone()),
                annotations: Default::default(),
            });
            entries.push((platform, entry));
        }
        Ok(entries)
    }

    /// Returns what the list called `name` has, which is `target`, if there is one.
    fn listed(&self, name: &Reference, target: Option<&Digest>) -> Result<Vec<Descriptor>, Error> {
        let store = &self.engine.store;
        let Some(target) = target else {
            return Ok(Vec::new());
        };
        let broken = |source| Error::Image {
            image: name.familiar(),
            near: None,
            source: Box::new(source),
        };
        match image::read_document(store, target).map_err(broken)? {
            Document::Index(index) => Ok(index.manifests),
            Document::Manifest(_) => Err(Error::Invalid(format!(
                "{} is an image, not a manifest list",
                name.familiar()
            ))),
        }
    }

    fn put(&mut self, entries: Vec<Value>) -> Result<Built, Error> {
        let is_docker = self.list.iter().all(Product::has_docker_format);
        let index = json!({
            "schemaVersion": 2,
            "mediaType": if is_docker { DOCKER_INDEX } else { OCI_INDEX },
            "manifests": entries,
        });
        let store = &self.engine.store;
        let (digest, blob) = store.prepare_blob(index.to_string().as_bytes())?;
        self.lease.add(&digest)?;
        if !store.has_blob(&digest) {
            store.publish_unsettled(vec![blob])?;
        }
        Ok(Built {
            id: digest.clone(),
            manifest: digest,
        })
    }
}

fn entry(descriptor: &Descriptor) -> Value {
    let mut entry = json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    });
    if let Some(platform) = &descriptor.platform {
        entry["platform"] = json!(platform);
    }
    if !descriptor.annotations.is_empty() {
        entry["annotations"] = json!(descriptor.annotations);
    }
    entry
}
