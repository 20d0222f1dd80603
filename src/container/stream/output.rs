//! The client's own output, written without ever being stuck in it.
//!
//! Standard output may be shared with other processes, so it is not made non-blocking: `poll(2)` says when a pipe takes
//! `PIPE_BUF` bytes at once, and no more than that is written at a time.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::monitor::protocol::Outbox;

/// What a pipe that is ready takes without blocking: pipe(7), `PIPE_BUF`.
const PIECE: usize = 4096;

/// Bytes that may wait before the container's output is no longer read.
const HIGH_WATER: usize = 128 * 1024;

/// One of the client's outputs.
#[derive(Debug)]
pub(super) struct Output<'a> {
    fd: BorrowedFd<'a>,
    waiting: Outbox,
    /// Nobody reads it any more (`EPIPE`), or it cannot be written: what comes is thrown away.
    failed: Option<Errno>,
}

impl<'a> Output<'a> {
    pub(super) fn new(fd: BorrowedFd<'a>) -> Output<'a> {
        Output {
            fd,
            waiting: Outbox::default(),
            failed: None,
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'a> {
        self.fd
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= HIGH_WATER
    }

    /// Why nothing can be written any more; `EPIPE` where nobody reads it.
    pub(super) fn failure(&self) -> Option<Errno> {
        self.failed
    }

    /// Takes bytes and writes what can be written.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.waiting.push(bytes);
            self.write();
        }
    }

    /// Writes what can be written without waiting.
    pub(super) fn write(&mut self) {
        let fd = self.fd;
        let written = self.waiting.flush_with(|bytes| {
            let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            match poll(&mut fds, Some(&now))? {
                0 => Err(rustix::io::Errno::AGAIN),
                _ => rustix::io::write(fd, &bytes[..bytes.len().min(PIECE)]),
            }
        });
        if let Err(error) = written {
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        self.failed = Some(Errno::from_io_error(error).unwrap_or(Errno::IO));
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    #[test]
    fn waits_for_slow_readers_and_forgets_dead_ones() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut output = Output::new(writer.as_fd());
        let data: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        output.push(&data);
        assert!(output.is_waiting() && output.is_full());
        let (mut seen, mut chunk) = (Vec::new(), [0; 10_000]);
        while seen.len() < data.len() {
            let count = rustix::io::read(&reader, &mut chunk).unwrap();
            seen.extend_from_slice(&chunk[..count]);
            output.write();
        }
        assert_eq!(seen, data);
        assert!(!output.is_waiting());
        drop(reader);
        // A child that another test has just started has it open until it executes its program.
        while output.failure().is_none() {
            output.push(b"x");
            std::thread::yield_now();
        }
        assert!(!output.is_waiting());
        assert_eq!(output.failure(), Some(Errno::PIPE));
    }

    #[test]
    fn knows_why_it_cannot_write() {
        let full = std::fs::File::create("/dev/full").unwrap();
        let mut output = Output::new(full.as_fd());
        output.push(b"x");
        assert_eq!(output.failure(), Some(Errno::NOSPC));
    }
}
