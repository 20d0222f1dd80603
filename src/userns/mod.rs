//! The user's id map: found, written, entered.
//!
//! Three ways, found by trying and never by a flag:
//!
//! 1. **Identity** – the process already holds `CAP_SETUID` over its ids (root, or root of a namespace it runs in): every
//!    id it has maps to itself.
//! 2. **Subordinate** – ranges in `/etc/subuid` and `/etc/subgid`, written by `newuidmap` and `newgidmap`: container id 0
//!    is the user, 1… are the ranges.
//! 3. **Single** – neither: one id of the container is the user, everything else does not exist. So it is for root of a
//!    namespace that has but one id.
//!
//! Subordinate ranges need both files and both helpers; where one is missing the user has the one-id map.
//!
//! See `user_namespaces(7)`, `newuidmap(1)`, `subuid(5)`.

mod enter;
mod maps;
mod subid;

use std::path::Path;

use rustix::thread::CapabilitySet;

use crate::settings::{Settings, find_program};

pub use enter::{enter, run_joined};
pub use maps::{MapWriter, start_maps, write_maps};

/// Extents the kernel takes in one map (`UID_GID_MAP_MAX_EXTENTS`).
const MAX_EXTENTS: usize = 340;

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
    /// There is no `/proc` that says which ids there are.
    #[error("cannot read {path}")]
    Read {
        /// The file in `/proc`.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
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
    /// [`Error::Read`] where there is no `/proc`.
    pub fn detect(settings: &Settings) -> Result<IdMap, Error> {
        if holds_ids(settings) {
            let uids = identity("/proc/self/uid_map")?;
            let gids = identity("/proc/self/gid_map")?;
            if has_one_id(&uids) && has_one_id(&gids) {
                // Root of a container of a user with one id: what that user goes without is missing here, too.
                return Ok(IdMap::single(settings, 0, 0));
            }
            return Ok(IdMap {
                tier: Tier::Identity,
                uids,
                gids,
            });
        }
        let ranges = |file| subid::ranges(Path::new(file), &settings.user_name, settings.uid);
        let (uids, gids) = (ranges("/etc/subuid"), ranges("/etc/subgid"));
        if uids.is_empty()
            || gids.is_empty()
            || find_program("newuidmap", &settings.path).is_none()
            || find_program("newgidmap", &settings.path).is_none()
        {
            return Ok(IdMap::single(settings, 0, 0));
        }
        Ok(IdMap {
            tier: Tier::Subordinate,
            uids: stack(settings.uid, &uids),
            gids: stack(settings.gid, &gids),
        })
    }

    /// Returns whether this process, which the map was made for, has these ids anyway: no namespace has to be entered for them.
    pub fn is_own(&self) -> bool {
        let is_root = |extents: &[Extent]| {
            matches!(
                extents,
                [Extent {
                    container_id: 0,
                    host_id: 0,
                    size: 1
                }]
            )
        };
        match self.tier {
            Tier::Identity => true,
            Tier::Subordinate => false,
            Tier::Single => is_root(&self.uids) && is_root(&self.gids),
        }
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
        let mut sorted: Vec<&Extent> = extents.iter().collect();
        sorted.sort_unstable_by_key(|extent| extent.container_id);
        let mut limit = 0;
        for extent in sorted {
            if u64::from(extent.container_id) > limit {
                break;
            }
            limit = limit.max(u64::from(extent.container_id) + u64::from(extent.size));
        }
        limit
    }

    /// Returns whether `id` exists inside a namespace with these extents.
    pub fn maps(extents: &[Extent], id: u32) -> bool {
        extents
            .iter()
            .any(|extent| id >= extent.container_id && id - extent.container_id < extent.size)
    }

    /// Returns whether the host's `id` is one of those that exist inside.
    pub fn maps_host(extents: &[Extent], id: u32) -> bool {
        extents
            .iter()
            .any(|extent| id >= extent.host_id && id - extent.host_id < extent.size)
    }
}

