//! The parent half: prepares, clones, has the id maps written, and knows what became of it.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use oci_spec::runtime::LinuxNamespaceType;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::emulation::{Emulation, Supervisor};
use super::limits::Limits;
use super::namespaces::Namespaces;
use super::process::{self, Conceal};
use super::step::{Inherited, Plan, State};
use super::stub::Stub;
use super::sync::{self, ChildEnd, Message, ParentEnd};
use super::{Error, Launch, Running, Stdio, cgroup, container, refuse};
use crate::sys::file::lift_above;
use crate::sys::process::{Child, Side, clone, exit_now, wait};
use crate::sys::stub::{Entry, REPORT_FD};
use crate::userns;

/// Exit code of a child that could not execute its program; its report says why.
const FAILED_CHILD: u8 = 127;

/// A container whose namespaces, mounts and limits are ready and whose process waits to be started. Dropped, it ends.
#[derive(Debug)]
pub struct Created {
    waiting: Waiting,
    limits: Limits,
    emulation: Option<Emulation>,
    /// Behind the process, which has to be gone before this is removed.
    group: Option<cgroup::Group>,
}

/// Makes a container up to the point where its process would be executed.
///
/// # Errors
///
/// All of [`Error`] but those of the command itself. Nothing is left behind.
pub fn create(launch: Launch<'_>) -> Result<Created, Error> {
    refuse::check(launch.spec)?;
    let mut launch = launch;
    let spec = launch.spec.linux().as_ref();
    let mut namespaces = Namespaces::new(
        spec.and_then(|linux| linux.namespaces().as_deref())
            .unwrap_or_default(),
        std::mem::take(&mut launch.join),
        launch.id_map.is_some(),
    )?;
    let emulation = Emulation::of(launch.emulate, launch.id_map, process::of(launch.spec)?);
    let plan = container::plan(&launch, &namespaces, emulation.as_ref())?;
    let limits = Limits::new(process::of(launch.spec)?);
    let entry = match launch.init {
        true => Entry::Init,
        false => Entry::Exec,
    };
    let channel = Channel::open(launch.stdio, entry)?;

    let mut helper = Plan::default();
    if namespaces.joins(LinuxNamespaceType::Pid) {
        // Others see the child from its first moment.
        helper.push(Conceal);
    }
    for join in std::mem::take(&mut namespaces.join) {
        helper.push(join);
    }
    let birth = namespaces.new & container::AT_BIRTH;
    // Last of all: it may move this process.
    let group = match spec {
        Some(linux) => cgroup::create(linux, launch.settings)?,
        None => None,
    };
    let place = group.as_ref().and_then(cgroup::Group::birthplace);
    let visit = group.as_ref().map(cgroup::Group::visit).transpose()?;
    let mut waiting = match helper.is_empty() {
        true => channel.spawn(plan, birth, place)?,
        false => channel.spawn_through(helper, plan, birth, place)?,
    };
    drop(visit);
    if let (Some(map), true) = (launch.id_map, birth & libc::CLONE_NEWUSER != 0) {
        userns::write_maps(waiting.child.pid, map, launch.settings)?;
        waiting.sync.go();
    }
    waiting.await_ready()?;
    Ok(Created {
        waiting,
        limits,
        emulation,
        group,
    })
}

impl Created {
    /// Pid of the container's process 1, as this namespace sees it. Its `/proc/PID/ns/net` is what a network joins.
    pub fn pid(&self) -> u32 {
        self.waiting.child.pid
    }

    /// Lets the process go, and returns when its `execve` has succeeded or failed.
    ///
    /// # Errors
    ///
    /// [`Error::CommandNotFound`], [`Error::CommandMissing`], [`Error::CommandNotExecutable`], [`Error::Step`].
    pub fn start(self) -> Result<Running, Error> {
        let pid = self.pid();
        self.limits.apply_oom_score(&pid.to_string())?;
        self.limits.apply(pid)?;
        let mount_namespace = self.open_namespace(LinuxNamespaceType::Mount).ok();
        let supervision = match (self.emulation, &mount_namespace) {
            (Some(emulation), Some(mounts)) => Some(Supervision {
                emulation,
                mounts: mounts.try_clone().map_err(preparing)?,
                follows_parent: true,
            }),
            (Some(_), None) => return Err(died()),
            (None, _) => None,
        };
        let running = self.waiting.start(supervision)?;
        Ok(Running {
            mount_namespace,
            group: self.group,
            ..running
        })
    }

