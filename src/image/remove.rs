//! `rmi` and `tag`: taking names away and giving them.
//!
//! The rules and the words are Docker's (moby `daemon/images/image_delete.go`): a name is taken away; the image goes with
//! its last one, unless a container needs it.

use std::collections::BTreeSet;

use super::layer::chain_ids;
use super::list::Listed;
use super::{Error as ImageError, list, resolve};
use crate::content::{Digest, Reference};
use crate::store::{RefEntry, Store};

/// A container that was made from an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUser {
    /// Image ID.
    pub image: Digest,
    /// Container ID.
    pub container: String,
    /// Whether it runs.
    pub running: bool,
}

/// One line of `rmi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A name is gone.
    Untagged(String),
    /// An image ID, or the chain ID of a layer that no other image has.
    Deleted(Digest),
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Removed::Untagged(name) => write!(f, "Untagged: {name}"),
            Removed::Deleted(digest) => write!(f, "Deleted: {digest}"),
        }
    }
}

/// Why an image was not removed or tagged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such image, or it cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The store.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The name is the image's last one, and a container needs the image.
    #[error(
        "conflict: unable to remove repository reference {reference:?} (must force) - container {container} is using its referenced image {image}"
    )]
    LastName {
        /// As typed.
        reference: String,
        /// Short ID.
        container: String,
        /// Short ID.
        image: String,
    },
    /// Something stands against it.
    #[error("conflict: unable to delete {image} ({force}) - {reason}")]
    Conflict {
        /// Short ID.
        image: String,
        /// `must be forced` or `cannot be forced`.
        force: &'static str,
        /// What it is.
        reason: String,
    },
    /// A tag cannot be a digest.
    #[error("refusing to create a tag with a digest reference")]
    TagIsDigest,
}

/// Gives the image that `source` names the further name `target` (tag `latest` by default).
///
/// # Errors
///
/// [`Error::Image`], [`Error::TagIsDigest`], [`Error::Store`].
pub fn tag(store: &Store, source: &str, target: &Reference) -> Result<(), Error> {
    if target.digest().is_some() {
        return Err(Error::TagIsDigest);
    }
    let mut lease = store.lease()?;
    let image = resolve(store, source, None)?;
    // By ID one can name an image that its index would not choose here.
    let chosen = super::Image::load(store, &image.target, None).is_ok_and(|i| i.id == image.id);
    let digest = if chosen {
        image.target
    } else {
        image.manifest_digest
    };
    lease.add(&digest)?;
    // Only what is seen after it was named stays: it may have been pruned while it was looked for.
    if !store.has_blob(&digest) {
        return Err(ImageError::NotFound(source.to_owned()).into());
    }
    store.set_ref(Some(&target.clone().with_default_tag()), &digest)?;
    // It has a name now.
    store.remove_ref(&RefEntry {
        reference: None,
        target: digest,
    })?;
    Ok(())
}

/// Removes the name `query`, or the image it names by ID, and says what went. Blobs and layers stay until the next prune of
/// unreferenced content, which the caller does once for all arguments.
///
/// # Errors
///
/// All of [`Error`]; nothing is changed then.
pub fn remove(
    store: &Store,
    query: &str,
    users: &[ImageUser],
    force: bool,
) -> Result<Vec<Removed>, Error> {
    let image = resolve(store, query, None)?;
    let listing = list(store)?;
    let (listed, others): (Vec<Listed>, Vec<Listed>) = listing
        .images
        .into_iter()
        .partition(|listed| listed.image.id == image.id);
    // An image that is only one of its index's platforms has no names of its own.
    let mut entries: Vec<RefEntry> = match listed.into_iter().next() {
        Some(listed) => listed.entries,
        None => store
            .refs()?
            .into_iter()
            .filter(|entry| entry.target == image.target)
            .collect(),
    };
    let mut removal = Removal {
        store,
        short: image.id.short().to_owned(),
        using: users.iter().filter(|user| user.image == image.id).collect(),
        force,
        records: Vec::new(),
    };
    match named(query, &entries) {
        Some(name) => {
            // An image that loses its last name and stays for its containers gets a nameless reference below; no prune may
            // take its index in between. Without containers nothing is written, so that a full disk can be emptied.
            let mut lease = None;
            if !removal.using.is_empty() {
                lease.insert(store.lease()?).add(&image.target)?;
            }
            if !removal.remove_name(query, &name, &mut entries)? {
                return Ok(removal.records);
            }
            // Docker's `quiet`: what was asked for, the name, is gone; the image stays for its containers.
            if removal.conflict(&entries).is_some() {
                store.set_ref(None, &image.target)?;
                return Ok(removal.records);
            }
        }
        None => removal.check_id(&entries)?,
    }
    for entry in entries {
        removal.take(&entry)?;
    }
    removal.records.push(Removed::Deleted(image.id.clone()));
    let kept: BTreeSet<Digest> = others
        .iter()
        .flat_map(|other| chain_ids(other.image.layers()))
        .collect();
    let mut chain = chain_ids(image.layers());
    chain.reverse();
    let gone = chain.into_iter().filter(|id| !kept.contains(id));
    removal.records.extend(gone.map(Removed::Deleted));
    Ok(removal.records)
}

