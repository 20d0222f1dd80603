//! Giving a set of verified blobs and layers their names, so that each is whole from the instant it has it.
//!
//! One `syncfs(2)` for the set, then the renames. A layer may have tens of thousands of files, so syncing each of them is
//! out of the question; `syncfs` writes them in the order the disk likes, and one set waits once, however many layers
//! came in side by side.

use std::fs::File;

use crate::content::Digest;

use super::files::{ensure_private_dir, failed};
use super::staging::Staged;
use super::{Error, Store};

/// Files that are synced one by one: `syncfs` also waits for what every other process has written.
const FEW: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Blob,
    Layer,
}

/// A blob or layer that is complete and matches its digest, still in `tmp/` and locked. Dropped, it is removed.
#[derive(Debug)]
pub struct Verified {
    kind: Kind,
    digest: Digest,
    /// `None` where it was in the store already.
    staged: Option<Staged>,
}

impl Verified {
    pub(super) fn new(kind: Kind, digest: Digest, staged: Option<Staged>) -> Verified {
        Verified {
            kind,
            digest,
            staged,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn staged(&self) -> Option<&Staged> {
        self.staged.as_ref()
    }

    pub(super) fn into_staged(self) -> Option<Staged> {
        self.staged
    }

    /// Returns the blob's digest or the layer's diff_id.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl Store {
    /// Gives every object of the set its name, in the order given, after one wait for the disk. Name them in a
    /// [`Lease`](super::Lease) first, and write the reference afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: some of the set may then have their names, each of them whole.
    pub fn publish(&self, set: Vec<Verified>) -> Result<(), Error> {
        let staged = || set.iter().filter_map(Verified::staged);
        if set.iter().all(|object| object.kind == Kind::Blob) && staged().count() <= FEW {
            staged().try_for_each(Staged::sync)?;
        } else {
            let root = File::open(&self.root).map_err(failed("open", &self.root))?;
            rustix::fs::syncfs(&root).map_err(|errno| failed("write", &self.root)(errno.into()))?;
        }
        set.into_iter().try_for_each(|object| self.install(object))
    }

    /// Gives one object, whose bytes are on the disk, its name.
    pub(super) fn install(&self, object: Verified) -> Result<(), Error> {
        let Some(staged) = object.staged else {
            return Ok(());
        };
        // Not in the way of one that is whole.
        self.remove_void(object.kind, &object.digest)?;
        match object.kind {
            Kind::Blob => {
                let path = self.blob_path(&object.digest);
                if let Some(parent) = path.parent() {
                    ensure_private_dir(parent)?;
                }
                staged.place(&path)
            }
            Kind::Layer => {
                let path = self.layer_path(&object.digest);
                staged.place_unless_taken(&path).map(drop)
            }
        }
    }
}
