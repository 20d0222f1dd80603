//! The process beside the container's that answers its calls.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open};

use super::call::{Call, Calls, Kind, Sort};
use super::host::Memories;
use super::identity::{Identities, Identity, MARKED, MAX_GROUPS};
use super::target::Caller;
use super::{Emulation, Scope};
use crate::runtime::seccomp::kernel_version;
use crate::sys::child::die_with;
use crate::sys::file::close_all_but;
use crate::sys::limit;
use crate::sys::namespace::{owner, setns};
use crate::sys::process::{Side, exit_now, fork, wait};
use crate::sys::seccomp::{self, Notification, Verdict};

/// `SECBIT_KEEP_CAPS` of linux/securebits.h.
const KEEP_CAPS: u64 = 1 << 4;
/// `-1`, as an id of 16 bits.
const KEEP_NARROW: u32 = 0xffff;
/// What an id that does not fit into 16 bits is: `DEFAULT_OVERFLOWUID` of linux/highuid.h.
const OVERFLOW: u32 = 65_534;

/// A kernel that ends the wait for a call when nobody is left to make one ("seccomp: interrupt SECCOMP_IOCTL_NOTIF_RECV
/// when all users have exited", Linux 6.11; the first long-lived one is named here). Before, `poll(2)` is asked first.
const RECEIVING_ENDS: (u32, u32) = (6, 12);

/// A supervisor, as its parent knows it. By itself it ends with the last process of the container; dropped, it is ended.
#[derive(Debug)]
pub struct Supervisor(State);

#[derive(Debug)]
enum State {
    /// Nobody has called yet, and maybe nobody will: there is no process.
    Idle(Post),
    /// There is one.
    Serving {
        /// `None` once it has been reaped.
        pid: Option<u32>,
        pidfd: OwnedFd,
    },
    /// There is none any more and will not be: all who could call have ended before one did, or it could not be started.
    Needless,
}

/// What a supervisor is made of.
#[derive(Debug)]
struct Post {
    /// Where calls come out.
    listener: OwnedFd,
    /// Of the container. Its owner is the container's user namespace.
    mount_namespace: OwnedFd,
    emulation: Emulation,
    /// Whether the end of this process is the supervisor's.
    follows_parent: bool,
}

impl Post {
    /// Forks the supervisor. The calling process has one thread.
    fn man(self) -> io::Result<State> {
        let Post {
            listener,
            mount_namespace,
            emulation,
            follows_parent,
        } = self;
        let user_namespace = owner(mount_namespace.as_fd())?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::open(c"/proc", flags, Mode::empty())?;
        let (mut failure, report) = io::pipe()?;
        let parent = getpid();
        match fork()? {
            Side::Child => {
                let enter = || -> io::Result<()> {
                    crate::sys::signal::block_all(true)?;
                    // Whoever waits for the end of the caller's streams, or signals everything in its terminal, does not
                    // mean this process.
                    leave_terminal()?;
                    close_all_but(&[
                        listener.as_raw_fd(),
                        user_namespace.as_raw_fd(),
                        mount_namespace.as_raw_fd(),
                        proc.as_raw_fd(),
                        report.as_raw_fd(),
                    ])?;
                    setns(user_namespace.as_fd(), libc::CLONE_NEWUSER)?;
                    setns(mount_namespace.as_fd(), libc::CLONE_NEWNS)?;
                    rustix::process::fchdir(&proc)?;
                    rustix::process::umask(Mode::empty());
                    if follows_parent {
                        // After the change of credentials, which clears it.
                        die_with(parent)?;
                    }
                    Ok(())
                };
                if let Err(error) = enter() {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO);
                    let _ = rustix::io::write(&report, &errno.to_ne_bytes());
                    exit_now(1);
                }
                let mut service = Service::new(listener, &emulation);
                drop(report);
                service.run();
                exit_now(0)
            }
            Side::Parent(pid) => {
                drop(report);
                let opened = Pid::from_raw(pid as i32).ok_or(Errno::SRCH);
                let pidfd = opened.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))?;
                let serving = State::Serving {
                    pid: Some(pid),
                    pidfd,
                };
                let mut errno = [0; 4];
                match failure.read_exact(&mut errno) {
                    Ok(()) => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno))),
                    Err(_) => Ok(serving),
                }
            }
        }
    }
}

