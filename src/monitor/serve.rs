//! The monitor's loop, from the start of the process until everybody knows how it ended.

use std::os::fd::{AsFd, OwnedFd};

use jiff::Timestamp;
use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::client::{Client, Request};
use super::log::{LogWriter, Stream};
use super::protocol::{Outbox, decode_size};
use super::{Begun, End, Keeper, Streams, Watch, exit_code};
use crate::runtime::{Group, Supervisor};
use crate::sys;

/// Bytes read at once.
const CHUNK: usize = 32 * 1024;

/// Bytes read after the end from a pipe that somebody outside the container still writes to. A pipe holds at most 1 MiB
/// (pipe(7), `pipe-max-size`) unless root has raised that.
const DRAIN_LIMIT: usize = 4 << 20;

/// Clients at once; more wait to be let in.
const MAX_CLIENTS: usize = 256;

/// How long a monitor has nothing to do before it gives back what only its beginning needed.
const SETTLING: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000_000,
};

/// Who a descriptor of the poll set belongs to.
#[derive(Debug, Clone, Copy)]
enum Source {
    Process,
    Supervisor,
    Listener,
    Signals,
    Output(Stream),
    Input,
    Client(usize),
}

#[derive(Debug)]
struct Server {
    pidfd: OwnedFd,
    /// Ended when this is dropped, after everything else.
    supervisor: Option<Supervisor>,
    unsupervised: bool,
    streams: Streams,
    listener: Option<OwnedFd>,
    signals: Option<SignalFd>,
    clients: Vec<Client>,
    stdin_once: bool,
    stop_signal: i32,
    keep: bool,
    log: LogWriter,
    chunk: Vec<u8>,
}

/// Serves until all is over.
pub(super) fn serve(
    begun: Begun,
    watch: &Watch,
    mut keeper: impl Keeper,
    starter: OwnedFd,
    greeting: Outbox,
) {
    let Begun {
        running,
        network,
        streams,
        listener,
    } = begun;
    let mut server = Server {
        pidfd: running.pidfd,
        supervisor: running.supervisor,
        unsupervised: false,
        streams,
        listener: Some(listener),
        signals: signals(),
        clients: vec![Client::starter(starter, watch.wants, greeting)],
        stdin_once: watch.stdin_once,
        stop_signal: watch.stop_signal,
        keep: false,
        log: LogWriter::new(watch.log.clone()),
        chunk: vec![0; CHUNK],
    };
    let code = server.until_exit();
    server.drain();
    network.detach();
    let oom_killed = (running.group.as_ref()).is_some_and(Group::has_run_out_of_memory);
    drop(running.group);
    keeper.ended(End {
        pid: running.pid,
        exit_code: code,
        oom_killed,
        keep: server.keep,
        unsupervised: server.unsupervised,
    });
    let _ = std::fs::remove_dir_all(&watch.run_dir);
    // The lock, last of all that others can see.
    drop(keeper);
    server.farewell(code);
}

/// Returns a descriptor for SIGTERM, which a session or a shutting-down machine sends: the container is asked to stop then.
/// The other signals (a hang-up, a keyboard's) are blocked and not for the monitor.
fn signals() -> Option<SignalFd> {
    let mut wanted = SigSet::empty();
    wanted.add(NixSignal::SIGTERM);
    SignalFd::with_flags(&wanted, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).ok()
}

