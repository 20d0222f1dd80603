//! The layers of a stage of a build as root directories, while they become more.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::{Error, Root};

/// A stack of layers that grows at its top. The process is inside the user's id map.
///
/// Layers are directories, lowest first. From call to call there are the same ones, and maybe more above them; one may have
/// been given another name meanwhile.
pub trait Stack: fmt::Debug {
    /// Opens the layers as one directory. It is for reading only, and shows the layers until the next one is begun.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn open(&mut self, layers: &[PathBuf]) -> Result<OwnedFd, Error>;

    /// Returns a root directory with the layers, in which the next one is written. Its own attributes are those of the new
    /// layer's directory. It has all `places`, which are no part of the new layer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn begin(
        &mut self,
        layers: &[PathBuf],
        upper: Upper<'_>,
        places: &[Place],
    ) -> Result<Root, Error>;

    /// Ends what [`Stack::begin`] has begun, when nobody writes any more: what was written is in `upper` now, the topmost
    /// layer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn end(&mut self, upper: &Path) -> Result<(), Error>;
}

/// Where a layer is written.
#[derive(Debug, Clone, Copy)]
pub struct Upper<'a> {
    /// The layer's directory.
    pub dir: &'a Path,
    /// Empty, beside it, for overlayfs's own use.
    pub work: &'a Path,
}

/// Where something is mounted that the layers may have no place for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Absolute, without `.` and `..`.
    pub path: PathBuf,
    /// A file rather than a directory.
    pub is_file: bool,
}