impl Supervisor {
    /// Prepares the supervisor of the container with this mount namespace, whose calls come out of `listener`. Where everything
    /// is emulated it starts at once: the container's first program is executed by such a call. `follows_parent`: the end of
    /// this process is its own.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start`].
    pub(in crate::runtime) fn new(
        listener: OwnedFd,
        mount_namespace: OwnedFd,
        emulation: Emulation,
        follows_parent: bool,
    ) -> io::Result<Supervisor> {
        let starts = emulation.scope == Scope::Everything;
        let mut supervisor = Supervisor(State::Idle(Post {
            listener,
            mount_namespace,
            emulation,
            follows_parent,
        }));
        if starts {
            supervisor.start()?;
        }
        Ok(supervisor)
    }

    /// Starts the process, unless it is there. The calling process has one thread.
    ///
    /// # Errors
    ///
    /// Those of forking and of joining the namespaces. Every call fails with `ENOSYS` from then on.
    pub fn start(&mut self) -> io::Result<()> {
        self.0 = match std::mem::replace(&mut self.0, State::Needless) {
            State::Idle(post) => post.man()?,
            other => other,
        };
        Ok(())
    }

    /// Becomes readable when there is something to do, which [`Supervisor::attend`] does. `None`: there never will be.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            State::Idle(post) => Some(post.listener.as_fd()),
            State::Serving { pidfd, .. } => Some(pidfd.as_fd()),
            State::Needless => None,
        }
    }

    /// Starts the process if the first call waits for it. Returns `false` if it has ended. Should that be before the
    /// container's end, the container is best killed: all it can do now goes wrong.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start`].
    pub fn attend(&mut self) -> io::Result<bool> {
        let Some(fd) = self.fd() else {
            return Ok(true);
        };
        let mut fd = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        match rustix::event::poll(&mut fd, Some(&Timespec::default())) {
            Err(Errno::INTR) => return Ok(true),
            polled => polled?,
        };
        let seen = fd[0].revents();
        match &self.0 {
            State::Idle(_) if seen.contains(PollFlags::IN) => self.start()?,
            State::Idle(_) if !seen.is_empty() => self.0 = State::Needless,
            State::Serving { .. } => return Ok(seen.is_empty()),
            _ => {}
        }
        Ok(true)
    }

    /// Its pid, as long as there is one that was not waited for.
    pub fn pid(&self) -> Option<u32> {
        match self.0 {
            State::Serving { pid, .. } => pid,
            _ => None,
        }
    }

    /// Lets it be, if it is serving: it ends with the last process that it answers.
    pub fn leave(mut self) {
        if let State::Serving { pid, .. } = &mut self.0 {
            *pid = None;
        }
    }

    /// Waits for its end, which is near once the container's first process has ended and was reaped, and returns whether it
    /// has answered every call: if it was killed, processes that it left alone may have gone on and done something else.
    ///
    /// # Errors
    ///
    /// Those of `waitpid(2)`.
    pub fn finish(mut self) -> io::Result<bool> {
        match &mut self.0 {
            State::Serving { pid, .. } => match pid.take() {
                Some(pid) => Ok(wait(pid)? == 0),
                None => Ok(true),
            },
            _ => Ok(true),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let State::Serving { pid, pidfd } = &mut self.0 else {
            return;
        };
        let Some(pid) = pid.take() else { return };
        // It may have ended already, and then only waits to be reaped.
        let _ = rustix::process::pidfd_send_signal(pidfd, Signal::KILL);
        let _ = wait(pid);
    }
}

/// Starts a session, and puts `/dev/null` in place of the standard streams.
fn leave_terminal() -> io::Result<()> {
    // Fails only for the leader of a process group, which a child never is.
    rustix::process::setsid()?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let null = rustix::fs::open(c"/dev/null", flags, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}

/// Why a call is not emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It fails.
    Fail(Errno),
    /// The kernel does it.
    LetGo,
    /// Nobody waits for it any more.
    Gone,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::Fail(errno)
    }
}

