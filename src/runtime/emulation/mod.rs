//! Builds and containers of a user with one id: what the kernel refuses there is emulated, and remembered in the files.
//!
//! In a user namespace with one id every file and every process is that one user's. `chown`, `setuid`, `setgroups` and
//! `mknod` to anything else fail, and with them `apt-get`, `apk`, `useradd` and `tar`. A process started with emulation
//! is under a seccomp filter that hands these calls, and those that show their results, to a **supervisor**: a process
//! beside the container's, in its user and mount namespaces, with its root directory and no more power than its root has.
//!
//! ```text
//! filter       which calls                                    target       the calling process: memory, files, umask
//! supervisor   the process: its start, its loop, its end      call         a call's number → what it is
//! identity     who a process believes to be                   place        what a path leads to
//! files        owners, stat, setuid programs                  creation     what is made, and whose it is
//! host         where nothing is remembered                    processes    whose `/proc/PID` is
//! ```
//!
//! What is emulated, and where it is remembered:
//!
//! - **Owners** and **device nodes**, in the inode ([`crate::image::layer::memory`]): the layer is written with them. What
//!   remembers nothing is root's. A device node is an empty file to those who open it. The attributes that hold this are not
//!   listed to anybody inside.
//! - **Identities**, by a mark on the process that it hands on to its children ([`identity`]). What a process makes that is
//!   not root remembers its owner. Permissions stay those of the process's true user, whom all files belong to; and to whom
//!   was root, its capabilities stay. In a container, who starts as somebody else has none.
//!
//! Whatever the supervisor cannot do, it leaves to the kernel: a call is never worse off than without it. Without the
//! supervisor, killed by whoever is powerful enough, every call of these fails with `ENOSYS`: whoever started the first
//! process of a container ends it then. Each later process (`exec`) has a supervisor of its own, which ends with the last
//! process that it answers, and so with the container at the latest.
//!
//! The other end of a call can change everything meanwhile: its memory, its descriptors, its directory. So every argument is
//! read once, every file is opened once and used by descriptor; whether the caller was still there while this happened is
//! asked before anything is changed. Files are opened from within the container's root directory, where no path leads out.
//!
//! Where a user namespace has all ids it needs, for root and for users with subordinate ids, device nodes are all that the
//! kernel refuses. There the supervisor gets nothing but the calls that make one ([`Scope::Devices`]).
//!
//! Not emulated: `struct stat` of 32-bit programs, what `/proc/PID/status` and `capget` say, `SO_PEERCRED`, access control
//! lists that name other ids (`EINVAL`). A program that loads a filter with a supervisor of its own gets `EBUSY`: there can be
//! one.

mod call;
mod creation;
mod files;
mod filter;
mod host;
mod identity;
mod place;
mod processes;
mod supervisor;
mod target;

use std::path::PathBuf;
use std::sync::OnceLock;

use oci_spec::runtime::Process;

use self::identity::Identity;
use super::Emulate;
use super::seccomp::Filter;
use crate::userns::{IdMap, Tier};

pub use supervisor::Supervisor;

/// What a process with emulation needs.
#[derive(Debug)]
pub(super) struct Emulation {
    /// What is emulated.
    scope: Scope,
    /// Who the first process believes to be.
    first: Identity,
    /// Mount points, and whether they are the host's.
    mounts: Vec<(PathBuf, bool)>,
    /// The power of root is the supervisor's alone, unless the first process is root.
    confined: bool,
}

/// What of a privileged build the kernel refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All that there is for more than one id.
    Everything,
    /// Device nodes: a user namespace makes none.
    Devices,
}

impl Emulation {
    /// Returns what `process` needs in a user namespace with `id_map`; `None` where nothing is emulated.
    pub(super) fn of(
        emulate: Emulate<'_>,
        id_map: Option<&IdMap>,
        process: &Process,
    ) -> Option<Emulation> {
        let (scope, mounts) = match (emulate, id_map) {
            (Emulate::Nothing, _) | (Emulate::Layer { .. }, None) => return None,
            (Emulate::Layer { mounts }, Some(map)) if map.tier == Tier::Single => {
                (Scope::Everything, mounts)
            }
            // Owners are true ones, wherever they are.
            (Emulate::Layer { .. }, Some(_)) => (Scope::Devices, &[][..]),
            (Emulate::Container { mounts }, _) => (Scope::Everything, mounts),
        };
        let is_container = matches!(emulate, Emulate::Container { .. });
        let user = process.user();
        Some(Emulation {
            scope,
            first: Identity::new(
                user.uid(),
                user.gid(),
                user.additional_gids().clone().unwrap_or_default(),
            ),
            mounts: mounts.to_vec(),
            confined: is_container && user.uid() != 0,
        })
    }

    /// Returns the filter of the container's processes.
    pub(super) fn filter(&self) -> Filter {
        // Step after step of a build has the same.
        static EVERYTHING: OnceLock<Filter> = OnceLock::new();
        static DEVICES: OnceLock<Filter> = OnceLock::new();
        let known = match self.scope {
            Scope::Everything => &EVERYTHING,
            Scope::Devices => &DEVICES,
        };
        known.get_or_init(|| filter::filter(self.scope)).clone()
    }

    /// Whether the kernel shall not take the process for root, as whom it sees it.
    pub(super) fn confined(&self) -> bool {
        self.confined
    }

    /// Returns the process as the kernel sees it.
    pub(super) fn seen(&self, process: &Process) -> Process {
        let mut root = process.clone();
        if self.scope == Scope::Devices {
            return root;
        }
        let mut user = process.user().clone();
        user.set_uid(0).set_gid(0).set_additional_gids(None);
        root.set_user(user);
        root
    }
}
