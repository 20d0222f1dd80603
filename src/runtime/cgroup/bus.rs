//! As much of D-Bus as asking systemd for something takes: one connection, calls one after the other, strings, numbers and
//! lists as arguments.
//!
//! systemd listens itself (`systemd/private`), where nobody is between; otherwise a bus passes messages on, which wants a
//! greeting and the name of whom they are for. It knows who asks from the socket, so that the greeting of SASL's `EXTERNAL`
//! needs no number, which within a user namespace would be the wrong one.
//!
//! Spec: D-Bus Specification, "Marshaling", "Message Protocol", "Authentication Protocol".

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::marshal::{Body, Reader};

/// How long an answer may take. A scope is made in milliseconds, on a machine that has time for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a message that is read; what is not ours is passed over, and is no longer than a description of a unit.
const MAX_MESSAGE: usize = 1 << 20;

/// Bytes of the authentication's answer.
const MAX_GREETING: usize = 4 << 10;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

const FIELD_PATH: u8 = 1;
const FIELD_INTERFACE: u8 = 2;
const FIELD_MEMBER: u8 = 3;
const FIELD_REPLY_SERIAL: u8 = 5;
const FIELD_DESTINATION: u8 = 6;
const FIELD_SIGNATURE: u8 = 8;

/// Why there is no answer, or a bad one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket.
    #[error("cannot talk to {socket}")]
    Io {
        /// Its path.
        socket: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What came is no D-Bus.
    #[error("the answer from {socket} is no message of D-Bus: {what}")]
    Malformed {
        /// Path of the socket.
        socket: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The other side says no.
    #[error("{name}: {words}")]
    Refused {
        /// The error's name.
        name: String,
        /// In its words.
        words: String,
    },
}

/// Whom a call is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) interface: &'static str,
}

