//! A stack of layers as one directory: an overlay that is mounted nowhere and goes when it is closed.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use crate::rootfs::{Error, failed};

/// Opens `layers`, topmost first and each once, as one read-only directory. `empty` is an empty directory, which overlayfs
/// needs beside a lone layer.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn open(layers: &[PathBuf], empty: &Path) -> Result<OwnedFd, Error> {
    if layers.is_empty() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        return rustix::fs::open(empty, flags, Mode::empty()).map_err(refused("open", empty));
    }
    let failed = || refused("mount the layers below", empty);
    let filesystem =
        rustix::mount::fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(failed())?;
    rustix::mount::fsconfig_set_flag(&filesystem, c"userxattr").map_err(failed())?;
    for layer in layers.iter().map(PathBuf::as_path).chain([empty]) {
        let path = CString::new(layer.as_os_str().as_bytes())
            .map_err(|_| refused("mount", layer)(Errno::INVAL))?;
        rustix::mount::fsconfig_set_string(&filesystem, c"lowerdir+", path.as_c_str())
            .map_err(refused("mount", layer))?;
    }
    rustix::mount::fsconfig_create(&filesystem).map_err(failed())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOSUID;
    rustix::mount::fsmount(&filesystem, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(failed())
}

fn refused<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(Errno) -> Error + use<'a> {
    move |errno| failed(action, path)(io::Error::from(errno))
}
