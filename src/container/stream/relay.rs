//! The client's loop: terminal and signals on one side, a [`Peer`] on the other.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::detach_keys::{DetachScanner, Scanned};
use super::output::Output;
use super::signals::Signals;
use super::terminal::{self, RawMode};
use super::{Outcome, RelayOptions, Streams};
use crate::container::Error;
use crate::container::error::system;

/// Bytes of input read at once.
const CHUNK: usize = 16 * 1024;

/// After so many SIGINTs and SIGTERMs the client ends. Source: docker/cli, cmd/docker/docker.go.
const ENOUGH: u32 = 3;

/// What is relayed to: a monitor, or a process of one's own. Nothing here waits.
pub(in crate::container) trait Peer {
    /// Adds what wakes it. `room`: the client can take more output.
    fn watch<'p>(&'p self, room: bool, fds: &mut Vec<PollFd<'p>>);

    /// Does what can be done: takes output, sends input. Returns the outcome when all is over and all output taken.
    fn advance(&mut self, outputs: &mut Outputs<'_>) -> Result<Option<Outcome>, Error>;

    /// Whether more input would be of use now.
    fn wants_input(&self) -> bool;

    /// Takes input.
    fn input(&mut self, bytes: &[u8]);

    /// There is no more input.
    fn end_input(&mut self);

    /// The terminal has rows and columns.
    fn resize(&mut self, size: (u16, u16));

    /// A signal for the process.
    fn signal(&mut self, number: i32);

    /// The user leaves.
    fn detach(&mut self);
}

/// The client's outputs.
#[derive(Debug)]
pub(in crate::container) struct Outputs<'a> {
    stdout: Output<'a>,
    stderr: Output<'a>,
}

impl Outputs<'_> {
    /// Takes bytes of the process's standard output.
    pub(in crate::container) fn stdout(&mut self, bytes: &[u8]) {
        self.stdout.push(bytes);
    }

    /// Takes bytes of its standard error.
    pub(in crate::container) fn stderr(&mut self, bytes: &[u8]) {
        self.stderr.push(bytes);
    }

    /// Whether more would only be piled up.
    pub(in crate::container) fn is_full(&self) -> bool {
        self.stdout.is_full() || self.stderr.is_full()
    }

    fn is_waiting(&self) -> bool {
        self.stdout.is_waiting() || self.stderr.is_waiting()
    }

    /// Returns the stream that cannot be written any more, and why.
    fn failure(&self) -> Option<(&'static str, Errno)> {
        let of = |name, output: &Output<'_>| output.failure().map(|errno| (name, errno));
        of("stdout", &self.stdout).or_else(|| of("stderr", &self.stderr))
    }
}

/// Relays until the process ends or the client leaves. The terminal is put back on every way out.
pub(in crate::container) fn relay(
    mut peer: impl Peer,
    streams: Streams<'_>,
    options: &RelayOptions,
) -> Result<Outcome, Error> {
    let signals = if options.sig_proxy {
        Some(Signals::proxied())
    } else if options.tty {
        Some(Signals::of_terminal())
    } else {
        None
    };
    let signals = signals.transpose().map_err(system("take over signals"))?;
    // Declared after the signals, so that it is dropped first: a signal that waits finds the terminal in order.
    let _raw = match (options.tty, streams.stdin) {
        (true, Some(stdin)) => {
            RawMode::enter(stdin).map_err(system("set the terminal to raw mode"))?
        }
        _ => None,
    };
    let mut relay = Relay {
        outputs: Outputs {
            stdout: Output::new(streams.stdout),
            stderr: Output::new(streams.stderr),
        },
        stdin: streams.stdin,
        scanner: DetachScanner::new(&options.detach_keys),
        terminal: options.tty.then_some(streams.stdout),
        signals,
        proxy: options.sig_proxy,
        asked: 0,
        chunk: vec![0; CHUNK],
    };
    relay.tell_size(&mut peer);
    relay.run(peer)
}

struct Relay<'a> {
    outputs: Outputs<'a>,
    stdin: Option<BorrowedFd<'a>>,
    scanner: DetachScanner,
    /// Where the container has a terminal: what has a size.
    terminal: Option<BorrowedFd<'a>>,
    signals: Option<Signals>,
    /// Whether signals are the process's rather than the client's.
    proxy: bool,
    /// How often the user has asked the process to end.
    asked: u32,
    chunk: Vec<u8>,
}

