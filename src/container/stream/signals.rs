//! Signals to the client, as something to poll for.
//!
//! With `--sig-proxy` they are the container's. With a terminal in raw mode the keyboard makes none, and those that come
//! from elsewhere, if they are the client's, must not end it before the terminal is in order again.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that are not passed on. Source: docker/cli, command/container/signals.go; those after the first two cannot be
/// caught, or are the client's own faults and must end it.
const NOT_PROXIED: [Signal; 13] = [
    Signal::SIGCHLD,
    Signal::SIGURG,
    Signal::SIGKILL,
    Signal::SIGSTOP,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGSYS,
    Signal::SIGABRT,
    // A background client that reads from its terminal is stopped, not its container.
    Signal::SIGTTIN,
    Signal::SIGTTOU,
];

/// Signals that end the client once the terminal is in order.
const ENDING: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
];

/// Signals that wait, while this lives, for a relay that will pass them on: somebody may see that the process runs, and send
/// it one, before its client has got that far.
#[derive(Debug)]
pub struct HeldSignals {
    before: SigSet,
}

impl HeldSignals {
    pub(in crate::container) fn hold() -> nix::Result<HeldSignals> {
        let before = SigSet::thread_get_mask()?;
        to_be_proxied().thread_block()?;
        Ok(HeldSignals { before })
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        // Cannot fail for a mask that was in force.
        let _ = self.before.thread_set_mask();
    }
}

fn to_be_proxied() -> SigSet {
    let mut set = SigSet::all();
    for signal in NOT_PROXIED {
        set.remove(signal);
    }
    set
}

/// Signals taken over for a while.
#[derive(Debug)]
pub(super) struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    /// Takes over the signals to be passed on.
    pub(super) fn proxied() -> nix::Result<Signals> {
        Signals::take(to_be_proxied())
    }

    /// Takes over those that a client with a raw terminal has to know of.
    pub(super) fn of_terminal() -> nix::Result<Signals> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGWINCH);
        // Comes as an error of the write, too.
        set.add(Signal::SIGPIPE);
        for signal in ENDING {
            set.add(signal);
        }
        Signals::take(set)
    }

    fn take(set: SigSet) -> nix::Result<Signals> {
        let before = SigSet::thread_get_mask()?;
        set.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&set, flags)?;
        Ok(Signals { fd, before })
    }

    /// Returns the next one that has arrived.
    pub(super) fn next(&self) -> Option<i32> {
        let info = self.fd.read_signal().ok()??;
        Some(info.ssi_signo as i32)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // Cannot fail for a mask that was in force.
        let _ = self.before.thread_set_mask();
    }
}
