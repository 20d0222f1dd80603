//! What stands above the layers: index, manifest, config – fetched, checked, and none of it stored yet.

use std::collections::HashSet;

use super::{Error, asked};
use crate::content::{Digest, Reference, limits};
use crate::image::Platform;
use crate::image::config::ImageConfiguration;
use crate::image::document::{self, DocumentError};
use crate::image::manifest::{Descriptor, Document, Index, Manifest};
use crate::registry::{self, FetchedManifest, Session};

/// An image of the registry, before its layers.
pub(super) struct Remote {
    /// Indexes, outermost first, and the manifest.
    pub(super) documents: Vec<FetchedManifest>,
    pub(super) manifest: Manifest,
    pub(super) config_bytes: Vec<u8>,
    pub(super) config: ImageConfiguration,
}

impl Remote {
    /// What the reference means: the outermost document.
    pub(super) fn target(&self) -> &Digest {
        let outermost = self.documents.first();
        outermost.map_or(&self.manifest.config.digest, |document| &document.digest)
    }

    /// Every document and the config.
    pub(super) fn digests(&self) -> impl Iterator<Item = &Digest> {
        let documents = self.documents.iter().map(|document| &document.digest);
        documents.chain([&self.manifest.config.digest])
    }
}

/// Where documents come from.
pub(super) trait Source {
    /// As [`Session::manifest`].
    fn manifest(&self, which: &str, size: Option<u64>) -> Result<FetchedManifest, registry::Error>;

    /// As [`Session::config`].
    fn config(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, registry::Error>;
}

impl Source for Session {
    fn manifest(&self, which: &str, size: Option<u64>) -> Result<FetchedManifest, registry::Error> {
        self.manifest(which, size)
    }

    fn config(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, registry::Error> {
        self.config(digest, size)
    }
}

/// Fetches everything but the layers.
///
/// # Errors
///
/// All of [`Error`] but those of layers and of the store.
pub(super) fn fetch(
    source: &impl Source,
    reference: &Reference,
    wanted: Option<&Platform>,
) -> Result<Remote, Error> {
    let fetched = source.manifest(asked(reference), None)?;
    let mut search = Search {
        source,
        wanted,
        seen: HashSet::from([fetched.digest.clone()]),
        above: Vec::new(),
    };
    let Some(found) = search.descend(fetched, None)? else {
        return Err(Error::NoMatch(
            wanted.cloned().unwrap_or_else(Platform::host),
        ));
    };
    let actual = found.config.platform();
    match wanted {
        Some(wanted) if !wanted.accepts(&actual) => Err(Error::Platform {
            reference: reference.familiar(),
            wanted: Box::new(wanted.clone()),
            actual: Box::new(actual),
        }),
        _ => Ok(Remote {
            documents: search.above,
            manifest: found.manifest,
            config_bytes: found.config_bytes,
            config: found.config,
        }),
    }
}

/// A manifest with its config.
struct Found {
    manifest: Manifest,
    config_bytes: Vec<u8>,
    config: ImageConfiguration,
}

/// The way down from what the reference means to the image for the platform.
struct Search<'a, S> {
    source: &'a S,
    wanted: Option<&'a Platform>,
    /// Everything that was fetched: no document is worth a second look.
    seen: HashSet<Digest>,
    /// The indexes that led here, outermost first; when the image is found, its manifest as well.
    above: Vec<FetchedManifest>,
}

impl<S: Source> Search<'_, S> {
    /// Follows indexes down to the image; `None` where there is none. `entry` is what led here.
    fn descend(
        &mut self,
        fetched: FetchedManifest,
        entry: Option<&Descriptor>,
    ) -> Result<Option<Found>, Error> {
        let parsed = document::parse(&fetched.digest, &fetched.bytes, Some(&fetched.media_type))?;
        let found = match parsed {
            Document::Manifest(manifest) => {
                let found = self.fetch_config(&fetched.digest, *manifest)?;
                // An entry of an index that does not say what it is for is judged by its config.
                let is_silent = entry.is_some_and(|entry| entry.platform.is_none());
                let fits = !is_silent || self.fits(&found.config.platform());
                self.above.push(fetched);
                fits.then_some(found)
            }
            Document::Index(_) if self.above.len() == limits::MAX_INDEX_DEPTH => {
                return Err(DocumentError::Nesting(fetched.digest).into());
            }
            Document::Index(index) => {
                let digest = fetched.digest.clone();
                self.above.push(fetched);
                self.search_index(&digest, &index)?
            }
        };
        if found.is_none() {
            self.above.pop();
        }
        Ok(found)
    }