impl Relay<'_> {
    fn run(&mut self, mut peer: impl Peer) -> Result<Outcome, Error> {
        let mut over = None;
        loop {
            if over.is_none() {
                over = peer.advance(&mut self.outputs)?;
            }
            let failure = self.outputs.failure();
            if let Some((stream, errno)) = failure.filter(|(_, errno)| *errno != Errno::PIPE) {
                let errno = errno.raw_os_error();
                return Ok(Outcome::Unwritable { stream, errno });
            }
            if let Some(outcome) = over
                && !self.outputs.is_waiting()
            {
                return Ok(outcome);
            }
            if failure.is_some() {
                return Ok(Outcome::Interrupted(libc::SIGPIPE));
            }
            let woken = self.wait(&peer, over.is_some())?;
            if woken.signal
                && let Some(outcome) = self.take_signals(&mut peer)
            {
                return Ok(outcome);
            }
            if woken.stdin && self.read_input(&mut peer) {
                peer.detach();
                return Ok(Outcome::Detached);
            }
            self.outputs.stdout.write();
            self.outputs.stderr.write();
        }
    }

    /// Waits for something to do.
    fn wait(&self, peer: &impl Peer, over: bool) -> Result<Woken, Error> {
        let mut fds = Vec::with_capacity(8);
        let signal = self.signals.as_ref().map(|signals| {
            fds.push(PollFd::new(signals, PollFlags::IN));
            fds.len() - 1
        });
        let stdin = self.stdin.filter(|_| !over && peer.wants_input());
        let stdin = stdin.map(|stdin| {
            fds.push(PollFd::from_borrowed_fd(stdin, PollFlags::IN));
            fds.len() - 1
        });
        for output in [&self.outputs.stdout, &self.outputs.stderr] {
            if output.is_waiting() {
                fds.push(PollFd::from_borrowed_fd(output.fd(), PollFlags::OUT));
            }
        }
        if !over {
            peer.watch(!self.outputs.is_full(), &mut fds);
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(system("wait for the container")(error)),
        }
        let ready = |at: Option<usize>| at.is_some_and(|at| !fds[at].revents().is_empty());
        Ok(Woken {
            signal: ready(signal),
            stdin: ready(stdin),
        })
    }

    /// Passes signals on; returns the outcome if one is the client's own.
    fn take_signals(&mut self, peer: &mut impl Peer) -> Option<Outcome> {
        while let Some(number) = self.signals.as_ref().and_then(Signals::next) {
            match (number, self.terminal) {
                (libc::SIGPIPE, _) => {}
                (libc::SIGWINCH, Some(_)) => self.tell_size(peer),
                _ if !self.proxy => return Some(Outcome::Interrupted(number)),
                _ => {
                    self.asked += u32::from(matches!(number, libc::SIGINT | libc::SIGTERM));
                    if self.asked == ENOUGH {
                        return Some(Outcome::Forced);
                    }
                    peer.signal(number);
                }
            }
        }
        None
    }

    fn tell_size(&self, peer: &mut impl Peer) {
        let size = self.terminal.and_then(terminal::size);
        if let Some(size) = size.or_else(|| self.terminal.and(self.stdin).and_then(terminal::size))
        {
            peer.resize(size);
        }
    }

    /// Reads input once; returns whether the user has typed the detach keys.
    fn read_input(&mut self, peer: &mut impl Peer) -> bool {
        let Some(stdin) = self.stdin else {
            return false;
        };
        match rustix::io::read(stdin, &mut self.chunk[..]) {
            Ok(0) => {
                peer.input(self.scanner.held());
                peer.end_input();
                self.stdin = None;
            }
            Ok(count) if self.terminal.is_some() => match self.scanner.scan(&self.chunk[..count]) {
                Scanned::Bytes(bytes) => peer.input(&bytes),
                Scanned::Detach(bytes) => {
                    peer.input(&bytes);
                    return true;
                }
            },
            Ok(count) => peer.input(&self.chunk[..count]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // A terminal that is gone, or that a background process may not read.
            Err(_) => {
                peer.end_input();
                self.stdin = None;
            }
        }
        false
    }
}

/// What woke the loop.
struct Woken {
    signal: bool,
    stdin: bool,
}
