//! What is the host's among the files of a container: there nothing is remembered, and everything is everybody's.
//!
//! A directory of the user's that is mounted into a container stays as it is: no attributes are left in it. So `chown` there
//! changes nothing, and each user of the container sees the files of the one true user as their own: who is to be served is
//! always the owner, which is what programs want that insist on one (`postgres`, `sshd`, `git`).
//!
//! Which mounts these are is found out before the first process runs. What is mounted later is taken for the host's.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Stat, StatxFlags};

use crate::image::layer::memory::Memory;

/// Where this process's mounts are told, from its working directory: proc(5).
const MOUNTS: &str = "self/mountinfo";

/// Where files remember.
#[derive(Debug)]
pub(super) enum Memories {
    /// Everywhere: nothing is the host's.
    Everywhere,
    /// In the mounts with these ids.
    In(Vec<u64>),
}

impl Memories {
    /// Looks at the mount points at which something is mounted that is the host's, or is not. The working directory is a
    /// procfs, the root directory the container's.
    pub(super) fn find(points: &[(PathBuf, bool)]) -> Memories {
        if !points.iter().any(|(_, of_host)| *of_host) {
            return Memories::Everywhere;
        }
        let known: Vec<(u64, bool)> = points
            .iter()
            .filter_map(|(path, of_host)| Some((mount_at(path)?, *of_host)))
            .collect();
        // Without the list, nothing is known not to be the host's.
        let list = std::fs::read_to_string(MOUNTS).unwrap_or_default();
        Memories::In(rememberers(&list, &known))
    }

    /// Whether nothing is the host's.
    pub(super) fn are_everywhere(&self) -> bool {
        matches!(self, Memories::Everywhere)
    }

    /// Whether the file is in a place of the host.
    pub(super) fn are_not_for(&self, file: BorrowedFd<'_>) -> bool {
        match self {
            Memories::Everywhere => false,
            Memories::In(mounts) => {
                let found = rustix::fs::statx(
                    file,
                    c"",
                    AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
                    StatxFlags::MNT_ID,
                );
                !found.is_ok_and(|stat| mounts.contains(&stat.stx_mnt_id))
            }
        }
    }
}

/// Returns what a file of the host is to a process that makes files of `uid` and `gid`.
pub(super) fn everybodys(file: &Stat, uid: u32, gid: u32) -> Memory {
    let or = |id: u32, own: u32| match id {
        0 => own.into(),
        id => id.into(),
    };
    Memory {
        uid: or(file.st_uid, uid),
        gid: or(file.st_gid, gid),
        device: None,
    }
}

fn mount_at(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let stat = rustix::fs::statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::MNT_ID);
    Some(stat.ok()?.stx_mnt_id)
}

/// Returns the ids of the mounts that are not the host's: of those that are not `known`, what they are mounted in decides.
fn rememberers(list: &str, known: &[(u64, bool)]) -> Vec<u64> {
    let number = |word: Option<&str>| word?.parse::<u64>().ok();
    let mounts: Vec<(u64, u64)> = list
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((number(words.next())?, number(words.next())?))
        })
        .collect();
    let parent = |id: u64| mounts.iter().find(|(mount, _)| *mount == id);
    let is_hosts = |id: u64| {
        let mut at = id;
        // A mount more than there are is one too many.
        for _ in 0..=mounts.len() {
            if let Some((_, of_host)) = known.iter().rev().find(|(mount, _)| *mount == at) {
                return *of_host;
            }
            match parent(at) {
                Some((_, parent)) if *parent != at => at = *parent,
                _ => return false,
            }
        }
        true
    };
    (mounts.iter().map(|(id, _)| *id))
        .filter(|id| !is_hosts(*id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_in_the_hosts_is_the_hosts() {
        let list = "40 39 0:30 / / rw - overlay none rw\n\
            41 40 0:31 / /proc rw - proc proc rw\n\
            42 40 8:1 /home/ann /data rw - ext4 /dev/sda rw\n\
            43 42 0:32 / /data/usb rw - vfat /dev/sdb rw\n\
            44 43 8:1 /store/v/_data /data/usb/volume rw - ext4 /dev/sda rw\n";
        let known = [(42, true), (44, false)];
        assert_eq!(rememberers(list, &known), [40, 41, 44]);
        assert_eq!(rememberers(list, &[]).len(), 5);
        assert!(rememberers("", &known).is_empty());
        // Mounts that lead nowhere but to each other.
        assert!(rememberers("1 2 x\n2 1 x\n", &[(7, true)]).is_empty());
    }
}
