//! What the store knows of layers: the blobs they are, and the repositories that have those.
//!
//! It is read off the references by digest, which a pull and a push leave behind.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::content::{Digest, Reference};
use crate::image::manifest::Descriptor;
use crate::image::{Error, Image, variants};
use crate::store::Store;

/// Repositories of one registry that are asked for one blob.
const MAX_SOURCES: usize = 3;
/// Blobs of one layer that are asked for.
const MAX_BLOBS: usize = 4;

/// A blob that a layer is, somewhere.
#[derive(Debug, Clone)]
pub(in crate::image) struct KnownBlob {
    pub(in crate::image) descriptor: Descriptor,
    /// Other repositories of the registry that is pushed to.
    pub(in crate::image) sources: Vec<Reference>,
}

/// By diff_id.
#[derive(Debug, Default)]
pub(in crate::image) struct Known(HashMap<Digest, Vec<KnownBlob>>);

impl Known {
    /// Collects what there is; `to` is the repository of a push.
    pub(in crate::image) fn collect(store: &Store, to: Option<&Reference>) -> Result<Known, Error> {
        let mut known = Known::default();
        // Each document once, with all its names.
        let mut targets: BTreeMap<Digest, Vec<Reference>> = BTreeMap::new();
        for entry in store.refs()? {
            let names = targets.entry(entry.target).or_default();
            names.extend(entry.reference.filter(|name| name.digest().is_some()));
        }
        let mut seen = HashSet::new();
        for (target, names) in &targets {
            // One broken image must not stand in the way of others.
            for (manifest, _) in variants(store, target).unwrap_or_default() {
                let is_other = |name: &&Reference| {
                    to.is_some_and(|to| {
                        name.registry() == to.registry() && name.repository() != to.repository()
                    })
                };
                let sources: Vec<Reference> = names.iter().filter(is_other).cloned().collect();
                if !seen.insert(manifest.clone()) && sources.is_empty() {
                    continue;
                }
                if let Ok(image) = Image::load(store, &manifest, None) {
                    for (diff_id, layer) in image.layers().iter().zip(&image.manifest.layers) {
                        known.add(diff_id, layer, &sources);
                    }
                }
            }
        }
        Ok(known)
    }

    fn add(&mut self, diff_id: &Digest, layer: &Descriptor, sources: &[Reference]) {
        let blobs = self.0.entry(diff_id.clone()).or_default();
        let at = blobs
            .iter()
            .position(|blob| blob.descriptor.digest == layer.digest);
        let at = match at {
            Some(at) => at,
            None if blobs.len() == MAX_BLOBS => return,
            None => {
                let descriptor = layer.clone();
                blobs.push(KnownBlob {
                    descriptor,
                    sources: Vec::new(),
                });
                blobs.len() - 1
            }
        };
        let known = &mut blobs[at].sources;
        for source in sources {
            let same = |known: &Reference| known.repository() == source.repository();
            if known.len() < MAX_SOURCES && !known.iter().any(same) {
                known.push(source.clone());
            }
        }
    }

    /// The blobs that a layer is known to be.
    pub(in crate::image) fn blobs(&self, diff_id: &Digest) -> &[KnownBlob] {
        self.0.get(diff_id).map_or(&[], Vec::as_slice)
    }

    /// The repositories that have one of them.
    pub(in crate::image) fn sources(&self, diff_id: &Digest, blob: &Digest) -> &[Reference] {
        let mut blobs = self.blobs(diff_id).iter();
        let found = blobs.find(|known| known.descriptor.digest == *blob);
        found.map_or(&[], |known| &known.sources)
    }
}
