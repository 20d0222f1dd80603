//! A later process joins the cgroups of the container, so that whatever holds for the container holds for it.

use std::path::PathBuf;

use super::error::Error;
use super::place::Membership;
use super::scope;
use crate::settings::Settings;

/// Where cgroup hierarchies are mounted, by convention of `cgroups(7)`.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// Moves `pid` into the cgroups of `target`.
///
/// Where this user may not move processes between cgroups, and the container has none of its own, it stays in the caller's:
/// no limits of the container are missed.
///
/// # Errors
///
/// [`Error::Io`] where it cannot join a cgroup that was made for the container.
pub(in crate::runtime) fn join(pid: u32, target: u32, settings: &Settings) -> Result<(), Error> {
    let read = |process: &str| std::fs::read_to_string(format!("/proc/{process}/cgroup"));
    let (Ok(theirs), Ok(ours)) = (read(&target.to_string()), read("self")) else {
        return Ok(());
    };
    for cgroup in differing(&theirs, &ours) {
        let path = cgroup.directory.join("cgroup.procs");
        let Err(error) = std::fs::write(&path, pid.to_string()) else {
            continue;
        };
        let failed = Error::io("write to", path);
        match scope::attach(pid, &cgroup.path, settings) {
            Some(attached) => attached.map_err(scope::as_io).map_err(failed)?,
            None if cgroup.is_made_for_it() => return Err(failed(error)),
            None => {}
        }
    }
    Ok(())
}

/// A cgroup, as its path in the hierarchy and as a directory.
#[derive(Debug, PartialEq, Eq)]
struct Cgroup {
    path: String,
    directory: PathBuf,
}

impl Cgroup {
    fn is_made_for_it(&self) -> bool {
        self.path.split('/').any(|name| name.starts_with("ctr-"))
    }
}

/// The cgroups of `theirs` that are not in `ours`. Both are files `/proc/PID/cgroup`.
fn differing(theirs: &str, ours: &str) -> Vec<Cgroup> {
    let unified_beside_v1 = theirs.lines().any(|line| !line.starts_with("0::"));
    theirs
        .lines()
        .filter(|line| !ours.lines().any(|own| own == *line))
        .filter_map(|line| {
            let Membership { controllers, path } = Membership::parse(line)?;
            let hierarchy = match controllers {
                "" if unified_beside_v1 => "unified",
                controllers => controllers.strip_prefix("name=").unwrap_or(controllers),
            };
            let inside = path.strip_prefix('/')?;
            // A cgroup outside the caller's cgroup namespace has no path here.
            let is_seen = !inside.split('/').any(|name| name == "..");
            is_seen.then(|| Cgroup {
                path: path.to_owned(),
                directory: PathBuf::from(MOUNT_POINT).join(hierarchy).join(inside),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(theirs: &str, ours: &str) -> Vec<PathBuf> {
        let cgroups = differing(theirs, ours).into_iter();
        cgroups.map(|cgroup| cgroup.directory).collect()
    }

    #[test]
    fn only_what_differs_is_joined() {
        let theirs = "5:pids:/a\n4:name=systemd:/x\n3:cpu:/same\n0::/b/c\n";
        let ours = "5:pids:/\n4:name=systemd:/y\n3:cpu:/same\n0::/\n";
        assert_eq!(
            directories(theirs, ours),
            [
                PathBuf::from("/sys/fs/cgroup/pids/a"),
                PathBuf::from("/sys/fs/cgroup/systemd/x"),
                PathBuf::from("/sys/fs/cgroup/unified/b/c"),
            ]
        );
    }

    #[test]
    fn a_unified_host_and_a_cgroup_out_of_sight() {
        assert_eq!(
            directories("0::/user.slice/c\n", "0::/\n"),
            [PathBuf::from("/sys/fs/cgroup/user.slice/c")]
        );
        assert!(differing("0::/../other\n", "0::/\n").is_empty());
        assert!(differing("0::/same\n", "0::/same\n").is_empty());
    }

    #[test]
    fn only_a_container_s_own_cgroup_has_to_be_joined() {
        let made = |path| differing(&format!("0::{path}\n"), "0::/\n")[0].is_made_for_it();
        assert!(made("/ctr/ctr-1"));
        assert!(made("/user.slice/ctr-1.scope/container"));
        assert!(!made("/user.slice/session-1.scope"));
    }
}
