//! Owners, modes, xattrs and times: what an entry gets once it exists, in the order in which one does not undo the other
//! (`chown` clears setuid bits and capabilities). What could not be given is told once for the whole layer.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::owner::{self, OWNER_XATTR, Owners};
use super::pax::Time;
use super::tree::write_error;
use super::{Error, xattr};

/// What entries can be given here, and what they could not be given so far.
#[derive(Debug)]
pub(super) struct Attributes {
    owners: Owners,
    /// Permission bits that a new file gets when it asks for them: umask and default ACLs take the others.
    granted: u32,
    pub(super) warned: Warned,
}

/// What the user is told, each once for the whole layer.
#[derive(Debug, Default)]
pub(super) struct Warned {
    owners: bool,
    pub(super) devices: bool,
    pub(super) xattrs: bool,
}

impl Attributes {
    /// For what is made in `dir`.
    pub(super) fn new(dir: &Path, owners: Owners) -> Attributes {
        Attributes {
            owners,
            granted: granted_bits(dir),
            warned: Warned::default(),
        }
    }

    /// Returns the owner that `uid:gid` of a tar gets.
    pub(super) fn owner(&self, uid: u64, gid: u64) -> (u32, u32) {
        self.owners.apply(uid, gid)
    }

    /// Returns whether a new file does not have all of `mode`, though it asked for it.
    pub(super) fn lacks(&self, mode: u32) -> bool {
        mode & !self.granted != 0
    }

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
        let (applied_uid, applied_gid) = self.owner(uid, gid);
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

    pub(super) fn warnings(&self) -> Vec<String> {
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

/// Returns the permission bits that files made in `dir` keep of the mode they ask for.
fn granted_bits(dir: &Path) -> u32 {
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
