//! What a program inherits of its predecessor's signals, the mask and which ones are ignored; signals of any number.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::sync::OnceLock;

/// Bytes of the kernel's signal set.
const SET_BYTES: usize = 8;

/// Highest signal number.
const LAST_SIGNAL: libc::c_int = 64;

/// The signals that this process has ignored since it was started: a bit each, the lowest for signal 1.
#[derive(Debug, Clone, Copy)]
pub struct Ignored(u64);

/// Returns the signals that this process was started with as ignored, and SIGPIPE ([`ignore_broken_pipes`]).
pub fn ignored() -> Ignored {
    static KNOWN: OnceLock<u64> = OnceLock::new();
    let bit = |signal: libc::c_int| 1 << (signal - 1);
    let all = || {
        let signals = (1..=LAST_SIGNAL).filter(|signal| is_ignored(*signal));
        signals.fold(bit(libc::SIGPIPE), |set, signal| set | bit(signal))
    };
    Ignored(*KNOWN.get_or_init(all))
}

/// Gives every signal its default disposition in the program that is executed next: `execve(2)` itself does so for those that
/// are not ignored.
pub fn reset_dispositions(ignored: Ignored) {
    for signal in (1..=LAST_SIGNAL).filter(|signal| ignored.0 & (1 << (signal - 1)) != 0) {
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
