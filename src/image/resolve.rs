//! From what a user types to an image of the store.

use super::Platform;
use super::config::ImageConfiguration;
use super::document::{self, DocumentError};
use super::manifest::{Descriptor, Document, Manifest};
use crate::content::{Digest, Reference, ReferenceError, SHORT_ID, is_lower_hex, limits};
use crate::store::{self, Store};

/// One image of the store, for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// What the reference points to: an index or the manifest.
    pub target: Digest,
    /// The manifest.
    pub manifest_digest: Digest,
    /// The manifest, parsed.
    pub manifest: Manifest,
    /// The image ID: digest of the config.
    pub id: Digest,
    /// The config, parsed. Its `rootfs.diff_ids` are the layers, lowest first.
    pub config: ImageConfiguration,
}

/// Why there is no such image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of that name or ID. The words are Docker's.
    #[error("No such image: {0}")]
    NotFound(String),
    /// Neither a reference nor an ID.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// More than one image ID begins like this.
    #[error("multiple IDs found with provided prefix: {0}")]
    AmbiguousId(String),
    /// The image is here, but not for this platform. The words are Docker's.
    #[error(
        "image with reference {reference} was found but does not provide the specified platform ({wanted})"
    )]
    Platform {
        /// As typed.
        reference: String,
        /// As asked for.
        wanted: Platform,
    },
    /// A manifest or config of the store is broken.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Image {
    /// Returns the layers' diff_ids, lowest first.
    pub fn layers(&self) -> &[Digest] {
        &self.config.rootfs.diff_ids
    }

    /// Reads the image whose index or manifest is `target`. Without `platform` the best that this machine can run is taken,
    /// else the first whose blobs are here.
    ///
    /// # Errors
    ///
    /// All of [`Error`].
    pub fn load(
        store: &Store,
        target: &Digest,
        platform: Option<&Platform>,
    ) -> Result<Image, Error> {
        let (manifest_digest, manifest) =
            find_manifest(store, target, platform, 0)?.ok_or_else(|| match platform {
                Some(wanted) => Error::Platform {
                    reference: target.to_string(),
                    wanted: wanted.clone(),
                },
                None => Error::Store(store::Error::Missing(target.clone())),
            })?;
        let id = manifest.config.digest.clone();
        let bytes = store.read_blob(&id, limits::MAX_CONFIG_BYTES)?;
        let config = document::parse_config(&manifest, &bytes)?;
        if let Some(wanted) = platform
            && !wanted.accepts(&config.platform())
        {
            return Err(Error::Platform {
                reference: target.to_string(),
                wanted: wanted.clone(),
            });
        }
        Ok(Image {
            target: target.clone(),
            manifest_digest,
            manifest,
            id,
            config,
        })
    }
}