/// Whether the process is root with power over its ids, so that it may map all of them.
fn holds_ids(settings: &Settings) -> bool {
    settings.uid == 0
        && rustix::thread::capabilities(None).is_ok_and(|sets| {
            sets.effective
                .contains(CapabilitySet::SETUID | CapabilitySet::SETGID)
        })
}

/// The ids that exist in this process's own namespace, each mapped to itself.
fn identity(path: &str) -> Result<Vec<Extent>, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let inside = fields.next()?.parse().ok()?;
            let size = fields.nth(1)?.parse().ok()?;
            Some(Extent {
                container_id: inside,
                host_id: inside,
                size,
            })
        })
        .collect())
}

fn has_one_id(extents: &[Extent]) -> bool {
    matches!(extents, [Extent { size: 1, .. }])
}

/// Lays `ranges` above id 0, which is `own`.
fn stack(own: u32, ranges: &[subid::Range]) -> Vec<Extent> {
    let mut extents = vec![Extent {
        container_id: 0,
        host_id: own,
        size: 1,
    }];
    let mut next: u32 = 1;
    for range in ranges.iter().take(MAX_EXTENTS - 1) {
        // The last id, 2^32-1, means "none" to the kernel and cannot be mapped.
        let size = range.size.min(u32::MAX - next);
        if size == 0 {
            break;
        }
        extents.push(Extent {
            container_id: next,
            host_id: range.first,
            size,
        });
        next += size;
    }
    extents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(container_id: u32, host_id: u32, size: u32) -> Extent {
        Extent {
            container_id,
            host_id,
            size,
        }
    }

    #[test]
    fn one_id_is_one_id() {
        let map = |inside, outside| IdMap {
            tier: Tier::Single,
            uids: vec![extent(inside, outside, 1)],
            gids: vec![extent(inside, outside, 1)],
        };
        assert!(map(0, 0).is_own());
        assert!(!map(0, 1000).is_own());
        // The ids of the user who starts a container: root inside has more to say there than she outside.
        assert!(!map(1000, 1000).is_own());
        assert!(has_one_id(&[extent(0, 0, 1)]));
        assert!(!has_one_id(&[extent(0, 0, 2)]));
        assert!(!has_one_id(&[extent(0, 1000, 1), extent(1, 100_000, 1)]));
    }

    #[test]
    fn ranges_are_stacked_above_the_user() {
        let ranges = [
            subid::Range {
                first: 100_000,
                size: 65_536,
            },
            subid::Range {
                first: 300_000,
                size: 10,
            },
        ];
        assert_eq!(
            stack(1000, &ranges),
            [
                extent(0, 1000, 1),
                extent(1, 100_000, 65_536),
                extent(65_537, 300_000, 10),
            ]
        );
    }

    #[test]
    fn a_range_does_not_reach_the_id_that_means_none() {
        let ranges = [subid::Range {
            first: 1,
            size: u32::MAX,
        }];
        let extents = stack(0, &ranges);
        assert_eq!(IdMap::id_limit(&extents), u64::from(u32::MAX));
    }

    #[test]
    fn limit_ends_at_the_first_gap() {
        assert_eq!(IdMap::id_limit(&[]), 0);
        assert_eq!(IdMap::id_limit(&[extent(5, 5, 1)]), 0);
        assert_eq!(
            IdMap::id_limit(&[extent(1, 100, 10), extent(0, 7, 1), extent(20, 0, 5)]),
            11
        );
        assert_eq!(
            IdMap::id_limit(&[extent(0, 0, u32::MAX)]),
            u64::from(u32::MAX)
        );
    }

    #[test]
    fn mapped_ids_are_those_inside_an_extent() {
        let extents = [extent(0, 1000, 1), extent(10, 100, 5)];
        for (id, mapped) in [(0, true), (1, false), (10, true), (14, true), (15, false)] {
            assert_eq!(IdMap::maps(&extents, id), mapped, "{id}");
        }
    }
}
