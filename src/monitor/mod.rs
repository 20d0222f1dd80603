//! The process beside each running container.
//!
//! It is forked, not executed, from the `ctr` that starts the container, which has one thread. In order:
//!
//! 1. leave the user's session, terminal and descriptors; keep the container's lock and the socket to the starter;
//! 2. make the container, attach its network, start its process; tell the starter;
//! 3. serve: output to log and clients, input from clients, signals ([`serve`]), until the process has ended and all it
//!    wrote has been read;
//! 4. tell the [`Keeper`] (state, network, `--rm`), remove the socket, free the lock, and only then tell the clients the
//!    exit code: who has heard it finds everything done;
//! 5. stay until the clients have taken what was written for them, then end.
//!
//! A monitor that is killed takes the container with it: process 1 has asked the kernel to be killed with its parent
//! (`PR_SET_PDEATHSIG(2const)`). It may take that back, by `prctl(2)` or by executing a set-user-ID program; such a one runs
//! on, unwatched, until the next command that looks at it (`ps`, `inspect`, `start`) kills it. Nothing cheap closes that: a
//! seccomp rule would be inherited by every process, and supervisors rightly set and clear the signal of their children; a
//! second process to watch the first would cost each container its memory. With `--init` process 1 is ours and keeps it.
//!
//! One thread, one `poll(2)`, nothing ever blocks but the file of the log. The module knows processes and streams, not
//! records: those are the [`Keeper`]'s.

mod client;
mod failure;
mod listener;
pub mod log;
pub mod protocol;
mod serve;
mod streams;

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

pub use failure::{Obstacle, StartError, StartFailure};
pub use listener::connect;
pub use log::{LogTarget, Stream};
pub use streams::{Streams, exit_code, null};

use crate::network::{self, Attached, Mode, PublishedPort};
use crate::runtime::{self, Launch, Running, Stdio};
use crate::sys::process::{Side, exit_now, fork};
use protocol::{Kind, Outbox, Wants};

/// What to start and how to watch over it.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The container. With pipes, `watch.streams` holds the other ends: see [`Streams::pipes`].
    pub launch: Launch<'a>,
    /// The rest.
    pub watch: Watch,
}

/// How to watch over a container.
#[derive(Debug)]
pub struct Watch {
    /// Our ends of its streams; empty with a terminal.
    pub streams: Streams,
    /// Standard input stays open for clients.
    pub open_stdin: bool,
    /// It ends with the first client that had it.
    pub stdin_once: bool,
    /// The network.
    pub network: Mode,
    /// Ports to publish in it.
    pub ports: Vec<PublishedPort>,
    /// Where output is kept; `None` for nowhere.
    pub log: Option<LogTarget>,
    /// The directory of the attach socket, made here and removed at the end.
    pub run_dir: PathBuf,
    /// Streams of the process that starts the container.
    pub wants: Wants,
    /// What asks the process to end, when the monitor is asked to.
    pub stop_signal: i32,
}

/// What the owner of the records does at the turns of a container's life. Called in the monitor.
pub trait Keeper {
    /// What is held while the container runs.
    fn lock(&self) -> BorrowedFd<'_>;

    /// The network is there, the process waits. A failure keeps it from starting.
    ///
    /// # Errors
    ///
    /// Anything, in words.
    fn attached(&mut self, network: &Attached) -> Result<(), StartError>;

    /// The process runs.
    ///
    /// # Errors
    ///
    /// Anything, in words: the process is killed then.
    fn started(&mut self, running: &Running, network: &Attached) -> Result<(), StartError>;

    /// The process could not be started.
    fn failed(&mut self, error: &StartError);

    /// The process has ended, its network and its cgroup are gone; its number is still taken, so `/proc/PID` is still its
    /// own. The last call; what the keeper holds (the lock) is dropped then.
    fn ended(&mut self, end: End);
}

/// How a container has ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Pid of its process, not yet reaped.
    pub pid: u32,
    /// Its exit code.
    pub exit_code: i32,
    /// The kernel has killed a process of it for want of memory.
    pub oom_killed: bool,
    /// It is not to be removed, whatever was said before.
    pub keep: bool,
    /// What emulated calls for it was killed before it, and so it was.
    pub unsupervised: bool,
}

/// Forks the monitor. Returns the starter's end of the socket, on which [`Kind::Ready`] or [`Kind::Failed`] comes first.
///
/// `keeper` lives on in the monitor; the caller's copy is dropped, and with it whatever descriptors it has.
///
/// # Errors
///
/// Those of `socketpair(2)` and `fork(2)`.
pub fn spawn(plan: Plan<'_>, keeper: impl Keeper) -> io::Result<OwnedFd> {
    let (client, server) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut keep = plan.descriptors();
    keep.extend([keeper.lock().as_raw_fd(), server.as_raw_fd()]);
    fork_apart(&keep, || run(plan, keeper, server))?;
    Ok(client)
}