/// What a call returns.
#[derive(Debug)]
pub(super) enum Answer {
    Value(i64),
    /// A new descriptor of the caller's; whether it is close-on-exec.
    Descriptor(OwnedFd, bool),
}

/// Success of a call that has nothing to tell.
pub(super) const DONE: Answer = Answer::Value(0);

/// A call that is being answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) caller: Caller,
    pub(super) call: Call,
    pub(super) arguments: [u64; 6],
}

impl Request {
    /// An argument that is a user or group id.
    pub(super) fn user_or_group(&self, index: usize) -> u32 {
        widen(self.arguments[index] as u32, self.call.narrow)
    }
}

/// The supervisor itself.
#[derive(Debug)]
pub(super) struct Service {
    listener: OwnedFd,
    calls: Calls,
    pub(super) scope: Scope,
    pub(super) identities: Identities,
    pub(super) memories: Memories,
    /// Callers may have another root directory than this process.
    pub(super) roots_differ: bool,
}

impl Service {
    fn new(listener: OwnedFd, emulation: &Emulation) -> Service {
        // A kernel that cannot is slower.
        let _ = seccomp::wake_in_turn(listener.as_fd());
        Service {
            listener,
            calls: Calls::new(),
            scope: emulation.scope,
            identities: Identities::new(emulation.first.clone()),
            memories: Memories::find(&emulation.mounts),
            roots_differ: false,
        }
    }

    /// Answers calls until there is nobody left to make any.
    fn run(&mut self) {
        let receiving_ends = kernel_version() >= RECEIVING_ENDS;
        let mut asks_first = true;
        while !asks_first || self.is_called() {
            match seccomp::receive(self.listener.as_fd()) {
                Ok(notification) => {
                    self.serve(&notification);
                    asks_first = !receiving_ends;
                }
                // The caller was killed meanwhile, or nobody is left.
                Err(_) => asks_first = true,
            }
        }
    }

