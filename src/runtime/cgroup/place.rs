//! Where the cgroup hierarchies are mounted, and where in them this process stands. See `cgroups(7)`.

use std::path::{Path, PathBuf};

use super::controllers::KNOWN;
use super::error::Error;

/// Bytes read of `/proc/self/cgroup` and `/proc/self/mountinfo`: far more than a host with thousands of mounts has.
const MAX_BYTES: u64 = 16 << 20;

/// A line of `/proc/PID/cgroup`: `ID:CONTROLLERS:PATH`. See `cgroups(7)`.
#[derive(Debug)]
pub(super) struct Membership<'a> {
    /// Separated by commas; of a hierarchy without any, `name=NAME`; of version 2 nothing.
    pub(super) controllers: &'a str,
    /// The process's cgroup, from the top of the hierarchy.
    pub(super) path: &'a str,
}

impl<'a> Membership<'a> {
    pub(super) fn parse(line: &'a str) -> Option<Membership<'a>> {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        Some(Membership { controllers, path })
    }
}

/// One hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    /// Where it is mounted.
    pub(super) mount: PathBuf,
    /// The cgroup that is mounted there, `/` for the whole.
    root: String,
    /// The cgroup of this process in it.
    pub(super) own: String,
    /// Its controllers, of version 1; empty for version 2, which says so in each directory.
    pub(super) controllers: Vec<String>,
}

/// All hierarchies that are mounted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hierarchies {
    /// Version 2.
    pub(super) unified: Option<Hierarchy>,
    /// Version 1; the named ones, which have no controllers, are left out.
    pub(super) legacy: Vec<Hierarchy>,
}

impl Hierarchies {
    /// Looks where they are.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn find() -> Result<Hierarchies, Error> {
        let read = |path: &str| {
            let read = crate::bounded::read_file(Path::new(path), MAX_BYTES);
            let bytes = read.map_err(Error::io("read", path))?;
            Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
        };
        let cgroups = read("/proc/self/cgroup")?;
        Ok(Hierarchies::parse(&cgroups, &read("/proc/self/mountinfo")?))
    }

    /// `cgroups` and `mountinfo` are the files of these names in `/proc/PID`.
    pub(super) fn parse(cgroups: &str, mountinfo: &str) -> Hierarchies {
        let own = |controller: &str| {
            let mut all = cgroups.lines().filter_map(Membership::parse);
            let found = all.find(|it| it.controllers.split(',').any(|one| one == controller));
            found.map(|it| it.path.to_owned())
        };
        let mut all = Hierarchies::default();
        for line in mountinfo.lines() {
            let Some((before, after)) = line.split_once(" - ") else {
                continue;
            };
            let mut before = before.split(' ').skip(3);
            let (Some(root), Some(mount)) = (before.next(), before.next()) else {
                continue;
            };
            let mut after = after.split(' ');
            let (kind, options) = (after.next(), after.nth(1).unwrap_or_default());
            let hierarchy = |own: String, controllers: Vec<String>| Hierarchy {
                mount: PathBuf::from(mount),
                root: root.to_owned(),
                own,
                controllers,
            };
            match kind {
                Some("cgroup2") if all.unified.is_none() => {
                    all.unified = own("").map(|own| hierarchy(own, Vec::new()));
                }
                Some("cgroup") => {
                    let controllers: Vec<String> = (options.split(','))
                        .filter(|word| KNOWN.iter().any(|known| known.controller == *word))
                        .map(str::to_owned)
                        .collect();
                    if let Some(own) = controllers.first().and_then(|first| own(first)) {
                        all.legacy.push(hierarchy(own, controllers));
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Returns the hierarchy of version 1 that has `controller`.
    pub(super) fn legacy_of(&self, controller: &str) -> Option<&Hierarchy> {
        (self.legacy.iter()).find(|it| it.controllers.iter().any(|one| one == controller))
    }
}

impl Hierarchy {
    /// Returns the cgroups in which root can make some, and a user to whom a cgroup is delegated: beside the one they are
    /// in, which has processes.
    pub(super) fn candidates(&self) -> Vec<PathBuf> {
        let beside = Path::new(&self.own).parent().map(Path::to_owned);
        let mut list = vec![PathBuf::from("/")];
        list.extend(beside.filter(|parent| parent != Path::new("/")));
        list
    }

    /// Returns the directory of a cgroup, by its path as in `/proc/PID/cgroup`; `None` where it is not to be seen.
    pub(super) fn dir(&self, cgroup: &str) -> Option<PathBuf> {
        let inside = match self.root.as_str() {
            "/" => cgroup,
            root => cgroup.strip_prefix(root)?,
        };
        let inside = Path::new(inside.trim_start_matches('/'));
        // The kernel shows what lies outside of the cgroup namespace with `..`.
        let is_plain =
            (inside.components()).all(|part| matches!(part, std::path::Component::Normal(_)));
        is_plain.then(|| match inside.as_os_str().is_empty() {
            true => self.mount.clone(),
            false => self.mount.join(inside),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unified_host() {
        let all = Hierarchies::parse(
            "0::/user.slice/user-1000.slice/session-3.scope\n",
            "26 1 254:1 / / rw - ext4 /dev/vda1 rw\n\
             35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
             99 24 0:30 /other /mnt rw - cgroup2 cgroup2 rw\n",
        );
        assert!(all.legacy.is_empty());
        let unified = all.unified.unwrap();
        assert_eq!(unified.own, "/user.slice/user-1000.slice/session-3.scope");
        assert_eq!(
            unified.dir("/a/b").unwrap(),
            PathBuf::from("/sys/fs/cgroup/a/b")
        );
        assert_eq!(unified.dir("/").unwrap(), PathBuf::from("/sys/fs/cgroup"));
        assert_eq!(unified.dir("/../x"), None);
    }

    #[test]
    fn a_hybrid_host_and_a_container_on_it() {
        let all = Hierarchies::parse(
            "9:name=systemd:/x\n4:memory:/docker/1\n2:cpu,cpuacct:/docker/1\n0::/\n",
            "40 1 0:20 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             41 1 0:21 /docker/1 /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             42 1 0:22 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n",
        );
        assert_eq!(all.unified, None);
        assert_eq!(all.legacy.len(), 2);
        let memory = all.legacy_of("memory").unwrap();
        assert_eq!(
            memory.dir("/docker/1/ctr").unwrap(),
            PathBuf::from("/sys/fs/cgroup/memory/ctr")
        );
        assert_eq!(memory.dir("/elsewhere"), None);
        assert_eq!(all.legacy_of("cpu").unwrap().controllers, ["cpu"]);
        assert_eq!(all.legacy_of("pids"), None);
    }
}
