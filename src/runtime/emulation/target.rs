//! The process that made a call, as its supervisor sees it.
//!
//! The supervisor's working directory is the host's `/proc`, and its root directory the container's; so names here begin
//! with a thread's number, and absolute paths of the caller's end in the container.

use std::ffi::{CStr, CString};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;

use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// `PATH_MAX`: longer paths are `ENAMETOOLONG` to the kernel.
const MAX_PATH: usize = 4096;

/// The smallest page there is: what begins in one can be read to its end.
const PAGE: usize = 4096;

/// Bytes of `/proc/PID/status` up to which the umask has been said; it is in the second line.
const STATUS_BYTES: usize = 256;

/// The same of its capabilities and whether it can gain any, which come after the groups: of these, more than a process
/// should have.
const LONG_STATUS_BYTES: usize = 64 << 10;

/// A thread that waits for its call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// In the supervisor's pid namespace.
    pub(super) thread: u32,
}

impl Caller {
    /// Reads as many bytes at `address` as `buffer` has; `None` where they are not all there.
    pub(super) fn read(self, address: u64, buffer: &mut [u8]) -> Option<()> {
        let len = buffer.len();
        let remote = RemoteIoVec {
            base: usize::try_from(address).ok()?,
            len,
        };
        let read = process_vm_readv(self.pid(), &mut [IoSliceMut::new(buffer)], &[remote]).ok()?;
        (read == len).then_some(())
    }

    /// Writes `bytes` at `address`; `None` where that is not possible.
    pub(super) fn write(self, address: u64, bytes: &[u8]) -> Option<()> {
        let remote = RemoteIoVec {
            base: usize::try_from(address).ok()?,
            len: bytes.len(),
        };
        let written = process_vm_writev(self.pid(), &[IoSlice::new(bytes)], &[remote]).ok()?;
        (written == bytes.len()).then_some(())
    }

    /// Reads the path at `address`; `None` where there is none, or one that is too long.
    pub(super) fn read_path(self, address: u64) -> Option<CString> {
        /// As many bytes as most paths have at most.
        const FIRST: usize = 256;
        let mut buffer = [0_u8; MAX_PATH];
        let mut have = 0;
        while have < MAX_PATH {
            let at = address.checked_add(have as u64)?;
            let to_page_end = PAGE - (at as usize) % PAGE;
            let wish = if have == 0 { FIRST } else { MAX_PATH - have };
            let end = have + wish.min(to_page_end);
            self.read(at, &mut buffer[have..end])?;
            if let Ok(path) = CStr::from_bytes_until_nul(&buffer[..end]) {
                return Some(path.to_owned());
            }
            have = end;
        }
        None
    }

    /// Opens the caller's root directory.
    pub(super) fn root(self) -> Result<OwnedFd, Errno> {
        self.open("root", OFlags::PATH | OFlags::DIRECTORY)
    }

    /// Returns the permission bits that what it makes does not get.
    pub(super) fn umask(self) -> Option<u32> {
        parse_umask(&self.status(STATUS_BYTES)?)
    }

    /// Returns whether its files are root's, and it has the capability with this number.
    pub(super) fn is_root_with(self, capability: u32) -> Option<bool> {
        is_root_with(&self.status(LONG_STATUS_BYTES)?, capability)
    }

    /// Returns whether programs can give it more than it has: it has not forsworn that (`PR_SET_NO_NEW_PRIVS`).
    pub(super) fn may_gain_privileges(self) -> bool {
        let status = self.status(LONG_STATUS_BYTES);
        status.is_some_and(|text| field(&text, b"NoNewPrivs:\t") == Some("0"))
    }

    fn status(self, bytes: usize) -> Option<Vec<u8>> {
        let status = self.open("status", OFlags::RDONLY).ok()?;
        let mut text = vec![0; bytes];
        let read = rustix::io::read(&status, &mut text).ok()?;
        text.truncate(read);
        Some(text)
    }

    fn open(self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = format!("{}/{name}", self.thread);
        rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())
    }

    fn pid(self) -> Pid {
        Pid::from_raw(self.thread as i32)
    }
}

fn parse_umask(status: &[u8]) -> Option<u32> {
    u32::from_str_radix(field(status, b"Umask:\t")?, 8).ok()
}

fn is_root_with(status: &[u8], capability: u32) -> Option<bool> {
    // Real, effective, saved, of files.
    let uid: u32 = field(status, b"Uid:\t")?.split('\t').nth(3)?.parse().ok()?;
    let effective = u64::from_str_radix(field(status, b"CapEff:\t")?, 16).ok()?;
    Some(uid == 0 && effective & (1 << capability) != 0)
}

/// A line of `/proc/PID/status`, without its name.
fn field<'t>(status: &'t [u8], name: &[u8]) -> Option<&'t str> {
    let mut lines = status.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(name))?;
    std::str::from_utf8(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_umask_is_read() {
        assert_eq!(
            parse_umask(b"Name:\tsh\nUmask:\t0027\nState:\tR\n"),
            Some(0o027)
        );
        // A name cannot pretend: the kernel escapes what would end its line.
        assert_eq!(parse_umask(b"Name:\tUmask:\nState:\tR\n"), None);
    }

    #[test]
    fn power_is_read() {
        let status = |uid: &str, capabilities: &str| {
            let uid = format!("Name:\tsh\nUmask:\t0022\nUid:\t{uid}\n");
            format!("{uid}CapPrm:\t00000000ffffffff\nCapEff:\t{capabilities}\n").into_bytes()
        };
        let powerful = status("5\t5\t5\t0", "0000000008000000");
        assert_eq!(is_root_with(&powerful, 27), Some(true));
        assert_eq!(is_root_with(&powerful, 26), Some(false));
        let other = status("0\t0\t0\t5", "0000000008000000");
        assert_eq!(is_root_with(&other, 27), Some(false));
        assert_eq!(is_root_with(b"Uid:\t0\t0\t0\t0\nCapE", 27), None);
    }

    #[test]
    fn paths_of_another_process_are_read() {
        // Of this one, which may read itself.
        let me = Caller {
            thread: std::process::id(),
        };
        let long = CString::new(vec![b'x'; MAX_PATH - 1]).unwrap();
        for path in [c"".to_owned(), c"/etc/passwd".to_owned(), long] {
            let read = me.read_path(path.as_ptr() as u64);
            assert_eq!(read, Some(path));
        }
        let endless = vec![b'x'; 2 * MAX_PATH];
        assert_eq!(me.read_path(endless.as_ptr() as u64), None);
        assert_eq!(me.read_path(0), None);
        assert_eq!(me.read_path(u64::MAX), None);
    }
}
