//! `mounts` of the spec: filesystems and binds.
//!
//! Every mount is made detached, given its flags there, and only then attached, to a target that was opened inside the
//! root. So nobody ever sees it with the wrong flags, and no path is looked up twice.
//!
//! Spec: runtime-spec, config.md, "Mounts".

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use oci_spec::runtime::Mount;
use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, OpenTreeFlags,
};

use super::Error;
use super::devices::{has_power_over, protect_node};
use super::inside::{InsidePath, attach, c_string};
use super::options::{self, Options};
use super::step::{State, Step};
use crate::sys::mount::{Attributes, set_attributes};
use crate::userns::IdMap;

/// Where only a procfs may be.
const PROC: &CStr = c"/proc";

/// The files below [`PROC`] that others than the kernel may give a content, as lxcfs does (runc, `checkProcMount`).
const EMULATED: [&CStr; 11] = [
    c"cpuinfo",
    c"diskstats",
    c"loadavg",
    c"meminfo",
    c"net/dev",
    c"slabinfo",
    c"stat",
    c"swaps",
    c"sys/crypto/fips_enabled",
    c"sys/kernel/ns_last_pid",
    c"uptime",
];

/// Digits of a mode, and the null byte after them.
const MODE_DIGITS: usize = 4;

/// One mount of the spec.
#[derive(Debug)]
pub(super) struct MountStep {
    what: What,
    target: InsidePath,
    /// Flags for the mount, then for the mount and everything below.
    own: Attributes,
    recursive: Attributes,
    propagation: Vec<(MountPropagationFlags, bool)>,
    /// Whether the container has a user namespace of its own.
    in_user_namespace: bool,
    /// For messages.
    source: String,
}

#[derive(Debug)]
enum What {
    /// A new instance of a filesystem.
    New(Filesystem),
    /// A directory or file of the host.
    Bind {
        source: CString,
        recursive: bool,
        /// Whether root inside could change it, if it is a device node.
        protect: bool,
    },
}

#[derive(Debug)]
struct Filesystem {
    kind: CString,
    source: CString,
    data: Vec<(CString, Option<CString>)>,
    /// Take the mode of the directory it covers, as runc does for a tmpfs without one.
    inherit_mode: bool,
    /// Where the kernel refuses a new instance.
    refused: Refused,
}

/// What to do where the kernel refuses a new instance of a filesystem, because it shows something (processes, network
/// devices, …) that does not belong to this user namespace.
#[derive(Debug)]
enum Refused {
    /// Fail.
    Fail,
    /// Show the host's, with everything below it.
    Bind(CString),
    /// Do without.
    Skip,
}

impl What {
    /// Whether it is a procfs, the only thing that may be at `/proc`: later steps and programs take what is there for the
    /// kernel's word (as runc, `checkProcMount`).
    fn is_proc(&self) -> bool {
        match self {
            What::New(filesystem) => filesystem.kind.as_c_str() == c"proc",
            What::Bind { source, .. } => rustix::fs::statfs(source)
                .is_ok_and(|filesystem| filesystem.f_type == libc::PROC_SUPER_MAGIC),
        }
    }
}

