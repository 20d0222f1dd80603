//! One file, copied with all it has.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use crate::content::whiteout::{OVERLAY_ESCAPE, OVERLAY_XATTRS};
use crate::sys::xattr;

/// Bytes of the names of a file's attributes, and of one value: the kernel's limits.
const MAX_XATTR: usize = 64 << 10;

/// From where to where files are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From a layer to a tree: what overlayfs would show.
    Shown,
    /// From a tree to a layer: what overlayfs would have written.
    Written,
}

impl Direction {
    /// Returns the name that an attribute of the source has in the copy. Overlayfs's own are not copied; what it would show
    /// under such a name has one more word in it in a layer (overlayfs.rst, "Nesting overlayfs mounts").
    fn name(self, name: &CStr) -> Option<CString> {
        let Some(rest) = name.to_bytes().strip_prefix(OVERLAY_XATTRS) else {
            return Some(name.to_owned());
        };
        let renamed = match self {
            Direction::Shown => [OVERLAY_XATTRS, rest.strip_prefix(OVERLAY_ESCAPE)?].concat(),
            Direction::Written => [OVERLAY_XATTRS, OVERLAY_ESCAPE, rest].concat(),
        };
        CString::new(renamed).ok()
    }
}

/// Copies everything but directories.
#[derive(Debug)]
pub(super) struct Files<'t> {
    pub(super) direction: Direction,
    /// Where the paths of `links` begin.
    target: BorrowedFd<'t>,
    /// Where a file with several names has been copied to: device and inode → path below `target`.
    links: HashMap<(u64, u64), PathBuf>,
}

impl<'t> Files<'t> {
    pub(super) fn new(direction: Direction, target: BorrowedFd<'t>) -> Files<'t> {
        Files {
            direction,
            target,
            links: HashMap::new(),
        }
    }

    /// Copies what is called `name` in `from` and has attributes `stat` to `to`, where nothing has that name; `path` is where
    /// that is below the target.
    pub(super) fn copy(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
        path: &Path,
    ) -> Result<(), Errno> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        let key = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&key) {
                return rustix::fs::linkat(self.target, first, to, name, AtFlags::empty());
            }
            self.links.insert(key, path.to_owned());
        }
        let open = OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match kind {
            FileType::RegularFile => {
                let source = rustix::fs::openat(from, name, open | OFlags::RDONLY, Mode::empty())?;
                let flags = open | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
                let target = rustix::fs::openat(to, name, flags, Mode::from_raw_mode(0o600))?;
                copy_content(&source, &target, stat.st_size as u64)?;
                copy_attributes(self.direction, source.as_fd(), target.as_fd(), stat)
            }
            FileType::Symlink => {
                let link = rustix::fs::readlinkat(from, name, Vec::new())?;
                rustix::fs::symlinkat(&*link, to, name)?;
                self.special_attributes(from, to, name, stat)
            }
            FileType::CharacterDevice | FileType::BlockDevice => {
                let made = match self.direction {
                    // A copy lies on the host's filesystem, where a device of the image's choosing would be a live one.
                    // In an overlay they cannot be opened either.
                    Direction::Shown => false,
                    // Nothing that a layer could have.
                    Direction::Written if stat.st_rdev == 0 => false,
                    Direction::Written => {
                        let none = Mode::empty();
                        match rustix::fs::mknodat(to, name, kind, none, stat.st_rdev) {
                            Err(Errno::PERM) => false,
                            made => made.map(|()| true)?,
                        }
                    }
                };
                if !made {
                    self.links.remove(&key);
                    return Ok(());
                }
                self.special_attributes(from, to, name, stat)
            }
            _ => {
                rustix::fs::mknodat(to, name, kind, Mode::empty(), 0)?;
                self.special_attributes(from, to, name, stat)
            }
        }
    }

    /// Owner, mode, xattrs and times of what is not opened.
    fn special_attributes(
        &self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
    ) -> Result<(), Errno> {
        let (uid, gid) = owner(stat);
        rustix::fs::chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
            rustix::fs::chmodat(to, name, mode, AtFlags::empty())?;
        }
        self.special_xattrs(from, to, name)?;
        rustix::fs::utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// They have few, but an owner that could not be given may be among them.
    fn special_xattrs(
        &self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
    ) -> Result<(), Errno> {
        let open = |at| {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(at, name, flags, Mode::empty())?;
            // Leads to the inode itself, be it a link.
            Ok::<_, Errno>((format!("/proc/self/fd/{}", fd.as_raw_fd()), fd))
        };
        let (source, _source) = open(from)?;
        let mut names = vec![0_u8; MAX_XATTR];
        let size = match rustix::fs::listxattr(&source, &mut names[..]) {
            Err(Errno::OPNOTSUPP) | Ok(0) => return Ok(()),
            size => size?,
        };
        let (target, _target) = open(to)?;
        let mut value = vec![0_u8; MAX_XATTR];
        for name in names[..size].split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else {
                continue;
            };
            let Some(copied) = self.direction.name(name) else {
                continue;
            };
            let size = match rustix::fs::getxattr(&source, name, &mut value[..]) {
                Err(Errno::NODATA | Errno::OPNOTSUPP) => continue,
                size => size?,
            };
            allowed(rustix::fs::setxattr(
                &target,
                &copied,
                &value[..size],
                XattrFlags::empty(),
            ))?;
        }
        Ok(())
    }
}

