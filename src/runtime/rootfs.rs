//! The root directory: mounted by the child in its own mount namespace, then made the root of everything.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};

use super::Error;
use super::inside::c_string;
use super::step::{State, Step};
use crate::rootfs::Root;
use crate::sys::mount::{Attributes, set_attributes};

/// Longest value that `fsconfig(2)` takes as a string.
const MAX_FSCONFIG_VALUE: usize = 255;

/// Cuts the new mount namespace off from the one it was copied from.
#[derive(Debug)]
pub(super) struct Isolate {
    /// `PRIVATE`, or `DOWNSTREAM` (slave) where a mount wants to see what the host mounts later.
    pub(super) propagation: MountPropagationFlags,
}

impl Step for Isolate {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        Ok(rustix::mount::mount_change(
            c"/",
            self.propagation | MountPropagationFlags::REC,
        )?)
    }

    fn words(&self) -> String {
        "error changing the propagation of the host's mounts".to_owned()
    }
}

/// A kernel overlay, as the mount calls want it.
#[derive(Debug)]
pub(super) struct Overlay {
    /// The directory that all the others are named from: their nearest common ancestor. So the names stay short, and the
    /// container's mount table does not tell where on the host they are.
    ancestor: CString,
    lowerdirs: Vec<CString>,
    upperdir: CString,
    workdir: CString,
    volatile: bool,
    no_devices: bool,
    /// All of it for mount(2), for kernels before 6.8 that do not know `lowerdir+`.
    legacy: CString,
}

impl Overlay {
    fn new(
        lowerdirs: &[PathBuf],
        upperdir: &Path,
        workdir: &Path,
        volatile: bool,
        no_devices: bool,
    ) -> Result<Overlay, Error> {
        let ancestor = common_ancestor(
            lowerdirs
                .iter()
                .map(PathBuf::as_path)
                .chain([upperdir, workdir]),
        );
        let relative = |path: &Path| -> Result<Vec<u8>, Error> {
            let path = path.strip_prefix(&ancestor).unwrap_or(path);
            Ok(match path.as_os_str().as_bytes() {
                // The ancestor itself.
                b"" => b".".to_vec(),
                path => path.to_vec(),
            })
        };
        let lowers: Vec<Vec<u8>> = lowerdirs
            .iter()
            .map(|path| relative(path))
            .collect::<Result<_, _>>()?;
        let (upper, work) = (relative(upperdir)?, relative(workdir)?);

        let mut legacy = b"lowerdir=".to_vec();
        for (index, lower) in lowers.iter().enumerate() {
            if index > 0 {
                legacy.push(b':');
            }
            legacy.extend(escape(lower, b"\\:,"));
        }
        for (key, path) in [(",upperdir=", &upper), (",workdir=", &work)] {
            legacy.extend(key.bytes());
            legacy.extend(escape(path, b"\\,"));
        }
        legacy.extend_from_slice(b",userxattr");
        if volatile {
            legacy.extend_from_slice(b",volatile");
        }
        Ok(Overlay {
            ancestor: c_string(ancestor.as_os_str().as_bytes())?,
            lowerdirs: lowers.iter().map(c_string).collect::<Result<_, _>>()?,
            // Unlike `lowerdir+`, these two are unescaped by the kernel.
            upperdir: c_string(escape(&upper, b"\\"))?,
            workdir: c_string(escape(&work, b"\\"))?,
            volatile,
            no_devices,
            legacy: c_string(legacy)?,
        })
    }

