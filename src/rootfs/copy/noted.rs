//! What a tree was like before somebody wrote to it.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, Stat, StatxFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use super::node::{as_path, names, open_directory};

/// Directories below each other at most; each costs up to two descriptors.
pub(super) const MAX_DEPTH: usize = 400;

/// How long the clock of file times is waited for. It ticks each 1 to 10 ms, see `time(7)`, but later in a virtual machine
/// whose host is busy; a filesystem whose times are coarser is believed.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// What tells a file from what it was: `ctime` changes with everything else, and nobody can set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    device: u64,
    inode: u64,
    mode: u32,
    owner: (u32, u32),
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl Mark {
    pub(super) fn of(stat: &Stat) -> Mark {
        Mark {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            owner: (stat.st_uid, stat.st_gid),
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec as _),
            changed: (stat.st_ctime, stat.st_ctime_nsec as _),
        }
    }

    /// Whether it is still the same inode, whatever has become of it.
    pub(super) fn is_same_inode(&self, other: &Mark) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    pub(super) fn is_directory(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Directory
    }
}

/// A directory, and everything below it.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) mark: Mark,
    born: Option<(i64, u32)>,
    pub(super) entries: HashMap<CString, Entry>,
}

/// Something in a directory.
#[derive(Debug)]
pub(super) enum Entry {
    Directory(Noted),
    Other(Mark),
}

impl Entry {
    pub(super) fn mark(&self) -> &Mark {
        match self {
            Entry::Directory(noted) => &noted.mark,
            Entry::Other(mark) => mark,
        }
    }
}

impl Noted {
    /// Whether the open directory `dir`, which has `mark`, is the one that was noted, whatever has become of it.
    pub(super) fn is(&self, dir: BorrowedFd<'_>, mark: &Mark) -> bool {
        self.mark.is_same_inode(mark) && self.born == born(dir)
    }

    /// Notes the tree below `root`, and waits until a change of it would be seen. After an error, the path is that of the entry
    /// that failed.
    pub(super) fn of(root: BorrowedFd<'_>) -> Result<Noted, (PathBuf, Errno)> {
        let mut noting = Noting {
            latest: (0, 0),
            path: PathBuf::new(),
        };
        let noted = (rustix::fs::fstat(root)).and_then(|stat| noting.directory(root, &stat, 0));
        let noted = noted.map_err(|errno| (noting.path, errno))?;
        wait_for_tick(noting.latest);
        Ok(noted)
    }
}

struct Noting {
    /// When the last change was.
    latest: (i64, u64),
    path: PathBuf,
}

impl Noting {
    fn directory(
        &mut self,
        dir: BorrowedFd<'_>,
        stat: &Stat,
        depth: usize,
    ) -> Result<Noted, Errno> {
        if depth > MAX_DEPTH {
            return Err(Errno::NAMETOOLONG);
        }
        let mut entries = HashMap::new();
        for name in names(dir)? {
            self.path.push(as_path(&name));
            let entry = self.entry(dir, &name, depth)?;
            self.path.pop();
            entries.insert(name, entry);
        }
        Ok(Noted {
            mark: self.mark(stat),
            born: born(dir),
            entries,
        })
    }

    fn entry(&mut self, dir: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<Entry, Errno> {
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(Entry::Other(self.mark(&stat)));
        }
        let below = open_directory(dir, name)?;
        self.directory(below.as_fd(), &stat, depth + 1)
            .map(Entry::Directory)
    }

    fn mark(&mut self, stat: &Stat) -> Mark {
        let mark = Mark::of(stat);
        self.latest = self.latest.max(mark.changed);
        mark
    }
}

/// Returns when a directory was made: its inode's number may have been another one's before. `None` where that is not known.
fn born(dir: BorrowedFd<'_>) -> Option<(i64, u32)> {
    let wanted = StatxFlags::BTIME;
    let stat = rustix::fs::statx(dir, c"", AtFlags::EMPTY_PATH, wanted).ok()?;
    let is_known = stat.stx_mask & wanted.bits() != 0;
    is_known.then_some((stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec))
}

/// Waits until what is written now gets another time than `latest`.
fn wait_for_tick(latest: (i64, u64)) {
    let step = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    loop {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        if (now.tv_sec, now.tv_nsec as u64) > latest || waited >= MAX_WAIT {
            return;
        }
        std::thread::sleep(step);
        waited += step;
    }
}
