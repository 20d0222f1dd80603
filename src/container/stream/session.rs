//! A connection to a monitor, as the [`Peer`] of a relay.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::net::{RecvFlags, SendFlags};

use super::relay::{Outputs, Peer, relay};
use super::{Outcome, RelayOptions, Streams};
use crate::container::error::system;
use crate::container::record::Status;
use crate::container::{Error, lookup};
use crate::monitor::StartError;
use crate::monitor::protocol::{INPUT_WINDOW, Inbox, Kind, Outbox, Received, Wants, encode_size};
use crate::patience::Patience;
use crate::store::ContainerDir;

/// Bytes received at once.
const CHUNK: usize = 32 * 1024;

/// What a container's exit code is when its monitor was killed: the container dies with it, by SIGKILL.
const KILLED: i32 = 137;

/// How long a process has to see that its window has another size before it is as it was: what draws on a terminal
/// compares, and draws nothing if it only looks when all is over.
const REDRAW_PAUSE: Duration = Duration::from_millis(20);

/// How long a killed monitor may seem alive after it has closed its connections, and how often it is looked at.
const LAST_BREATH: Patience = Patience::of_millis(5_000, 10);

/// A connection to a container's monitor.
#[derive(Debug)]
pub struct Session {
    socket: OwnedFd,
    /// Where it stands how the container has ended, if the monitor cannot say so any more.
    dir: ContainerDir,
    inbox: Inbox,
    outbox: Outbox,
    input_ended: bool,
    /// Bytes of input that the monitor has not taken yet.
    untaken: usize,
    chunk: Vec<u8>,
}

impl Session {
    pub(in crate::container) fn new(socket: OwnedFd, dir: ContainerDir) -> Session {
        Session {
            socket,
            dir,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            input_ended: false,
            untaken: 0,
            chunk: vec![0; CHUNK],
        }
    }

    /// Introduces itself to a monitor that runs already. `window`: the size of the client's terminal, on which everything
    /// is to be drawn anew.
    pub(in crate::container) fn join(
        socket: OwnedFd,
        dir: ContainerDir,
        wants: Wants,
        window: Option<(u16, u16)>,
    ) -> Result<Session, Error> {
        let mut session = Session::new(socket, dir);
        session.outbox.push_frame(Kind::Hello, &[wants.to_byte()]);
        if let Some((rows, columns)) = window {
            // Another size for a moment, since none would be noticed: docker/cli, command/container/attach.go, `resizeTTY`.
            session.resize((rows.saturating_add(1), columns.saturating_add(1)));
        }
        let Session { socket, outbox, .. } = &mut session;
        let sent =
            outbox.flush_with(|bytes| rustix::net::send(&*socket, bytes, SendFlags::NOSIGNAL));
        match sent {
            // It is just ending, which is noticed on receiving.
            Err(error) if is_gone(&error) => session.outbox.clear(),
            sent => sent.map_err(system("talk to the monitor"))?,
        }
        if window.is_some() {
            std::thread::sleep(REDRAW_PAUSE);
        }
        Ok(session)
    }

    /// The exit code of a container whose monitor has gone without a word: to this client, or to anybody.
    fn unheard_exit_code(&self) -> Result<i32, Error> {
        let state = lookup::read_state(&self.dir)?;
        if state.status == Status::Exited {
            return Ok(state.exit_code);
        }
        // A process that is killed closes its descriptors one by one: the lock may come after the socket.
        let wait = LAST_BREATH.begin();
        while self.dir.is_locked()? {
            if !wait.pause() {
                return Err(Error::TooSlow);
            }
        }
        Ok(KILLED)
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
                Received::End => {
                    return Ok(Some(Outcome::Exited(self.unheard_exit_code()?)));
                }
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

/// Whether the other side has closed its end.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::record::State;
    use crate::container::stream::DetachKeys;
    use crate::store::Store;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn a_monitor_that_is_just_ending_is_no_error() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(&temp.path().join("s")).unwrap();
        let (dir, lock) = store.create_container(&"a".repeat(64)).unwrap();
        let null = std::fs::File::options()
            .write(true)
            .open("/dev/null")
            .unwrap();
        let outcome = || {
            let unix = AddressFamily::UNIX;
            let (client, monitor) =
                socketpair(unix, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            drop(monitor);
            let session = Session::join(client, dir.clone(), Wants::OUTPUT, None).unwrap();
            let streams = Streams {
                stdin: None,
                stdout: null.as_fd(),
                stderr: null.as_fd(),
            };
            let options = RelayOptions {
                tty: false,
                detach_keys: DetachKeys::parse("").unwrap(),
                sig_proxy: false,
            };
            session.relay(streams, &options).unwrap()
        };
        drop(lock);
        // Killed: nobody has written anything.
        assert_eq!(outcome(), Outcome::Exited(137));
        let state = State {
            status: Status::Exited,
            exit_code: 7,
            ..State::created()
        };
        lookup::write_state(&dir, &state).unwrap();
        assert_eq!(outcome(), Outcome::Exited(7));
    }
}
