//! Our end of a process's streams: pipes, or the master of its terminal. Nothing here blocks.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitId, WaitIdOptions};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer};
use rustix::termios::{Winsize, tcsetwinsize};

use super::log::Stream;
use super::protocol::Outbox;
use crate::runtime::Stdio;

/// Bytes of input that may wait for the process before no more should be taken.
const INPUT_HIGH_WATER: usize = 64 * 1024;

/// Our end of a process's streams.
#[derive(Debug, Default)]
pub struct Streams {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    /// The other side of the terminal whose master is both `stdin` and `stdout`. Holding it open keeps the master from
    /// reporting a hang-up whenever no process of the container has the terminal open.
    peer: Option<OwnedFd>,
    input: Outbox,
    /// Close `stdin` once what waits has been written.
    close_input: bool,
}

impl Streams {
    /// Makes three pipes: the process's ends, and ours. Without `open_stdin` it reads `/dev/null`.
    ///
    /// # Errors
    ///
    /// Those of `pipe(2)` and `open(2)`.
    pub fn pipes(open_stdin: bool) -> io::Result<(Stdio, Streams)> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC);
        let (stdin, feed) = if open_stdin {
            let (read, write) = pipe()?;
            (read, Some(write))
        } else {
            (null()?, None)
        };
        let (stdout_read, stdout) = pipe()?;
        let (stderr_read, stderr) = pipe()?;
        for ours in feed.iter().chain([&stdout_read, &stderr_read]) {
            rustix::io::ioctl_fionbio(ours, true)?;
        }
        let streams = Streams {
            stdin: feed,
            stdout: Some(stdout_read),
            stderr: Some(stderr_read),
            ..Streams::default()
        };
        let stdio = Stdio::Streams {
            stdin,
            stdout,
            stderr,
        };
        Ok((stdio, streams))
    }

    /// Makes streams of a terminal's master.
    ///
    /// # Errors
    ///
    /// Those of `ioctl_tty(2)`.
    pub fn terminal(master: &OwnedFd, open_stdin: bool) -> io::Result<Streams> {
        rustix::io::ioctl_fionbio(master, true)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        Ok(Streams {
            stdin: open_stdin.then(|| master.try_clone()).transpose()?,
            stdout: Some(master.try_clone()?),
            peer: Some(ioctl_tiocgptpeer(master, flags)?),
            ..Streams::default()
        })
    }

    /// Every descriptor.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let all = [&self.stdin, &self.stdout, &self.stderr, &self.peer];
        (all.into_iter().flatten())
            .map(OwnedFd::as_raw_fd)
            .collect()
    }

    /// Whether this is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.peer.is_some()
    }

    /// The descriptor to wait on for output; `None` once it has ended.
    pub fn output(&self, stream: Stream) -> Option<BorrowedFd<'_>> {
        match stream {
            Stream::Stdout => self.stdout.as_ref().map(OwnedFd::as_fd),
            Stream::Stderr => self.stderr.as_ref().map(OwnedFd::as_fd),
        }
    }

    /// Reads output once; `None` if there is nothing for now, or never again.
    pub fn read(&mut self, stream: Stream, chunk: &mut [u8]) -> Option<usize> {
        let fd = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        match rustix::io::read(fd.as_ref()?, chunk) {
            Ok(count) if count > 0 => Some(count),
            Err(Errno::AGAIN | Errno::INTR) => None,
            // The end, or a terminal that is gone.
            Ok(_) | Err(_) => {
                *fd = None;
                None
            }
        }
    }

    /// Takes input and writes what can be written. What nobody will ever read is thrown away.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.stdin.is_some() && !self.close_input {
            self.input.push(bytes);
            self.write_input();
        }
    }

    /// Closes standard input after what waits. A terminal has no end.
    pub fn end_input(&mut self) {
        if !self.is_terminal() {
            self.close_input = true;
            self.write_input();
        }
    }

    /// The descriptor to wait on until more input can be written; `None` if none waits.
    pub fn waiting_input(&self) -> Option<BorrowedFd<'_>> {
        let stdin = self.stdin.as_ref()?;
        (!self.input.is_empty()).then_some(stdin.as_fd())
    }

    /// Whether more input should wait.
    pub fn is_input_full(&self) -> bool {
        self.input.len() >= INPUT_HIGH_WATER
    }

    /// Writes what can be written.
    pub fn write_input(&mut self) {
        let Some(stdin) = &self.stdin else {
            self.input.clear();
            return;
        };
        let written = (self.input).flush_with(|bytes| rustix::io::write(stdin, bytes));
        if written.is_err() || (self.close_input && self.input.is_empty()) {
            // Nobody reads any more, or nothing more will come.
            self.stdin = None;
            self.input.clear();
        }
    }

    /// Gives the terminal, if it is one, rows and columns. Best effort, as every resize.
    pub fn resize(&self, (rows, columns): (u16, u16)) {
        if let (true, Some(terminal)) = (self.is_terminal(), &self.stdout) {
            let size = Winsize {
                ws_row: rows,
                ws_col: columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            let _ = tcsetwinsize(terminal, size);
        }
    }
}

/// Opens `/dev/null` for reading and writing.
///
/// # Errors
///
/// Those of `open(2)`.
pub fn null() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, Mode::empty())?)
}

/// Returns how a child ended, `None` while it runs: its exit code, or 128 + n for signal n. Its number stays taken until it
/// is waited for with `reap`.
pub fn exit_code(pidfd: BorrowedFd<'_>, reap: bool) -> Option<i32> {
    let mut options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    options.set(WaitIdOptions::NOWAIT, !reap);
    match rustix::process::waitid(WaitId::PidFd(pidfd), options) {
        Ok(Some(status)) => Some(match status.terminating_signal() {
            Some(signal) => 128 + signal,
            None => status.exit_status().unwrap_or_default(),
        }),
        Ok(None) | Err(Errno::INTR) => None,
        // Cannot happen to a child of ours; better an odd code than waiting for ever.
        Err(_) => Some(255),
    }
}
