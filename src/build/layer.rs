//! A layer of a build: from the directory in which it was written to a layer of the store.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};
use serde::{Deserialize, Serialize};

use super::error::{Error, refused};
use crate::content::Digest;
use crate::content::media_type::OCI_LAYER;
use crate::image::layer::{self, Owners, Written};
use crate::image::manifest::Descriptor;
use crate::store::{LayerStage, Verified};

/// One layer of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Layer {
    /// Digest of its tar.
    pub diff_id: Digest,
    /// What the manifest says of it: the blob it was pulled as, or its own tar.
    pub media_type: String,
    /// As `media_type`.
    pub digest: Digest,
    /// As `media_type`, bytes.
    pub size: u64,
    /// Where it is unpacked.
    pub dir: PathBuf,
}

impl Layer {
    /// Returns a layer that was made here, and so has no blob.
    pub(super) fn made(diff_id: Digest, tar_bytes: u64, dir: PathBuf) -> Layer {
        Layer {
            digest: diff_id.clone(),
            diff_id,
            media_type: OCI_LAYER.to_owned(),
            size: tar_bytes,
            dir,
        }
    }

    /// Returns a layer of an image.
    pub(super) fn of_image(descriptor: &Descriptor, diff_id: &Digest, dir: PathBuf) -> Layer {
        Layer {
            diff_id: diff_id.clone(),
            media_type: oci_type(&descriptor.media_type).to_owned(),
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            dir,
        }
    }
}

/// Names of layers: image-spec's and Docker's.
const LAYER_TYPES: [(&str, &str); 3] = [
    (OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar"),
    (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
    (
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    ),
];

/// Returns image-spec's name for a layer that was pulled under Docker's: a manifest does not mix them.
fn oci_type(media_type: &str) -> &str {
    let known = LAYER_TYPES.iter().find(|(_, docker)| *docker == media_type);
    known.map_or(media_type, |(oci, _)| oci)
}

/// Returns Docker's name for a layer.
pub(super) fn docker_type(media_type: &str) -> &str {
    let known = LAYER_TYPES.iter().find(|(oci, _)| *oci == media_type);
    known.map_or(media_type, |(_, docker)| docker)
}

/// A layer that has just been written.
#[derive(Debug)]
pub(super) struct Made {
    /// Where.
    pub stage: LayerStage,
    /// What it is as a tar, where that was found out on the way.
    pub written: Option<Written>,
    /// What the cache is to know it by, where that was found out on the way.
    pub key: Option<Digest>,
}

impl From<LayerStage> for Made {
    fn from(stage: LayerStage) -> Made {
        Made {
            stage,
            written: None,
            key: None,
        }
    }
}

/// A layer that is written and has its name, but is not in the store yet.
#[derive(Debug)]
pub(super) struct Finished {
    /// What it is; its `dir` is where it was written.
    pub layer: Layer,
    /// For [`crate::store::Store::publish`].
    pub verified: Verified,
}

/// Names what was made. With `epoch` no file is younger than that.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Layer`], [`Error::Store`].
pub(super) fn finish(made: Made, owners: Owners, epoch: Option<i64>) -> Result<Finished, Error> {
    let Made { stage, written, .. } = made;
    let written = match written {
        Some(written) => {
            debug_assert_eq!(written, read(&stage, owners)?, "the digest of a copy");
            written
        }
        None => {
            if let Some(epoch) = epoch {
                clamp_all(stage.dir(), epoch)?;
            }
            read(&stage, owners)?
        }
    };
    let dir = stage.dir().to_owned();
    let verified = stage.finish(&written.diff_id, written.file_bytes)?;
    Ok(Finished {
        layer: Layer::made(written.diff_id, written.size, dir),
        verified,
    })
}

fn read(stage: &LayerStage, owners: Owners) -> Result<Written, Error> {
    Ok(layer::write(stage.dir(), owners, std::io::sink())?)
}

/// Makes nothing in `dir` younger than `epoch`.
fn clamp_all(dir: &Path, epoch: i64) -> Result<(), Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(dir, flags, Mode::empty()).map_err(refused("open", dir))?;
    clamp(fd.as_fd(), OsStr::new("."), dir, epoch)
}

/// Makes nothing in `name` (in the directory `at`) younger than `epoch`; `path` is for errors.
fn clamp(at: BorrowedFd<'_>, name: &OsStr, path: &Path, epoch: i64) -> Result<(), Error> {
    let stat =
        rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(refused("read", path))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(at, name, flags, Mode::empty()).map_err(refused("open", path))?;
        for entry in rustix::fs::Dir::read_from(&fd).map_err(refused("read", path))? {
            let entry = entry.map_err(refused("read", path))?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let name = std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes());
                clamp(fd.as_fd(), name, &path.join(name), epoch)?;
            }
        }
    }
    if (stat.st_mtime, stat.st_mtime_nsec) <= (epoch, 0) {
        return Ok(());
    }
    let time = Timespec {
        tv_sec: epoch,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(at, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(refused("set the times of", path))
}