    /// Possible until the process is told to start and hides itself.
    fn open_namespace(&self, kind: LinuxNamespaceType) -> io::Result<OwnedFd> {
        let path = format!("/proc/{}/ns/{kind}", self.pid());
        Ok(std::fs::File::open(path)?.into())
    }
}

/// Both ends of everything between the halves, before the child is there.
#[derive(Debug)]
pub(super) struct Channel {
    sync: ParentEnd,
    child_end: ChildEnd,
    report: OwnedFd,
    inherited: Inherited,
}

impl Channel {
    pub(super) fn open(stdio: Stdio, entry: Entry) -> Result<Channel, Error> {
        let open = || -> io::Result<Channel> {
            let (sync, child_end) = sync::pair()?;
            let (report, to_report) = io::pipe()?;
            let lift = |fd| lift_above(fd, REPORT_FD);
            let streams = match stdio {
                Stdio::Streams {
                    stdin,
                    stdout,
                    stderr,
                } => Some([lift(stdin)?, lift(stdout)?, lift(stderr)?]),
                Stdio::Terminal { .. } => None,
            };
            Ok(Channel {
                sync,
                child_end,
                report: report.into(),
                inherited: Inherited {
                    streams,
                    report: lift(to_report.into())?,
                    stub: Stub::new(entry)?,
                },
            })
        };
        open().map_err(preparing)
    }

