//! Descriptors and paths: `poll(2)`, `open(2)`, `close_range(2)`, `dup3(2)`, `faccessat2(2)`, `getcwd(2)`.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Opens `/dev/null` in place of each standard stream that the process was started without, so that no file is taken for
/// one.
///
/// # Errors
///
/// The errno of `open(2)`.
pub fn open_missing_streams() -> io::Result<()> {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    });
    // SAFETY: the array has as many entries as said; without a timeout the call does not wait.
    if unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) } == -1 {
        return Err(io::Error::last_os_error());
    }
    for stream in streams {
        // The lowest free number is given, and all lower ones are in use by now.
        if stream.revents & libc::POLLNVAL != 0 {
            // SAFETY: the path is a C string; the number belongs to nobody, as `poll` has found.
            let fd = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
            if fd == -1 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Marks every descriptor from `first` on close-on-exec, whoever owns it.
///
/// # Errors
///
/// The errno of `close_range`.
pub fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    let last = libc::c_uint::MAX;
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: no descriptor is closed; the flag matters only to the next `execve`.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Closes every descriptor but the standard streams and `keep`, whoever owns it. For a process that has just been forked and
/// goes on with these alone: values of its parent that own others must neither be used nor dropped.
///
/// # Errors
///
/// The errno of `close_range`.
pub fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    let mut keep: Vec<libc::c_uint> = keep.iter().map(|fd| *fd as libc::c_uint).collect();
    keep.sort_unstable();
    let mut first: libc::c_uint = 3;
    for fd in keep
        .into_iter()
        .filter(|fd| *fd >= 3)
        .chain([libc::c_uint::MAX])
    {
        // Twice the same, or side by side: nothing in between.
        if fd > first {
            // SAFETY: the caller vouches that nobody will use what is closed here.
            let result = unsafe { libc::syscall(libc::SYS_close_range, first, fd - 1, 0) };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        first = first.max(fd.saturating_add(1));
    }
    Ok(())
}

/// Fills every free descriptor number up to `last` with a copy of `fd`, which nobody closes before the next `execve`.
///
/// # Errors
///
/// The errno of `fcntl(2)`.
pub fn occupy_up_to(fd: BorrowedFd<'_>, last: RawFd) -> io::Result<()> {
    loop {
        // SAFETY: F_DUPFD_CLOEXEC takes an int and makes a new descriptor.
        match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) } {
            -1 => return Err(io::Error::last_os_error()),
            number if number <= last => {}
            number => {
                // SAFETY: the descriptor was made just now and has no owner.
                unsafe { libc::close(number) };
                return Ok(());
            }
        }
    }
}

/// Makes `number` another name of `fd`, whatever it was before. Only for a process that is about to execute a program.
///
/// # Errors
///
/// The errno of `fcntl(2)` or `dup3`.
pub fn place(fd: BorrowedFd<'_>, number: RawFd, close_on_exec: bool) -> io::Result<()> {
    let flags = if close_on_exec { libc::FD_CLOEXEC } else { 0 };
    if fd.as_raw_fd() == number {
        // SAFETY: F_SETFD takes an int and touches only the flag of this descriptor.
        return match unsafe { libc::fcntl(number, libc::F_SETFD, flags) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        };
    }
    let flags = if close_on_exec { libc::O_CLOEXEC } else { 0 };
    // SAFETY: the caller says that the owner of `number`, if there is one, will not use it again.
    match unsafe { libc::dup3(fd.as_raw_fd(), number, flags) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Moves `fd` to a number above `last`, if it is not there already.
///
/// # Errors
///
/// The errno of `fcntl(2)`.
pub fn lift_above(fd: OwnedFd, last: RawFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > last {
        return Ok(fd);
    }
    // SAFETY: F_DUPFD_CLOEXEC takes an int and makes a new descriptor.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, last + 1) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the new descriptor is open and has no other owner.
        number => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
    }
}

/// Returns whether the process, with its effective ids, may execute the open file.
///
/// # Errors
///
/// `EACCES`, or another errno of `faccessat2`.
pub fn check_executable(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the path is an empty C string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_faccessat2,
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::X_OK,
            libc::AT_EMPTY_PATH | libc::AT_EACCESS,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Fails with `ENOENT` if the working directory does not lie below the process's root (CVE-2024-21626): the kernel then
/// names it `(unreachable)…`.
///
/// # Errors
///
/// `ENOENT`, or another errno of `getcwd`.
pub fn check_working_directory() -> io::Result<()> {
    let mut buffer = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: the buffer is writable for the given length.
    let length = unsafe { libc::syscall(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len()) };
    match length {
        -1 => Err(io::Error::last_os_error()),
        _ if buffer[0] == b'/' => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::ENOENT)),
    }
}