/// Prepares one mount. Relative sources are resolved against `bundle`.
pub(super) fn prepare(
    mount: &Mount,
    bundle: &Path,
    id_map: Option<&IdMap>,
) -> Result<MountStep, Error> {
    if mount.uid_mappings().is_some() || mount.gid_mappings().is_some() {
        return Err(Error::Unsupported(format!(
            "id-mapped mount at {:?}",
            mount.destination()
        )));
    }
    let target = InsidePath::new(mount.destination())?;
    if target.as_c_str() == c"/" {
        return Err(Error::Unsupported("a mount at \"/\"".to_owned()));
    }
    let options = options::parse(mount.options().as_deref().unwrap_or_default())?;
    let shared = |kind: &(MountPropagationFlags, bool)| kind.0 == MountPropagationFlags::SHARED;
    if id_map.is_none() && options.propagation.iter().any(shared) {
        // In a user namespace the kernel itself keeps mounts from spreading to the host; here we would have to.
        return Err(Error::Unsupported(format!(
            "shared propagation of {:?} without a user namespace",
            mount.destination()
        )));
    }
    let kind = mount.typ().as_deref().unwrap_or("none");
    let default = Path::new(kind);
    let source = mount.source().as_deref().unwrap_or(default);
    let text = source.display().to_string();

    let what = match (options.bind, kind) {
        (None, "bind") => bind(bundle, source, true, id_map)?,
        (Some(recursive), _) => bind(bundle, source, recursive, id_map)?,
        (None, "none") => {
            return Err(Error::Unsupported(format!(
                "a mount without a type at {:?}",
                mount.destination()
            )));
        }
        (None, kind) => What::New(filesystem(kind, source, &options, id_map)?),
    };
    if target.as_c_str() == PROC && !what.is_proc() {
        return Err(Error::Unsupported(format!(
            "a mount of {source:?} at \"/proc\", which is not of type proc"
        )));
    }
    if target.below("/proc").is_some() && !is_emulated(&target) {
        return Err(Error::Unsupported(format!(
            "a mount at {:?}, which is inside /proc",
            mount.destination()
        )));
    }
    Ok(MountStep {
        what,
        target,
        own: options.own,
        recursive: options.recursive,
        propagation: options.propagation,
        in_user_namespace: id_map.is_some(),
        source: text,
    })
}

/// Whether it is one of the files that may be covered in `/proc`.
fn is_emulated(target: &InsidePath) -> bool {
    let below = target.below("/proc");
    below.is_some_and(|path| EMULATED.contains(&path))
}

fn bind(
    bundle: &Path,
    source: &Path,
    recursive: bool,
    id_map: Option<&IdMap>,
) -> Result<What, Error> {
    let source = c_string(bundle.join(source).as_os_str().as_bytes())?;
    Ok(What::Bind {
        protect: has_power_over(&source, id_map),
        source,
        recursive,
    })
}

fn filesystem(
    kind: &str,
    source: &Path,
    options: &Options,
    id_map: Option<&IdMap>,
) -> Result<Filesystem, Error> {
    let (kind, refused) = match kind {
        "proc" => (kind, Refused::Bind(c"/proc".to_owned())),
        "sysfs" => (kind, Refused::Bind(c"/sys".to_owned())),
        "mqueue" => (kind, Refused::Bind(c"/dev/mqueue".to_owned())),
        // The spec says `cgroup` and means whichever the host has.
        "cgroup" | "cgroup2" => ("cgroup2", Refused::Skip),
        _ => (kind, Refused::Fail),
    };
    let mut data = Vec::new();
    for (key, value) in &options.data {
        if kind == "devpts" && key == "gid" && !gid_exists(value.as_deref(), id_map) {
            continue;
        }
        let value = value.as_ref().map(c_string).transpose()?;
        data.push((c_string(key)?, value));
    }
    Ok(Filesystem {
        kind: c_string(kind)?,
        source: c_string(source.as_os_str().as_bytes())?,
        inherit_mode: kind == "tmpfs" && !options.data.iter().any(|(key, _)| key == "mode"),
        data,
        refused,
    })
}

/// Terminals belong to the group `tty` where the namespace has one.
fn gid_exists(gid: Option<&str>, id_map: Option<&IdMap>) -> bool {
    match (gid.and_then(|gid| gid.parse().ok()), id_map) {
        (Some(gid), Some(map)) => IdMap::maps(&map.gids, gid),
        _ => true,
    }
}

impl Filesystem {
    /// A detached mount of a new instance.
    fn mount(&self, mode: Option<u32>, attributes: u64) -> Result<OwnedFd, Errno> {
        use rustix::mount::{fsconfig_create, fsconfig_set_flag, fsconfig_set_string};
        let filesystem = rustix::mount::fsopen(&self.kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&filesystem, c"source", &self.source)?;
        for (key, value) in &self.data {
            match value {
                Some(value) => fsconfig_set_string(&filesystem, key, value)?,
                None => fsconfig_set_flag(&filesystem, key)?,
            }
        }
        if let Some(mode) = mode {
            let mut digits = [0; MODE_DIGITS + 1];
            fsconfig_set_string(&filesystem, c"mode", octal(mode, &mut digits))?;
        }
        fsconfig_create(&filesystem)?;
        rustix::mount::fsmount(
            &filesystem,
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::from_bits_retain(attributes as u32),
        )
    }
}