    /// Clones the child, with `flags` for its namespaces, into `cgroup`.
    pub(super) fn spawn(
        self,
        plan: Plan,
        flags: libc::c_int,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> Result<Waiting, Error> {
        match clone(flags as u64, cgroup).map_err(|source| cloning(source, flags))? {
            Side::Child => {
                drop((self.sync, self.report));
                run(&plan, &self.child_end, &self.inherited)
            }
            Side::Parent(child) => Ok(Waiting {
                child: Guard::new(child),
                plan,
                sync: self.sync,
                report: self.report,
                terminal: None,
                pending: None,
            }),
        }
    }

    /// Clones a helper, which carries out `helper`'s steps, joining namespaces, and then clones the child from there, as
    /// a child of this process. A process that joins a pid namespace is not itself moved into it: its children are.
    pub(super) fn spawn_through(
        self,
        helper: Plan,
        plan: Plan,
        flags: libc::c_int,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> Result<Waiting, Error> {
        let helper_process = match clone(0, None).map_err(|source| cloning(source, 0))? {
            Side::Child => {
                drop((self.sync, self.report));
                let mut state = State::new(&self.child_end, &self.inherited);
                if helper.run(&mut state).is_err() {
                    exit_now(FAILED_CHILD);
                }
                match clone((flags | libc::CLONE_PARENT) as u64, cgroup) {
                    Ok(Side::Child) => run(&plan, &self.child_end, &self.inherited),
                    Ok(Side::Parent(child)) => {
                        let _ = self.child_end.report_spawned(child.pid);
                        exit_now(0)
                    }
                    Err(error) => {
                        let _ = self.child_end.report_failure(usize::MAX, &error);
                        exit_now(FAILED_CHILD)
                    }
                }
            }
            Side::Parent(child) => child,
        };
        // The child's copies are closed here, so that the end of the helper shows.
        let Channel {
            sync,
            child_end,
            report,
            inherited,
        } = self;
        drop((child_end, inherited));

        // The child may speak before its pid is known.
        let mut pending = None;
        let pid = loop {
            match sync.receive().map_err(preparing)? {
                Message::Spawned(pid) => break Some(pid),
                Message::Closed => break None,
                message => pending = Some(message),
            }
        };
        let _ = wait(helper_process.pid);
        let Some(pid) = pid else {
            return Err(match pending {
                Some(Message::Failed(failure)) => helper.error(failure),
                _ => died(),
            });
        };
        let open =
            || rustix::process::pidfd_open(Pid::from_raw(pid as i32)?, PidfdFlags::empty()).ok();
        let pidfd = open().ok_or_else(died)?;
        Ok(Waiting {
            child: Guard::new(Child { pid, pidfd }),
            plan,
            sync,
            report,
            terminal: None,
            pending,
        })
    }
}

/// The child half. Only system calls from here on.
fn run(plan: &Plan, sync: &ChildEnd, inherited: &Inherited) -> ! {
    let mut state = State::new(sync, inherited);
    // Failures have been reported by now; what cannot be reported is seen as the end of the process.
    let _ = plan.run(&mut state);
    exit_now(FAILED_CHILD)
}

/// A child that carries out its plan.
#[derive(Debug)]
pub(super) struct Waiting {
    child: Guard,
    plan: Plan,
    sync: ParentEnd,
    report: OwnedFd,
    terminal: Option<OwnedFd>,
    /// What it said before it was listened to.
    pending: Option<Message>,
}

impl Waiting {
    pub(super) fn pid(&self) -> u32 {
        self.child.pid
    }

    /// Returns when everything is set up.
    pub(super) fn await_ready(&mut self) -> Result<(), Error> {
        match self.receive()? {
            Message::Ready(terminal) => {
                self.terminal = terminal;
                Ok(())
            }
            Message::Failed(failure) => Err(self.plan.error(failure)),
            Message::Spawned(_) | Message::Listener(_) | Message::Closed => Err(died()),
        }
    }

    /// Lets the child execute its program.
    pub(super) fn start(mut self, supervision: Option<Supervision>) -> Result<Running, Error> {
        self.sync.go();
        let mut supervision = supervision;
        let mut supervisor = None;
        loop {
            match self.receive()? {
                Message::Failed(failure) => return Err(self.plan.error(failure)),
                Message::Listener(listener) => {
                    let start = |it: Supervision| it.start(listener);
                    supervisor = supervision.take().map(start).transpose()?;
                }
                _ => break,
            }
        }
        let mut errno = [0; 4];
        let mut report = std::fs::File::from(self.report);
        if report.read_exact(&mut errno).is_ok() {
            return Err(self.plan.exec_error(i32::from_ne_bytes(errno)));
        }
        Ok(Running {
            pid: self.child.pid,
            pidfd: self.child.keep().ok_or_else(died)?,
            terminal: self.terminal,
            mount_namespace: None,
            supervisor,
            group: None,
        })
    }

    fn receive(&mut self) -> Result<Message, Error> {
        match self.pending.take() {
            Some(message) => Ok(message),
            None => self.sync.receive().map_err(preparing),
        }
    }
}

/// Where the calls of a container with emulation are answered.
#[derive(Debug)]
pub(super) struct Supervision {
    pub(super) emulation: Emulation,
    /// The container's mount namespace.
    pub(super) mounts: OwnedFd,
    /// Whether the end of this process ends the supervisor.
    pub(super) follows_parent: bool,
}

impl Supervision {
    fn start(self, listener: OwnedFd) -> Result<Supervisor, Error> {
        let Supervision {
            emulation,
            mounts,
            follows_parent,
        } = self;
        let started = Supervisor::new(listener, mounts, emulation, follows_parent);
        started.map_err(|source| Error::Step {
            step: "error starting the supervisor of the container's system calls".to_owned(),
            source,
        })
    }
}

/// A child that is killed and reaped unless it is kept.
#[derive(Debug)]
struct Guard {
    pid: u32,
    pidfd: Option<OwnedFd>,
}

impl Guard {
    fn new(child: Child) -> Guard {
        Guard {
            pid: child.pid,
            pidfd: Some(child.pidfd),
        }
    }

    /// Lets the child live. Its pidfd is there: it is taken only here, and this consumes the guard.
    fn keep(mut self) -> Option<OwnedFd> {
        self.pidfd.take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(pidfd) = &self.pidfd {
            // It may be dead already, and then only waits to be reaped.
            let _ = rustix::process::pidfd_send_signal(pidfd.as_fd(), Signal::KILL);
            let _ = wait(self.pid);
        }
    }
}

fn preparing(source: io::Error) -> Error {
    Error::Step {
        step: "error preparing the container process".to_owned(),
        source,
    }
}

fn cloning(source: io::Error, flags: libc::c_int) -> Error {
    match flags & libc::CLONE_NEWUSER {
        0 => Error::Step {
            step: "error cloning the container process".to_owned(),
            source,
        },
        _ => Error::Userns(userns::Error::Unshare(source)),
    }
}

/// The child is gone without a word: killed, by the kernel or by somebody.
fn died() -> Error {
    preparing(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "it ended before it was ready",
    ))
}