impl Plan<'_> {
    /// The descriptors that the monitor needs.
    fn descriptors(&self) -> Vec<RawFd> {
        let mut list = self.watch.streams.descriptors();
        list.extend(self.launch.join.iter().map(|(_, fd)| fd.as_raw_fd()));
        if let Stdio::Streams {
            stdin,
            stdout,
            stderr,
        } = &self.launch.stdio
        {
            list.extend([stdin, stdout, stderr].map(OwnedFd::as_raw_fd));
        }
        list
    }
}

/// Runs `work` in a child in a session of its own, with every signal blocked and no descriptors but `keep` and the standard
/// streams: what else the user's shell has left open, whoever waits for its end waits in vain.
///
/// Blocked from before the fork: the caller may be gone the next instant, and the end of the leader of a session hangs up
/// on everybody who has not left it yet.
///
/// # Errors
///
/// Those of `fork(2)`.
pub fn fork_apart(keep: &[RawFd], work: impl FnOnce()) -> io::Result<()> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    match fork() {
        Ok(Side::Child) => {
            // Fails only for the leader of a process group, which a child never is.
            let _ = rustix::process::setsid();
            // Best effort: Linux 5.9 and later.
            let _ = crate::sys::file::close_all_but(keep);
            work();
            exit_now(0)
        }
        forked => {
            before.thread_set_mask()?;
            forked.map(drop)
        }
    }
}

/// Puts `/dev/null` in place of the three standard streams.
///
/// # Errors
///
/// Those of `open(2)` and `dup2(2)`.
pub fn leave_standard_streams() -> io::Result<()> {
    let null = null()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// The monitor's whole life.
fn run(plan: Plan<'_>, mut keeper: impl Keeper, starter: OwnedFd) {
    let Plan { launch, mut watch } = plan;
    let left = leave_starter().map_err(system("leave the terminal"));
    match left.and_then(|()| begin(launch, &mut watch, &mut keeper)) {
        Ok((begun, warning)) => {
            let mut greeting = Outbox::default();
            greeting.push_frame(Kind::Ready, warning.unwrap_or_default().as_bytes());
            serve::serve(begun, &watch, keeper, starter, greeting);
        }
        Err(error) => {
            keeper.failed(&error);
            let _ = std::fs::remove_dir_all(&watch.run_dir);
            // Frees the lock, before anybody hears of it.
            drop(keeper);
            let mut report = Outbox::default();
            report.push_frame(Kind::Failed, &error.encode());
            let _ = report.send(&starter);
        }
    }
}

/// A container that runs, and this end of its streams.
#[derive(Debug)]
struct Begun {
    running: Running,
    network: Attached,
    streams: Streams,
    listener: OwnedFd,
}

/// Streams, directory, umask: nothing of the starter's is held on to.
fn leave_starter() -> io::Result<()> {
    leave_standard_streams()?;
    rustix::process::chdir("/")?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // Best effort: a name for `ps`.
    let _ = rustix::thread::set_name(c"ctr-monitor");
    Ok(())
}

/// Makes the container, attaches its network, starts its process.
fn begin(
    launch: Launch<'_>,
    watch: &mut Watch,
    keeper: &mut impl Keeper,
) -> Result<(Begun, Option<String>), StartError> {
    let listener = listener::listen(&watch.run_dir).map_err(system("make the attach socket"))?;
    let settings = launch.settings;
    let created = runtime::create(launch).map_err(|error| StartError::from_runtime(&error))?;
    let network = network::attach(&watch.network, created.pid(), &watch.ports, settings)
        .map_err(|error| StartError::from_error(StartFailure::Engine, &error))?;
    let started = keeper
        .attached(&network)
        .and_then(|()| (created.start()).map_err(|error| StartError::from_runtime(&error)));
    let running = match started {
        Ok(running) => running,
        Err(error) => {
            network.detach();
            return Err(error);
        }
    };
    let streams = match &running.terminal {
        None => Ok(std::mem::take(&mut watch.streams)),
        Some(master) => {
            Streams::terminal(master, watch.open_stdin).map_err(system("open the terminal"))
        }
    };
    let ready = streams.and_then(|streams| keeper.started(&running, &network).map(|()| streams));
    match ready {
        Ok(streams) => {
            let warning = network.warning.clone();
            let begun = Begun {
                running,
                network,
                streams,
                listener,
            };
            Ok((begun, warning))
        }
        Err(error) => {
            let kill = rustix::process::Signal::KILL;
            let _ = rustix::process::pidfd_send_signal(&running.pidfd, kill);
            network.detach();
            Err(error)
        }
    }
}

/// Returns the function that makes an error of a failed system call, for `map_err`.
fn system(step: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| {
        let step = format!("cannot {step}");
        StartError::from_runtime(&runtime::Error::Step { step, source })
    }
}
