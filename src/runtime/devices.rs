//! `/dev`: Docker's device nodes and links.
//!
//! A user namespace must not make device nodes, so the host's are bound there, each from a descriptor that was checked to
//! be the device it should be.
//!
//! Spec: runtime-spec, config-linux.md, "Default Devices", and runtime-linux.md, "Dev symbolic links".

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use rustix::fs::{CWD, Dev, FileType, Mode, OFlags, makedev};
use rustix::io::Errno;

use super::Error;
use super::inside::{InsidePath, attach, c_string, clone_mount};
use super::step::{State, Step};
use crate::sys::mount::{Attributes, set_attributes};
use crate::userns::IdMap;

/// Devices that every container has: name, major, minor. All are `rw-rw-rw-`.
const DEFAULT: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Links in `/dev`, and where they lead.
const LINKS: &[(&CStr, &CStr)] = &[
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"core", c"/proc/kcore"),
    (c"ptmx", c"pts/ptmx"),
];

/// One device.
#[derive(Debug)]
pub(super) struct Device {
    path: InsidePath,
    /// Where the host has it.
    host: CString,
    kind: FileType,
    number: Dev,
    mode: Mode,
    /// Owner of a node that is made, not bound.
    owner: Option<(u32, u32)>,
    /// Whether this process may make nodes.
    make: bool,
    /// Whether root inside could change the host's node.
    protect: bool,
}

/// The default devices and those of the spec, which take the place of default ones with the same path. `sources` says where
/// the host has those that it has elsewhere.
pub(super) fn prepare(
    devices: &[LinuxDevice],
    sources: &[(PathBuf, PathBuf)],
    id_map: Option<&IdMap>,
) -> Result<Vec<Device>, Error> {
    let mut steps = Vec::new();
    for (name, major, minor) in DEFAULT {
        let path = format!("/dev/{name}");
        if devices
            .iter()
            .any(|device| device.path() == Path::new(&path))
        {
            continue;
        }
        let host = c_string(&path)?;
        steps.push(Device {
            path: InsidePath::new(Path::new(&path))?,
            protect: has_power_over(&host, id_map),
            host,
            kind: FileType::CharacterDevice,
            number: makedev(*major, *minor),
            mode: Mode::from_raw_mode(0o666),
            owner: None,
            make: id_map.is_none(),
        });
    }
    for device in devices {
        let elsewhere = sources.iter().find(|(inside, _)| inside == device.path());
        let host = elsewhere.map_or(device.path(), |(_, host)| host);
        steps.push(from_spec(device, host, id_map)?);
    }
    Ok(steps)
}

fn from_spec(device: &LinuxDevice, host: &Path, id_map: Option<&IdMap>) -> Result<Device, Error> {
    let kind = match device.typ() {
        LinuxDeviceType::C | LinuxDeviceType::U => FileType::CharacterDevice,
        LinuxDeviceType::B => FileType::BlockDevice,
        LinuxDeviceType::P | LinuxDeviceType::A => {
            return Err(Error::Unsupported(format!(
                "device {:?} of type {:?}",
                device.path(),
                device.typ()
            )));
        }
    };
    let number = |number: i64| {
        u32::try_from(number).map_err(|_| {
            Error::Unsupported(format!("device {:?} with number {number}", device.path()))
        })
    };
    let host = c_string(host.as_os_str().as_encoded_bytes())?;
    let path = InsidePath::new(device.path())?;
    // Elsewhere a node would stay in the container's files, or in a layer.
    let make = id_map.is_none() && path.below("/dev").is_some();
    Ok(Device {
        path,
        protect: has_power_over(&host, id_map),
        host,
        kind,
        number: makedev(number(device.major())?, number(device.minor())?),
        mode: Mode::from_raw_mode(device.file_mode().unwrap_or(0o666) & 0o7777),
        owner: Some((device.uid().unwrap_or(0), device.gid().unwrap_or(0))),
        make,
    })
}

