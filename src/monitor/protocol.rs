//! What a monitor and its clients say to each other, over a stream socket.
//!
//! A frame is one byte of kind, four bytes of payload length (little endian), and the payload. A client begins with
//! [`Kind::Hello`]; the process that started the monitor is a client that is connected from birth and is told first
//! whether the container runs ([`Kind::Ready`], [`Kind::Failed`]). Clients and monitor are of one version only in the
//! first case: kinds are never given a new meaning, and a monitor drops a client it does not understand.

use std::io;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, SendFlags};

/// Bytes of payload in one frame at most.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Bytes of standard input that a client may have sent and the monitor not yet taken. The monitor reads from its clients
/// at all times, so that a signal never queues behind input that the process does not read.
pub const INPUT_WINDOW: usize = 64 * 1024;

/// Bytes before the payload.
const HEADER: usize = 5;

/// What a frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Client: the streams it wants, one byte of [`Wants`]. With none it only waits for [`Kind::Exit`].
    Hello = 1,
    /// Client: bytes for standard input, within [`INPUT_WINDOW`].
    Stdin = 2,
    /// Client: its input has ended.
    CloseStdin = 3,
    /// Client: rows and columns of its terminal, two bytes each.
    Resize = 4,
    /// Client: a signal for process 1, one byte.
    Signal = 5,
    /// Client: it leaves on purpose; the container's input stays open.
    Detach = 6,
    /// Client: do not remove the container when it ends (it is about to be started again). Answered by [`Kind::Ready`].
    Keep = 7,
    /// Monitor: the process runs; the payload is a warning for the user, if there is one.
    Ready = 32,
    /// Monitor: it could not be started; see `failure`.
    Failed = 33,
    /// Monitor: bytes of standard output, or of the terminal.
    Stdout = 34,
    /// Monitor: bytes of standard error.
    Stderr = 35,
    /// Monitor: the exit code, four bytes. Everything is over and written down by then.
    Exit = 36,
    /// Monitor: this many bytes of [`Kind::Stdin`], four bytes, have been taken; as many more may be sent.
    Taken = 37,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Hello,
            2 => Kind::Stdin,
            3 => Kind::CloseStdin,
            4 => Kind::Resize,
            5 => Kind::Signal,
            6 => Kind::Detach,
            7 => Kind::Keep,
            32 => Kind::Ready,
            33 => Kind::Failed,
            34 => Kind::Stdout,
            35 => Kind::Stderr,
            36 => Kind::Exit,
            37 => Kind::Taken,
            _ => return None,
        })
    }
}

/// Which streams a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wants {
    /// To feed the container.
    pub stdin: bool,
    /// To receive.
    pub stdout: bool,
    /// To receive.
    pub stderr: bool,
}

impl Wants {
    /// Output only.
    pub const OUTPUT: Wants = Wants {
        stdin: false,
        stdout: true,
        stderr: true,
    };

    /// As the payload of [`Kind::Hello`].
    pub fn to_byte(self) -> u8 {
        u8::from(self.stdin) | u8::from(self.stdout) << 1 | u8::from(self.stderr) << 2
    }

    /// From the payload of [`Kind::Hello`].
    pub fn from_byte(byte: u8) -> Wants {
        Wants {
            stdin: byte & 1 != 0,
            stdout: byte & 2 != 0,
            stderr: byte & 4 != 0,
        }
    }
}

/// Encodes the payload of [`Kind::Resize`].
pub fn encode_size((rows, columns): (u16, u16)) -> [u8; 4] {
    let ([a, b], [c, d]) = (rows.to_le_bytes(), columns.to_le_bytes());
    [a, b, c, d]
}

/// Decodes the payload of [`Kind::Resize`]: rows, columns.
pub fn decode_size(payload: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *payload else { return None };
    Some((u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))
}

