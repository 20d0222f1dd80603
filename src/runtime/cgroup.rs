//! A later process joins the cgroups of the container, so that whatever holds for the container holds for it.
//!
//! Where this user may not move processes between cgroups, it stays in the caller's: containers have no limits of their
//! own yet, see `refuse`.

use std::path::PathBuf;

/// Where cgroup hierarchies are mounted, by convention of `cgroups(7)`.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// Moves `pid` into the cgroups of `target`, as far as this is allowed.
pub(super) fn join(pid: u32, target: u32) {
    let read = |process: &str| std::fs::read_to_string(format!("/proc/{process}/cgroup"));
    let (Ok(theirs), Ok(ours)) = (read(&target.to_string()), read("self")) else {
        return;
    };
    for directory in differing(&theirs, &ours) {
        // Not allowed, or not mounted where it usually is: the limits of the caller's cgroup hold instead.
        let _ = std::fs::write(directory.join("cgroup.procs"), pid.to_string());
    }
}

/// The directories of the cgroups of `theirs` that are not in `ours`. Both are files `/proc/PID/cgroup`.
fn differing(theirs: &str, ours: &str) -> Vec<PathBuf> {
    let unified_beside_v1 = theirs.lines().any(|line| !line.starts_with("0::"));
    theirs
        .lines()
        .filter(|line| !ours.lines().any(|own| own == *line))
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let hierarchy = match controllers {
                "" if unified_beside_v1 => "unified",
                controllers => controllers.strip_prefix("name=").unwrap_or(controllers),
            };
            let path = path.strip_prefix('/')?;
            // A cgroup outside the caller's cgroup namespace has no path here.
            let inside = !path.split('/').any(|name| name == "..");
            inside.then(|| PathBuf::from(MOUNT_POINT).join(hierarchy).join(path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_joined() {
        let theirs = "5:pids:/a\n4:name=systemd:/x\n3:cpu:/same\n0::/b/c\n";
        let ours = "5:pids:/\n4:name=systemd:/y\n3:cpu:/same\n0::/\n";
        assert_eq!(
            differing(theirs, ours),
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
            differing("0::/user.slice/c\n", "0::/\n"),
            [PathBuf::from("/sys/fs/cgroup/user.slice/c")]
        );
        assert!(differing("0::/../other\n", "0::/\n").is_empty());
        assert!(differing("0::/same\n", "0::/same\n").is_empty());
    }
}