    /// Waits for a call; returns `false` if none can come any more.
    fn is_called(&self) -> bool {
        let mut listener = [PollFd::new(&self.listener, PollFlags::IN)];
        loop {
            match rustix::event::poll(&mut listener, None) {
                Ok(_) => return listener[0].revents().contains(PollFlags::IN),
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    fn serve(&mut self, notification: &Notification) {
        let found = self.calls.find(notification.arch, notification.number);
        let handled = match found {
            Some(call) => self.handle(&Request {
                id: notification.id,
                caller: Caller {
                    thread: notification.thread,
                },
                call,
                arguments: notification.arguments,
            }),
            None => Err(Stop::LetGo),
        };
        let listener = self.listener.as_fd();
        let verdict = match handled {
            Ok(Answer::Value(value)) => Verdict::Value(value),
            Ok(Answer::Descriptor(fd, close_on_exec)) => {
                let id = notification.id;
                let given =
                    seccomp::answer_with_descriptor(listener, id, fd.as_fd(), close_on_exec);
                match given.map_err(|error| Errno::from_io_error(&error)) {
                    Ok(()) => return,
                    // It has too many descriptors.
                    Err(Some(Errno::MFILE)) => Verdict::Errno(Errno::MFILE.raw_os_error()),
                    Err(_) => Verdict::Continue,
                }
            }
            Err(Stop::Fail(errno)) => Verdict::Errno(errno.raw_os_error()),
            Err(Stop::LetGo) => Verdict::Continue,
            Err(Stop::Gone) => return,
        };
        // It may be gone by now.
        let _ = seccomp::answer(listener, notification.id, verdict);
    }

    fn handle(&mut self, request: &Request) -> Result<Answer, Stop> {
        let arguments = &request.arguments;
        match request.call.kind {
            Kind::Chown { .. } | Kind::ChownFile | Kind::ChownAt => self.chown(request),
            Kind::MakeNode | Kind::MakeNodeAt => self.make_node(request),
            Kind::MakeDirectory | Kind::MakeDirectoryAt => self.make_directory(request),
            Kind::MakeLink | Kind::MakeLinkAt => self.make_link(request),
            Kind::Create | Kind::Open | Kind::OpenAt | Kind::OpenHow => self.create(request),
            Kind::Stat { .. } | Kind::StatFile | Kind::StatAt | Kind::Statx => self.stat(request),
            Kind::ListAttributes { .. } | Kind::ListAttributesOfFile => {
                self.list_attributes(request)
            }
            Kind::Execute | Kind::ExecuteAt => self.execute(request),
            Kind::Set(sort) => {
                let id = request.user_or_group(0);
                self.become_other(request, |who| who.set(sort, id))
            }
            Kind::SetTwo(sort) => {
                let [real, effective] = [0, 1].map(|index| request.user_or_group(index));
                self.become_other(request, |who| who.set_two(sort, real, effective))
            }
            Kind::SetThree(sort) => {
                let ids = [0, 1, 2].map(|index| request.user_or_group(index));
                self.become_other(request, |who| who.set_three(sort, ids))
            }
            Kind::SetFs(sort) => {
                let id = request.user_or_group(0);
                let mut old = 0;
                self.become_other(request, |who| {
                    old = who.set_files(sort, id);
                    Ok(())
                })?;
                Ok(Answer::Value(shown(old, request.call.narrow)))
            }
            Kind::SetGroups => {
                let groups = read_groups(request)?;
                self.become_other(request, |who| who.set_groups(groups))
            }
            Kind::Get(sort) => {
                let id = self.who(request).ids(sort).real;
                Ok(Answer::Value(shown(id, request.call.narrow)))
            }
            Kind::GetEffective(sort) => {
                let id = self.who(request).ids(sort).effective;
                Ok(Answer::Value(shown(id, request.call.narrow)))
            }
            Kind::GetThree(sort) => self.tell_three(request, sort),
            Kind::GetGroups => self.tell_groups(request),
            // As if it had been set; see `identity`.
            Kind::SetLimit => Ok(DONE),
            Kind::ProcessLimit => match arguments[2] {
                0 => Err(Stop::LetGo),
                _ => self.tell_limit(request),
            },
            Kind::ControlProcess => {
                let keeps = match arguments[0] as i32 {
                    libc::PR_SET_KEEPCAPS => arguments[1] == 1,
                    _ => arguments[1] & KEEP_CAPS != 0,
                };
                self.become_other(request, |who| {
                    who.keeps_power = keeps;
                    Ok(())
                })?;
                Err(Stop::LetGo)
            }
            Kind::SetCapabilities => {
                let mut data = [0; 8];
                let read = request.caller.read(arguments[1], &mut data);
                read.ok_or(Stop::LetGo)?;
                let [effective, permitted] = [0, 4].map(|at| {
                    u32::from_ne_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
                });
                self.become_other(request, |who| {
                    who.set_capabilities(effective, permitted);
                    Ok(())
                })?;
                Err(Stop::LetGo)
            }
            Kind::Leave => {
                // Also where only flags that concern other namespaces are given: it costs little to look.
                self.roots_differ |= arguments != &[0; 6];
                Err(Stop::LetGo)
            }
        }
    }

    pub(super) fn who(&self, request: &Request) -> &Identity {
        self.identities.of(request.caller.thread)
    }

    /// Fails if nobody waits for the call any more: until here, everything read came from the caller.
    pub(super) fn still_waits(&self, request: &Request) -> Result<(), Stop> {
        match seccomp::still_waits(self.listener.as_fd(), request.id) {
            true => Ok(()),
            false => Err(Stop::Gone),
        }
    }

    pub(super) fn become_other(
        &mut self,
        request: &Request,
        change: impl FnOnce(&mut Identity) -> Result<(), Errno>,
    ) -> Result<Answer, Stop> {
        let old = self.who(request);
        let mut new = old.clone();
        change(&mut new)?;
        if new != *old {
            self.still_waits(request)?;
            self.identities.assign(request.caller.thread, new)?;
        }
        Ok(DONE)
    }

    fn tell_three(&self, request: &Request, sort: Sort) -> Result<Answer, Stop> {
        let ids = *self.who(request).ids(sort);
        self.still_waits(request)?;
        for (index, id) in [ids.real, ids.effective, ids.saved].into_iter().enumerate() {
            let bytes = id_bytes(id, request.call.narrow);
            let written = request.caller.write(request.arguments[index], &bytes);
            written.ok_or(Errno::FAULT)?;
        }
        Ok(DONE)
    }

    /// Tells the old limit, should `prlimit` be asked for it while it sets a new one.
    fn tell_limit(&self, request: &Request) -> Result<Answer, Stop> {
        let (pid, address) = (request.arguments[0], request.arguments[3]);
        if address != 0 {
            if pid != 0 {
                return Err(Errno::PERM.into());
            }
            let limit = limit::get(request.caller.thread, MARKED).map_err(|_| Stop::LetGo)?;
            let bytes = [limit.current, limit.maximum].map(u64::to_ne_bytes);
            self.still_waits(request)?;
            let written = request.caller.write(address, bytes.as_flattened());
            written.ok_or(Errno::FAULT)?;
        }
        Ok(DONE)
    }

    fn tell_groups(&self, request: &Request) -> Result<Answer, Stop> {
        let groups = &self.who(request).groups;
        let room = request.arguments[0] as i32;
        if room != 0 {
            if usize::try_from(room).map_err(|_| Errno::INVAL)? < groups.len() {
                return Err(Errno::INVAL.into());
            }
            let id_bytes = |id: &u32| id_bytes(*id, request.call.narrow);
            let bytes: Vec<u8> = groups.iter().flat_map(id_bytes).collect();
            self.still_waits(request)?;
            let written = request.caller.write(request.arguments[1], &bytes);
            written.ok_or(Errno::FAULT)?;
        }
        Ok(Answer::Value(groups.len() as i64))
    }
}

/// Reads the array that `setgroups` is given.
fn read_groups(request: &Request) -> Result<Vec<u32>, Stop> {
    let count = request.arguments[0] as i32;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_GROUPS);
    let count = count.ok_or(Errno::INVAL)?;
    let narrow = request.call.narrow;
    let mut bytes = vec![0; count * if narrow { 2 } else { 4 }];
    let read = request.caller.read(request.arguments[1], &mut bytes);
    if count > 0 {
        read.ok_or(Errno::FAULT)?;
    }
    let groups = match narrow {
        true => bytes
            .chunks_exact(2)
            .map(|id| u32::from(u16::from_ne_bytes([id[0], id[1]])))
            .collect(),
        false => bytes
            .chunks_exact(4)
            .map(|id| u32::from_ne_bytes([id[0], id[1], id[2], id[3]]))
            .collect(),
    };
    Ok(groups)
}

fn widen(id: u32, narrow: bool) -> u32 {
    match (narrow, id & KEEP_NARROW) {
        (false, _) => id,
        (true, KEEP_NARROW) => u32::MAX,
        (true, id) => id,
    }
}

fn narrowed(id: u32, narrow: bool) -> u32 {
    if narrow && id > KEEP_NARROW {
        OVERFLOW
    } else {
        id
    }
}

fn shown(id: u32, narrow: bool) -> i64 {
    narrowed(id, narrow).into()
}

fn id_bytes(id: u32, narrow: bool) -> Vec<u8> {
    let id = narrowed(id, narrow);
    match narrow {
        true => (id as u16).to_ne_bytes().to_vec(),
        false => id.to_ne_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_16_bits() {
        assert_eq!(widen(0xffff_ffff, false), u32::MAX);
        assert_eq!(widen(0x0001_ffff, true), u32::MAX);
        assert_eq!(widen(0x0001_0005, true), 5);
        assert_eq!(shown(70_000, true), 65_534);
        assert_eq!(shown(70_000, false), 70_000);
        assert_eq!(id_bytes(5, true).len(), 2);
    }
}
