//! Content-addressed store: blobs, references, layers, containers' directories, names, leases, prune, check.
//!
//! ```text
//! DATA/
//!   format                        version of the layout and the features a reader must know; written last
//!   oci-layout, blobs/sha256/…    an OCI image layout: indexes, manifests, configs, pulled layers as they were pulled
//!   refs/<registry>/<repository>/:<tag>       a digest: what the tag means
//!   refs/<registry>/<repository>/@<digest>    the same digest: pulled under this name (Docker's RepoDigests)
//!   refs/@/<digest>                           an image without a name (Docker's <none>)
//!   layers/<diff_id hex>/diff/    an unpacked layer in overlayfs's own form; layers/<…>/size holds its bytes
//!   unsettled/                    marks of objects whose bytes may not be on the disk yet; see `settle`
//!   containers/<id>/              record.json, state.json, config.json, upper/, work/, log files, lock
//!   names/<name>                  → ../containers/<id>, a symbolic link
//!   volumes/<name>/               _data/, volume.json
//!   cache/                        build cache: records of steps, hashes of files, cache mounts; see `build::cache`
//!   driver                        how root directories are made here; see `rootfs`
//!   tmp/                          everything half-done; what nobody holds a lock on in here is garbage
//! ```
//!
//! # Invariants
//!
//! - **A blob or layer under its final name is whole**, also after a power cut. Write = stage in `tmp/`, hash while
//!   writing, compare digest and size, [`Store::publish`] the whole set (one `syncfs(2)`, then the renames); the reference
//!   last. Nobody checks twice.
//! - **Readers take no lock.** They see a name or they do not.
//! - **What is staged is locked by its writer** (`flock(2)`, freed by the kernel when the writer dies), so garbage is what
//!   can be locked. Whoever has created something in `tmp/` checks, once it holds the lock, that the thing is still there.
//! - **First name it, then look**: a lease, a container's record or a reference that names content is written *before* its
//!   writer looks whether the content is here. Prune says what it is about to take, and looks again who names it; whoever
//!   names content looks at that list. So what was seen stays, and stays where it is; see [`condemned`].
//! - **Removing is a rename into `tmp/`** followed by deleting there: half-removed things are garbage, not half things.
//!
//! Colon and at sign keep tags apart from repositories of the same name (`a/b` tagged `c`, and `a/b/c`).

mod blobs;
mod build_dir;
mod check;
mod claims;
mod condemned;
mod containers;
mod files;
mod format;
mod layers;
mod lease;
mod left_overs;
pub(crate) mod lock;
mod marks;
mod names;
mod prune;
mod publish;
mod refs;
mod removal;
mod run_dir;
mod settle;
mod staging;
mod volumes;

use std::io;
use std::path::{Path, PathBuf};

use crate::content::Digest;

pub use blobs::BlobWriter;
pub use build_dir::BuildDir;
pub use check::Problem;
pub use claims::Claims;
pub use containers::{ContainerDir, ContainerLock, new_id};
pub use files::{replace_file, tree_bytes};
pub use layers::LayerStage;
pub use lease::Lease;
pub use left_overs::sweep_run_dir;
pub use marks::LayerUsers;
pub use prune::Pruned;
pub use publish::Verified;
pub use refs::RefEntry;
pub(crate) use removal::remove_at;
pub use removal::remove_tree;
pub use run_dir::ensure_run_dir;
pub use staging::ScratchDir;

/// An open store.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, `create`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A blob does not hash to its digest.
    #[error("digest: expected {expected}, got {actual}")]
    WrongDigest {
        /// Its name.
        expected: Digest,
        /// What it hashes to.
        actual: Digest,
    },
    /// Content has not the size that its descriptor, or a bound, says.
    #[error("{what}: expected {expected}, got {actual}")]
    Mismatch {
        /// `size`, of what.
        what: String,
        /// Of the descriptor.
        expected: String,
        /// Of the content.
        actual: String,
    },
    /// A blob or layer that should be there is not.
    #[error("content {0} is missing from the store")]
    Missing(Digest),
    /// Written by a later version.
    #[error("the store {} has format {found}, newer than this program knows", path.display())]
    Format {
        /// The store.
        path: PathBuf,
        /// What `format` says.
        found: String,
    },
    /// The store or run directory belongs to somebody else, who could change it under us.
    #[error("{} belongs to user {owner}, not to user {expected}", path.display())]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who asks.
        expected: u32,
    },
    /// Others than the owner can get at a directory that holds sockets, or it is no directory.
    #[error("{} is not a private directory", path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
    },
    /// A container's record that may be of a later version: nobody knows what it relies on.
    #[error("cannot understand {}", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A container name that another container has.
    #[error("the container name {name:?} is already in use by container {id}")]
    NameInUse {
        /// The name, without a leading slash.
        name: String,
        /// Who has it, 64 digits.
        id: String,
    },
}

impl Store {
    /// Opens the store in `root`, making it where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Owner`] for somebody else's; [`Error::Format`] for one of a later version.
    pub fn open(root: &Path) -> Result<Store, Error> {
        let store = Store {
            root: root.to_owned(),
        };
        store.check_format()?;
        Ok(store)
    }

    /// Opens an empty store in a directory that goes with the first of the two.
    #[cfg(test)]
    pub(crate) fn for_test() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        (dir, store)
    }

    /// Returns the store's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where the build cache is; see `build::cache`.
    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Returns where the results of build steps are recorded, whose layers are kept.
    pub fn step_cache_dir(&self) -> PathBuf {
        self.cache_dir().join("steps")
    }
}
