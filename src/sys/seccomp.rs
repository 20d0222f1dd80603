//! `seccomp(2)`.

use std::io;

/// Puts the calling process under `program`, for good; `flags` are `SECCOMP_FILTER_FLAG_…`. Needs `no_new_privs` or `CAP_SYS_ADMIN` in its user namespace.
///
/// # Errors
///
/// The errno of `seccomp`: `EINVAL` for a program the kernel does not accept.
pub fn load(program: &[libc::sock_filter], flags: u32) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel reads `len` instructions through the pointer and writes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