    fn search_index(&mut self, digest: &Digest, index: &Index) -> Result<Option<Found>, Error> {
        let candidates = match self.wanted {
            Some(wanted) => index.for_platform(wanted),
            None => index.for_host(&Platform::host()),
        };
        for entry in candidates {
            if !self.seen.insert(entry.digest.clone()) {
                continue;
            }
            if self.seen.len() > limits::MAX_FETCHED_DOCUMENTS {
                return Err(Error::TooManyDocuments(digest.clone()));
            }
            let fetched = self
                .source
                .manifest(entry.digest.as_str(), Some(entry.size))?;
            let found = self.descend(fetched, Some(entry))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn fits(&self, actual: &Platform) -> bool {
        match self.wanted {
            Some(wanted) => wanted.accepts(actual),
            None => Platform::host().rank(actual).is_some(),
        }
    }

    fn fetch_config(&self, digest: &Digest, manifest: Manifest) -> Result<Found, Error> {
        let checked = manifest.check_image();
        checked.map_err(|source| DocumentError::Manifest {
            digest: digest.clone(),
            source,
        })?;
        let wanted = &manifest.config;
        let config_bytes = self.source.config(&wanted.digest, wanted.size)?;
        let config = document::parse_config(&manifest, &config_bytes)?;
        Ok(Found {
            manifest,
            config_bytes,
            config,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::content::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};

    /// Documents in memory, and how many manifests were asked for.
    #[derive(Default)]
    struct Shelf {
        documents: HashMap<String, (Vec<u8>, &'static str)>,
        asked: Cell<usize>,
    }

    impl Shelf {
        /// Returns the descriptor of what it keeps.
        fn put(&mut self, document: &Value, media_type: &'static str) -> Value {
            let bytes = document.to_string().into_bytes();
            let digest = Digest::sha256_of(&bytes);
            let descriptor =
                json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
            self.documents
                .insert(digest.to_string(), (bytes, media_type));
            descriptor
        }

        /// An image without layers; `mark` makes it different from others.
        fn image(&mut self, os: &str, mark: usize) -> Value {
            let config = json!({
                "architecture": Platform::host().architecture, "os": os, "author": mark.to_string(),
                "rootfs": {"type": "layers", "diff_ids": []},
            });
            let config = self.put(&config, OCI_CONFIG);
            let manifest = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [],
            });
            self.put(&manifest, OCI_MANIFEST)
        }

        fn index(&mut self, manifests: &[Value]) -> Value {
            let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
            self.put(&index, OCI_INDEX)
        }

        fn fetch(&self, top: &Value) -> Result<Remote, Error> {
            let name = format!("x@{}", top["digest"].as_str().unwrap());
            fetch(self, &name.parse().unwrap(), None)
        }
    }

    impl Source for Shelf {
        fn manifest(
            &self,
            which: &str,
            _: Option<u64>,
        ) -> Result<FetchedManifest, registry::Error> {
            self.asked.set(self.asked.get() + 1);
            let (bytes, media_type) = &self.documents[which];
            Ok(FetchedManifest {
                bytes: bytes.clone(),
                digest: which.parse().unwrap(),
                media_type: (*media_type).to_owned(),
            })
        }

        fn config(&self, digest: &Digest, _: u64) -> Result<Vec<u8>, registry::Error> {
            Ok(self.documents[digest.as_str()].0.clone())
        }
    }

    #[test]
    fn keeps_the_way_to_the_image_only() {
        let mut shelf = Shelf::default();
        let foreign = shelf.image("plan9", 0);
        let aside = shelf.index(std::slice::from_ref(&foreign));
        let ours = shelf.image("linux", 0);
        let inner = shelf.index(&[foreign, ours.clone()]);
        let top = shelf.index(&[aside, inner.clone()]);
        let remote = shelf.fetch(&top).unwrap();
        let way: Vec<&str> = remote.documents.iter().map(|d| d.digest.as_str()).collect();
        let expected = [&top, &inner, &ours].map(|d| d["digest"].as_str().unwrap());
        assert_eq!(way, expected);
    }

    #[test]
    fn no_document_is_fetched_twice() {
        let mut shelf = Shelf::default();
        let foreign = shelf.image("plan9", 0);
        let mut top = shelf.index(&vec![foreign; 100]);
        for _ in 1..limits::MAX_INDEX_DEPTH {
            top = shelf.index(&vec![top; 100]);
        }
        assert!(matches!(shelf.fetch(&top), Err(Error::NoMatch(_))));
        assert_eq!(shelf.asked.get(), limits::MAX_INDEX_DEPTH + 1);
    }

    #[test]
    fn no_end_of_documents_is_followed() {
        let mut shelf = Shelf::default();
        let manifests: Vec<Value> = (0..100).map(|mark| shelf.image("plan9", mark)).collect();
        let top = shelf.index(&manifests);
        assert!(matches!(shelf.fetch(&top), Err(Error::TooManyDocuments(_))));
        assert_eq!(shelf.asked.get(), limits::MAX_FETCHED_DOCUMENTS);
    }

    #[test]
    fn nesting_has_an_end() {
        let mut shelf = Shelf::default();
        let mut top = shelf.image("linux", 0);
        for _ in 0..limits::MAX_INDEX_DEPTH {
            top = shelf.index(&[top]);
        }
        assert!(shelf.fetch(&top).is_ok());
        let deeper = shelf.index(&[top]);
        assert!(matches!(
            shelf.fetch(&deeper),
            Err(Error::Document(DocumentError::Nesting(_)))
        ));
    }
}
