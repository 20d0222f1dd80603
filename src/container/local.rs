//! A process of the caller's own at the other end of a terminal or pipes: what `exec` and a build's shell relay to.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags};

use super::Error;
use super::stream::Outcome;
use super::stream::relay::{Outputs, Peer};
use crate::monitor::{Stream, Streams, exit_code};
use crate::sys;

/// A process of one's own, as the peer of a relay.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) pidfd: OwnedFd,
    pub(super) streams: Streams,
    /// Where output is read into; its length is how much at once.
    pub(super) chunk: Vec<u8>,
}

impl Peer for Local {
    fn watch<'p>(&'p self, room: bool, fds: &mut Vec<PollFd<'p>>) {
        if room {
            // Not without room: a process that has ended would wake the loop over and over.
            fds.push(PollFd::new(&self.pidfd, PollFlags::IN));
            for stream in [Stream::Stdout, Stream::Stderr] {
                let output = self.streams.output(stream);
                fds.extend(output.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            }
        }
        let input = self.streams.waiting_input();
        fds.extend(input.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
    }

    fn advance(&mut self, outputs: &mut Outputs<'_>) -> Result<Option<Outcome>, Error> {
        self.streams.write_input();
        // Before the last reading: what it has written is there by then.
        let code = exit_code(self.pidfd.as_fd(), false);
        let mut has_read = false;
        // Once each, so that signals and input get their turn.
        for stream in [Stream::Stdout, Stream::Stderr] {
            if outputs.is_full() {
                return Ok(None);
            }
            let Some(count) = self.streams.read(stream, &mut self.chunk) else {
                continue;
            };
            has_read = true;
            match stream {
                Stream::Stdout => outputs.stdout(&self.chunk[..count]),
                Stream::Stderr => outputs.stderr(&self.chunk[..count]),
            }
        }
        // There may be more where that came from.
        Ok(code.filter(|_| !has_read).map(|code| {
            exit_code(self.pidfd.as_fd(), true);
            Outcome::Exited(code)
        }))
    }

    fn wants_input(&self) -> bool {
        !self.streams.is_input_full()
    }

    fn input(&mut self, bytes: &[u8]) {
        self.streams.feed(bytes);
    }

    fn end_input(&mut self) {
        self.streams.end_input();
    }

    fn resize(&mut self, size: (u16, u16)) {
        self.streams.resize(size);
    }

    fn signal(&mut self, number: i32) {
        // It may have ended.
        let _ = sys::signal::send(self.pidfd.as_fd(), number);
    }

    fn detach(&mut self) {}
}
