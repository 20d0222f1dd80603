//! A privileged build for a user with one id: what the kernel refuses there is emulated, and remembered in the files.
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
//! ```
//!
//! What is emulated, and where it is remembered:
//!
//! - **Owners** and **device nodes**, in the inode ([`crate::image::layer::memory`]): the layer is written with them. What
//!   remembers nothing is root's. A device node is an empty file to those who open it. The attributes that hold this are not
//!   listed to anybody inside.
//! - **Identities**, by a mark on the process that it hands on to its children ([`identity`]). What a process makes that is
//!   not root remembers its owner. Permissions stay those of root: an emulated user may do everything.
//!
//! Whatever the supervisor cannot do, it leaves to the kernel: a call is never worse off than without it. Without the
//! supervisor, killed by whoever is powerful enough, every call of these fails with `ENOSYS`.
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
mod identity;
mod place;
mod supervisor;
mod target;

use oci_spec::runtime::Process;

use self::identity::Identity;
use super::seccomp::Filter;
use super::{Error, Launch};
use crate::userns::{Extent, IdMap, Tier};

pub use supervisor::Supervisor;

/// What a container with emulation needs.
#[derive(Debug)]
pub(super) struct Emulation {
    /// What is emulated.
    scope: Scope,
    /// Instead of the launch's: the one id is 0 inside, whoever the process believes to be.
    pub(super) id_map: Option<IdMap>,
    /// Who the container's first process believes to be.
    first: Identity,
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
    /// Returns what is needed for the launch; `None` outside of user namespaces, where nothing is refused.
    pub(super) fn of(launch: &Launch<'_>) -> Result<Option<Emulation>, Error> {
        let map = match launch.id_map {
            Some(map) if launch.emulate => map,
            _ => return Ok(None),
        };
        let scope = match map.tier {
            Tier::Single => Scope::Everything,
            _ => Scope::Devices,
        };
        let from_zero = |extents: &[Extent]| {
            let first = extents.iter().take(1);
            first
                .map(|extent| Extent {
                    container_id: 0,
                    size: 1,
                    ..*extent
                })
                .collect()
        };
        let user = super::process::of(launch.spec)?.user();
        Ok(Some(Emulation {
            scope,
            id_map: (scope == Scope::Everything).then(|| IdMap {
                tier: Tier::Single,
                uids: from_zero(&map.uids),
                gids: from_zero(&map.gids),
            }),
            first: Identity::new(
                user.uid(),
                user.gid(),
                user.additional_gids().clone().unwrap_or_default(),
            ),
        }))
    }

    /// Returns the filter of the container's processes.
    pub(super) fn filter(&self) -> Filter {
        filter::filter(self.scope)
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