    /// `fsopen(2)` and friends: one option per layer, so that their number is not bounded by a page.
    fn mount(&self) -> Result<OwnedFd, Errno> {
        use rustix::mount::{fsconfig_create, fsconfig_set_flag, fsconfig_set_string};
        let too_long = |path: &CString| path.as_bytes().len() > MAX_FSCONFIG_VALUE;
        if self.lowerdirs.iter().any(too_long)
            || too_long(&self.upperdir)
            || too_long(&self.workdir)
        {
            return Err(Errno::INVAL);
        }
        let overlay = rustix::mount::fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&overlay, c"source", c"overlay")?;
        for lower in &self.lowerdirs {
            fsconfig_set_string(&overlay, c"lowerdir+", lower)?;
        }
        fsconfig_set_string(&overlay, c"upperdir", &self.upperdir)?;
        fsconfig_set_string(&overlay, c"workdir", &self.workdir)?;
        fsconfig_set_flag(&overlay, c"userxattr")?;
        if self.volatile {
            fsconfig_set_flag(&overlay, c"volatile")?;
        }
        fsconfig_create(&overlay)?;
        rustix::mount::fsmount(
            &overlay,
            FsMountFlags::FSMOUNT_CLOEXEC,
            match self.no_devices {
                true => MountAttrFlags::MOUNT_ATTR_NODEV,
                false => MountAttrFlags::empty(),
            },
        )
    }

    /// mount(2), onto the ancestor, from which a detached copy is then taken.
    fn mount_legacy(&self) -> Result<OwnedFd, Errno> {
        rustix::mount::mount(
            c"overlay",
            c".",
            c"overlay",
            match self.no_devices {
                true => MountFlags::NODEV,
                false => MountFlags::empty(),
            },
            self.legacy.as_c_str(),
        )?;
        // `.` still is what it was; the path leads to what was mounted on it.
        let copy = rustix::mount::open_tree(
            CWD,
            &self.ancestor,
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
        )?;
        rustix::mount::unmount(&self.ancestor, UnmountFlags::DETACH)?;
        Ok(copy)
    }

    fn make(&self) -> Result<OwnedFd, Errno> {
        rustix::process::chdir(&self.ancestor)?;
        match self.mount() {
            Err(Errno::INVAL | Errno::NOSYS) => self.mount_legacy(),
            other => other,
        }
    }
}

/// How the root directory is made. It stays detached until [`AttachRoot`].
#[derive(Debug)]
pub(super) enum Make {
    /// A new overlay.
    Overlay(Overlay),
    /// A ready directory, with what is mounted below it.
    Directory { path: CString, no_devices: bool },
}

impl Make {
    fn make(&self) -> io::Result<OwnedFd> {
        match self {
            Make::Overlay(overlay) => Ok(overlay.make()?),
            Make::Directory { path, no_devices } => {
                let copy = rustix::mount::open_tree(
                    CWD,
                    path,
                    OpenTreeFlags::OPEN_TREE_CLONE
                        | OpenTreeFlags::OPEN_TREE_CLOEXEC
                        | OpenTreeFlags::AT_RECURSIVE,
                )?;
                if *no_devices {
                    let attributes = Attributes {
                        set: libc::MOUNT_ATTR_NODEV,
                        ..Attributes::default()
                    };
                    set_attributes(copy.as_fd(), attributes, true)?;
                }
                Ok(copy)
            }
        }
    }
}

/// Makes the root before the id maps are there, if that can be done. It cannot where it takes power over an inode, such
/// as the unreadable `work` that an overlay leaves behind when a container has run before.
#[derive(Debug)]
pub(super) struct TryRoot(pub(super) Rc<Make>);

impl Step for TryRoot {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        state.root = self.0.make().ok();
        Ok(())
    }

    fn words(&self) -> String {
        MakeRoot(Rc::clone(&self.0)).words()
    }
}

/// Makes the root, unless it is there already.
#[derive(Debug)]
pub(super) struct MakeRoot(pub(super) Rc<Make>);

impl Step for MakeRoot {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        if state.root.is_none() {
            state.root = Some(self.0.make()?);
        }
        Ok(())
    }

    fn words(&self) -> String {
        match &*self.0 {
            Make::Overlay(overlay) => format!(
                "error mounting the overlay of {} layers below {:?}",
                overlay.lowerdirs.len(),
                overlay.ancestor
            ),
            Make::Directory { path, .. } => format!("error taking {path:?} as the root directory"),
        }
    }
}

/// Attaches the root, so that other mounts can be attached to it.
#[derive(Debug)]
pub(super) struct AttachRoot {
    /// A directory that nobody needs to see any more in this mount namespace.
    place: CString,
}

impl Step for AttachRoot {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        Ok(rustix::mount::move_mount(
            state.root()?,
            c"",
            CWD,
            &self.place,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )?)
    }

    fn words(&self) -> String {
        format!("error attaching the root filesystem at {:?}", self.place)
    }
}