/// Writes `mode` in octal without allocating.
fn octal(mode: u32, digits: &mut [u8; MODE_DIGITS + 1]) -> &CStr {
    for (index, digit) in digits.iter_mut().take(MODE_DIGITS).enumerate() {
        let shift = 3 * (MODE_DIGITS - 1 - index);
        *digit = b'0' + ((mode >> shift) & 7) as u8;
    }
    CStr::from_bytes_with_nul(digits).unwrap_or(c"0755")
}

impl MountStep {
    /// Whether it covers the directory `path` and what it puts there is not the host's.
    pub(super) fn is_new_at(&self, path: &CStr) -> bool {
        matches!(self.what, What::New(_)) && self.target.as_c_str() == path
    }

    /// Whether it puts something of the host's at the directory `path`.
    pub(super) fn is_bind_at(&self, path: &CStr) -> bool {
        matches!(self.what, What::Bind { .. }) && self.target.as_c_str() == path
    }

    /// Whether it puts `source` of the host's at the directory `path`.
    pub(super) fn binds(&self, source: &CStr, path: &CStr) -> bool {
        let bound =
            matches!(&self.what, What::Bind { source: bound, .. } if bound.as_c_str() == source);
        bound && self.target.as_c_str() == path
    }

    /// Whether it wants to see what the host mounts later.
    pub(super) fn follows_host(&self) -> bool {
        self.propagation.iter().any(|(flags, _)| {
            flags.intersects(MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::SHARED)
        })
    }

    /// Makes it say that it does not follow the host, where that is no longer the default.
    pub(super) fn default_to_private(&mut self) {
        if self.propagation.is_empty() {
            self.propagation
                .push((MountPropagationFlags::PRIVATE, true));
        }
    }

    /// Takes the read-only flag away, to be set when everything below is there. Returns whether it was there.
    pub(super) fn take_read_only(&mut self) -> bool {
        let read_only = self.own.set & libc::MOUNT_ATTR_RDONLY != 0;
        self.own.set &= !libc::MOUNT_ATTR_RDONLY;
        read_only
    }

    /// Refuses a place in a procfs that a link of the image has led to: see [`prepare`] for what is written openly.
    fn check_outside_proc(&self, target: &OwnedFd) -> io::Result<()> {
        let path = self.target.as_c_str();
        let may = path == PROC || is_emulated(&self.target);
        match may || rustix::fs::fstatfs(target)?.f_type != libc::PROC_SUPER_MAGIC {
            true => Ok(()),
            false => Err(Errno::PERM.into()),
        }
    }

    fn run_new(&self, filesystem: &Filesystem, state: &mut State<'_>) -> io::Result<()> {
        let (target, made) = self.target.ensure_directory_made(state.root()?)?;
        self.check_outside_proc(&target)?;
        let mode = match filesystem.inherit_mode && !made {
            true => Some(rustix::fs::fstat(&target)?.st_mode & 0o7777),
            // The filesystem's own default: everybody may write.
            false => None,
        };
        let mount = match filesystem.mount(mode, self.own.set) {
            // EPERM: not ours to show; EBUSY, ENODEV: this kernel, or this host, has none.
            Err(error @ (Errno::PERM | Errno::BUSY | Errno::NODEV)) => match &filesystem.refused {
                Refused::Fail => return Err(error.into()),
                Refused::Skip => return Ok(()),
                Refused::Bind(path) => {
                    let copy = match open_tree(path, true) {
                        // The host has none either.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                        other => other?,
                    };
                    let guard = match self.in_user_namespace {
                        true => libc::MOUNT_ATTR_NODEV,
                        false => 0,
                    };
                    let attributes = Attributes {
                        set: self.own.set | guard,
                        clear: 0,
                        propagation: MountPropagationFlags::PRIVATE.bits().into(),
                    };
                    set_attributes(copy.as_fd(), attributes, true)?;
                    copy
                }
            },
            other => other?,
        };
        self.finish(mount.as_fd(), 0)?;
        attach(mount.as_fd(), &target)?;
        match filesystem.kind.to_bytes() {
            b"proc" if self.target.as_c_str() == PROC => state.proc = Some(mount),
            b"sysfs" if self.target.as_c_str() == c"/sys" => state.sys = Some(mount),
            _ => {}
        }
        Ok(())
    }