/// Returns the name among `entries` that `query` spells; `None` where it spells an ID.
fn named(query: &str, entries: &[RefEntry]) -> Option<Reference> {
    let reference: Reference = query.parse().ok()?;
    let exact = match reference.digest() {
        Some(digest) => reference.with_digest(digest.clone()),
        None => reference.with_default_tag(),
    };
    entries
        .iter()
        .any(|entry| entry.reference.as_ref() == Some(&exact))
        .then_some(exact)
}

struct Removal<'a> {
    store: &'a Store,
    short: String,
    using: Vec<&'a ImageUser>,
    force: bool,
    records: Vec<Removed>,
}

impl Removal<'_> {
    fn take(&mut self, entry: &RefEntry) -> Result<(), Error> {
        if self.store.remove_ref(entry)?
            && let Some(reference) = &entry.reference
        {
            self.records.push(Removed::Untagged(reference.familiar()));
        }
        Ok(())
    }

    /// Takes one name away, and the digests of its repository with the repository's last tag. `true` if none is left.
    fn remove_name(
        &mut self,
        query: &str,
        name: &Reference,
        entries: &mut Vec<RefEntry>,
    ) -> Result<bool, Error> {
        if !self.force
            && is_single(entries)
            && let Some(user) = self.using.first()
        {
            return Err(Error::LastName {
                reference: query.to_owned(),
                container: user.container.chars().take(12).collect(),
                image: self.short.clone(),
            });
        }
        let same_repository = |entry: &RefEntry| {
            entry.reference.as_ref().is_some_and(|other| {
                other.registry() == name.registry() && other.repository() == name.repository()
            })
        };
        let mut going: Vec<RefEntry> = Vec::new();
        entries.retain(|entry| {
            let hit = entry.reference.as_ref() == Some(name);
            if hit {
                going.push(entry.clone());
            }
            !hit
        });
        let is_tag = |entry: &RefEntry| {
            entry
                .reference
                .as_ref()
                .is_some_and(|r| r.digest().is_none())
        };
        if name.digest().is_none() && !entries.iter().any(|e| is_tag(e) && same_repository(e)) {
            entries.retain(|entry| {
                let hit = same_repository(entry);
                if hit {
                    going.push(entry.clone());
                }
                !hit
            });
        }
        for entry in &going {
            self.take(entry)?;
        }
        Ok(entries.iter().all(|entry| entry.reference.is_none()))
    }

    /// By ID: all names go, if they are one tag's; else it needs force.
    fn check_id(&self, entries: &[RefEntry]) -> Result<(), Error> {
        let names: Vec<RefEntry> = if is_single(entries) {
            Vec::new()
        } else {
            entries.to_vec()
        };
        match self.conflict(&names) {
            Some(conflict) => Err(conflict),
            None => Ok(()),
        }
    }

    /// What stands against deleting the image while it has these names.
    fn conflict(&self, entries: &[RefEntry]) -> Option<Error> {
        let conflict = |force, reason| {
            Some(Error::Conflict {
                image: self.short.clone(),
                force,
                reason,
            })
        };
        let short = |user: &ImageUser| user.container.chars().take(12).collect::<String>();
        if let Some(user) = self.using.iter().find(|user| user.running) {
            let reason = format!("image is being used by running container {}", short(user));
            return conflict("cannot be forced", reason);
        }
        if self.force {
            return None;
        }
        if entries.iter().any(|entry| entry.reference.is_some()) {
            let reason = "image is referenced in multiple repositories".to_owned();
            return conflict("must be forced", reason);
        }
        let user = self.using.first()?;
        let reason = format!("image is being used by stopped container {}", short(user));
        conflict("must be forced", reason)
    }
}

/// Whether all names are at most one tag and digests of the same repository. See moby's `isSingleReference`.
fn is_single(entries: &[RefEntry]) -> bool {
    let names: Vec<&Reference> = entries
        .iter()
        .filter_map(|entry| entry.reference.as_ref())
        .collect();
    let tags: Vec<&&Reference> = names.iter().filter(|n| n.digest().is_none()).collect();
    if names.len() <= 1 {
        return true;
    }
    let repository = |name: &Reference| (name.registry().to_owned(), name.repository().to_owned());
    let digests: BTreeSet<_> = names
        .iter()
        .filter(|n| n.digest().is_some())
        .map(|n| repository(n))
        .collect();
    let the_one = repository(tags.first().copied().unwrap_or(&names[0]));
    tags.len() <= 1 && digests.len() == 1 && digests.contains(&the_one)
}