/// Prepares to make `root` and to attach it. `no_devices`: its device nodes are not to work, because they are the image's
/// and the power to open them would be the host's.
pub(super) fn prepare(root: &Root, no_devices: bool) -> Result<(Make, AttachRoot), Error> {
    match root {
        Root::Overlay {
            lowerdirs,
            upperdir,
            workdir,
            volatile,
        } => Ok((
            Make::Overlay(Overlay::new(
                lowerdirs, upperdir, workdir, *volatile, no_devices,
            )?),
            AttachRoot {
                place: c_string(upperdir.as_os_str().as_bytes())?,
            },
        )),
        Root::Directory(path) => {
            let path = c_string(path.as_os_str().as_bytes())?;
            let make = Make::Directory {
                path: path.clone(),
                no_devices,
            };
            Ok((make, AttachRoot { place: path }))
        }
    }
}

/// Makes the root the root of the process, and lets go of the host's.
#[derive(Debug)]
pub(super) struct Pivot;

impl Step for Pivot {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let old = rustix::fs::openat(
            CWD,
            c"/",
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::process::fchdir(state.root()?)?;
        // The old root is stacked on the new one, in the same place, and taken off there: no directory is needed for it.
        rustix::process::pivot_root(c".", c".")?;
        rustix::process::fchdir(&old)?;
        // So that taking it off is not passed on to the host.
        rustix::mount::mount_change(
            c".",
            MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
        )?;
        rustix::mount::unmount(c".", UnmountFlags::DETACH)?;
        Ok(rustix::process::chdir(c"/")?)
    }

    fn words(&self) -> String {
        "error jailing process inside rootfs: pivot_root".to_owned()
    }
}

/// Sets flags or the propagation of the root mount.
#[derive(Debug)]
pub(super) struct RootAttributes {
    pub(super) attributes: Attributes,
    pub(super) recursive: bool,
}

impl Step for RootAttributes {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        set_attributes(state.root()?.as_fd(), self.attributes, self.recursive)
    }

    fn words(&self) -> String {
        "error setting the flags of the root filesystem".to_owned()
    }
}

fn common_ancestor<'a>(mut paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let first = paths.next().and_then(Path::parent);
    let mut ancestor = first.unwrap_or(Path::new("/")).to_path_buf();
    for path in paths {
        while !path.starts_with(&ancestor) && ancestor.pop() {}
    }
    ancestor
}

/// Puts a backslash before each of `special`.
fn escape(text: &[u8], special: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        if special.contains(byte) {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlay_options_are_relative_and_escaped() {
        let overlay = Overlay::new(
            &["/s/layers/b:c/diff".into(), "/s/layers/a/diff".into()],
            Path::new("/s/containers/x,y/upper"),
            Path::new("/s/containers/x,y/work"),
            true,
            true,
        )
        .unwrap();
        assert_eq!(overlay.ancestor.as_c_str(), c"/s");
        assert_eq!(
            overlay.lowerdirs,
            [c"layers/b:c/diff".to_owned(), c"layers/a/diff".to_owned()]
        );
        assert_eq!(overlay.upperdir.as_c_str(), c"containers/x,y/upper");
        assert_eq!(
            overlay.legacy.to_str().unwrap(),
            "lowerdir=layers/b\\:c/diff:layers/a/diff,upperdir=containers/x\\,y/upper,\
             workdir=containers/x\\,y/work,userxattr,volatile"
        );
    }

    #[test]
    fn a_layer_may_be_above_the_others() {
        let upper = Path::new("/home/me/upper");
        let overlay = Overlay::new(&["/".into()], upper, upper, false, false).unwrap();
        assert_eq!(overlay.ancestor.as_c_str(), c"/");
        assert_eq!(overlay.lowerdirs, [c".".to_owned()]);
    }

    #[test]
    fn unrelated_directories_meet_at_the_root() {
        let paths = ["/a/b/c", "/a/d", "/x"].map(Path::new);
        assert_eq!(common_ancestor(paths.into_iter()), Path::new("/"));
        let paths = ["/a/b/c", "/a/b/d"].map(Path::new);
        assert_eq!(common_ancestor(paths.into_iter()), Path::new("/a/b"));
    }
}
