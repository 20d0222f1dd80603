//! An OCI runtime: a runtime-spec in, a process out. It knows nothing of images or of the command line.
//!
//! The boundary is a `clone3(2)`. The parent half prepares everything that needs memory or words; the child half, between
//! `clone3` and `execve`, only makes system calls and reports step and errno over a pipe.

pub mod seccomp;

use std::os::fd::OwnedFd;
use std::path::Path;

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
    /// Run a small reaper as process 1 (`--init`).
    pub init: bool,
    /// A namespace of another container to join in place of a new one: (`net`, descriptor), …
    pub join: Vec<(oci_spec::runtime::LinuxNamespaceType, OwnedFd)>,
    /// Helper programs, user names.
    pub settings: &'a Settings,
}

/// A container whose namespaces, mounts and limits are ready and whose process waits to be started.
#[derive(Debug)]
pub struct Created {
    // runtime helper: child, sync socket, pty master
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
    /// The id maps.
    #[error(transparent)]
    Userns(#[from] crate::userns::Error),
}

/// Makes a container up to the point where its process would be executed.
///
/// # Errors
///
/// All of [`Error`] but those of the command itself. Nothing is left behind.
pub fn create(launch: Launch<'_>) -> Result<Created, Error> {
    let _ = launch;
    todo!("runtime")
}

impl Created {
    /// Pid of the container's process 1, as this namespace sees it. Its `/proc/PID/ns/net` is what a network joins.
    pub fn pid(&self) -> u32 {
        todo!("runtime")
    }

    /// Lets the process go, and returns when its `execve` has succeeded or failed.
    ///
    /// # Errors
    ///
    /// [`Error::CommandNotFound`], [`Error::CommandNotExecutable`], [`Error::Step`].
    pub fn start(self) -> Result<Running, Error> {
        todo!("runtime")
    }
}

/// Starts a further process in a running container.
///
/// # Errors
///
/// As for [`Created::start`].
pub fn exec(exec: Exec<'_>) -> Result<Running, Error> {
    let _ = exec;
    todo!("runtime")
}
