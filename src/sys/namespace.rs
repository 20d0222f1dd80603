//! Leaving and joining namespaces: `unshare(2)`, `setns(2)`, `ioctl_ns(2)`.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// `_IO(0xb7, 1)` of `linux/nsfs.h`.
const NS_GET_USERNS: libc::Ioctl = 0xb701;

/// Moves the calling process into new namespaces: `CLONE_NEW…` flags.
///
/// # Errors
///
/// The errno of `unshare`.
pub fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: only namespace flags are documented for; they share or unshare no memory and no descriptors.
    match unsafe { libc::unshare(flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Moves the calling process into the namespace `fd`, or into those of the process behind a pidfd that `flags` name.
///
/// # Errors
///
/// The errno of `setns`.
pub fn setns(fd: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: `setns` takes any descriptor and refuses what is neither a namespace nor a pidfd.
    match unsafe { libc::setns(fd.as_raw_fd(), flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Returns the user namespace that owns `namespace`.
///
/// # Errors
///
/// The errno of the ioctl: `EPERM` where the owner lies outside the caller's own user namespace.
pub fn owner(namespace: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: this ioctl takes no argument.
    match unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just made this descriptor, close-on-exec, and nobody else owns it.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}
