//! Processes as files: who owns `/proc/PID`, which is what `ps` shows.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::place::Found;
use super::supervisor::Service;
use crate::image::layer::memory::Memory;

/// Bytes of `/proc/PID/limits`: sixteen lines of less than eighty.
const LIMITS_BYTES: usize = 2048;

/// What `/proc/PID/limits` calls the limit that carries marks.
const MARKED_NAME: &[u8] = b"Max file locks";

impl Service {
    /// Returns the owner of what is found at a path of the process that it names, if that is somebody else than root.
    pub(super) fn owner_of_process(&self, path: &[u8], found: &Found) -> Option<Memory> {
        let number = process_in(path)?;
        let file = open_limits(number).ok()?;
        let mut text = [0; LIMITS_BYTES];
        let read = rustix::io::read(&file, &mut text).ok()?;
        let (uid, gid) = self
            .identities
            .owner_by_mark(soft_limit(text.get(..read)?)?)?;
        // What is not the one true user's is left to the kernel.
        let is_users = (found.stat.st_uid, found.stat.st_gid) == (0, 0);
        is_users.then_some(Memory {
            uid: uid.into(),
            gid: gid.into(),
            device: None,
        })
    }
}

/// Opens the limits of a process, as the container's procfs counts. What else the caller may have at that place, below a root
/// directory of its own making for one, is not opened: a FIFO would never let this process go.
fn open_limits(number: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = rustix::fs::openat(CWD, c"/proc", flags, Mode::empty())?;
    if rustix::fs::fstatfs(&proc)?.f_type != libc::PROC_SUPER_MAGIC {
        return Err(Errno::NOENT);
    }
    let name = format!("{number}/limits");
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat2(&proc, name, flags, Mode::empty(), resolve)
}

/// Returns the number of the process that the path is about. `/proc/self` is another one's here.
fn process_in(path: &[u8]) -> Option<u32> {
    let name = path.strip_prefix(b"/proc/")?;
    match name.split(|byte| *byte == b'/').next()? {
        name @ [b'1'..=b'9', ..] => std::str::from_utf8(name).ok()?.parse().ok(),
        _ => None,
    }
}

/// Returns the soft limit that a mark would be.
fn soft_limit(limits: &[u8]) -> Option<u64> {
    let mut lines = limits.split(|byte| *byte == b'\n');
    let values = lines.find_map(|line| line.strip_prefix(MARKED_NAME))?;
    let mut words = std::str::from_utf8(values).ok()?.split_whitespace();
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_named_by_paths() {
        for (path, process) in [
            (&b"/proc/12"[..], Some(12)),
            (b"/proc/12/status", Some(12)),
            (b"/proc/self/fd", None),
            (b"/proc/012", None),
            (b"/proc/1x", None),
            (b"/proc/99999999999", None),
            (b"/proc", None),
            (b"/etc/12", None),
        ] {
            assert_eq!(process_in(path), process, "{path:?}");
        }
    }

    #[test]
    fn marks_are_read_from_limits() {
        let line = |value| {
            format!("Limit  Soft Limit  Hard Limit\nMax file locks   {value}  unlimited  locks\n")
        };
        assert_eq!(soft_limit(line("77").as_bytes()), Some(77));
        assert_eq!(soft_limit(line("unlimited").as_bytes()), None);
        assert_eq!(soft_limit(b""), None);
        // As this kernel has them.
        let own = std::fs::read("/proc/self/limits").unwrap();
        assert!(
            own.windows(MARKED_NAME.len())
                .any(|name| name == MARKED_NAME)
        );
        assert!(own.len() <= LIMITS_BYTES);
    }
}
