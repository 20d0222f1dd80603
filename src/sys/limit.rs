//! `prlimit(2)` of other processes, of which `rustix` cannot ask without setting.

use std::io;

/// A soft and a hard limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The soft one.
    pub current: u64,
    /// The hard one.
    pub maximum: u64,
}

/// Returns the limit that process `pid` has on `resource` (`RLIMIT_…`).
///
/// # Errors
///
/// The errno of `prlimit`.
pub fn get(pid: u32, resource: u32) -> io::Result<Limit> {
    let mut limit = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: nothing is set, and the kernel fills in the structure. Raw, because C libraries differ in the type of the
    // resource; it is the 64-bit structure everywhere.
    let result = unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            pid,
            resource,
            std::ptr::null::<libc::rlimit64>(),
            &raw mut limit,
        )
    };
    match result {
        0 => Ok(Limit {
            current: limit.rlim_cur,
            maximum: limit.rlim_max,
        }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sets the limit that process `pid` has on `resource`.
///
/// # Errors
///
/// The errno of `prlimit`: `EPERM` for another user's process, or above the hard limit.
pub fn set(pid: u32, resource: u32, limit: Limit) -> io::Result<()> {
    let limit = libc::rlimit64 {
        rlim_cur: limit.current,
        rlim_max: limit.maximum,
    };
    // SAFETY: the kernel reads the structure and writes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            pid,
            resource,
            &raw const limit,
            std::ptr::null_mut::<libc::rlimit64>(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
