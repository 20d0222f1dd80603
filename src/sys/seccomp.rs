//! `seccomp(2)`, `seccomp_unotify(2)`.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

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

/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` of linux/seccomp.h (Linux 5.19): once a call has been received by its supervisor,
/// only a fatal signal interrupts it, so that none is carried out twice.
const WAIT_KILLABLE: u32 = 1 << 5;

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of linux/seccomp.h (Linux 6.6).
const SYNC_WAKE_UP: u64 = 1;

/// A system call of another process that waits for its supervisor. See `seccomp_unotify(2)`.
#[derive(Debug, Clone, Copy)]
pub struct Notification {
    /// Names the call for as long as it waits.
    pub id: u64,
    /// The thread that made it, in the supervisor's pid namespace.
    pub thread: u32,
    /// `AUDIT_ARCH_…`.
    pub arch: u32,
    /// Of the call, on that architecture.
    pub number: u32,
    /// As they are in the registers.
    pub arguments: [u64; 6],
}

/// What a supervisor has a system call do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Return this.
    Value(i64),
    /// Fail with this errno.
    Errno(i32),
    /// Be carried out by the kernel after all.
    Continue,
}

/// As [`load`], and returns the descriptor from which a supervisor receives the calls that the filter does not decide
/// itself. Close-on-exec. One filter of a process can have one.
///
/// # Errors
///
/// As [`load`]; `EBUSY` where a filter with a supervisor is loaded already.
pub fn load_supervised(program: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?,
        filter: program.as_ptr().cast_mut(),
    };
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32;
    for flags in [listener | WAIT_KILLABLE, listener] {
        // SAFETY: the kernel reads `len` instructions through the pointer and writes nothing.
        let result = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const program,
            )
        };
        if result >= 0 {
            // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
            return Ok(unsafe { OwnedFd::from_raw_fd(result as RawFd) });
        }
        let error = io::Error::last_os_error();
        // A kernel that does not know the flag.
        if error.raw_os_error() != Some(libc::EINVAL) {
            return Err(error);
        }
    }
    Err(io::Error::from_raw_os_error(libc::EINVAL))
}

/// Has the supervisor and the supervised wake each other up on one processor, which halves what a call costs. `EINVAL` where
/// the kernel cannot.
///
/// # Errors
///
/// The errno of the ioctl.
pub fn wake_in_turn(listener: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: this ioctl takes a number, not a pointer.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            SYNC_WAKE_UP,
        )
    };
    outcome(result)
}

/// Receives the next call, waiting for one.
///
/// # Errors
///
/// The errno of the ioctl: `ENOENT` where the caller was killed meanwhile.
pub fn receive(listener: BorrowedFd<'_>) -> io::Result<Notification> {
    // SAFETY: plain data for which all zeroes is what the kernel demands.
    let mut notification: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
    // SAFETY: the kernel fills in the structure, which is as large as the request says.
    outcome(unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw mut notification) })?;
    Ok(Notification {
        id: notification.id,
        thread: notification.pid,
        arch: notification.data.arch,
        number: notification.data.nr as u32,
        arguments: notification.data.args,
    })
}

/// Returns whether the call still waits: what was read from its process before then was read from no other one.
pub fn still_waits(listener: BorrowedFd<'_>, id: u64) -> bool {
    let request = libc::SECCOMP_IOCTL_NOTIF_ID_VALID;
    // SAFETY: the kernel reads eight bytes through the pointer.
    outcome(unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw const id) }).is_ok()
}

/// Ends the wait of the call `id`.
///
/// # Errors
///
/// The errno of the ioctl: `ENOENT` where it does not wait any more.
pub fn answer(listener: BorrowedFd<'_>, id: u64, verdict: Verdict) -> io::Result<()> {
    let (val, error, flags) = match verdict {
        Verdict::Value(value) => (value, 0, 0),
        Verdict::Errno(errno) => (0, -errno, 0),
        Verdict::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
    };
    let response = libc::seccomp_notif_resp {
        id,
        val,
        error,
        flags,
    };
    let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
    // SAFETY: the kernel reads the structure, which is as large as the request says.
    outcome(unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw const response) })
}

/// Gives the caller a copy of `fd` and has the call `id` return its number.
///
/// # Errors
///
/// The errno of the ioctl: `EINVAL` before Linux 5.14.
pub fn answer_with_descriptor(
    listener: BorrowedFd<'_>,
    id: u64,
    fd: BorrowedFd<'_>,
    close_on_exec: bool,
) -> io::Result<()> {
    let addition = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: fd.as_raw_fd() as u32,
        newfd: 0,
        newfd_flags: if close_on_exec {
            libc::O_CLOEXEC as u32
        } else {
            0
        },
    };
    let request = libc::SECCOMP_IOCTL_NOTIF_ADDFD;
    // SAFETY: the kernel reads the structure, which is as large as the request says.
    outcome(unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw const addition) })
}

fn outcome(result: libc::c_int) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
