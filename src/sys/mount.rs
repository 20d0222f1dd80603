//! `mount_setattr(2)`: flags and propagation of a mount that is named by a descriptor.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// What `mount_setattr` changes. All zeroes change nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `MOUNT_ATTR_…` flags to set.
    pub set: u64,
    /// `MOUNT_ATTR_…` flags to clear.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, `MS_UNBINDABLE`, or 0.
    pub propagation: u64,
}

impl Attributes {
    /// Whether there is nothing to change.
    pub fn is_empty(self) -> bool {
        self == Attributes::default()
    }
}

/// Changes the mount that `mount` is the root of, with everything mounted below it if `recursive`.
///
/// # Errors
///
/// The errno of `mount_setattr`: `EPERM` for a flag that is locked in this user namespace.
pub fn set_attributes(
    mount: BorrowedFd<'_>,
    attributes: Attributes,
    recursive: bool,
) -> io::Result<()> {
    let args = libc::mount_attr {
        attr_set: attributes.set,
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, `args` a valid `mount_attr` of the given size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const args,
            std::mem::size_of_val(&args),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
