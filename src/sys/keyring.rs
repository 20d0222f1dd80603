//! `keyctl(2)`.

use std::io;

/// `KEYCTL_JOIN_SESSION_KEYRING` of `linux/keyctl.h`.
const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;

/// Gives the process an empty session keyring of its own, so that it does not see the keys of who started it.
///
/// # Errors
///
/// The errno of `keyctl`: `ENOSYS` without keys in the kernel, `EDQUOT` where the user holds too many.
pub fn join_new_session() -> io::Result<()> {
    // SAFETY: a null name asks for an anonymous keyring.
    let serial = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
    match serial {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
