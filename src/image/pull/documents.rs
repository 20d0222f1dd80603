//! What stands above the layers: index, manifest, config – fetched, checked, and none of it stored yet.

use super::{Error, asked};
use crate::image::config::ImageConfiguration;
use crate::image::manifest::{Descriptor, Document, Index, Manifest};
use crate::image::{Digest, Platform, Reference, limits};
use crate::registry::{FetchedManifest, Session};

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

/// Fetches everything but the layers.
///
/// # Errors
///
/// All of [`Error`] but those of layers and of the store.
pub(super) fn fetch(
    session: &Session,
    reference: &Reference,
    wanted: Option<&Platform>,
) -> Result<Remote, Error> {
    let fetched = session.manifest(asked(reference), None)?;
    let remote = descend(session, fetched, Vec::new(), wanted, None)?;
    let Some(remote) = remote else {
        return Err(Error::NoMatch(
            wanted.cloned().unwrap_or_else(Platform::host),
        ));
    };
    let actual = remote.config.platform();
    match wanted {
        Some(wanted) if !wanted.accepts(&actual) => Err(Error::Platform {
            reference: reference.familiar(),
            wanted: Box::new(wanted.clone()),
            actual: Box::new(actual),
        }),
        _ => Ok(remote),
    }
}

/// Follows indexes down to the image for the platform; `None` where there is none. `entry` is what led here.
fn descend(
    session: &Session,
    fetched: FetchedManifest,
    mut above: Vec<FetchedManifest>,
    wanted: Option<&Platform>,
    entry: Option<&Descriptor>,
) -> Result<Option<Remote>, Error> {
    let document =
        Document::parse(&fetched.bytes, Some(&fetched.media_type)).map_err(|source| {
            Error::Manifest {
                digest: fetched.digest.clone(),
                source,
            }
        })?;
    let digest = fetched.digest.clone();
    above.push(fetched);
    let index = match document {
        Document::Manifest(manifest) => {
            let remote = fetch_config(session, above, manifest)?;
            // An entry of an index that does not say what it is for is judged by its config.
            let is_silent = entry.is_some_and(|entry| entry.platform.is_none());
            let fits = |actual: &Platform| match wanted {
                Some(wanted) => wanted.accepts(actual),
                None => Platform::host().rank(actual).is_some(),
            };
            return Ok((!is_silent || fits(&remote.config.platform())).then_some(remote));
        }
        Document::Index(index) => index,
    };
    if above.len() > limits::MAX_INDEX_DEPTH {
        return Err(Error::Nesting(digest));
    }
    for entry in candidates(&index, wanted) {
        let fetched = session.manifest(entry.digest.as_str(), Some(entry.size))?;
        let found = descend(session, fetched, above.clone(), wanted, Some(entry))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn candidates<'a>(index: &'a Index, wanted: Option<&Platform>) -> Vec<&'a Descriptor> {
    match wanted {
        Some(wanted) => index.for_platform(wanted),
        None => index.for_host(&Platform::host()),
    }
}

fn fetch_config(
    session: &Session,
    documents: Vec<FetchedManifest>,
    manifest: Manifest,
) -> Result<Remote, Error> {
    let digest = || {
        documents
            .last()
            .map(|document| document.digest.clone())
            .unwrap_or_else(|| manifest.config.digest.clone())
    };
    manifest.check_image().map_err(|source| Error::Manifest {
        digest: digest(),
        source,
    })?;
    let config_bytes = session.config(&manifest.config.digest, manifest.config.size)?;
    let config = ImageConfiguration::parse(&config_bytes).map_err(|source| Error::Config {
        digest: manifest.config.digest.clone(),
        source,
    })?;
    if config.rootfs.diff_ids.len() != manifest.layers.len() {
        return Err(Error::LayerCount {
            manifest: manifest.layers.len(),
            config: config.rootfs.diff_ids.len(),
        });
    }
    Ok(Remote {
        documents,
        manifest,
        config_bytes,
        config,
    })
}
