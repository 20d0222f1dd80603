//! `maskedPaths` and `readonlyPaths`.
//!
//! Paths below `/proc` and `/sys` are resolved below the very mounts that were made for the container, by descriptor and
//! without following a link or entering another mount. So what is hidden is what the kernel shows there, whatever anybody
//! does meanwhile to the directories of the image (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881).
//!
//! Spec: runtime-spec, config-linux.md, "Masked Paths" and "Readonly Paths".

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use super::Error;
use super::devices::{open_null, protect_node};
use super::inside::{self, InsidePath, attach, clone_mount};
use super::step::{State, Step};
use crate::sys::mount::{Attributes, set_attributes};

/// Hides paths: a file behind the null device, a directory behind an empty one.
#[derive(Debug)]
pub(super) struct Mask {
    paths: Vec<InsidePath>,
}

impl Mask {
    pub(super) fn new(paths: &[String]) -> Result<Mask, Error> {
        Ok(Mask {
            paths: inside_paths(paths)?,
        })
    }
}

impl Step for Mask {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        // One mount, once attached, is what the others are copied from: that is cheaper than making each.
        let mut null: Option<OwnedFd> = None;
        let mut empty: Option<OwnedFd> = None;
        for path in &self.paths {
            let Some(target) = find(path, state)? else {
                continue;
            };
            let stat = rustix::fs::fstat(&target)?;
            let (first, make): (_, fn() -> io::Result<OwnedFd>) =
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => (&mut empty, empty_directory),
                    _ => (&mut null, null_device),
                };
            if let Some(first) = first {
                attach(clone_mount(first.as_fd(), false)?.as_fd(), &target)?;
            } else {
                let mount = make()?;
                attach(mount.as_fd(), &target)?;
                *first = Some(mount);
            }
        }
        Ok(())
    }

    fn words(&self) -> String {
        "error masking paths".to_owned()
    }
}

/// A detached bind of the host's null device.
fn null_device() -> io::Result<OwnedFd> {
    let mount = clone_mount(open_null()?.as_fd(), false)?;
    protect_node(mount.as_fd(), true)?;
    Ok(mount)
}

/// A detached, read-only, empty tmpfs.
fn empty_directory() -> io::Result<OwnedFd> {
    let filesystem = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&filesystem, c"source", c"tmpfs")?;
    rustix::mount::fsconfig_set_string(&filesystem, c"size", c"4k")?;
    rustix::mount::fsconfig_create(&filesystem)?;
    Ok(rustix::mount::fsmount(
        &filesystem,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::MOUNT_ATTR_RDONLY
            | MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC,
    )?)
}

/// Makes paths read-only, with everything below them.
#[derive(Debug)]
pub(super) struct ReadOnly {
    paths: Vec<InsidePath>,
}

impl ReadOnly {
    pub(super) fn new(paths: &[String]) -> Result<ReadOnly, Error> {
        Ok(ReadOnly {
            paths: inside_paths(paths)?,
        })
    }
}

impl Step for ReadOnly {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let attributes = Attributes {
            set: libc::MOUNT_ATTR_RDONLY,
            ..Attributes::default()
        };
        for path in &self.paths {
            let Some(target) = find(path, state)? else {
                continue;
            };
            let copy = clone_mount(target.as_fd(), true)?;
            set_attributes(copy.as_fd(), attributes, true)?;
            attach(copy.as_fd(), &target)?;
        }
        Ok(())
    }

    fn words(&self) -> String {
        "error making paths read-only".to_owned()
    }
}

fn inside_paths(paths: &[String]) -> Result<Vec<InsidePath>, Error> {
    paths
        .iter()
        .map(|path| InsidePath::new(Path::new(path)))
        .collect()
}

/// Opens the path; `None` where there is nothing, which needs no hiding.
fn find(path: &InsidePath, state: &State<'_>) -> io::Result<Option<OwnedFd>> {
    let own = |mount: &Option<OwnedFd>, at: &str| {
        let below = path.below(at)?;
        let mount = mount.as_ref()?;
        Some(inside::open_same_mount(mount.as_fd(), below, OFlags::PATH))
    };
    let found = match own(&state.proc, "/proc").or_else(|| own(&state.sys, "/sys")) {
        // Something else of the container's own is mounted there.
        Some(Err(Errno::XDEV)) | None => inside::open(state.root()?, path.as_c_str(), OFlags::PATH),
        Some(found) => found,
    };
    match found {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
