//! One connected client of a monitor.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;

use super::log::Stream;
use super::protocol::{INPUT_WINDOW, Inbox, Kind, Outbox, Received, Wants};

/// Bytes that may wait for a client before the container's output is no longer read. A client that reads slowly slows the
/// container down, as with Docker; one that dies is forgotten at once.
const HIGH_WATER: usize = 128 * 1024;

/// The same for one that has joined a running container. If it takes nothing for as long as [`PATIENCE`] then, it is dropped:
/// a forgotten `attach` in a stopped terminal must not stop a server. Who has started the container is to lose nothing.
const HIGH_WATER_OF_JOINED: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// It has started the container.
    is_starter: bool,
    /// Since when it has held others up without taking anything.
    stalled: Option<Instant>,
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
            is_starter: false,
            stalled: None,
        }
    }

    /// The client that started the container.
    pub(super) fn starter(socket: OwnedFd, wants: Wants, greeting: Outbox) -> Client {
        Client {
            wants: Some(wants),
            outbox: greeting,
            is_starter: true,
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
        let high_water = match self.is_starter {
            true => HIGH_WATER,
            false => HIGH_WATER_OF_JOINED,
        };
        self.receives(stream) && self.outbox.len() >= high_water
    }

    /// Whether it keeps output from being read.
    pub(super) fn holds_up(&self) -> bool {
        self.is_full(Stream::Stdout) || self.is_full(Stream::Stderr)
    }

    /// Returns how long it may go on as it does, and drops it when that is over. `holds_up`: others wait for it.
    pub(super) fn patience(&mut self, holds_up: bool) -> Option<Duration> {
        if self.is_starter || !holds_up {
            self.stalled = None;
            return None;
        }
        let since = self.stalled.get_or_insert_with(Instant::now);
        let left = PATIENCE.saturating_sub(since.elapsed());
        if left.is_zero() {
            self.forget();
            return None;
        }
        Some(left)
    }

    /// It is not served any more.
    fn forget(&mut self) {
        self.gone = true;
        self.outbox.clear();
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
        if self.gone {
            return;
        }
        let before = self.outbox.len();
        if self.outbox.send(&self.socket).is_err() {
            self.forget();
        } else if self.outbox.len() < before {
            self.stalled = None;
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        let unix = AddressFamily::UNIX;
        socketpair(unix, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
    }

    /// Lets time pass for it.
    fn wait(client: &mut Client, time: Duration) {
        client.stalled = client.stalled.map(|since| since - time);
    }

    #[test]
    fn only_who_has_joined_is_dropped_and_only_for_doing_nothing() {
        let (socket, reader) = pair();
        let mut joined = Client::new(socket);
        joined.wants = Some(Wants::OUTPUT);
        let chunk = vec![0; 64 * 1024];
        assert_eq!(joined.patience(joined.holds_up()), None);
        while !joined.holds_up() {
            joined.output(Stream::Stdout, &chunk);
        }
        assert!(joined.outbox.len() >= HIGH_WATER_OF_JOINED);
        assert!(joined.patience(true).is_some());
        wait(&mut joined, PATIENCE / 2);
        assert!(
            joined
                .patience(true)
                .is_some_and(|left| left <= PATIENCE / 2)
        );
        // It takes something.
        let mut taken = vec![0; 300_000];
        rustix::net::recv(&reader, &mut taken[..], RecvFlags::empty()).unwrap();
        joined.send();
        assert!(
            joined
                .patience(true)
                .is_some_and(|left| left > PATIENCE / 2)
        );
        wait(&mut joined, PATIENCE);
        assert_eq!(joined.patience(true), None);
        assert!(joined.is_gone() && !joined.holds_up());

        let (socket, _reader) = pair();
        let mut starter = Client::starter(socket, Wants::OUTPUT, Outbox::default());
        while !starter.holds_up() {
            starter.output(Stream::Stdout, &chunk);
        }
        assert_eq!(starter.patience(true), None);
        wait(&mut starter, PATIENCE);
        assert_eq!(starter.patience(true), None);
        assert!(!starter.is_gone());
    }
}
