//! `stat(2)` and `statx(2)` as the kernel writes them, for memory that is another process's.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// The bytes of a `struct stat` of this architecture.
#[derive(Debug, Clone, Copy)]
pub struct StatBytes(pub [u8; size_of::<libc::stat>()]);

/// The bytes of a `struct statx`, which every architecture has the same.
#[derive(Debug, Clone, Copy)]
pub struct StatxBytes(pub [u8; size_of::<libc::statx>()]);

impl StatBytes {
    /// Asks for the open file, which may be an `O_PATH` one.
    ///
    /// # Errors
    ///
    /// The errno of `newfstatat`.
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<StatBytes> {
        let mut bytes = [0; size_of::<libc::stat>()];
        // SAFETY: the path is an empty C string; the buffer has the size of the structure that the kernel writes.
        let result = unsafe {
            libc::syscall(
                libc::SYS_newfstatat,
                fd.as_raw_fd(),
                c"".as_ptr(),
                bytes.as_mut_ptr(),
                libc::AT_EMPTY_PATH,
            )
        };
        match result {
            0 => Ok(StatBytes(bytes)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Says another owner.
    pub fn set_owner(&mut self, uid: u32, gid: u32) {
        put(&mut self.0, offset_of!(libc::stat, st_uid), uid);
        put(&mut self.0, offset_of!(libc::stat, st_gid), gid);
    }

    /// Says another mode and device number, for a file without content.
    pub fn set_device(&mut self, mode: u32, device: u64) {
        put(&mut self.0, offset_of!(libc::stat, st_mode), mode);
        let at = offset_of!(libc::stat, st_rdev);
        self.0[at..at + 8].copy_from_slice(&device.to_ne_bytes());
        let at = offset_of!(libc::stat, st_size);
        self.0[at..at + 8].fill(0);
    }
}

impl StatxBytes {
    /// Asks for what `mask` names of the open file, which may be an `O_PATH` one. `flags` are `AT_STATX_…`.
    ///
    /// # Errors
    ///
    /// The errno of `statx`.
    pub fn of(fd: BorrowedFd<'_>, flags: i32, mask: u32) -> io::Result<StatxBytes> {
        let mut bytes = [0; size_of::<libc::statx>()];
        // SAFETY: the path is an empty C string; the buffer has the size of the structure that the kernel writes.
        let result = unsafe {
            libc::syscall(
                libc::SYS_statx,
                fd.as_raw_fd(),
                c"".as_ptr(),
                flags | libc::AT_EMPTY_PATH,
                mask,
                bytes.as_mut_ptr(),
            )
        };
        match result {
            0 => Ok(StatxBytes(bytes)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Says another owner.
    pub fn set_owner(&mut self, uid: u32, gid: u32) {
        put(&mut self.0, offset_of!(libc::statx, stx_uid), uid);
        put(&mut self.0, offset_of!(libc::statx, stx_gid), gid);
    }

    /// Says another mode and device number, for a file without content.
    pub fn set_device(&mut self, mode: u32, major: u32, minor: u32) {
        let at = offset_of!(libc::statx, stx_mode);
        self.0[at..at + 2].copy_from_slice(&(mode as u16).to_ne_bytes());
        put(&mut self.0, offset_of!(libc::statx, stx_rdev_major), major);
        put(&mut self.0, offset_of!(libc::statx, stx_rdev_minor), minor);
        let at = offset_of!(libc::statx, stx_size);
        self.0[at..at + 8].fill(0);
    }
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}
