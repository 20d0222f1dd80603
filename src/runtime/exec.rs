//! A further process in a running container.
//!
//! A helper joins all namespaces of the container's process 1 at once, through its pidfd, and clones the real process as
//! a sibling of itself, so that the caller can wait for it. The rest is as for the first process, without the mounts.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::thread::CapabilitySet;

use super::caps::Sets;
use super::console::Terminal;
use super::container::{AwaitStart, Begin, process_steps};
use super::emulation::Emulation;
use super::inside::c_string;
use super::limits::Limits;
use super::parent::{Channel, Supervision};
use super::process::{Conceal, Signals};
use super::step::{Plan, State, Step};
use super::stub_steps::PlaceStub;
use super::{Emulate, Error, Exec, Running, Stdio, refuse};
use crate::sys::namespace::setns;
use crate::sys::stub::Entry;

/// The namespaces that are joined: `CLONE_NEW…`, and the name in `/proc/PID/ns`.
const KINDS: [(libc::c_int, &str); 7] = [
    (libc::CLONE_NEWUSER, "user"),
    (libc::CLONE_NEWNS, "mnt"),
    (libc::CLONE_NEWPID, "pid"),
    (libc::CLONE_NEWUTS, "uts"),
    (libc::CLONE_NEWIPC, "ipc"),
    (libc::CLONE_NEWNET, "net"),
    (libc::CLONE_NEWCGROUP, "cgroup"),
];

/// Starts a further process in a running container. It is a child of the caller, who has to reap it.
///
/// # Errors
///
/// As for [`super::Created::start`].
pub fn exec(exec: Exec<'_>) -> Result<Running, Error> {
    refuse::check_process(exec.process)?;
    let limits = Limits::new(exec.process);
    let mut helper = Plan::default();
    if let Some(score) = limits.oom_score_adj() {
        helper.push(OomScore {
            value: score.to_string(),
        });
    }
    helper.push(Conceal);
    helper.push(JoinProcess::new(exec.target, exec.target_pidfd)?);
    let mount_namespace = match exec.emulate {
        Emulate::Nothing => None,
        // Before the helper looks whether it is still the same process.
        _ => Some(open_mount_namespace(exec.target)?),
    };

    let mut plan = Plan::default();
    plan.push(Begin);
    plan.push(OpenRoot);
    plan.push(PlaceStub);
    if let Stdio::Terminal { size } = exec.stdio {
        plan.push(Terminal::new(size, exec.process.user().uid(), false)?);
    }
    plan.push(AwaitStart);
    let signals = Signals {
        block: false,
        // As with Docker, it outlives the command that started it.
        follow_parent: false,
        ignored: crate::sys::signal::ignored(),
    };
    // Those inside never have more capabilities than what is executed beside them.
    let can_mount = Sets::new(exec.process.capabilities().as_ref())
        .bounding
        .contains(CapabilitySet::SYS_ADMIN);
    let emulation = Emulation::of(exec.emulate, None, exec.process);
    process_steps(
        &mut plan,
        exec.process,
        emulation.as_ref(),
        exec.filter,
        signals,
        !can_mount,
    )?;

    let mut waiting =
        Channel::open(exec.stdio, Entry::Exec)?.spawn_through(helper, plan, 0, None)?;
    waiting.await_ready()?;
    super::cgroup::join(waiting.pid(), exec.target, exec.settings)?;
    limits.apply(waiting.pid())?;
    let supervision = match (emulation, mount_namespace) {
        (Some(emulation), Some(mounts)) => Some(Supervision {
            emulation,
            mounts,
            // As the process that it answers.
            follows_parent: false,
        }),
        _ => None,
    };
    waiting.start(supervision)
}

fn open_mount_namespace(pid: u32) -> Result<OwnedFd, Error> {
    let path = format!("/proc/{pid}/ns/mnt");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::empty()).map_err(|errno| Error::Step {
        step: format!("error opening {path}"),
        source: errno.into(),
    })
}

/// Sets the helper's own preference for the out-of-memory killer, which its child inherits.
#[derive(Debug)]
struct OomScore {
    value: String,
}

impl Step for OomScore {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, c"/proc/self/oom_score_adj", flags, Mode::empty())?;
        match rustix::io::write(&file, self.value.as_bytes()) {
            // Only root may lower it.
            Ok(_) | Err(rustix::io::Errno::ACCESS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn words(&self) -> String {
        format!("error writing {} to /proc/self/oom_score_adj", self.value)
    }
}

/// Joins the namespaces of a process.
#[derive(Debug)]
struct JoinProcess {
    pidfd: OwnedFd,
    /// The target's namespaces and ours, as files in `/proc`, to find out which differ.
    files: [(libc::c_int, CString, CString); KINDS.len()],
    pid: u32,
}

impl JoinProcess {
    fn new(pid: u32, pidfd: OwnedFd) -> Result<JoinProcess, Error> {
        let mut files = KINDS.map(|(flag, _)| (flag, CString::default(), CString::default()));
        for ((_, theirs, ours), (_, name)) in files.iter_mut().zip(KINDS) {
            *theirs = c_string(format!("/proc/{pid}/ns/{name}"))?;
            *ours = c_string(format!("/proc/self/ns/{name}"))?;
        }
        Ok(JoinProcess { pidfd, files, pid })
    }

    /// The kinds of which the target has one of its own. Joining one's own user namespace is refused, and joining the
    /// host's network takes a privilege.
    fn different(&self) -> io::Result<libc::c_int> {
        let mut flags = 0;
        for (flag, theirs, ours) in &self.files {
            let (theirs, ours) = (rustix::fs::stat(theirs)?, rustix::fs::stat(ours)?);
            if theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev {
                flags |= flag;
            }
        }
        Ok(flags)
    }
}

impl Step for JoinProcess {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        let all = KINDS.iter().fold(0, |flags, (flag, _)| flags | flag);
        match setns(self.pidfd.as_fd(), all) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) => {
                match self.different()? {
                    0 => Ok(()),
                    flags => setns(self.pidfd.as_fd(), flags),
                }
            }
            other => other,
        }
    }

    fn words(&self) -> String {
        format!("error joining the namespaces of process {}", self.pid)
    }
}

/// Opens the root directory that joining the mount namespace has brought.
#[derive(Debug)]
struct OpenRoot;

impl Step for OpenRoot {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        state.root = Some(rustix::fs::openat(CWD, c"/", flags, Mode::empty())?);
        Ok(())
    }

    fn words(&self) -> String {
        "error opening the container's root directory".to_owned()
    }
}