    fn run_bind(
        &self,
        source: &CString,
        recursive: bool,
        protect: bool,
        state: &mut State<'_>,
    ) -> io::Result<()> {
        let mount = open_tree(source, recursive)?;
        let stat = rustix::fs::fstat(&mount)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let target = match kind {
            FileType::Directory => self.target.ensure_directory(state.root()?)?,
            _ => self.target.ensure_file(state.root()?)?,
        };
        self.check_outside_proc(&target)?;
        if !self.own.is_empty() {
            set_attributes(mount.as_fd(), self.own, false)?;
        }
        self.finish(mount.as_fd(), self.guard(kind))?;
        let is_node = matches!(kind, FileType::CharacterDevice | FileType::BlockDevice);
        if self.in_user_namespace && is_node {
            protect_node(mount.as_fd(), protect)?;
        }
        attach(mount.as_fd(), &target)?;
        if self.target.as_c_str() == PROC {
            state.proc = Some(mount);
        }
        Ok(())
    }

    /// A bind shows a filesystem of the host's, whose device nodes are live whatever the user namespace: whoever is root
    /// inside would only have to find, or have the image bring, the right one. A node that is bound by itself was meant.
    fn guard(&self, kind: FileType) -> u64 {
        match kind {
            FileType::CharacterDevice | FileType::BlockDevice => 0,
            _ if self.in_user_namespace => libc::MOUNT_ATTR_NODEV,
            _ => 0,
        }
    }

    /// What is changed on a mount of either kind before it is attached: what the spec says, and the flags `guard` on it and
    /// everything below.
    fn finish(&self, mount: BorrowedFd<'_>, guard: u64) -> io::Result<()> {
        let mut all = self.recursive;
        all.set |= guard;
        all.clear &= !guard;
        let mut propagation = &self.propagation[..];
        if let [(flags, true)] = propagation {
            all.propagation = flags.bits().into();
            propagation = &[];
        }
        if !all.is_empty() {
            set_attributes(mount, all, true)?;
        }
        for (flags, recursive) in propagation {
            let attributes = Attributes {
                propagation: flags.bits().into(),
                ..Attributes::default()
            };
            set_attributes(mount, attributes, *recursive)?;
        }
        Ok(())
    }
}

fn open_tree(path: &CString, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    Ok(rustix::mount::open_tree(CWD, path, flags)?)
}

impl Step for MountStep {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        match &self.what {
            What::New(filesystem) => self.run_new(filesystem, state),
            What::Bind {
                source,
                recursive,
                protect,
            } => self.run_bind(source, *recursive, *protect, state),
        }
    }

    fn words(&self) -> String {
        format!(
            "error mounting {:?} to rootfs at {:?}",
            self.source,
            self.target.display()
        )
    }
}

/// Sets a mount read-only that had to be written to first.
#[derive(Debug)]
pub(super) struct SetReadOnly {
    pub(super) target: InsidePath,
}

impl Step for SetReadOnly {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let mount = self.target.ensure_directory(state.root()?)?;
        let attributes = Attributes {
            set: libc::MOUNT_ATTR_RDONLY,
            ..Attributes::default()
        };
        set_attributes(mount.as_fd(), attributes, false)
    }

    fn words(&self) -> String {
        format!("error making {:?} read-only", self.target.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_in_octal() {
        let mut digits = [0; MODE_DIGITS + 1];
        assert_eq!(octal(0o1777, &mut digits), c"1777");
        assert_eq!(octal(0o755, &mut digits), c"0755");
    }
}
