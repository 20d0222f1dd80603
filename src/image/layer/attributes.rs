//! Owners, modes, xattrs and times: what an entry gets once it exists, in the order in which one does not undo the other
//! (`chown` clears setuid bits and capabilities).

use std::ffi::CStr;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::owner::{self, OWNER_XATTR, Owners};
use super::pax::Time;
use super::tree::write_error;
use super::unpack::Unpacker;
use super::{Error, xattr};

impl Unpacker {
    pub(super) fn set_xattrs(
        &mut self,
        fd: BorrowedFd<'_>,
        path: &[u8],
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<(), Error> {
        for (name, value) in xattrs {
            let Some(on_disk) = xattr::name_on_disk(name) else {
                continue;
            };
            let value = xattr::value_on_disk(name, value);
            match rustix::fs::fsetxattr(fd, &on_disk, &value, XattrFlags::empty()) {
                Ok(()) => {}
                // Docker goes on without them as well.
                Err(Errno::OPNOTSUPP | Errno::PERM | Errno::INVAL | Errno::RANGE) => {
                    self.warned.xattrs = true;
                }
                Err(errno) => return Err(write_error("set attributes of", path, errno)),
            }
        }
        Ok(())
    }

    /// Remembers the owner of a file or directory that could not be given it.
    pub(super) fn remember(
        &mut self,
        fd: BorrowedFd<'_>,
        path: &[u8],
        uid: u64,
        gid: u64,
    ) -> Result<(), Error> {
        let (applied_uid, applied_gid) = self.owners.apply(uid, gid);
        if (u64::from(applied_uid), u64::from(applied_gid)) == (uid, gid) {
            return Ok(());
        }
        self.note_clamped();
        let value = owner::encode(uid, gid);
        match rustix::fs::fsetxattr(fd, OWNER_XATTR, value.as_bytes(), XattrFlags::empty()) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP) => {
                self.warned.xattrs = true;
                Ok(())
            }
            Err(errno) => Err(write_error("set attributes of", path, errno)),
        }
    }

    pub(super) fn note_clamped(&mut self) {
        // A user with one id knows that files of others cannot be; it is not a flaw of this image.
        self.warned.owners |= self.owners != Owners::Single;
    }
}

/// Returns the permission bits that files made in `dir` keep of the mode they ask for.
pub(super) fn granted_bits(dir: &Path) -> u32 {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::open(dir, flags, Mode::from_raw_mode(0o777))
        .and_then(|fd| rustix::fs::fstat(&fd))
        // Where there are no unnamed files every mode is set by hand.
        .map_or(0, |stat| stat.st_mode & 0o777)
}

pub(super) fn chown(at: BorrowedFd<'_>, name: &CStr, uid: u32, gid: u32) -> Result<(), Errno> {
    let (uid, gid) = (
        rustix::fs::Uid::from_raw(uid),
        rustix::fs::Gid::from_raw(gid),
    );
    if name.is_empty() {
        rustix::fs::fchown(at, Some(uid), Some(gid))
    } else {
        rustix::fs::chownat(at, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    }
}

pub(super) fn timestamps(mtime: Time) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime.seconds,
        tv_nsec: mtime.nanoseconds.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
