//! A connection to a monitor, as the [`Peer`] of a relay.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::net::{RecvFlags, SendFlags};

use super::relay::{Outputs, Peer, relay};
use super::{Outcome, RelayOptions, Streams};
use crate::container::Error;
use crate::container::error::system;
use crate::monitor::StartError;
use crate::monitor::protocol::{INPUT_WINDOW, Inbox, Kind, Outbox, Received, Wants, encode_size};

/// Bytes received at once.
const CHUNK: usize = 32 * 1024;

/// What a container's exit code is when its monitor was killed: the container dies with it, by SIGKILL.
const KILLED: i32 = 137;

/// A connection to a container's monitor.
#[derive(Debug)]
pub struct Session {
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
    input_ended: bool,
    /// Bytes of input that the monitor has not taken yet.
    untaken: usize,
    chunk: Vec<u8>,
}

impl Session {
    pub(in crate::container) fn new(socket: OwnedFd) -> Session {
        Session {
            socket,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            input_ended: false,
            untaken: 0,
            chunk: vec![0; CHUNK],
        }
    }

    /// Introduces itself to a monitor that runs already.
    pub(in crate::container) fn join(socket: OwnedFd, wants: Wants) -> Result<Session, Error> {
        let mut session = Session::new(socket);
        session.outbox.push_frame(Kind::Hello, &[wants.to_byte()]);
        let Session { socket, outbox, .. } = &mut session;
        outbox
            .flush_with(|bytes| rustix::net::send(&*socket, bytes, SendFlags::NOSIGNAL))
            .map_err(system("talk to the monitor"))?;
        Ok(session)
    }

    /// Waits for the monitor to say whether the container runs; returns its warnings.
    pub(in crate::container) fn greeted(mut self) -> Result<(Session, Vec<String>), Error> {
        loop {
            let answer = self.inbox.next_frame();
            if let Some((kind, payload)) = answer.map_err(system("talk to the monitor"))? {
                return match kind {
                    Kind::Ready => {
                        let text = String::from_utf8_lossy(payload);
                        let warnings = text.lines().map(str::to_owned).collect();
                        Ok((self, warnings))
                    }
                    _ => Err(StartError::decode(payload).into()),
                };
            }
            let received = (self.inbox).receive(&self.socket, RecvFlags::empty(), &mut self.chunk);
            if received.map_err(system("talk to the monitor"))? == Received::End {
                return Err(Error::MonitorDied);
            }
        }
    }

    /// Relays until the container ends or the user leaves. The terminal is put back on every way out.
    ///
    /// # Errors
    ///
    /// [`Error::System`].
    pub fn relay(self, streams: Streams<'_>, options: &RelayOptions) -> Result<Outcome, Error> {
        relay(self, streams, options)
    }

    /// Takes frames that have arrived, as long as there is room for what they bring.
    fn take_frames(&mut self, outputs: &mut Outputs<'_>) -> Result<Option<Outcome>, Error> {
        while !outputs.is_full() {
            let frame = self.inbox.next_frame();
            match frame.map_err(system("talk to the monitor"))? {
                None => break,
                Some((Kind::Stdout, bytes)) => outputs.stdout(bytes),
                Some((Kind::Stderr, bytes)) => outputs.stderr(bytes),
                Some((Kind::Taken, &[a, b, c, d])) => {
                    let count = u32::from_le_bytes([a, b, c, d]) as usize;
                    self.untaken = self.untaken.saturating_sub(count);
                }
                Some((Kind::Exit, &[a, b, c, d])) => {
                    let code = i32::from_le_bytes([a, b, c, d]);
                    return Ok(Some(Outcome::Exited(code)));
                }
                Some(_) => {}
            }
        }
        Ok(None)
    }
}

impl Peer for Session {
    fn watch<'p>(&'p self, room: bool, fds: &mut Vec<PollFd<'p>>) {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, room);
        flags.set(PollFlags::OUT, !self.outbox.is_empty());
        // Without either, a hang-up must not wake the loop over and over.
        if !flags.is_empty() {
            fds.push(PollFd::from_borrowed_fd(self.socket.as_fd(), flags));
        }
    }

    fn advance(&mut self, outputs: &mut Outputs<'_>) -> Result<Option<Outcome>, Error> {
        // A monitor that is gone is noticed on receiving, after what it said last.
        if self.outbox.send(&self.socket).is_err() {
            self.outbox.clear();
            self.input_ended = true;
        }
        loop {
            if let Some(outcome) = self.take_frames(outputs)? {
                return Ok(Some(outcome));
            }
            if outputs.is_full() {
                return Ok(None);
            }
            let received = (self.inbox).receive(&self.socket, RecvFlags::DONTWAIT, &mut self.chunk);
            match received.map_err(system("talk to the monitor"))? {
                Received::Bytes => {}
                Received::Nothing => return Ok(None),
                Received::End => return Ok(Some(Outcome::Exited(KILLED))),
            }
        }
    }

    fn wants_input(&self) -> bool {
        // What is read at once, and held back for the detach keys, fits into the other half.
        !self.input_ended && self.untaken < INPUT_WINDOW / 2
    }

    fn input(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.untaken += bytes.len();
            self.outbox.push_frame(Kind::Stdin, bytes);
        }
    }

    fn end_input(&mut self) {
        self.outbox.push_frame(Kind::CloseStdin, &[]);
        self.input_ended = true;
    }

    fn resize(&mut self, size: (u16, u16)) {
        self.outbox.push_frame(Kind::Resize, &encode_size(size));
    }

    fn signal(&mut self, number: i32) {
        if let Ok(number) = u8::try_from(number) {
            self.outbox.push_frame(Kind::Signal, &[number]);
        }
    }

    fn detach(&mut self) {
        self.outbox.push_frame(Kind::Detach, &[]);
        // Without waiting: what a stuck container does not take, it does not miss.
        let _ = self.outbox.send(&self.socket);
    }
}