impl Server {
    /// Serves until the process has ended; returns its exit code.
    fn until_exit(&mut self) -> i32 {
        let mut settling = Some(SETTLING);
        loop {
            let patience = lose_patience(&mut self.clients, Client::holds_up);
            self.forget_clients();
            let ready = self.wait(earlier(settling, patience));
            if ready.is_empty() && settling.take().is_some() {
                // What starting a container took is not needed for watching it. Best effort.
                sys::memory::trim_heap();
                let _ = sys::memory::drop_clean_file_pages();
            }
            let mut ended = false;
            for (source, _) in &ready {
                match *source {
                    Source::Process => ended = true,
                    Source::Supervisor => self.attend_supervisor(),
                    Source::Listener => self.accept(),
                    Source::Signals => self.pass_on_signal(),
                    Source::Output(stream) => {
                        self.read_output(stream);
                    }
                    Source::Input => self.streams.write_input(),
                    Source::Client(at) => self.serve_client(at),
                }
            }
            self.take_input();
            self.forget_clients();
            if ended && let Some(code) = exit_code(self.pidfd.as_fd(), false) {
                return code;
            }
        }
    }

    /// Waits for something to do, until `timeout` has passed.
    fn wait(&self, timeout: Option<Timespec>) -> Vec<(Source, PollFlags)> {
        let mut sources = Vec::with_capacity(8);
        let mut fds = Vec::with_capacity(8);
        let mut add = |source, fd, flags| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        };
        add(Source::Process, self.pidfd.as_fd(), PollFlags::IN);
        if let Some(supervisor) = self.supervisor.as_ref().and_then(Supervisor::fd) {
            add(Source::Supervisor, supervisor, PollFlags::IN);
        }
        if let (Some(listener), true) = (&self.listener, self.clients.len() < MAX_CLIENTS) {
            add(Source::Listener, listener.as_fd(), PollFlags::IN);
        }
        if let Some(signals) = &self.signals {
            add(Source::Signals, signals.as_fd(), PollFlags::IN);
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            // Not at all while a client is full: a hang-up is reported whether it is asked for or not.
            let full = self.clients.iter().any(|client| client.is_full(stream));
            if let (Some(fd), false) = (self.streams.output(stream), full) {
                add(Source::Output(stream), fd, PollFlags::IN);
            }
        }
        if let Some(stdin) = self.streams.waiting_input() {
            add(Source::Input, stdin, PollFlags::OUT);
        }
        for (at, client) in self.clients.iter().enumerate() {
            // Always: what a client asks for must not wait for the process to read its input.
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, client.has_output());
            add(Source::Client(at), client.socket.as_fd(), flags);
        }
        // Every signal is blocked; only a lack of memory can make this fail, and passes.
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return Vec::new();
        }
        (sources.into_iter().zip(&fds))
            .map(|(source, fd)| (source, fd.revents()))
            .filter(|(_, ready)| !ready.is_empty())
            .collect()
    }

    /// Reads once and hands it on; `None` if there was nothing.
    fn read_output(&mut self, stream: Stream) -> Option<usize> {
        let count = self.streams.read(stream, &mut self.chunk)?;
        let bytes = &self.chunk[..count];
        // A full disk costs the log, not the container.
        let _ = self.log.record(stream, bytes, Timestamp::now());
        for client in &mut self.clients {
            client.output(stream, bytes);
        }
        Some(count)
    }

    /// Reads all that the dead process has left behind, whether clients keep up or not: it is bounded.
    fn drain(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut total = 0;
            while total < DRAIN_LIMIT
                && let Some(count) = self.read_output(stream)
            {
                total += count;
            }
        }
        let _ = self.log.finish(Timestamp::now());
        self.streams = Streams::default();
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else {
            return;
        };
        let flags = rustix::net::SocketFlags::CLOEXEC;
        if let Ok(socket) = rustix::net::accept_with(listener, flags) {
            self.clients.push(Client::new(socket));
        }
    }

    fn serve_client(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.send();
        let requests = client.receive(&mut self.chunk);
        if client.has_left() {
            // It has left on purpose; what it has typed before is the container's.
            let input = client.take_input();
            self.streams.feed(&input);
        }
        for request in requests {
            match request {
                Request::CloseInput if self.clients[at].feeds() => self.end_input(at),
                Request::CloseInput => {}
                Request::Resize(size) => {
                    if let Some(size) = decode_size(&size) {
                        self.streams.resize(size);
                    }
                }
                Request::Signal(signal) => self.signal(i32::from(signal)),
                Request::Keep => {
                    self.keep = true;
                    self.clients[at].acknowledge();
                }
            }
        }
    }

    /// Hands on what clients have sent, as far as the process takes it.
    fn take_input(&mut self) {
        for client in self.clients.iter_mut().filter(|client| client.feeds()) {
            if self.streams.is_input_full() {
                return;
            }
            let input = client.take_input();
            self.streams.feed(&input);
        }
    }

    /// Forgets clients that are gone. The first that fed the container takes its input with it, unless it left on purpose.
    fn forget_clients(&mut self) {
        for at in 0..self.clients.len() {
            if self.clients[at].is_gone() && self.clients[at].feeds() {
                self.end_input(at);
            }
        }
        self.clients.retain(|client| !client.is_gone());
    }

    /// Hands on the last of a client's input, and ends standard input if it ends with a client. Source: moby,
    /// container/stream/attach.go.
    fn end_input(&mut self, at: usize) {
        let input = self.clients[at].take_input();
        self.streams.feed(&input);
        if self.stdin_once {
            self.streams.end_input();
        }
    }

    fn signal(&self, signal: i32) {
        // The process may be gone by now, which is fine.
        let _ = sys::signal::send(self.pidfd.as_fd(), signal);
    }

    /// Without its supervisor the container cannot so much as look at a file: every such call fails with `ENOSYS`, and what
    /// programs make of that nobody knows. So it is killed, unless the supervisor has ended because it has.
    fn attend_supervisor(&mut self) {
        let serves = (self.supervisor.as_mut()).map_or(Ok(true), Supervisor::attend);
        if let Ok(true) = serves {
            return;
        }
        let supervisor = self.supervisor.take();
        let complete = serves.is_ok() && supervisor.is_some_and(|it| it.finish().unwrap_or(false));
        if !complete {
            self.unsupervised = true;
            self.signal(libc::SIGKILL);
        }
    }

    fn pass_on_signal(&mut self) {
        if let Some(signals) = &self.signals {
            let _ = signals.read_signal();
            self.signal(self.stop_signal);
        }
    }

    /// Tells the clients and stays until each has taken everything or is gone.
    fn farewell(mut self, code: i32) {
        // Those who have come and not been asked in yet.
        if let Some(listener) = &self.listener {
            let _ = rustix::io::ioctl_fionbio(listener, true);
            for _ in 0..self.clients.len() + 64 {
                let before = self.clients.len();
                self.accept();
                if self.clients.len() == before {
                    break;
                }
            }
        }
        self.listener = None;
        self.signals = None;
        for client in &mut self.clients {
            client.exit(code);
        }
        loop {
            // Nothing waits for them but this process.
            let patience = lose_patience(&mut self.clients, Client::has_output);
            self.clients
                .retain(|client| client.has_output() && !client.is_gone());
            if self.clients.is_empty() {
                return;
            }
            let mut fds: Vec<_> = (self.clients.iter())
                .map(|client| PollFd::from_borrowed_fd(client.socket.as_fd(), PollFlags::OUT))
                .collect();
            let _ = poll(&mut fds, patience.as_ref());
            for client in &mut self.clients {
                client.send();
            }
        }
    }
}

/// Drops clients that take nothing while they hold others up, and returns the time until the next is to be dropped.
fn lose_patience(clients: &mut [Client], holds_up: impl Fn(&Client) -> bool) -> Option<Timespec> {
    let left = (clients.iter_mut()).filter_map(|client| client.patience(holds_up(client)));
    left.min().map(|left| Timespec {
        tv_sec: left.as_secs() as i64,
        tv_nsec: i64::from(left.subsec_nanos()),
    })
}

fn earlier(a: Option<Timespec>, b: Option<Timespec>) -> Option<Timespec> {
    a.into_iter()
        .chain(b)
        .min_by_key(|time| (time.tv_sec, time.tv_nsec))
}
