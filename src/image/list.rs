//! The images of a store, with the names they go by.

use std::collections::BTreeMap;

use super::{Error, Image};
use crate::content::{Digest, Reference};
use crate::store::{RefEntry, Store};

/// Docker's word for "never".
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// One image (one image ID) and its names.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The image.
    pub image: Image,
    /// Everything that points to it, sorted; nameless entries among them.
    pub entries: Vec<RefEntry>,
    /// Sum of the sizes of its unpacked layers, bytes.
    pub size: u64,
}

/// What a store holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Newest first.
    pub images: Vec<Listed>,
    /// References whose image cannot be read, and why.
    pub broken: Vec<(RefEntry, Error)>,
}

impl Listed {
    /// Returns its `repository:tag` names, sorted.
    pub fn tags(&self) -> impl Iterator<Item = &Reference> {
        self.names().filter(|name| name.digest().is_none())
    }

    /// Returns its `repository@digest` names, sorted.
    pub fn digests(&self) -> impl Iterator<Item = &Reference> {
        self.names().filter(|name| name.digest().is_some())
    }

    /// Returns its names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Reference> {
        self.entries
            .iter()
            .filter_map(|entry| entry.reference.as_ref())
    }
}

impl Image {
    /// Returns when it was made, RFC 3339; Docker's zero time where it does not say or says nonsense.
    pub fn created(&self) -> &str {
        match &self.config.created {
            Some(text) if text.parse::<jiff::Timestamp>().is_ok() => text,
            _ => ZERO_TIME,
        }
    }

    /// Returns the sum of the sizes of its unpacked layers, bytes. A layer that is not unpacked counts as its blob does.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn size(&self, store: &Store) -> Result<u64, Error> {
        let mut sum = 0_u64;
        for (diff_id, blob) in self.layers().iter().zip(&self.manifest.layers) {
            let size = store.layer_size(diff_id)?.unwrap_or(blob.size);
            sum = sum.saturating_add(size);
        }
        Ok(sum)
    }
}

/// Returns all images. Where an index stands for several platforms, it is the image that would be run here.
///
/// # Errors
///
/// [`Error::Store`] where references cannot be listed; one image's flaws are in [`Listing::broken`].
pub fn list(store: &Store) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    let mut targets: BTreeMap<Digest, Image> = BTreeMap::new();
    let mut images: BTreeMap<Digest, Vec<RefEntry>> = BTreeMap::new();
    for entry in store.refs()? {
        if !targets.contains_key(&entry.target) {
            match Image::load(store, &entry.target, None) {
                Ok(image) => {
                    targets.insert(entry.target.clone(), image);
                }
                Err(error) => {
                    listing.broken.push((entry, error));
                    continue;
                }
            }
        }
        let id = targets[&entry.target].id.clone();
        images.entry(id).or_default().push(entry);
    }
    for (_, mut entries) in images {
        entries.sort_by(|a, b| a.reference.cmp(&b.reference));
        // The first named one: a nameless entry may point to an older index of the same image.
        let at = entries.iter().rev().find(|e| e.reference.is_some());
        let target = at.map_or(&entries[0].target, |entry| &entry.target);
        let image = targets[target].clone();
        let size = image.size(store)?;
        listing.images.push(Listed {
            image,
            entries,
            size,
        });
    }
    let age = |listed: &Listed| {
        listed
            .image
            .created()
            .parse::<jiff::Timestamp>()
            .unwrap_or(jiff::Timestamp::MIN)
    };
    listing.images.sort_by(|a, b| {
        age(b)
            .cmp(&age(a))
            .then_with(|| a.image.id.cmp(&b.image.id))
    });
    Ok(listing)
}
