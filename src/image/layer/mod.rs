//! Layers: a tar on the wire, a directory in overlayfs's own form on disk.
//!
//! | in the tar | in the directory |
//! |---|---|
//! | `.wh.NAME` | `NAME` as a character device 0:0 |
//! | `DIR/.wh..wh..opq` | `user.overlay.opaque=y` on `DIR` |
//! | both, on a filesystem without xattrs or `mknod(2)` | as in the tar: an empty file of that name |
//! | an owner the id map does not have | the nearest owner there is, and the true one remembered; see [`owner`], [`memory`] |
//! | xattr `user.overlay.X` | `user.overlay.overlay.X`: overlayfs shows it as `user.overlay.X` and never obeys it |
//!
//! Spec: image-spec, layer.md; overlayfs.rst, "whiteouts and opaque directories", "Nesting overlayfs mounts".

mod attributes;
mod directories;
mod members;
pub(crate) mod memory;
mod merge;
mod number;
mod owner;
mod owner_writer;
mod pax;
mod running;
mod sparse;
mod stream;
mod tar_writer;
#[cfg(test)]
mod tests;
mod tree;
mod unpack;
mod write;
mod xattr;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::content::{Digest, limits};
use crate::userns::IdMap;

pub(super) use members::{Content, members};
pub use owner::Owners;
pub use owner_writer::OwnerWriter;
pub use running::{Place, RunningDigest};
pub(crate) use xattr::{name_in_tar, name_on_disk};

/// What an extractor may do here.
#[derive(Debug, Clone)]
pub struct UnpackOptions {
    /// Whose ids exist.
    pub owners: Owners,
    /// Bytes of tar after which the layer is refused; see [`UnpackOptions::max_bytes_for_blob`].
    pub max_bytes: u64,
}

/// What came of a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Sum of the sizes of its regular files, bytes.
    pub size: u64,
    /// Each once, for the user.
    pub warnings: Vec<String>,
}

/// Why a layer was refused or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tar stream itself.
    #[error("cannot read the layer")]
    Read(#[source] std::io::Error),
    /// An entry nobody should make.
    #[error("layer entry {path:?}: {problem}")]
    Entry {
        /// As it stands in the tar, shortened.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More than a bound allows.
    #[error("the layer has more than {limit} {what}")]
    TooMuch {
        /// `bytes`, `entries`.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// A file operation for an entry.
    #[error("cannot {action} {path:?}")]
    Write {
        /// `create`, `write`, `chown`, …
        action: &'static str,
        /// Of the entry, relative to the layer.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl UnpackOptions {
    /// Returns the options for a process that runs inside `map` (see `userns::enter`).
    pub fn new(map: &IdMap) -> Self {
        let owners = match map.tier {
            crate::userns::Tier::Single => Owners::Single,
            _ => Owners::Below {
                uids: IdMap::id_limit(&map.uids),
                gids: IdMap::id_limit(&map.gids),
            },
        };
        UnpackOptions {
            owners,
            max_bytes: limits::MAX_LAYER_BYTES,
        }
    }

    /// Returns the same with the bound for a layer that came as a blob of `bytes` bytes: more is a decompression bomb.
    pub fn max_bytes_for_blob(mut self, bytes: u64) -> Self {
        self.max_bytes = limits::max_expanded(bytes);
        self
    }
}

/// Unpacks the *uncompressed* tar from `reader` into the empty directory `dir`, and reads `reader` to its end, so that
/// whoever hashes it on the way has hashed all of it.
///
/// The process runs inside the user's id map. Nothing outside `dir` is touched, whatever the tar says.
///
/// # Errors
///
/// All of [`Error`]; `dir` is then half-filled and worth nothing.
pub fn unpack(reader: impl Read, dir: &Path, options: &UnpackOptions) -> Result<Unpacked, Error> {
    unpack::unpack(reader, dir, options)
}

/// What a layer became as a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Digest of the tar.
    pub diff_id: Digest,
    /// Bytes of the tar.
    pub size: u64,
    /// Sum of the sizes of its regular files, each counted once, bytes.
    pub file_bytes: u64,
}

/// Writes the layer in `dir` to `out` as a tar that is the same for the same content, always and everywhere: entries
/// sorted, extended headers only where needed, whiteouts and remembered owners given back.
///
/// The process runs inside the user's id map, as for [`unpack()`].
///
/// # Errors
///
/// [`Error::Write`] for what cannot be read in `dir`, [`Error::Read`] where `out` fails.
pub fn write(dir: &Path, owners: Owners, out: impl Write) -> Result<Written, Error> {
    write::write(dir, owners, out)
}

/// Writes `layers`, lowest first, to `out` as one layer that does the same above the layers `below`: a tar as [`write()`]
/// makes it.
///
/// The process runs inside the user's id map, as for [`unpack()`].
///
/// # Errors
///
/// As for [`write()`].
pub fn write_merged(
    below: &[PathBuf],
    layers: &[PathBuf],
    owners: Owners,
    out: impl Write,
) -> Result<Written, Error> {
    merge::write(below, layers, owners, out)
}

/// Returns the chain IDs of `diff_ids`: the n-th names the stack of the lowest n+1 layers.
///
/// Spec: image-spec, config.md, "Layer ChainID".
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let next = match chain.last() {
            None => diff_id.clone(),
            Some(below) => Digest::sha256_of(format!("{below} {diff_id}").as_bytes()),
        };
        chain.push(next);
    }
    chain
}