const BUS: Target = Target {
    name: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

/// A message that has come, as far as anybody asks.
#[derive(Debug, Default)]
pub(super) struct Message {
    kind: u8,
    reply_to: u32,
    /// Of a signal.
    pub(super) member: String,
    error: String,
    body: Vec<u8>,
}

impl Message {
    /// The values that came with it.
    pub(super) fn values(&self) -> Reader<'_> {
        Reader::new(&self.body)
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    socket: String,
    serial: u32,
    /// Whether somebody passes messages on.
    is_bus: bool,
    end: Instant,
}

impl Bus {
    /// Connects to `socket`: a bus, or somebody who speaks for themselves.
    pub(super) fn connect(socket: &Path, is_bus: bool) -> Result<Bus, Error> {
        let name = socket.display().to_string();
        let stream = UnixStream::connect(socket).map_err(failed(&name))?;
        Bus::new(stream, name, is_bus)
    }

    fn new(stream: UnixStream, socket: String, is_bus: bool) -> Result<Bus, Error> {
        let mut bus = Bus {
            stream,
            socket,
            serial: 0,
            is_bus,
            end: Instant::now() + PATIENCE,
        };
        bus.authenticate()?;
        if is_bus {
            bus.call(BUS, "Hello", "", &Body::default())?;
        }
        Ok(bus)
    }

    fn authenticate(&mut self) -> Result<(), Error> {
        self.send(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")?;
        let mut answer = Vec::new();
        // Byte by byte: what follows the last line is the first message.
        loop {
            let mut byte = [0];
            self.receive(&mut byte)?;
            answer.push(byte[0]);
            if !answer.ends_with(b"\r\n") {
                if answer.len() > MAX_GREETING {
                    return Err(self.malformed("no end of the greeting"));
                }
                continue;
            }
            let line = answer.split(|byte| *byte == b'\n').rev().nth(1);
            match line.unwrap_or_default() {
                line if line.starts_with(b"OK ") => return Ok(()),
                line if line.starts_with(b"DATA") => {}
                _ => return Err(self.malformed("it does not know who we are")),
            }
        }
    }

    /// Asks for the signals that match `rule`. Who speaks for themselves sends them all.
    pub(super) fn subscribe(&mut self, rule: &str) -> Result<(), Error> {
        if !self.is_bus {
            return Ok(());
        }
        let mut body = Body::default();
        body.string(rule);
        self.call(BUS, "AddMatch", "s", &body).map(|_| ())
    }

    /// Calls `method` and returns the answer. Signals that come meanwhile are lost: subscribe, call, then wait.
    pub(super) fn call(
        &mut self,
        target: Target,
        method: &str,
        signature: &str,
        body: &Body,
    ) -> Result<Message, Error> {
        self.call_then(target, method, signature, body, |_| {})
    }

    /// As [`Bus::call`], with `signal` given the signals that come before the answer.
    pub(super) fn call_then(
        &mut self,
        target: Target,
        method: &str,
        signature: &str,
        body: &Body,
        mut signal: impl FnMut(Message),
    ) -> Result<Message, Error> {
        self.serial += 1;
        let bytes = call(self.serial, target, method, signature, body);
        self.send(&bytes)?;
        loop {
            let message = self.message()?;
            match message.kind {
                METHOD_RETURN if message.reply_to == self.serial => return Ok(message),
                ERROR if message.reply_to == self.serial => {
                    return Err(Error::Refused {
                        words: message.values().string().unwrap_or_default(),
                        name: message.error,
                    });
                }
                SIGNAL => signal(message),
                _ => {}
            }
        }
    }

    /// Waits for the next signal.
    pub(super) fn signal(&mut self) -> Result<Message, Error> {
        loop {
            let message = self.message()?;
            if message.kind == SIGNAL {
                return Ok(message);
            }
        }
    }

    fn message(&mut self) -> Result<Message, Error> {
        let mut head = [0; 16];
        self.receive(&mut head)?;
        if head[0] != ORDER {
            return Err(self.malformed("its byte order is not the machine's"));
        }
        let number = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            u32::from_ne_bytes(bytes) as usize
        };
        let (body, fields) = (number(4), number(12));
        if body.max(fields) > MAX_MESSAGE {
            return Err(self.malformed("it is too long"));
        }
        // The fields are padded, counted from the beginning of the message, which 16 does not change.
        let mut rest = vec![0; fields.next_multiple_of(8) + body];
        self.receive(&mut rest)?;
        let body = rest.split_off(fields.next_multiple_of(8));
        rest.truncate(fields);
        let message = Message {
            kind: head[1],
            body,
            ..Message::default()
        };
        fields_of(&rest, message).ok_or_else(|| self.malformed("its header"))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        (self.stream.write_all(bytes)).map_err(failed(&self.socket))
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        // Zero would be forever.
        let left = left.max(Duration::from_millis(1));
        self.stream
            .set_read_timeout(Some(left))
            .and_then(|()| self.stream.read_exact(bytes))
            .map_err(failed(&self.socket))
    }

    fn malformed(&self, what: &'static str) -> Error {
        Error::Malformed {
            socket: self.socket.clone(),
            what,
        }
    }
}

fn failed(socket: &str) -> impl FnOnce(io::Error) -> Error {
    let socket = socket.to_owned();
    |source| Error::Io { socket, source }
}

/// How a message says its byte order.
const ORDER: u8 = if cfg!(target_endian = "little") {
    b'l'
} else {
    b'B'
};

/// The bytes of a call.
fn call(serial: u32, target: Target, method: &str, signature: &str, body: &Body) -> Vec<u8> {
    let mut message = Body(vec![ORDER, METHOD_CALL, 0, 1]);
    message.u32(body.0.len() as u32).u32(serial);
    message.array(8, |fields| {
        let texts = [
            (FIELD_PATH, "o", target.path),
            (FIELD_INTERFACE, "s", target.interface),
            (FIELD_MEMBER, "s", method),
            // Who speaks for themselves does not mind.
            (FIELD_DESTINATION, "s", target.name),
        ];
        for (field, kind, text) in texts {
            fields.align(8);
            fields.0.push(field);
            fields.signature(kind).string(text);
        }
        if !signature.is_empty() {
            fields.align(8);
            fields.0.push(FIELD_SIGNATURE);
            fields.signature("g").signature(signature);
        }
    });
    message.align(8);
    message.0.extend(&body.0);
    message.0
}

/// Reads the header's fields into `message`.
fn fields_of(bytes: &[u8], mut message: Message) -> Option<Message> {
    const FIELD_ERROR_NAME: u8 = 4;
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        reader.align(8);
        let field = *reader.take(1)?.first()?;
        match (field, reader.signature()?) {
            (FIELD_REPLY_SERIAL, "u") => message.reply_to = reader.u32()?,
            (FIELD_MEMBER, "s") => message.member = reader.string()?,
            (FIELD_ERROR_NAME, "s") => message.error = reader.string()?,
            (_, "s" | "o") => drop(reader.string()?),
            (_, "g") => drop(reader.signature()?),
            (_, "u") => drop(reader.u32()?),
            _ => return None,
        }
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::super::marshal::Value;
    use super::*;

    const MANAGER: Target = Target {
        name: "a.b",
        path: "/a",
        interface: "a.b.C",
    };

    #[test]
    fn a_call_in_bytes() {
        let mut body = Body::default();
        body.string("x").array(8, |list| {
            list.property("N", Value::Numbers(&[7]));
        });
        let bytes = call(3, MANAGER, "Do", "sa(sv)", &body);
        // By hand, from the specification.
        let mut expected = vec![b'l', 1, 0, 1];
        let body: &[u8] = &[
            1, 0, 0, 0, b'x', 0, 0, 0, // "x", padded
            20, 0, 0, 0, 0, 0, 0, 0, // length of the array, padded to the structure
            1, 0, 0, 0, b'N', 0, // name
            2, b'a', b'u', 0, 0, 0, // signature, padded
            4, 0, 0, 0, 7, 0, 0, 0, // list
        ];
        expected.extend((body.len() as u32).to_le_bytes());
        expected.extend([3, 0, 0, 0]);
        assert_eq!(&bytes[..12], &expected[..]);
        assert!(bytes.ends_with(body), "{bytes:?}");
        assert_eq!((bytes.len() - body.len()) % 8, 0);
    }

    /// Somebody who answers each message with what `answers` make of its serial.
    fn peer(answers: Vec<fn(u32) -> Vec<u8>>) -> UnixStream {
        let (mine, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut theirs = theirs;
            let mut greeting = [0; 29];
            theirs.read_exact(&mut greeting).unwrap();
            assert_eq!(&greeting, b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
            theirs.write_all(b"DATA\r\nOK 1234\r\n").unwrap();
            for answer in answers {
                let mut head = [0; 16];
                theirs.read_exact(&mut head).unwrap();
                let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
                let rest = (number(12) as usize).next_multiple_of(8) + number(4) as usize;
                theirs.read_exact(&mut vec![0; rest]).unwrap();
                theirs.write_all(&answer(number(8))).unwrap();
            }
        });
        mine
    }

    fn reply(kind: u8, serial: u32, fields: &[(u8, &str)], text: &str) -> Vec<u8> {
        let mut body = Body::default();
        body.string(text);
        let mut message = Body(vec![ORDER, kind, 0, 1]);
        message.u32(body.0.len() as u32).u32(1);
        message.array(8, |list| {
            list.0.push(FIELD_REPLY_SERIAL);
            list.signature("u").u32(serial);
            for (field, text) in fields {
                list.align(8);
                list.0.push(*field);
                list.signature("s").string(text);
            }
        });
        message.align(8);
        message.0.extend(body.0);
        message.0
    }

    #[test]
    fn calls_answers_signals_and_errors() {
        let stream = peer(vec![
            |serial| {
                let signal = reply(SIGNAL, 0, &[(FIELD_MEMBER, "Other")], "s");
                [signal, reply(METHOD_RETURN, serial, &[], "fine")].concat()
            },
            |serial| reply(ERROR, serial, &[(4, "a.b.Error")], "not today"),
        ]);
        let mut bus = Bus::new(stream, "test".to_owned(), false).unwrap();
        let body = Body::default();
        let mut heard = Vec::new();
        let answer = bus.call_then(MANAGER, "Do", "", &body, |signal| heard.push(signal.member));
        assert_eq!(answer.unwrap().values().string().unwrap(), "fine");
        assert_eq!(heard, ["Other"]);
        let error = bus.call(MANAGER, "Do", "", &body).unwrap_err();
        assert_eq!(error.to_string(), "a.b.Error: not today");
        // Nobody is there any more.
        assert!(matches!(
            bus.call(MANAGER, "Do", "", &body),
            Err(Error::Io { .. })
        ));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for answer in [
            |_| vec![b'x'; 16],
            |_| [&[ORDER, 2, 0, 1][..], &[0xff; 12]].concat(),
            |_| {
                [
                    &[ORDER, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0][..],
                    &[9; 8],
                ]
                .concat()
            },
        ] as [fn(u32) -> Vec<u8>; 3]
        {
            let mut bus = Bus::new(peer(vec![answer]), "test".to_owned(), false).unwrap();
            let result = bus.call(MANAGER, "Do", "", &Body::default());
            assert!(matches!(result, Err(Error::Malformed { .. })), "{result:?}");
        }
    }
}
