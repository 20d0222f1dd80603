//! Owners of the files of a layer that is made here, not unpacked.

use std::ffi::CStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, XattrFlags};
use rustix::io::Errno;

use super::Error;
use super::attributes::chown;
use super::memory;
use super::owner::{self, OWNER_XATTR, Owners, Unapplied};
use super::pax::Time;
use super::tree::write_error;

/// Gives files their owners, and remembers those that the id map does not have (see `owner`).
#[derive(Debug)]
pub struct OwnerWriter {
    owners: Owners,
    records: Vec<u8>,
}

impl OwnerWriter {
    /// Returns a writer for a layer that has no owners remembered yet.
    pub fn new(owners: Owners) -> OwnerWriter {
        OwnerWriter {
            owners,
            records: Vec::new(),
        }
    }

    /// Gives a regular file or directory to `uid:gid`. It clears setuid bits and capabilities: call it first.
    ///
    /// # Errors
    ///
    /// Those of `fchown(2)` and `fsetxattr(2)`.
    pub fn set(&self, fd: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
        let applied = self.owners.apply(uid.into(), gid.into());
        // What has just been made here is root's.
        if applied != (0, 0) {
            chown(fd, c"", applied.0, applied.1)?;
        }
        if applied == (uid, gid) {
            return Ok(());
        }
        let value = owner::encode(uid.into(), gid.into());
        match rustix::fs::fsetxattr(fd, OWNER_XATTR, value.as_bytes(), XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// As [`OwnerWriter::set`], for what had an owner before.
    ///
    /// # Errors
    ///
    /// Those of `fchown(2)`, `fsetxattr(2)` and `fremovexattr(2)`.
    pub fn replace(&self, fd: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
        chown(fd, c"", 0, 0)?;
        match rustix::fs::fremovexattr(fd, OWNER_XATTR) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno.into()),
        }
        self.set(fd, uid, gid)
    }

    /// Gives a symbolic link, FIFO or socket called `name` in `at` to `uid:gid`; `path` is its place in the layer. Call it
    /// once its times are set.
    ///
    /// # Errors
    ///
    /// Those of `fchownat(2)` and `fstatat(2)`.
    pub fn set_special(
        &mut self,
        at: BorrowedFd<'_>,
        name: &CStr,
        path: &[u8],
        uid: u32,
        gid: u32,
    ) -> io::Result<()> {
        let applied = self.owners.apply(uid.into(), gid.into());
        if applied != (0, 0) {
            chown(at, name, applied.0, applied.1)?;
        }
        if applied == (uid, gid) {
            return Ok(());
        }
        if memory::remember_at(at, name, uid.into(), gid.into()).is_ok() {
            return Ok(());
        }
        // A filesystem without such attributes.
        let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => b'l',
            FileType::Fifo => b'p',
            _ => return Ok(()),
        };
        let record = Unapplied {
            kind,
            uid: uid.into(),
            gid: gid.into(),
            mode: stat.st_mode & 0o7777,
            device: (0, 0),
            mtime: Time {
                seconds: stat.st_mtime,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            path: path.to_vec(),
        };
        record.write(&mut self.records);
        Ok(())
    }

    /// Writes what could not be kept in the files themselves, beside the layer's directory `dir`. Returns whether nothing had
    /// to be.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn finish(self, dir: &Path) -> Result<bool, Error> {
        if self.records.is_empty() {
            return Ok(true);
        }
        let path = owner::unapplied_path(dir);
        std::fs::write(&path, self.records).map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            write_error("write", path.as_os_str().as_encoded_bytes(), errno)
        })?;
        Ok(false)
    }
}
