//! Helper programs that must not outlive whoever started them.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit};
use rustix::thread::CapabilitySets;

/// Makes the process that `command` will start join the user namespace `userns`, with all its capabilities, before it
/// executes the program.
///
/// Capabilities are made ambient, because the one id of the namespace need not be 0, and another one loses them at
/// `execve(2)`. See `user_namespaces(7)`, `capabilities(7)`.
pub fn join_userns(command: &mut Command, userns: OwnedFd) {
    let join = move || {
        rustix::thread::move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&userns),
            Some(rustix::thread::LinkNameSpaceType::User),
        )?;
        let all = rustix::thread::capabilities(None)?.permitted;
        rustix::thread::set_capabilities(
            None,
            CapabilitySets {
                effective: all,
                permitted: all,
                inheritable: all,
            },
        )?;
        for capability in all.iter() {
            rustix::thread::configure_capability_in_ambient_set(capability, true)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec `pre_exec` allows only what is async-signal-safe: the closure makes system calls on
    // values it owns, and neither allocates nor takes locks.
    unsafe { command.pre_exec(join) };
}

/// Makes the process that `command` will start die with the calling thread.
///
/// The kernel forgets the tie when the process gains credentials, so this comes after [`join_userns`]; programs that
/// change users or join a user namespace by themselves are not held by it. See `PR_SET_PDEATHSIG(2const)`.
pub fn die_with_caller(command: &mut Command) {
    let parent = rustix::process::getpid();
    let tie = move || super::child::die_with(parent);
    // SAFETY: as in `join_userns`: system calls only, on copied integers.
    unsafe { command.pre_exec(tie) };
}

/// Lets the process that `command` will start, and what that starts, have `most` of `resource` and no more; less where the
/// caller may have less. See `setrlimit(2)`.
pub fn limit(command: &mut Command, resource: Resource, most: u64) {
    let own = rustix::process::getrlimit(resource).maximum;
    let most = Some(own.map_or(most, |own| own.min(most)));
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    let set = move || Ok(rustix::process::setrlimit(resource, limit)?);
    // SAFETY: as in `join_userns`: one system call, on copied integers.
    unsafe { command.pre_exec(set) };
}

/// Lets the process that `command` will start live on when nobody reads what it writes.
pub fn ignore_broken_pipes(command: &mut Command) {
    let ignore = || {
        // SAFETY: sets a disposition, runs no handler, and touches no memory of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: as in `join_userns`: one system call, on nothing of ours.
    unsafe { command.pre_exec(ignore) };
}

/// Lets the process that `command` will start inherit `fd` under the same number, which is returned.
pub fn inherit(command: &mut Command, fd: OwnedFd) -> i32 {
    let number = fd.as_raw_fd();
    let keep = move || {
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty())?;
        Ok(())
    };
    // SAFETY: as in `join_userns`: one system call on a descriptor the closure owns.
    unsafe { command.pre_exec(keep) };
    number
}