/// Bytes on their way out, kept until the other side takes them.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds plain bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds frames of one kind, as many as `payload` needs; one for an empty one.
    pub fn push_frame(&mut self, kind: Kind, payload: &[u8]) {
        let mut rest = payload;
        loop {
            let (piece, more) = rest.split_at(rest.len().min(MAX_PAYLOAD));
            self.bytes.push(kind as u8);
            self.bytes
                .extend_from_slice(&(piece.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(piece);
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        *self = Outbox::default();
    }

    /// Hands bytes to `write` until nothing waits or it would block.
    ///
    /// # Errors
    ///
    /// Those of `write` but `WouldBlock` and `Interrupted`; no byte counts as sent then.
    pub fn flush_with(
        &mut self,
        mut write: impl FnMut(&[u8]) -> rustix::io::Result<usize>,
    ) -> io::Result<()> {
        while !self.is_empty() {
            match write(&self.bytes[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    // What has been sent must not pile up where the other side never quite catches up.
                    if self.sent >= self.bytes.len() / 2 {
                        self.bytes.drain(..self.sent);
                        self.sent = 0;
                    }
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        // A buffer that has once been large is given back.
        self.sent = 0;
        if self.bytes.capacity() > 2 * MAX_PAYLOAD {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        Ok(())
    }

    /// Sends to a socket without blocking and without `SIGPIPE`.
    ///
    /// # Errors
    ///
    /// Those of `send(2)`: the other side is gone.
    pub fn send(&mut self, socket: impl AsFd) -> io::Result<()> {
        self.flush_with(|bytes| {
            rustix::net::send(&socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
        })
    }
}

/// What came of receiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Something new.
    Bytes,
    /// Nothing for now.
    Nothing,
    /// The other side is gone.
    End,
}

/// Puts frames together from what arrives.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    /// Receives what is there, or waits for something if `flags` do not forbid it.
    ///
    /// # Errors
    ///
    /// Those of `recv(2)`; a connection reset is [`Received::End`].
    pub fn receive(
        &mut self,
        socket: impl AsFd,
        flags: RecvFlags,
        scratch: &mut [u8],
    ) -> io::Result<Received> {
        loop {
            return match rustix::net::recv(&socket, &mut *scratch, flags) {
                Ok((_, 0)) => Ok(Received::End),
                Ok((_, count)) => {
                    self.bytes.drain(..self.taken);
                    self.taken = 0;
                    self.bytes.extend_from_slice(&scratch[..count]);
                    Ok(Received::Bytes)
                }
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => Ok(Received::Nothing),
                Err(rustix::io::Errno::CONNRESET) => Ok(Received::End),
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Takes the next whole frame.
    ///
    /// # Errors
    ///
    /// `InvalidData` for what is no frame.
    pub fn next_frame(&mut self) -> io::Result<Option<(Kind, &[u8])>> {
        let waiting = &self.bytes[self.taken..];
        let Some((header, rest)) = waiting.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [kind, length @ ..] = *header;
        let length = u32::from_le_bytes(length) as usize;
        let kind = Kind::from_byte(kind).filter(|_| length <= MAX_PAYLOAD);
        let kind = kind.ok_or(io::ErrorKind::InvalidData)?;
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.taken + HEADER;
        self.taken = start + length;
        Ok(Some((kind, &self.bytes[start..self.taken])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn frames_arrive_whole_and_in_order() {
        let (a, b) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let data: Vec<u8> = (0..MAX_PAYLOAD + 100).map(|n| n as u8).collect();
        let mut outbox = Outbox::default();
        outbox.push_frame(Kind::Stdout, &data);
        outbox.push_frame(Kind::Exit, &7i32.to_le_bytes());
        let (mut inbox, mut scratch, mut seen, mut code) =
            (Inbox::default(), [0; 1000], Vec::new(), None);
        while code.is_none() {
            outbox.send(&a).unwrap();
            inbox.receive(&b, RecvFlags::empty(), &mut scratch).unwrap();
            while let Some((kind, payload)) = inbox.next_frame().unwrap() {
                match kind {
                    Kind::Stdout => seen.extend_from_slice(payload),
                    _ => code = Some(payload.to_vec()),
                }
            }
        }
        assert_eq!(seen, data);
        assert_eq!(code, Some(vec![7, 0, 0, 0]));
        drop(a);
        let end = inbox.receive(&b, RecvFlags::empty(), &mut scratch);
        assert_eq!(end.unwrap(), Received::End);
    }

    #[test]
    fn a_reader_who_is_always_behind_costs_no_more_than_he_is_behind() {
        let mut outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(&[0; 10_000]);
            let mut room = if outbox.len() > 100_000 { 10_000 } else { 0 };
            let written = outbox.flush_with(|bytes| match bytes.len().min(room) {
                0 => Err(rustix::io::Errno::AGAIN),
                count => {
                    room -= count;
                    Ok(count)
                }
            });
            written.unwrap();
            assert!(outbox.len() <= 110_000);
        }
        assert!(outbox.bytes.len() < 250_000, "{}", outbox.bytes.len());
    }

    #[test]
    fn refuses_what_is_no_frame() {
        for wrong in [[99, 0, 0, 0, 0], [2, 255, 255, 255, 255]] {
            let mut inbox = Inbox {
                bytes: wrong.to_vec(),
                taken: 0,
            };
            assert!(inbox.next_frame().is_err());
        }
    }

    #[test]
    fn sizes_and_wants() {
        assert_eq!(decode_size(&encode_size((24, 80))), Some((24, 80)));
        assert_eq!(decode_size(&[1]), None);
        for byte in 0..8 {
            assert_eq!(Wants::from_byte(byte).to_byte(), byte);
        }
    }
}
