//! Where the stub comes from and how it is executed, on hosts and under filters that forbid the usual way.
//!
//! The usual way is `execveat(2)` of a memfd. A host with `vm.memfd_noexec=2` lets nobody execute one: the child then puts
//! the same bytes on a tmpfs of its own that is never attached anywhere and read-only before it is used. A filter without
//! `execveat` leaves `execve(2)` of `/proc/self/fd/N`, where that is known to be the stub. There is no third way: the
//! program is never executed by this binary itself, which it would find as `/proc/self/exe` (CVE-2019-5736).

use std::ffi::CStr;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use crate::sys::file::lift_above;
use crate::sys::mount::{Attributes, set_attributes};
use crate::sys::stub::{self, Entry, REPORT_FD};

/// Bytes of `/proc/self/fd/` with the longest number and the null byte.
const PATH_BYTES: usize = 32;

/// The stub as the child inherits it.
#[derive(Debug)]
pub(super) enum Stub {
    /// A memfd, ready to be executed.
    Memfd(OwnedFd),
    /// The content of the file that the child has to make.
    Content(Vec<u8>),
}

impl Stub {
    pub(super) fn new(entry: Entry) -> io::Result<Stub> {
        match stub::create(entry) {
            Ok(memfd) => Ok(Stub::Memfd(lift_above(memfd, REPORT_FD)?)),
            Err(_) => Ok(Stub::Content(stub::image(entry))),
        }
    }
}

/// An executable file that nobody can write to, on a mount that nobody can reach.
pub(super) fn read_only_file(content: &[u8]) -> io::Result<OwnedFd> {
    const NAME: &CStr = c"stub";
    let filesystem = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&filesystem, c"source", c"tmpfs")?;
    rustix::mount::fsconfig_set_string(&filesystem, c"size", c"64k")?;
    rustix::mount::fsconfig_create(&filesystem)?;
    let mount = rustix::mount::fsmount(
        &filesystem,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
    )?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&mount, NAME, flags, Mode::from_raw_mode(0o555))?;
    if rustix::io::write(&file, content)? != content.len() {
        return Err(Errno::NOSPC.into());
    }
    drop(file);
    let read_only = Attributes {
        set: libc::MOUNT_ATTR_RDONLY,
        ..Attributes::default()
    };
    set_attributes(mount.as_fd(), read_only, false)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(&mount, NAME, flags, Mode::empty())?)
}

/// A path of the stub's.
#[derive(Debug)]
pub(super) struct StubPath([u8; PATH_BYTES]);

impl StubPath {
    /// The path of `stub` in `/proc`, if what is there is a procfs and leads to it. This holds as long as nobody mounts
    /// anything there.
    pub(super) fn find(stub: BorrowedFd<'_>) -> io::Result<StubPath> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, c"/proc/self/fd", flags, Mode::empty())?;
        if rustix::fs::fstatfs(&directory)?.f_type != libc::PROC_SUPER_MAGIC {
            return Err(Errno::NOENT.into());
        }
        let mut path = StubPath([0; PATH_BYTES]);
        // Never full: the null byte stays.
        write!(&mut path.0[..], "/proc/self/fd/{}", stub.as_raw_fd())?;
        let there = rustix::fs::statat(CWD, path.as_c_str(), AtFlags::empty())?;
        let stub = rustix::fs::fstat(stub)?;
        match (there.st_dev, there.st_ino) == (stub.st_dev, stub.st_ino) {
            true => Ok(path),
            false => Err(Errno::NOENT.into()),
        }
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}
