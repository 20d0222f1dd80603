//! Making and ending processes: `clone3(2)`, `fork`, `_exit(2)`.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Of `linux/sched.h`; the C library's constant is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// On which side of a `clone3` or `fork` the caller finds itself.
#[derive(Debug)]
pub enum Side<P> {
    /// In the new process.
    Child,
    /// In the old one, with what it knows about the new one.
    Parent(P),
}

/// A child process, as its parent knows it.
#[derive(Debug)]
pub struct Child {
    /// In the parent's pid namespace.
    pub pid: u32,
    /// Becomes readable when the process ends. Close-on-exec.
    pub pidfd: OwnedFd,
}

/// Copies the calling process, as `fork` does, with `flags` of `clone3(2)` (`CLONE_NEW…`, `CLONE_PARENT`) and a pidfd. With
/// `cgroup`, a directory of cgroup version 2, the child is born in that cgroup.
///
/// No handler of the C library runs: the child must keep to system calls until it executes a program or exits, unless
/// the parent has only one thread.
///
/// # Errors
///
/// The errno of `clone3`.
pub fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Side<Child>> {
    let mut pidfd: RawFd = -1;
    // SAFETY: `clone_args` is plain data for which all zeroes means "default".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | libc::CLONE_PIDFD as u64;
    args.pidfd = &raw mut pidfd as u64;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // With CLONE_PARENT the signal is the caller's own, and naming one is refused.
    if flags & libc::CLONE_PARENT as u64 == 0 {
        args.exit_signal = libc::SIGCHLD as u64;
    }
    // SAFETY: `args` is a valid `clone_args` of the given size, its pidfd pointer is valid; without CLONE_VM the child
    // runs on a copy of this stack, so nothing is shared.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const args,
            std::mem::size_of_val(&args),
        )
    };
    returned(pid, pidfd)
}

/// As [`clone3`], by `clone(2)` where there is no such call: seccomp filters that look at flags must forbid it, and Docker's
/// says then that it does not exist.
///
/// # Errors
///
/// The errno of `clone3`, or of `clone` instead of `ENOSYS`. Only `clone3` knows of cgroups.
pub fn clone(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Side<Child>> {
    match clone3(flags, cgroup) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) && cgroup.is_none() => {
            clone_before_3(flags)
        }
        made => made,
    }
}

fn clone_before_3(flags: u64) -> io::Result<Side<Child>> {
    let mut pidfd: RawFd = -1;
    let mut flags = flags | libc::CLONE_PIDFD as u64;
    // With CLONE_PARENT the signal is the caller's own.
    if flags & libc::CLONE_PARENT as u64 == 0 {
        flags |= libc::SIGCHLD as u64;
    }
    // SAFETY: without CLONE_VM the child runs on a copy of this stack, for which 0 stands; the pidfd's place is valid; the
    // other two pointers, whose order depends on the architecture, are not used without their flags.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags,
            0usize,
            &raw mut pidfd,
            0usize,
            0usize,
        )
    };
    returned(pid, pidfd)
}

/// What a call that copies the process has returned.
fn returned(pid: libc::c_long, pidfd: RawFd) -> io::Result<Side<Child>> {
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(Child {
            pid: pid as u32,
            // SAFETY: the kernel has just stored a new descriptor there, which nobody else owns.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        })),
    }
}

/// Copies the calling process. Returns the child's pid on the parent's side.
///
/// The calling process must have a single thread if the child is to do more than system calls.
///
/// # Errors
///
/// The errno of `fork(2)`.
pub fn fork() -> io::Result<Side<u32>> {
    // SAFETY: `fork` has no preconditions; what the child may do is said above.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(pid as u32)),
    }
}

/// Ends the calling process at once: no destructor, no `atexit` handler, no flush.
pub fn exit_now(code: u8) -> ! {
    // SAFETY: `_exit` takes any number and does not return.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Waits for child `pid` and returns its exit code, 128+n where signal n ended it.
///
/// # Errors
///
/// The errno of `waitpid(2)`.
pub fn wait(pid: u32) -> io::Result<u8> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place for an int.
        let waited = unsafe { libc::waitpid(pid as libc::pid_t, &raw mut status, 0) };
        if waited >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    if libc::WIFSIGNALED(status) {
        Ok(128 + libc::WTERMSIG(status) as u8)
    } else {
        Ok(libc::WEXITSTATUS(status) as u8)
    }
}
