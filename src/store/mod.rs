//! Content-addressed store: blobs, references, layers, leases, prune, check.
//!
//! ```text
//! DATA/
//!   format                        version of the layout and the features a reader must know
//!   oci-layout, blobs/sha256/…    an OCI image layout: indexes, manifests, configs, pulled layers as they were pulled
//!   refs/<registry>/<repository>/:<tag>       a digest: what the tag means
//!   refs/<registry>/<repository>/@<digest>    the same digest: pulled under this name (Docker's RepoDigests)
//!   refs/@/<digest>                           an image without a name (Docker's <none>)
//!   layers/<diff_id hex>/diff/    an unpacked layer in overlayfs's own form; layers/<…>/size holds its bytes
//!   containers/<id>/              record.json, state.json, config.json, upper/, work/, log files, lock
//!   names/<name>                  → id
//!   volumes/<name>/               _data/, volume.json
//!   tmp/                          everything half-done; what nobody holds a lock on in here is garbage
//! ```
//!
//! A blob or layer under its final name is whole. Write = stage in `tmp/`, hash while writing, compare with the descriptor,
//! sync, rename; the reference last. Readers take no lock. Colon and at sign keep tags apart from repositories of the same
//! name (`a/b` tagged `c`, and `a/b/c`).

use std::path::{Path, PathBuf};

use crate::image::{Digest, Reference};

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
        source: std::io::Error,
    },
    /// Content is not what its descriptor says.
    #[error("{what}: expected {expected}, got {actual}")]
    Mismatch {
        /// `digest` or `size`, of what.
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
}

/// One reference of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEntry {
    /// With tag or digest; `None` for an image without a name.
    pub reference: Option<Reference>,
    /// Digest of the index or manifest it points to.
    pub target: Digest,
}

/// Content being written: dropped without [`BlobWriter::commit`], it is gone.
#[derive(Debug)]
pub struct BlobWriter {}

/// A layer being unpacked; see [`Store::stage_layer`].
#[derive(Debug)]
pub struct LayerStage {}

/// Keeps what it names from being pruned for as long as it lives (a locked file in `tmp/`).
#[derive(Debug)]
pub struct Lease {}

impl Store {
    /// Opens the store in `root`, making what is missing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Format`] for a store of a later version.
    pub fn open(root: &Path) -> Result<Store, Error> {
        let _ = root;
        todo!("store")
    }

    /// Returns the store's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where the blob lies, or would lie.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root
            .join("blobs")
            .join(digest.algorithm().as_str())
            .join(digest.hex())
    }

    /// Returns whether the blob is here, whole.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        let _ = digest;
        todo!("store")
    }

    /// Reads a small blob (manifest, config) of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Mismatch`] where it is larger than `limit`, [`Error::Io`].
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
        let _ = (digest, limit);
        todo!("store")
    }

    /// Stores `bytes`, which hash to the returned digest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let _ = bytes;
        todo!("store")
    }

    /// Starts, or resumes, the download of the blob `digest`: one writer at a time holds the partial file's lock, a second
    /// one waits and then finds the blob there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn stage_blob(&self, digest: &Digest, size: u64) -> Result<BlobWriter, Error> {
        let _ = (digest, size);
        todo!("store")
    }

    /// Returns the directory of an unpacked layer (its `diff/`), or where it would be.
    pub fn layer_dir(&self, diff_id: &Digest) -> PathBuf {
        self.root.join("layers").join(diff_id.hex()).join("diff")
    }

    /// Returns whether the layer is unpacked, whole.
    pub fn has_layer(&self, diff_id: &Digest) -> bool {
        let _ = diff_id;
        todo!("store")
    }

    /// Makes a fresh directory in `tmp/` to unpack a layer into.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn stage_layer(&self) -> Result<LayerStage, Error> {
        todo!("store")
    }

    /// Returns what `reference` (with tag or digest) points to.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] other than "not found".
    pub fn get_ref(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let _ = reference;
        todo!("store")
    }

    /// Points `reference` (`None`: no name) to `target`, by rename. An image that loses its last name this way keeps a
    /// nameless reference, as Docker's `<none>` images do.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn set_ref(&self, reference: Option<&Reference>, target: &Digest) -> Result<(), Error> {
        let _ = (reference, target);
        todo!("store")
    }

    /// Removes a reference; `false` if it was not there. Blobs stay until prune.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn remove_ref(&self, entry: &RefEntry) -> Result<bool, Error> {
        let _ = entry;
        todo!("store")
    }

    /// Returns every reference.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn refs(&self) -> Result<Vec<RefEntry>, Error> {
        todo!("store")
    }

    /// Takes a lease; name content with [`Lease::add`] before relying on it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn lease(&self) -> Result<Lease, Error> {
        todo!("store")
    }
}

impl BlobWriter {
    /// Bytes that an earlier, interrupted download left and that need not be asked for again. They count as hashed.
    pub fn offset(&self) -> u64 {
        todo!("store")
    }

    /// Appends. More bytes than the size announced are refused at once.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`], [`Error::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let _ = bytes;
        todo!("store")
    }

    /// Forgets everything written, for a server that cannot resume.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn restart(&mut self) -> Result<(), Error> {
        todo!("store")
    }

    /// Checks digest and size and gives the blob its name. A mismatch removes the partial file.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`], [`Error::Io`].
    pub fn commit(self) -> Result<(), Error> {
        todo!("store")
    }
}

impl LayerStage {
    /// The empty directory to unpack into.
    pub fn dir(&self) -> &Path {
        todo!("store")
    }

    /// Gives the layer its name. `size` is the sum of its files' bytes. Somebody else's identical layer wins silently.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn commit(self, diff_id: &Digest, size: u64) -> Result<(), Error> {
        let _ = (diff_id, size);
        todo!("store")
    }
}

impl Lease {
    /// Names a blob or layer (by diff_id) that must stay.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn add(&mut self, digest: &Digest) -> Result<(), Error> {
        let _ = digest;
        todo!("store")
    }
}
