//! The end of an unpacking: directories get what their children would have disturbed, and what could not be applied is
//! written down.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::attributes::{chown, timestamps};
use super::owner;
use super::pax::Time;
use super::tree::write_error;
use super::unpack::Unpacker;
use super::{Error, Unpacked};
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

/// What the user is told, each once for the whole layer.
#[derive(Debug, Default)]
pub(super) struct Warned {
    pub(super) owners: bool,
    pub(super) devices: bool,
    pub(super) xattrs: bool,
}

impl Unpacker {
    /// Gives directories what they were promised, children before parents.
    pub(super) fn finish(mut self, dir: &Path) -> Result<Unpacked, Error> {
        for (path, pending) in std::mem::take(&mut self.directories).into_iter().rev() {
            let fd = match self.open_directory(&path) {
                Ok(fd) => fd,
                // Replaced by something else later in the tar.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(errno) => return Err(write_error("open", &path, errno)),
            };
            let failed = |action, errno| write_error(action, &path, errno);
            let (uid, gid) = self.owners.apply(pending.uid, pending.gid);
            if (uid, gid) != (0, 0) {
                chown(fd.as_fd(), c"", uid, gid).map_err(|errno| failed("chown", errno))?;
            }
            if let Some(value) = pending.opaque {
                mark_directory(fd.as_fd(), value).map_err(|errno| failed("mark", errno))?;
            }
            self.set_xattrs(fd.as_fd(), &path, &pending.xattrs)?;
            self.remember(fd.as_fd(), &path, pending.uid, pending.gid)?;
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(pending.mode))
                .map_err(|errno| failed("chmod", errno))?;
            rustix::fs::futimens(&fd, &timestamps(pending.mtime))
                .map_err(|errno| failed("set times of", errno))?;
        }
        self.write_unapplied(dir)?;
        Ok(Unpacked {
            size: self.size,
            warnings: self.warnings(),
        })
    }

    fn open_directory(&mut self, path: &[u8]) -> Result<OwnedFd, Errno> {
        if path.is_empty() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::openat(self.tree.root(), c".", flags, Mode::empty())
        } else {
            self.tree.lookup(path, OFlags::RDONLY)
        }
    }

    fn write_unapplied(&self, dir: &Path) -> Result<(), Error> {
        if self.unapplied.is_empty() {
            return Ok(());
        }
        let mut records = Vec::new();
        for record in &self.unapplied {
            record.write(&mut records);
        }
        let path = owner::unapplied_path(dir);
        std::fs::write(&path, records).map_err(|source| Error::Write {
            action: "write",
            path: path.display().to_string(),
            source,
        })
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.warned.owners {
            warnings.push(
                "some files belong to user or group IDs that are not mapped here; they were given to the nearest ID and their owners are remembered"
                    .to_owned(),
            );
        }
        if self.warned.devices {
            warnings.push(
                "device nodes in the image were skipped: they cannot be made here".to_owned(),
            );
        }
        if self.warned.xattrs {
            warnings.push("some extended attributes could not be set here".to_owned());
        }
        warnings
    }
}
