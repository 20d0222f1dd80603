//! A later process joins the cgroups of the container, so that whatever holds for the container holds for it.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::error::Error;
use super::place::{Hierarchies, Membership};
use super::scope;
use crate::settings::Settings;

/// Where cgroup hierarchies are mounted, by convention of `cgroups(7)`; where that turns out to be wrong, it is looked up.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// The file of a cgroup that takes processes.
const PROCESSES: &str = "cgroup.procs";

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
        let mut path = cgroup.directory.join(PROCESSES);
        let mut written = std::fs::write(&path, pid.to_string());
        if matches!(&written, Err(error) if error.kind() == ErrorKind::NotFound)
            && let Some(elsewhere) = Hierarchies::find().ok().and_then(|all| cgroup.find(&all))
        {
            path = elsewhere.join(PROCESSES);
            written = std::fs::write(&path, pid.to_string());
        }
        let Err(error) = written else { continue };
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
    /// Those of the hierarchy, as in `/proc/PID/cgroup`; none for version 2.
    controllers: String,
    path: String,
    /// Where it is by convention.
    directory: PathBuf,
}

impl Cgroup {
    /// Returns where it really is; `None` where it cannot be seen.
    fn find(&self, mounted: &Hierarchies) -> Option<PathBuf> {
        let hierarchy = match self.controllers.split(',').next()? {
            "" => mounted.unified.as_ref(),
            first => mounted.legacy_of(first),
        };
        hierarchy?.dir(&self.path)
    }

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
                controllers: controllers.to_owned(),
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
    fn mounted_elsewhere() {
        let theirs =
            "4:memory:/docker/1/ctr-a\n3:cpu,cpuacct:/ctr-a\n2:pids:/ctr-a\n0::/docker/1/x\n";
        let mounts = "40 1 0:20 /docker/1 /mnt/memory rw - cgroup cgroup rw,memory\n\
                      41 1 0:21 / /mnt/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                      42 1 0:22 /docker/1 /cg rw - cgroup2 cgroup2 rw\n";
        let ours = "4:memory:/\n3:cpu,cpuacct:/\n2:pids:/\n0::/\n";
        let mounted = Hierarchies::parse(ours, mounts);
        let found: Vec<_> = (differing(theirs, ours).iter())
            .map(|cgroup| cgroup.find(&mounted))
            .collect();
        assert_eq!(
            found,
            [
                Some(PathBuf::from("/mnt/memory/ctr-a")),
                Some(PathBuf::from("/mnt/cpu/ctr-a")),
                None,
                Some(PathBuf::from("/cg/x")),
            ]
        );
    }

    #[test]
    fn only_a_container_s_own_cgroup_has_to_be_joined() {
        let made = |path| differing(&format!("0::{path}\n"), "0::/\n")[0].is_made_for_it();
        assert!(made("/ctr/ctr-1"));
        assert!(made("/user.slice/ctr-1.scope/container"));
        assert!(!made("/user.slice/session-1.scope"));
    }
}
