//! A client's side of a container's streams: the user's terminal on one side, the container on the other.
//!
//! `run`, `start -a` and `attach` talk to the monitor over a socket ([`Session`]); `exec` is the parent of its process and
//! has its descriptors. Terminal, detach keys, signals and window size are the same for both: [`relay`].

mod detach_keys;
mod output;
pub(super) mod relay;
mod session;
mod signals;
mod terminal;

use std::os::fd::BorrowedFd;

pub use detach_keys::{DetachKeys, DetachKeysError};
pub use session::Session;
pub use signals::HeldSignals;
pub use terminal::size as terminal_size;

/// The client's own streams.
#[derive(Debug, Clone, Copy)]
pub struct Streams<'a> {
    /// What feeds the container; `None` without `-i`.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Where its output goes.
    pub stdout: BorrowedFd<'a>,
    /// Where its errors go.
    pub stderr: BorrowedFd<'a>,
}

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// The container has a terminal: the client's own (stdin, if it is one) is put into raw mode, its size passed on.
    pub tty: bool,
    /// What to type to leave. Only with `tty`, as in Docker.
    pub detach_keys: DetachKeys,
    /// Pass signals on to the process.
    pub sig_proxy: bool,
}

/// How a client's part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The process ended with this code (128 + n for signal n).
    Exited(i32),
    /// The user left with the detach keys, or the process was started detached.
    Detached,
    /// The client itself was asked to end by this signal (SIGPIPE: nobody reads its output any more). The terminal is in order again; the container lives on.
    Interrupted(i32),
    /// The user has asked three times (SIGINT or SIGTERM), and the process goes on. So does the container.
    Forced,
    /// The process's output could not be written. The container lives on.
    Unwritable {
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// Why.
        errno: i32,
    },
}
