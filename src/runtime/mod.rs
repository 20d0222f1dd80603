//! An OCI runtime: a runtime-spec in, a process out. It knows nothing of images or of the command line.
//!
//! The boundary is a `clone3(2)`. The parent half prepares everything that needs memory or words; the child half, between
//! `clone3` and `execve`, only makes system calls and reports step and errno over a pipe.
//!
//! ```text
//! container    a container's spec → its plan          exec         a process in a running container → its plan
//! parent       clone, id maps, sync, reaping          step, sync   plan and messages: what both halves share
//! namespaces rootfs mounts options devices masks console kernel process caps lookup   the steps, by subject
//! stub         what executes the program instead of this binary; stub_steps: its file and the ways to it
//! inside       paths below the root, by descriptor    limits       what the parent does to the child
//! cgroup       limits of the whole container          seccomp      filters
//! emulation    ownership for a user with one id
//! refuse       what the spec can say and is not done
//! ```

mod caps;
mod cgroup;
mod console;
mod container;
mod devices;
mod emulation;
mod exec;
mod inside;
mod kernel;
mod limits;
mod lookup;
mod masks;
mod mounts;
mod namespaces;
mod options;
mod parent;
mod process;
mod refuse;
mod rootfs;
pub mod seccomp;
mod step;
mod stub;
mod stub_steps;
mod sync;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Spec;

use crate::rootfs::Root;
use crate::settings::Settings;
use crate::userns::IdMap;

/// Where the container's three standard streams come from.
#[derive(Debug)]
pub enum Stdio {
    /// Three descriptors: pipes, `/dev/null`, never the user's terminal.
    Streams {
        /// Read end for the container.
        stdin: OwnedFd,
        /// Write end for the container.
        stdout: OwnedFd,
        /// Write end for the container.
        stderr: OwnedFd,
    },
    /// A pseudo-terminal made inside the container; its master comes back.
    Terminal {
        /// Rows and columns to start with.
        size: Option<(u16, u16)>,
    },
}

/// What is emulated of that which the kernel refuses in a user namespace. What comes of it is remembered in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulate<'a> {
    /// Nothing.
    Nothing,
    /// For a build, what can be part of a layer: device nodes, and with an id map of one id also owners and ids.
    Layer {
        /// Where files of the host are mounted, which remember nothing, and where others are in them: mount points of the
        /// user's own choice, and whether they are the host's.
        mounts: &'a [(PathBuf, bool)],
    },
    /// For a container whose one id is 0: owners and ids.
    Container {
        /// As for a build.
        mounts: &'a [(PathBuf, bool)],
    },
}

/// What to start.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The runtime-spec. `root.path` is ignored in favour of `root`; everything else is followed or refused by name.
    pub spec: &'a Spec,
    /// The container's directory, against which relative paths of the spec are resolved.
    pub bundle: &'a Path,
    /// The root filesystem.
    pub root: &'a Root,
    /// The ids of the new user namespace. `None`: no new user namespace (root with `--privileged`).
    pub id_map: Option<&'a IdMap>,
    /// The compiled seccomp filter; `None` for unconfined. `spec.linux.seccomp` is for other runtimes.
    pub filter: Option<&'a seccomp::Filter>,
    /// Streams or terminal.
    pub stdio: Stdio,
    /// What is emulated. The calling process has one thread where anything is.
    pub emulate: Emulate<'a>,
    /// Devices of the spec that the host has elsewhere: path inside, path on the host.
    pub device_sources: &'a [(PathBuf, PathBuf)],
    /// Sysctls of the spec that are done without where the container cannot have a `/proc` of its own.
    pub dispensable_sysctls: &'a [&'a str],
    /// Run a small reaper as process 1 (`--init`).
    pub init: bool,
    /// A namespace of another container to join in place of a new one: (`net`, descriptor), …
    pub join: Vec<(oci_spec::runtime::LinuxNamespaceType, OwnedFd)>,
    /// Helper programs, user names.
    pub settings: &'a Settings,
}

/// A started process.
#[derive(Debug)]
pub struct Running {
    /// As this namespace sees it.
    pub pid: u32,
    /// Becomes readable when the process ends.
    pub pidfd: OwnedFd,
    /// The master of its terminal.
    pub terminal: Option<OwnedFd>,
    /// The mount namespace of a new container, where it can be had. As long as it is open, the end of the process does
    /// not wait for the kernel to unmount everything, which takes milliseconds: hold it until the end has been told to
    /// whoever waits for it.
    pub mount_namespace: Option<OwnedFd>,
    /// Its cgroup, if it has one of its own: removed when this is dropped, so that the process has to have ended by then.
    pub group: Option<Group>,
    /// What answers the process's calls, with [`Launch::emulate`]. Poll it, as [`Supervisor::fd`] says, until the process has
    /// ended, and ask [`Supervisor::finish`] then; or [leave](Supervisor::leave) it, if it was started by [`exec()`].
    pub supervisor: Option<Supervisor>,
}

/// A process to start in a running container.
#[derive(Debug)]
pub struct Exec<'a> {
    /// Pid of the container's process 1.
    pub target: u32,
    /// Its pidfd.
    pub target_pidfd: OwnedFd,
    /// What to run, with user, capabilities, cwd, env, rlimits.
    pub process: &'a oci_spec::runtime::Process,
    /// As for the container's first process.
    pub filter: Option<&'a seccomp::Filter>,
    /// Streams or terminal.
    pub stdio: Stdio,
    /// What is emulated. The calling process has one thread where anything is.
    pub emulate: Emulate<'a>,
    /// Where the service manager listens.
    pub settings: &'a Settings,
}

/// Why a container or a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step of the child half failed.
    #[error("{step}")]
    Step {
        /// What was attempted on what.
        step: String,
        /// The errno.
        #[source]
        source: std::io::Error,
    },
    /// The command does not exist: exit code 127.
    #[error("exec: {0:?}: executable file not found in $PATH")]
    CommandNotFound(String),
    /// The path does not exist: exit code 127.
    #[error("exec: {command:?}: stat {command:?}")]
    CommandMissing {
        /// As typed, with a slash in it.
        command: String,
        /// `ENOENT` or `ENOTDIR`.
        #[source]
        source: std::io::Error,
    },
    /// The command exists and cannot be executed: exit code 126.
    #[error("exec: {command:?}")]
    CommandNotExecutable {
        /// As typed.
        command: String,
        /// `EACCES`, `ENOEXEC`, `EISDIR`, …
        #[source]
        source: std::io::Error,
    },
    /// Something the spec asks for that this runtime does not do.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The limits of the container as a whole.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// The id maps.
    #[error(transparent)]
    Userns(#[from] crate::userns::Error),
}

impl Error {
    /// Docker's exit code for `run` and `exec`: 127 for a command that is not there, 126 for one that cannot be executed,
    /// 125 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::CommandNotFound(_) | Error::CommandMissing { .. } => 127,
            Error::CommandNotExecutable { .. } => 126,
            Error::Step { .. } | Error::Unsupported(_) | Error::Cgroup(_) | Error::Userns(_) => 125,
        }
    }
}

pub use cgroup::{Available, Error as CgroupError, Group, available, remove_left_over, sweep};
pub use emulation::Supervisor;
pub use exec::exec;
pub use parent::{Created, create};