impl Device {
    fn make(&self, state: &State<'_>) -> io::Result<()> {
        let (parent, name) = self.path.ensure_parent(state.root()?)?;
        match rustix::fs::mknodat(&parent, name, self.kind, self.mode, self.number) {
            Ok(()) => {}
            Err(error) => {
                let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
                let there = (error == Errno::EXIST)
                    .then(|| rustix::fs::statat(&parent, name, flags).ok())
                    .flatten();
                let is_it = |stat: rustix::fs::Stat| {
                    FileType::from_raw_mode(stat.st_mode) == self.kind
                        && stat.st_rdev == self.number
                };
                return match there.is_some_and(is_it) {
                    true => Ok(()),
                    false => Err(error.into()),
                };
            }
        }
        if let Some((uid, gid)) = self.owner {
            rustix::fs::chownat(
                &parent,
                name,
                Some(rustix::fs::Uid::from_raw(uid)),
                Some(rustix::fs::Gid::from_raw(gid)),
                rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
            )?;
        }
        Ok(())
    }

    fn bind(&self, state: &State<'_>) -> io::Result<()> {
        let node = open_node(&self.host, self.kind, self.number)?;
        let target = self.path.ensure_file(state.root()?)?;
        let mount = clone_mount(node.as_fd(), false)?;
        protect_node(mount.as_fd(), self.protect)?;
        attach(mount.as_fd(), &target)
    }
}

impl Step for Device {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        if self.make {
            match self.make(state) {
                // Not allowed here, or the place is taken: by what can be covered, it may be.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::PermissionDenied | io::ErrorKind::AlreadyExists
                    ) => {}
                other => return other,
            }
        }
        self.bind(state)
    }

    fn words(&self) -> String {
        format!("error creating device node {:?}", self.path.display())
    }
}

/// Opens a node of the host, and checks that it is the device it should be.
fn open_node(path: &CStr, kind: FileType, number: Dev) -> io::Result<OwnedFd> {
    let node = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&node)?;
    if FileType::from_raw_mode(stat.st_mode) != kind || stat.st_rdev != number {
        return Err(Errno::NODEV.into());
    }
    Ok(node)
}

/// Returns whether root in a container with these ids could change mode, owner and times of the host's node `path`, were it
/// bound there: if its owner is one of them. In doubt it could.
///
/// For an ordinary user's container it could not, the nodes being root's; there they need no read-only mount, with which
/// `touch /dev/null` fails. For root's it could. A mount that maps ids would help, but the kernel's devtmpfs has none.
pub(super) fn has_power_over(path: &CStr, id_map: Option<&IdMap>) -> bool {
    id_map.is_none_or(|map| {
        rustix::fs::stat(path).map_or(true, |stat| IdMap::maps_host(&map.uids, stat.st_uid))
    })
}

/// Keeps the container from changing a node of the host's that is bound into it, with `all` its mode, owner and times as
/// well. What is read from or written to the device is not affected.
pub(super) fn protect_node(mount: BorrowedFd<'_>, all: bool) -> io::Result<()> {
    let read_only = match all {
        true => libc::MOUNT_ATTR_RDONLY,
        false => 0,
    };
    let attributes = Attributes {
        set: read_only | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC,
        ..Attributes::default()
    };
    set_attributes(mount, attributes, false)
}

/// Opens the host's `/dev/null`, whose number is checked (CVE-2025-31133: what masks a path must be the null device).
pub(super) fn open_null() -> io::Result<OwnedFd> {
    open_node(c"/dev/null", FileType::CharacterDevice, makedev(1, 3))
}

/// The links in `/dev`. Those that are there already stay as they are.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) directory: InsidePath,
}

impl Step for Links {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let directory = self.directory.ensure_directory(state.root()?)?;
        for (name, to) in LINKS {
            match rustix::fs::symlinkat(*to, &directory, *name) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn words(&self) -> String {
        "error creating the symbolic links in \"/dev\"".to_owned()
    }
}