/// Follows indexes down to a manifest whose config is in the store.
fn find_manifest(
    store: &Store,
    digest: &Digest,
    platform: Option<&Platform>,
    depth: usize,
) -> Result<Option<(Digest, Manifest)>, Error> {
    let index = match read_document(store, digest)? {
        Document::Manifest(manifest) => {
            let here = store.has_blob(&manifest.config.digest);
            return Ok(here.then(|| (digest.clone(), *manifest)));
        }
        Document::Index(index) => index,
    };
    if depth == limits::MAX_INDEX_DEPTH {
        return Err(DocumentError::Nesting(digest.clone()).into());
    }
    let mut candidates: Vec<&Descriptor> = match platform {
        Some(wanted) => index.for_platform(wanted),
        None => index.for_host(&Platform::host()),
    };
    if platform.is_none() {
        // An image of a foreign platform that somebody pulled on purpose is still an image.
        let others = index
            .manifests
            .iter()
            .filter(|d| !candidates.contains(d))
            .collect::<Vec<_>>();
        candidates.extend(others);
    }
    for candidate in candidates {
        if store.has_blob(&candidate.digest)
            && let Some(found) = find_manifest(store, &candidate.digest, platform, depth + 1)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Finds the image that `query` names: a reference (tag `latest` by default), a digest, an image ID or the beginning of one.
///
/// The order is Docker's: a name wins over an ID that is spelled the same.
///
/// # Errors
///
/// All of [`Error`].
pub fn resolve(store: &Store, query: &str, platform: Option<&Platform>) -> Result<Image, Error> {
    let (rest, exact_id) = match query.strip_prefix("sha256:") {
        Some(hex) => (hex, true),
        None => (query, query.len() == 64),
    };
    let hex = is_lower_hex(rest) && (1..=64).contains(&rest.len());
    if exact_id && hex {
        return by_id(store, rest, platform)?.ok_or_else(|| Error::NotFound(query.to_owned()));
    }
    let reference: Reference = query.parse()?;
    match resolve_reference(store, &reference, platform) {
        Err(Error::NotFound(name)) if hex => {
            by_id(store, rest, platform)?.ok_or(Error::NotFound(name))
        }
        other => other,
    }
}

/// As [`resolve`], for what a Dockerfile names: of an ID at least as many digits as lists show. A name of which every letter
/// is a hexadecimal digit must not find whatever image has such an ID.
///
/// # Errors
///
/// All of [`Error`].
pub fn resolve_base(
    store: &Store,
    query: &str,
    platform: Option<&Platform>,
) -> Result<Image, Error> {
    match query.len() < SHORT_ID {
        true => resolve_reference(store, &query.parse()?, platform),
        false => resolve(store, query, platform),
    }
}

/// Finds the one image whose ID (or the digest of whose manifest or index) begins with `prefix`.
fn by_id(store: &Store, prefix: &str, platform: Option<&Platform>) -> Result<Option<Image>, Error> {
    let mut targets: Vec<Digest> = store
        .refs()?
        .into_iter()
        .map(|entry| entry.target)
        .collect();
    targets.sort();
    targets.dedup();
    let mut found: Option<(Digest, Digest, Digest)> = None;
    for target in targets {
        // One broken image must not hide the others.
        let Ok(variants) = variants(store, &target) else {
            continue;
        };
        for (manifest, id) in variants {
            let named = [&id, &manifest, &target]
                .iter()
                .any(|digest| digest.hex().starts_with(prefix));
            if !named {
                continue;
            }
            match &found {
                Some((_, _, known)) if *known != id && prefix.len() < 64 => {
                    return Err(Error::AmbiguousId(prefix.to_owned()));
                }
                // The full digest of an index names the image that its reference would name.
                Some(_) => {}
                None => found = Some((target.clone(), manifest, id)),
            }
        }
    }
    let Some((target, manifest, id)) = found else {
        return Ok(None);
    };
    if target.hex() == prefix {
        return Image::load(store, &target, platform).map(Some);
    }
    let mut image = Image::load(store, &manifest, platform).map_err(|error| match error {
        Error::Platform { wanted, .. } => Error::Platform {
            reference: id.short().to_owned(),
            wanted,
        },
        other => other,
    })?;
    image.target = target;
    Ok(Some(image))
}

/// Returns manifest digest and image ID of everything below `target` that is in the store.
pub(super) fn variants(store: &Store, target: &Digest) -> Result<Vec<(Digest, Digest)>, Error> {
    let mut found = Vec::new();
    let mut todo = vec![(target.clone(), 0)];
    while let Some((digest, depth)) = todo.pop() {
        match read_document(store, &digest)? {
            Document::Manifest(manifest) => {
                if store.has_blob(&manifest.config.digest) {
                    found.push((digest, manifest.config.digest));
                }
            }
            Document::Index(_) if depth == limits::MAX_INDEX_DEPTH => {
                return Err(DocumentError::Nesting(digest).into());
            }
            Document::Index(index) => {
                let here = index.manifests.into_iter().map(|entry| entry.digest);
                let here = here.filter(|digest| store.has_blob(digest));
                todo.extend(here.map(|digest| (digest, depth + 1)));
            }
        }
    }
    Ok(found)
}

/// Reads an index or a manifest of the store.
///
/// # Errors
///
/// [`Error::Document`], [`Error::Store`].
pub fn read_document(store: &Store, digest: &Digest) -> Result<Document, Error> {
    let bytes = store.read_blob(digest, limits::MAX_MANIFEST_BYTES)?;
    Ok(document::parse(digest, &bytes, None)?)
}

/// As [`resolve`], for a reference that is already parsed; never takes it for an ID.
///
/// # Errors
///
/// All of [`Error`].
pub fn resolve_reference(
    store: &Store,
    reference: &Reference,
    platform: Option<&Platform>,
) -> Result<Image, Error> {
    // `name:tag@digest` means the digest; the tag is for the reader.
    let exact = match reference.digest() {
        Some(digest) => reference.with_digest(digest.clone()),
        None => reference.clone().with_default_tag(),
    };
    let target = store
        .get_ref(&exact)?
        .ok_or_else(|| Error::NotFound(exact.familiar()))?;
    Image::load(store, &target, platform).map_err(|error| match error {
        Error::Platform { wanted, .. } => Error::Platform {
            reference: reference.familiar(),
            wanted,
        },
        other => other,
    })
}
