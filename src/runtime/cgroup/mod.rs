//! The cgroup of a container that has limits: made, filled, watched, removed. A container without limits has none of its own,
//! and costs nothing here.
//!
//! ```text
//! place              where the hierarchies are mounted, and where this process stands
//! unified, legacy    linux.resources → files of version 2, of version 1
//! wish               what a container asks for, in the words of the version there is
//! group, sweep       directories: made with their limits; removed, and told apart from left-overs
//! scope              a transient unit of systemd's, whose cgroup is delegated to us
//! bus, marshal       the D-Bus that takes
//! join               a later process
//! available          what `info` says
//! controllers, files the names, and what is written
//! ```
//!
//! Version 2 is what counts; the process is born in its cgroup (`CLONE_INTO_CGROUP`). Where a service manager listens, it is
//! asked for a scope, into which it moves the process that makes the container (a monitor, or the process of a build's stage)
//! and which ends with it, however it ends:
//!
//! ```text
//! user.slice/ctr-ID.scope/supervisor    the monitor: a cgroup that hands on controllers has no processes of its own
//!                        /container     the container, with its limits
//! ```
//!
//! Where there is none, the cgroup is a directory `ctr/ctr-ID` at the top (root), or beside the cgroup of the caller, if that
//! is delegated to them. Its maker holds a `flock(2)` on it: one that nobody holds is a left-over, which the next who looks
//! there removes. With version 1 it is such a directory below the caller's own in each hierarchy that is needed; the maker
//! goes there for the moment in which the container's process is born.
//!
//! Spec: runtime-spec, config-linux.md, "Cgroups Path" and "Control groups"; `cgroups(7)`; systemd, "Control Group APIs and
//! Delegation".

mod available;
mod bus;
mod controllers;
mod error;
mod files;
mod group;
mod join;
mod legacy;
mod marshal;
mod place;
mod scope;
mod sweep;
mod unified;
mod wish;

use oci_spec::runtime::{Linux, LinuxResources};

pub use available::{Available, available};
pub use error::Error;
pub use group::Group;
pub(super) use join::join;
use place::Hierarchies;
pub use sweep::{remove_left_over, sweep};
use wish::{Wanted, Wish};

use crate::settings::Settings;

/// Makes the cgroup that `linux` asks for; `None` where it asks for none. May move the calling process, see the module.
///
/// # Errors
///
/// All of [`Error`]. Nothing is left behind.
pub(super) fn create(linux: &Linux, settings: &Settings) -> Result<Option<Group>, Error> {
    let mut limits = linux.resources().clone().unwrap_or_default();
    // What every spec carries. The user namespace keeps the container from making devices.
    limits.set_devices(None);
    let has_limits = limits != LinuxResources::default();
    let wanted = match linux.cgroups_path() {
        Some(path) => Wanted::parse(path)?,
        None if has_limits => Wanted::Name("ctr"),
        None => return Ok(None),
    };
    let places = Hierarchies::find()?;
    let wish = Wish::new(Some(&limits), &places)?;
    if let Some(missing) = (wish.needed.iter())
        .find(|name| places.unified.is_none() && places.legacy_of(name).is_none())
    {
        return Err(Error::Unmounted {
            attempt: wish.attempt(),
            controller: missing.clone(),
        });
    }
    if wish.legacy {
        return group::legacy(&wanted, &wish, &places).map(Some);
    }
    let Some(unified) = &places.unified else {
        // Not legacy with nothing needed means that there is one; with something needed, see above.
        return Ok(None);
    };
    group::unified(&wanted, &wish, unified, settings).map(Some)
}
