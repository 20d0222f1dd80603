//! What is to leave: an image, or an index with all of its images.

use crate::content::{Digest, limits};
use crate::image::document;
use crate::image::manifest::{self, Index};
use crate::image::{Error, Image, Platform};
use crate::store::Store;

use super::Document;

/// An image, and its manifest as it is.
#[derive(Debug)]
pub(in crate::image) struct ImagePlan {
    pub(in crate::image) image: Image,
    pub(in crate::image) bytes: Vec<u8>,
}

/// Everything that leaves.
#[derive(Debug)]
pub(in crate::image) struct Plan {
    pub(in crate::image) images: Vec<ImagePlan>,
    /// What names them, where it leaves as well.
    pub(in crate::image) index: Option<Document>,
    /// An index that stays, because not all of it is here.
    pub(in crate::image) left_out: Option<Digest>,
    target: Digest,
}

impl Plan {
    /// Plans for `target`.
    ///
    /// # Errors
    ///
    /// All of [`Error`].
    pub(in crate::image) fn make(
        store: &Store,
        target: &Digest,
        platform: Option<&Platform>,
    ) -> Result<Plan, Error> {
        let bytes = store.read_blob(target, limits::MAX_MANIFEST_BYTES)?;
        let index = match document::parse(target, &bytes, None)? {
            manifest::Document::Index(index) => Some(index),
            manifest::Document::Manifest(_) => None,
        };
        if let (Some(index), None) = (&index, platform)
            && let Some(images) = all_images(store, index)?
        {
            return Ok(Plan {
                images,
                index: Some(Document {
                    digest: target.clone(),
                    media_type: index.media_type.to_owned(),
                    bytes,
                }),
                left_out: None,
                target: target.clone(),
            });
        }
        let image = plan(store, target, platform)?;
        let manifest = image.image.manifest_digest.clone();
        Ok(Plan {
            images: vec![image],
            index: None,
            left_out: index.filter(|_| platform.is_none()).map(|_| target.clone()),
            target: manifest,
        })
    }

    /// The manifest or index that the name will lead to, if nothing has to be packed anew.
    pub(in crate::image) fn target(&self) -> &Digest {
        &self.target
    }
}

fn plan(store: &Store, target: &Digest, platform: Option<&Platform>) -> Result<ImagePlan, Error> {
    let image = Image::load(store, target, platform)?;
    let bytes = store.read_blob(&image.manifest_digest, limits::MAX_MANIFEST_BYTES)?;
    Ok(ImagePlan { image, bytes })
}

/// The images of an index, if each entry is a manifest that is here with its config and its layers.
fn all_images(store: &Store, index: &Index) -> Result<Option<Vec<ImagePlan>>, Error> {
    let mut images = Vec::new();
    for entry in &index.manifests {
        if !store.has_blob(&entry.digest) {
            return Ok(None);
        }
        let bytes = store.read_blob(&entry.digest, limits::MAX_MANIFEST_BYTES)?;
        let manifest::Document::Manifest(manifest) = document::parse(&entry.digest, &bytes, None)?
        else {
            return Ok(None);
        };
        if manifest.check_image().is_err() || !store.has_blob(&manifest.config.digest) {
            return Ok(None);
        }
        let image = plan(store, &entry.digest, None)?;
        if !image
            .image
            .layers()
            .iter()
            .all(|layer| store.has_layer(layer))
        {
            return Ok(None);
        }
        images.push(image);
    }
    Ok((!images.is_empty()).then_some(images))
}
