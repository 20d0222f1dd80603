//! Making the marks of a layer directory: in overlayfs's own form where the filesystem lets us, else by names.
//!
//! | form | where |
//! |---|---|
//! | character device 0:0 | on every usual filesystem: it needs no privilege |
//! | an empty file with `user.overlay.whiteout` | where there is no `mknod(2)`: on an overlayfs, in some sandboxes |
//! | an empty file `.wh.NAME` | where there are no xattrs either, and so no overlay |
//!
//! Spec: overlayfs.rst, "whiteouts and opaque directories".

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use crate::content::whiteout::{OPAQUE, OPAQUE_VALUE, OPAQUE_XATTR, PREFIX, WHITEOUT_XATTR};

/// The value of [`OPAQUE_XATTR`] that says that there are whiteouts by xattr in a directory (Linux 6.8).
pub(crate) const HAS_WHITEOUTS: &[u8] = b"x";

/// What a whiteout has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// It speaks for itself.
    Plain,
    /// An xattr: its directory, and the layer's root, have to be marked with [`HAS_WHITEOUTS`].
    Xattr,
}

/// Makes a whiteout of `name` in `dir`.
///
/// # Errors
///
/// `EEXIST` where something of that name is there; those of the file operations.
pub(crate) fn put_whiteout(dir: BorrowedFd<'_>, name: &CStr) -> Result<Form, Errno> {
    let none = Mode::empty();
    match rustix::fs::mknodat(dir, name, FileType::CharacterDevice, none, 0) {
        Ok(()) => return Ok(Form::Plain),
        Err(Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP | Errno::ACCESS) => {}
        Err(errno) => return Err(errno),
    }
    let fd = empty_file(dir, name)?;
    match rustix::fs::fsetxattr(&fd, WHITEOUT_XATTR, b"y", XattrFlags::empty()) {
        Ok(()) => return Ok(Form::Xattr),
        Err(Errno::OPNOTSUPP) => {}
        Err(errno) => return Err(errno),
    }
    empty_file(dir, &*[PREFIX, name.to_bytes()].concat())?;
    rustix::fs::unlinkat(dir, name, AtFlags::empty())?;
    Ok(Form::Plain)
}

/// Marks a directory of a layer: with [`OPAQUE_VALUE`] nothing below shows through, or see [`HAS_WHITEOUTS`].
///
/// # Errors
///
/// Those of `fsetxattr(2)` and `openat(2)`.
pub(crate) fn mark_directory(dir: BorrowedFd<'_>, value: &[u8]) -> Result<(), Errno> {
    match rustix::fs::fsetxattr(dir, OPAQUE_XATTR, value, XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP) if value == OPAQUE_VALUE => empty_file(dir, OPAQUE).map(drop),
        result => result,
    }
}

/// Makes an empty file that is a mark and no content.
fn empty_file(dir: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o600))
}