/// Shares blocks if possible, else copies data and leaves holes.
fn copy_content(from: &OwnedFd, to: &OwnedFd, size: u64) -> Result<(), Errno> {
    if size == 0 || rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    rustix::fs::ftruncate(to, size)?;
    let mut at = 0;
    while at < size {
        let (start, end) = match rustix::fs::seek(from, rustix::fs::SeekFrom::Data(at)) {
            Ok(start) => {
                let end = rustix::fs::seek(from, rustix::fs::SeekFrom::Hole(start))?;
                (start, end)
            }
            Err(Errno::NXIO) => return Ok(()),
            // No holes to be asked for on this filesystem.
            Err(Errno::INVAL) => (at, size),
            Err(errno) => return Err(errno),
        };
        copy_range(from, to, start, end.min(size))?;
        at = end.max(at + 1);
    }
    Ok(())
}

fn copy_range(from: &OwnedFd, to: &OwnedFd, start: u64, end: u64) -> Result<(), Errno> {
    let (mut read_at, mut write_at) = (start, start);
    while read_at < end {
        let want = usize::try_from(end - read_at)
            .unwrap_or(usize::MAX)
            .min(1 << 30);
        match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), want) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => {
                return copy_by_hand(from, to, read_at, end);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn copy_by_hand(from: &OwnedFd, to: &OwnedFd, mut at: u64, end: u64) -> Result<(), Errno> {
    let mut buffer = vec![0; 128 << 10];
    while at < end {
        let want = usize::try_from(end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = match rustix::io::pread(from, &mut buffer[..want], at) {
            Ok(0) => return Ok(()),
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let mut piece = &buffer[..count];
        while !piece.is_empty() {
            match rustix::io::pwrite(to, piece, at) {
                Ok(done) => {
                    piece = &piece[done..];
                    at += done as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(())
}

/// Owner, mode, xattrs and times, in the order in which one does not undo the other.
pub(super) fn copy_attributes(
    direction: Direction,
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    stat: &Stat,
) -> Result<(), Errno> {
    let (uid, gid) = owner(stat);
    rustix::fs::fchown(to, Some(uid), Some(gid))?;
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    for name in xattr::list(from)? {
        let Some(copied) = direction.name(&name) else {
            continue;
        };
        let Some(value) = xattr::get(from, &name)? else {
            continue;
        };
        allowed(rustix::fs::fsetxattr(
            to,
            &copied,
            &value,
            XattrFlags::empty(),
        ))?;
    }
    rustix::fs::futimens(to, &times(stat))
}

/// Takes away what a directory has said about itself, an owner for one, before it gets the attributes of another.
pub(super) fn drop_xattrs(dir: BorrowedFd<'_>) -> Result<(), Errno> {
    let names = xattr::list(dir)?;
    let names = names
        .iter()
        .filter(|name| name.to_bytes().starts_with(b"user."));
    for name in names {
        rustix::fs::fremovexattr(dir, name)?;
    }
    Ok(())
}

/// Setting an attribute may be refused: the host's own labels, which nobody but the host can set.
fn allowed(set: Result<(), Errno>) -> Result<(), Errno> {
    match set {
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        set => set,
    }
}

fn owner(stat: &Stat) -> (rustix::fs::Uid, rustix::fs::Gid) {
    (
        rustix::fs::Uid::from_raw(stat.st_uid),
        rustix::fs::Gid::from_raw(stat.st_gid),
    )
}

/// Returns the times of the copy of something that has these.
pub(super) fn times(stat: &Stat) -> Timestamps {
    let time = Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec as _,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// Returns what is in a directory, in no order.
pub(super) fn names(dir: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Returns a name as a path.
pub(super) fn as_path(name: &CStr) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

/// Opens the directory called `name` in `dir`, which is no link.
pub(super) fn open_directory(dir: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}
