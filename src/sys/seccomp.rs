//! `seccomp(2)`.

use std::io;

/// Puts the calling process under `program`, for good. Needs `no_new_privs` or `CAP_SYS_ADMIN` in its user namespace.
///
/// # Errors
///
/// The errno of `seccomp`: `EINVAL` for a program the kernel does not accept.
pub fn load(program: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?,
        filter: program.as_ptr().cast_mut(),
    };
    // SPEC_ALLOW: a filter does not slow the process down by speculation mitigations, as runc has it.
    // SAFETY: the kernel reads `len` instructions through the pointer and writes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            &raw const program,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
