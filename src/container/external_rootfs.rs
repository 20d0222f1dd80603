//! `--rootfs DIR:O`: directories that an overlay can cover, and those that none can.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::failed;
use super::{Engine, Error};
use crate::userns::Tier;

/// Where the kernel tells what is mounted: proc(5).
const MOUNTS: &str = "/proc/self/mountinfo";

/// Mount points that are named in an error.
const NAMED: usize = 3;

impl Engine {
    /// Checks what the kernel would refuse in words of its own, or in none: an overlay whose writes go below what it covers,
    /// within one filesystem; and one above other mounts, which a user namespace may not uncover (mount_namespaces(7)).
    /// `rootfs` has no symbolic links.
    pub(super) fn check_coverable(&self, rootfs: &Path, privileged: bool) -> Result<(), Error> {
        let store = self.store.root();
        let store = store.canonicalize().map_err(failed("open", store))?;
        let device = |path: &Path| {
            path.metadata()
                .map(|meta| meta.dev())
                .map_err(failed("open", path))
        };
        if store.starts_with(rootfs) && device(&store)? == device(rootfs)? {
            return Err(Error::Invalid(format!(
                "{} cannot be covered by an overlay: the store, where its writes would go, lies in it: {}",
                rootfs.display(),
                store.display()
            )));
        }
        let has_namespace = self.id_map.tier != Tier::Identity || !privileged;
        if !has_namespace {
            return Ok(());
        }
        let text = fs::read_to_string(MOUNTS).map_err(failed("read", Path::new(MOUNTS)))?;
        let below = mounts_below(&text, rootfs);
        if below.is_empty() {
            return Ok(());
        }
        let mut names: Vec<String> = below
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        if names.len() > NAMED {
            names.truncate(NAMED);
            names.push("…".to_owned());
        }
        Err(Error::Invalid(format!(
            "{} cannot be covered by an overlay: other filesystems are mounted in it ({}), which a container may not \
            uncover; take a directory without mounts, or leave \":O\" out and add --read-only",
            rootfs.display(),
            names.join(", ")
        )))
    }
}

/// Returns the mount points strictly below `dir`, each once.
fn mounts_below(mountinfo: &str, dir: &Path) -> Vec<PathBuf> {
    let mut below: Vec<PathBuf> = (mountinfo.lines())
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescaped)
        .filter(|path| path.starts_with(dir) && path != dir)
        .collect();
    below.sort();
    below.dedup();
    below
}

/// Puts back what the kernel writes as an octal number: blanks, line ends, backslashes.
fn unescaped(text: &str) -> PathBuf {
    let mut path = text.to_owned();
    for (octal, letter) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        path = path.replace(octal, letter);
    }
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_below_a_directory() {
        let text = "22 1 0:20 / / rw - ext4 /dev/vda rw\n\
            23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n\
            24 22 0:22 / /data/a\\040b rw - tmpfs none rw\n\
            25 22 0:22 / /database rw - tmpfs none rw\n";
        let below = |dir: &str| mounts_below(text, Path::new(dir));
        assert_eq!(below("/data"), [PathBuf::from("/data/a b")]);
        assert_eq!(below("/").len(), 3);
        assert!(below("/proc").is_empty());
    }
}
