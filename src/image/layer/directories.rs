//! What directories get at the end of an unpacking, as making their children would have disturbed it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::attributes::{Attributes, chown, timestamps};
use super::pax::Time;
use super::tree::{Tree, write_error};
use crate::rootfs::whiteout::mark_directory;

/// What a directory gets at the end.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// 1970 for a directory the tar does not name: the same tar always makes the same layer.
    pub(super) mtime: Time,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) opaque: Option<&'static [u8]>,
}

impl Default for Pending {
    fn default() -> Self {
        Pending {
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Vec::new(),
            opaque: None,
        }
    }
}

/// Gives directories what they were promised, children before parents.
pub(super) fn finish(
    directories: BTreeMap<Vec<u8>, Pending>,
    tree: &mut Tree,
    attributes: &mut Attributes,
) -> Result<(), Error> {
    for (path, pending) in directories.into_iter().rev() {
        let fd = match open(tree, &path) {
            Ok(fd) => fd,
            // Replaced by something else later in the tar.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(errno) => return Err(write_error("open", &path, errno)),
        };
        let failed = |action, errno| write_error(action, &path, errno);
        let (uid, gid) = attributes.owner(pending.uid, pending.gid);
        if (uid, gid) != (0, 0) {
            chown(fd.as_fd(), c"", uid, gid).map_err(|errno| failed("chown", errno))?;
        }
        if let Some(value) = pending.opaque {
            mark_directory(fd.as_fd(), value).map_err(|errno| failed("mark", errno))?;
        }
        attributes.set_xattrs(fd.as_fd(), &path, &pending.xattrs)?;
        attributes.remember(fd.as_fd(), &path, pending.uid, pending.gid)?;
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(pending.mode))
            .map_err(|errno| failed("chmod", errno))?;
        rustix::fs::futimens(&fd, &timestamps(pending.mtime))
            .map_err(|errno| failed("set times of", errno))?;
    }
    Ok(())
}

fn open(tree: &mut Tree, path: &[u8]) -> Result<OwnedFd, Errno> {
    if path.is_empty() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(tree.root(), c".", flags, Mode::empty())
    } else {
        tree.lookup(path, OFlags::RDONLY)
    }
}
