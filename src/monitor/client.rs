//! One connected client of a monitor.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::RecvFlags;

use super::log::Stream;
use super::protocol::{INPUT_WINDOW, Inbox, Kind, Outbox, Received, Wants};

/// Bytes that may wait for a client before the container's output is no longer read. A client that reads slowly slows the
/// container down, as with Docker; one that dies is forgotten at once.
const HIGH_WATER: usize = 128 * 1024;

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: OwnedFd,
    wants: Option<Wants>,
    inbox: Inbox,
    outbox: Outbox,
    /// Input that it has sent and that has not been taken: at most [`INPUT_WINDOW`] bytes.
    input: Vec<u8>,
    /// Left on purpose: see [`Kind::Detach`].
    detached: bool,
    gone: bool,
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    CloseInput,
    Resize(Vec<u8>),
    Signal(u8),
    Keep,
}

impl Client {
    /// A client that will say itself what it wants.
    pub(super) fn new(socket: OwnedFd) -> Client {
        Client {
            socket,
            wants: None,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            input: Vec::new(),
            detached: false,
            gone: false,
        }
    }

    /// The client that started the container.
    pub(super) fn starter(socket: OwnedFd, wants: Wants, greeting: Outbox) -> Client {
        Client {
            wants: Some(wants),
            outbox: greeting,
            ..Client::new(socket)
        }
    }

    /// Whether it feeds the container.
    pub(super) fn feeds(&self) -> bool {
        self.wants.is_some_and(|wants| wants.stdin) && !self.detached
    }

    /// Whether it has left on purpose, having fed the container.
    pub(super) fn has_left(&self) -> bool {
        self.wants.is_some_and(|wants| wants.stdin) && self.detached
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether something waits to be sent.
    pub(super) fn has_output(&self) -> bool {
        !self.gone && !self.outbox.is_empty()
    }

    /// Whether more output for it would only be piled up.
    pub(super) fn is_full(&self, stream: Stream) -> bool {
        self.receives(stream) && self.outbox.len() >= HIGH_WATER
    }

    fn receives(&self, stream: Stream) -> bool {
        !self.gone
            && self.wants.is_some_and(|wants| match stream {
                Stream::Stdout => wants.stdout,
                Stream::Stderr => wants.stderr,
            })
    }

    /// Hands it output, if it wants this stream.
    pub(super) fn output(&mut self, stream: Stream, bytes: &[u8]) {
        if self.receives(stream) {
            let kind = match stream {
                Stream::Stdout => Kind::Stdout,
                Stream::Stderr => Kind::Stderr,
            };
            self.outbox.push_frame(kind, bytes);
            self.send();
        }
    }

    /// Takes the input that it has sent, and lets it send as much again.
    pub(super) fn take_input(&mut self) -> Vec<u8> {
        let input = std::mem::take(&mut self.input);
        if !input.is_empty() {
            let count = input.len() as u32;
            self.outbox.push_frame(Kind::Taken, &count.to_le_bytes());
            self.send();
        }
        input
    }

    /// Tells it how the process ended.
    pub(super) fn exit(&mut self, code: i32) {
        self.outbox.push_frame(Kind::Exit, &code.to_le_bytes());
        self.send();
    }

    /// Tells it that what it asked for is in force.
    pub(super) fn acknowledge(&mut self) {
        self.outbox.push_frame(Kind::Ready, &[]);
        self.send();
    }

    /// Sends what it can take.
    pub(super) fn send(&mut self) {
        if !self.gone && self.outbox.send(&self.socket).is_err() {
            self.gone = true;
            self.outbox.clear();
        }
    }

    /// Receives, and returns what it asks for. One that says nothing sensible is dropped.
    pub(super) fn receive(&mut self, scratch: &mut [u8]) -> Vec<Request> {
        let mut requests = Vec::new();
        match self
            .inbox
            .receive(&self.socket, RecvFlags::DONTWAIT, scratch)
        {
            Ok(Received::Bytes) => {
                if self.take_frames(&mut requests).is_err() {
                    self.gone = true;
                }
            }
            Ok(Received::Nothing) => {}
            Ok(Received::End) | Err(_) => self.gone = true,
        }
        requests
    }

    fn take_frames(&mut self, requests: &mut Vec<Request>) -> io::Result<()> {
        while let Some((kind, payload)) = self.inbox.next_frame()? {
            match (kind, payload) {
                (Kind::Hello, &[byte]) if self.wants.is_none() => {
                    self.wants = Some(Wants::from_byte(byte));
                }
                // One that sends more than it may is dropped, as one that makes no sense.
                (Kind::Stdin, bytes) if self.input.len() + bytes.len() <= INPUT_WINDOW => {
                    self.input.extend_from_slice(bytes);
                }
                (Kind::CloseStdin, _) => requests.push(Request::CloseInput),
                (Kind::Resize, size) => requests.push(Request::Resize(size.to_vec())),
                (Kind::Signal, &[signal]) => requests.push(Request::Signal(signal)),
                (Kind::Detach, _) => self.detached = true,
                (Kind::Keep, _) => requests.push(Request::Keep),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }
}
