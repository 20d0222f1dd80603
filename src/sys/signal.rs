//! What a program inherits of its predecessor's signals, the mask and which ones are ignored; signals of any number.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Bytes of the kernel's signal set.
const SET_BYTES: usize = 8;

/// Highest signal number.
const LAST_SIGNAL: libc::c_int = 64;

/// Gives every signal its default disposition.
pub fn reset_dispositions() {
    for signal in 1..=LAST_SIGNAL {
        // Refused for SIGKILL and SIGSTOP, which have nothing to reset, and for the C library's two.
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Ignores SIGPIPE from now on: writing to a connection that the peer has closed is an error like others. Programs that this
/// one executes inherit it, but for those that [`std::process::Command`] starts.
pub fn ignore_broken_pipes() {
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// Returns whether the process ignores signal `number`, as one does that was started by `nohup(1)`.
pub fn is_ignored(number: i32) -> bool {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the old one, to a place that has room for it.
    let result = unsafe { libc::sigaction(number, std::ptr::null(), old.as_mut_ptr()) };
    // SAFETY: all zeros are a valid `sigaction`, too.
    let old = unsafe { old.assume_init() };
    result == 0 && old.sa_sigaction == libc::SIG_IGN
}

/// Blocks every signal, or none.
///
/// # Errors
///
/// The errno of `rt_sigprocmask(2)`.
pub fn block_all(block: bool) -> io::Result<()> {
    let set: u64 = if block { u64::MAX } else { 0 };
    // The system call, because the C library's function leaves its own two signals out.
    // SAFETY: the kernel reads eight bytes through the pointer; no old set is asked for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const set,
            std::ptr::null_mut::<u64>(),
            SET_BYTES,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends signal `number`, which may be a real-time one, to the process behind `pidfd`.
///
/// # Errors
///
/// The errno of `pidfd_send_signal(2)`: `ESRCH` once the process has been waited for, `EINVAL` for no signal.
pub fn send(pidfd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    // SAFETY: without a `siginfo_t` (a null pointer is documented for that) the call only takes numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            number,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
