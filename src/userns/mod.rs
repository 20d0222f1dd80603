//! The user's id map: found, written, entered.
//!
//! Three ways, found by trying and never by a flag:
//!
//! 1. **Identity** – the process already holds `CAP_SETUID` over its ids (root, or root of a namespace it runs in): every
//!    id it has maps to itself.
//! 2. **Subordinate** – ranges in `/etc/subuid` and `/etc/subgid`, written by `newuidmap` and `newgidmap`: container id 0
//!    is the user, 1… are the ranges.
//! 3. **Single** – neither: one id of the container is the user, everything else does not exist.
//!
//! See `user_namespaces(7)`, `newuidmap(1)`, `subuid(5)`.

use std::os::fd::BorrowedFd;

use crate::settings::Settings;

/// One line of `/proc/PID/uid_map`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First id inside.
    pub container_id: u32,
    /// First id outside, as the process that writes the map sees it.
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// Which of the three ways was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Root: ids map to themselves.
    Identity,
    /// A user with ranges in `/etc/subuid` and `/etc/subgid`.
    Subordinate,
    /// A user without: one id.
    Single,
}

/// The user's id map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMap {
    /// How it was found.
    pub tier: Tier,
    /// User ids.
    pub uids: Vec<Extent>,
    /// Group ids.
    pub gids: Vec<Extent>,
}

/// Why no map could be found, written or entered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refuses user namespaces.
    #[error("cannot create a user namespace")]
    Unshare(#[source] std::io::Error),
    /// `newuidmap` or `newgidmap` failed; its words.
    #[error("cannot map {what}: {command}: {stderr}")]
    Helper {
        /// `user IDs` or `group IDs`.
        what: &'static str,
        /// The command line.
        command: String,
        /// What it printed.
        stderr: String,
    },
    /// Writing a map directly failed.
    #[error("cannot write {path}")]
    Write {
        /// The file in `/proc`.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl IdMap {
    /// Finds the best map this user can have. Reads files only; whether the kernel allows namespaces shows later.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] (as the failed read) where `/proc` is not readable.
    pub fn detect(settings: &Settings) -> Result<IdMap, Error> {
        let _ = settings;
        todo!("userns")
    }

    /// Returns the one-id map that shows the user as `uid` and `gid` inside.
    pub fn single(settings: &Settings, uid: u32, gid: u32) -> IdMap {
        let extent = |container_id, host_id| {
            vec![Extent {
                container_id,
                host_id,
                size: 1,
            }]
        };
        IdMap {
            tier: Tier::Single,
            uids: extent(uid, settings.uid),
            gids: extent(gid, settings.gid),
        }
    }

    /// Returns the highest id + 1 of the contiguous range from 0: what a layer's owners are clamped to.
    pub fn id_limit(extents: &[Extent]) -> u64 {
        let _ = extents;
        todo!("userns")
    }
}

/// Writes the maps of process `pid`, which has just made its user namespace. Helpers run side by side.
///
/// # Errors
///
/// [`Error::Helper`], [`Error::Write`].
pub fn write_maps(pid: u32, map: &IdMap, settings: &Settings) -> Result<(), Error> {
    let _ = (pid, map, settings);
    todo!("userns")
}

/// Moves the calling process, which must have one thread, into a new user and mount namespace with `map` and makes it
/// root there. For commands that touch layer contents (pull, import, prune, …). Does nothing for [`Tier::Identity`].
///
/// # Errors
///
/// All of [`Error`].
pub fn enter(map: &IdMap, settings: &Settings) -> Result<(), Error> {
    let _ = (map, settings);
    todo!("userns")
}

/// Runs `work` in a forked child that has joined `userns` as its root; returns the child's exit code. For removing what
/// a container's ids own after it has ended, without paying for a new map.
///
/// # Errors
///
/// [`Error::Unshare`] where joining or forking fails.
pub fn run_joined(userns: BorrowedFd<'_>, work: impl FnOnce() -> u8) -> Result<u8, Error> {
    let _ = (userns, work);
    todo!("userns")
}
