//! Filling an empty volume with what the image has at its place, as Docker does.
//!
//! It happens in a forked child that is inside the user's id map and in a mount namespace of its own, where it mounts the
//! image's layers over each other, read-only: the kernel merges them, resolves links inside them, and shows owners as the
//! container will see them.
//!
//! Fillers of one volume take turns with a lock on its directory. `volumes/<name>/filling` is there while one is at work;
//! found with nobody at work, it says that the volume is half-filled and to be filled again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, ResolveFlags, Timespec, Timestamps,
    XattrFlags,
};
use rustix::mount::MountFlags;

use crate::rootfs::Root;
use crate::settings::Settings;
use crate::sys::namespace;
use crate::sys::process::{Side, exit_now, fork, wait};
use crate::userns::{self, IdMap, Tier};

use super::Error;

/// Longest message that a child reports.
const MAX_MESSAGE: u64 = 16 * 1024;

/// Largest list of xattr names and largest value that the kernel has (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MAX_XATTR: usize = 64 * 1024;

/// overlayfs's own xattrs, which mean nothing in a volume.
const OVERLAY_XATTRS: &[u8] = b"user.overlay.";

/// A volume that is to be filled from the image while it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyUp {
    /// The volume's directory, which holds `_data`.
    pub volume: PathBuf,
    /// Where it will be mounted.
    pub target: String,
}

/// Something that failed, on a path.
#[derive(Debug)]
struct Failure {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Failure {
    move |error| Failure {
        action,
        path: path.to_owned(),
        source: error.into(),
    }
}

impl CopyUp {
    fn data(&self) -> PathBuf {
        self.volume.join("_data")
    }

    fn mark(&self) -> PathBuf {
        self.volume.join("filling")
    }

    /// Whether the volume is empty, or a filling of it was interrupted. A volume that cannot be read has something in it.
    pub(super) fn wants_filling(&self) -> bool {
        self.mark().symlink_metadata().is_ok()
            || fs::read_dir(self.data()).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Whether some layer may have something at the target. Without the user's id map not all can be seen: what cannot is
    /// taken to be there.
    fn may_find_something(&self, root: &Root) -> bool {
        let layers = match root {
            Root::Overlay { lowerdirs, .. } => lowerdirs.as_slice(),
            Root::Directory(dir) => std::slice::from_ref(dir),
        };
        layers.iter().any(|layer| {
            let found = open_directory(layer).and_then(|layer| {
                Ok(open_inside(
                    &layer,
                    &self.target,
                    ResolveFlags::NO_SYMLINKS,
                )?)
            });
            !matches!(&found, Err(error) if is_absent(error))
        })
    }
}

/// Fills each volume of `copies` that is empty with what `root` has at its place; nothing where it has no directory there.
///
/// The calling process must have one thread. No child is forked where the image has nothing to copy.
///
/// # Errors
///
/// [`Error::CopyUp`].
pub fn copy_up(
    copies: &[CopyUp],
    root: &Root,
    map: &IdMap,
    settings: &Settings,
) -> Result<(), Error> {
    let wanted: Vec<&CopyUp> = copies
        .iter()
        .filter(|copy| copy.wants_filling() && copy.may_find_something(root))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let broken = |error: io::Error| Error::CopyUp(format!("cannot start a process: {error}"));
    let (mut report, mut reporter) = io::pipe().map_err(broken)?;
    match fork().map_err(broken)? {
        Side::Child => {
            drop(report);
            let outcome = fill_in_namespace(&wanted, root, map, settings);
            if let Err(message) = &outcome {
                // A reader that is gone has no use for it.
                let _ = reporter.write_all(message.as_bytes());
            }
            exit_now(u8::from(outcome.is_err()));
        }
        Side::Parent(pid) => {
            drop(reporter);
            let mut message = String::new();
            let read = report.by_ref().take(MAX_MESSAGE);
            let read = { read }.read_to_string(&mut message);
            match (wait(pid).map_err(broken)?, read) {
                (0, Ok(_)) => Ok(()),
                (code, _) if message.is_empty() => Err(Error::CopyUp(format!(
                    "the process exited with code {code}"
                ))),
                _ => Err(Error::CopyUp(message)),
            }
        }
    }
}

/// The child's work; errors as words, for the pipe.
fn fill_in_namespace(
    copies: &[&CopyUp],
    root: &Root,
    map: &IdMap,
    settings: &Settings,
) -> Result<(), String> {
    let with_cause = |error: &dyn std::error::Error| match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    userns::enter(map, settings).map_err(|error| with_cause(&error))?;
    if map.tier == Tier::Identity {
        // The others have got a mount namespace along with the user namespace.
        own_mounts().map_err(|error| format!("cannot create a mount namespace: {error}"))?;
    }
    let words = |failure: Failure| {
        let Failure {
            action,
            path,
            source,
        } = failure;
        format!("cannot {action} {}: {source}", path.display())
    };
    let view = image_view(root).map_err(words)?;
    copies
        .iter()
        .try_for_each(|copy| fill(copy, &view).map_err(words))
}

fn own_mounts() -> io::Result<()> {
    namespace::unshare(libc::CLONE_NEWNS)?;
    let private =
        rustix::mount::MountPropagationFlags::REC | rustix::mount::MountPropagationFlags::PRIVATE;
    Ok(rustix::mount::mount_change("/", private)?)
}

/// Returns the image's root directory, its layers merged.
fn image_view(root: &Root) -> Result<OwnedFd, Failure> {
    let lowerdirs = match root {
        Root::Directory(dir) => return open_directory(dir).map_err(failed("open", dir)),
        Root::Overlay { lowerdirs, .. } => lowerdirs,
    };
    let top = &lowerdirs[0];
    if lowerdirs.len() > 1 {
        let layers = lowerdirs
            .iter()
            .map(|dir| open_directory(dir).map_err(failed("open", dir)))
            .collect::<Result<Vec<_>, _>>()?;
        // Through descriptors, because the options of a mount have one page, and no path to escape.
        let paths: Vec<_> = layers
            .iter()
            .map(|layer| format!("/proc/self/fd/{}", layer.as_raw_fd()))
            .collect();
        let options = format!("lowerdir={},userxattr\0", paths.join(":"));
        let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).expect("one NUL");
        // Over the topmost layer: nobody else sees this namespace, and it ends with the process.
        rustix::mount::mount("overlay", top, "overlay", MountFlags::RDONLY, options)
            .map_err(failed("mount an overlay on", top))?;
    }
    open_directory(top).map_err(failed("open", top))
}

/// Fills one volume.
fn fill(copy: &CopyUp, image: &OwnedFd) -> Result<(), Failure> {
    let source = match open_inside(image, &copy.target, ResolveFlags::empty()) {
        Ok(source) => source,
        Err(error) if is_absent(&error.into()) => return Ok(()),
        Err(error) => return Err(failed("open", Path::new(&copy.target))(error)),
    };
    let lock = File::open(&copy.volume).map_err(failed("open", &copy.volume))?;
    rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive))
        .map_err(failed("lock", &copy.volume))?;
    // Somebody may have filled it while we waited.
    if !copy.wants_filling() {
        return Ok(());
    }
    let mark = copy.mark();
    File::create(&mark).map_err(failed("create", &mark))?;
    // No link is followed below it: only directories are descended into, and nobody changes an image.
    let source = PathBuf::from(format!("/proc/self/fd/{}/.", source.as_raw_fd()));
    copy_directory(&source, &copy.data(), &mut HashMap::new())?;
    fs::remove_file(&mark).map_err(failed("remove", &mark))
}

/// Copies the content of the directory `from` into the existing directory `to`, then its owner, mode, times and xattrs.
/// `links` knows the copies of files that have several names, by device and inode.
fn copy_directory(
    from: &Path,
    to: &Path,
    links: &mut HashMap<(u64, u64), PathBuf>,
) -> Result<(), Failure> {
    for entry in fs::read_dir(from).map_err(failed("read", from))? {
        let name = entry.map_err(failed("read", from))?.file_name();
        let (from, to) = (from.join(&name), to.join(&name));
        let meta = from.symlink_metadata().map_err(failed("read", &from))?;
        if meta.is_dir() {
            match fs::create_dir(&to) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(failed("create", &to))?,
            }
            copy_directory(&from, &to, links)?;
            continue;
        }
        // What an interrupted filling left.
        match fs::remove_file(&to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(failed("replace", &to))?,
        }
        if meta.nlink() > 1 {
            let id = (meta.dev(), meta.ino());
            if let Some(first) = links.get(&id) {
                fs::hard_link(first, &to).map_err(failed("create", &to))?;
                continue;
            }
            links.insert(id, to.clone());
        }
        if copy_file(&from, &to, &meta)? {
            copy_metadata(&from, &to, &meta)?;
        }
    }
    let meta = fs::metadata(from).map_err(failed("read", from))?;
    copy_metadata(from, to, &meta)
}

/// Makes what is no directory; `false` where it was left out: sockets, and devices where they cannot be made.
fn copy_file(from: &Path, to: &Path, meta: &fs::Metadata) -> Result<bool, Failure> {
    let kind = meta.file_type();
    if kind.is_file() {
        let mut reader = File::open(from).map_err(failed("open", from))?;
        let mut writer = File::options()
            .write(true)
            .create_new(true)
            .open(to)
            .map_err(failed("create", to))?;
        io::copy(&mut reader, &mut writer).map_err(failed("write", to))?;
    } else if kind.is_symlink() {
        let target = fs::read_link(from).map_err(failed("read", from))?;
        symlink(target, to).map_err(failed("create", to))?;
    } else if kind.is_socket() {
        return Ok(false);
    } else {
        let node = if kind.is_fifo() {
            FileType::Fifo
        } else if kind.is_block_device() {
            FileType::BlockDevice
        } else {
            FileType::CharacterDevice
        };
        match rustix::fs::mknodat(CWD, to, node, Mode::RUSR | Mode::WUSR, meta.rdev()) {
            Err(rustix::io::Errno::PERM) if !kind.is_fifo() => return Ok(false),
            made => made.map_err(failed("create", to))?,
        }
    }
    Ok(true)
}

/// Owner first, because changing it takes set-user-id bits and capabilities away.
fn copy_metadata(from: &Path, to: &Path, meta: &fs::Metadata) -> Result<(), Failure> {
    lchown(to, Some(meta.uid()), Some(meta.gid())).map_err(failed("chown", to))?;
    copy_xattrs(from, to)?;
    if !meta.is_symlink() {
        let mode = fs::Permissions::from_mode(meta.mode() & 0o7777);
        fs::set_permissions(to, mode).map_err(failed("chmod", to))?;
    }
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: meta.atime(),
            tv_nsec: meta.atime_nsec() as _,
        },
        last_modification: Timespec {
            tv_sec: meta.mtime(),
            tv_nsec: meta.mtime_nsec() as _,
        },
    };
    rustix::fs::utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(failed("set the times of", to))
}

fn copy_xattrs(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut names = vec![0u8; MAX_XATTR];
    let length = match rustix::fs::llistxattr(from, &mut names) {
        Err(rustix::io::Errno::NOTSUP) => return Ok(()),
        length => length.map_err(failed("read the xattrs of", from))?,
    };
    let mut value = vec![0u8; if length == 0 { 0 } else { MAX_XATTR }];
    for name in names[..length].split(|byte| *byte == 0) {
        if name.is_empty() || name.starts_with(OVERLAY_XATTRS) {
            continue;
        }
        let length = rustix::fs::lgetxattr(from, name, &mut value)
            .map_err(failed("read the xattrs of", from))?;
        match rustix::fs::lsetxattr(to, name, &value[..length], XattrFlags::empty()) {
            // Namespaces of xattrs that this user or filesystem has no right to or knowledge of (`security.selinux`).
            Err(rustix::io::Errno::PERM | rustix::io::Errno::NOTSUP) => {}
            set => set.map_err(failed("set the xattrs of", to))?,
        }
    }
    Ok(())
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Opens a directory below `root`, which its links do not lead out of.
fn open_inside(
    root: &OwnedFd,
    target: &str,
    further: ResolveFlags,
) -> Result<OwnedFd, rustix::io::Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | further;
    rustix::fs::openat2(root, target, flags, Mode::empty(), resolve)
}

/// Whether the image has no directory there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy_of(dir: &Path) -> CopyUp {
        let copy = CopyUp {
            volume: dir.join("vol"),
            target: "/srv/data".to_owned(),
        };
        fs::create_dir_all(copy.data()).unwrap();
        copy
    }

    #[test]
    fn copies_a_tree_once() {
        let dir = tempfile::tempdir().unwrap();
        let copy = copy_of(dir.path());
        let image = dir.path().join("image");
        let data = image.join("real/data");
        fs::create_dir_all(data.join("sub")).unwrap();
        // The way to it is an absolute link, which must stay inside the image.
        symlink("/real", image.join("srv")).unwrap();
        fs::write(data.join("file"), "content").unwrap();
        fs::hard_link(data.join("file"), data.join("sub/same")).unwrap();
        symlink("/etc/passwd", data.join("link")).unwrap();
        fs::set_permissions(data.join("sub"), fs::Permissions::from_mode(0o2750)).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o1777)).unwrap();
        let view = open_directory(&image).unwrap();

        assert!(copy.may_find_something(&Root::Directory(image.clone())));
        // As if killed half-way.
        fs::write(copy.mark(), "").unwrap();
        fs::write(copy.data().join("file"), "con").unwrap();
        assert!(copy.wants_filling());
        fill(&copy, &view).unwrap();
        assert!(!copy.wants_filling());
        let filled = copy.data();
        assert_eq!(fs::read(filled.join("file")).unwrap(), b"content");
        let ino = |name| fs::metadata(filled.join(name)).unwrap().ino();
        assert_eq!(ino("file"), ino("sub/same"));
        assert_eq!(
            fs::read_link(filled.join("link")).unwrap(),
            Path::new("/etc/passwd")
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&filled.join("sub")), 0o2750);
        assert_eq!(mode(&filled), 0o1777);

        fs::write(data.join("late"), "").unwrap();
        fill(&copy, &view).unwrap();
        assert!(!filled.join("late").exists());
    }

    #[test]
    fn an_image_without_the_directory_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let copy = copy_of(dir.path());
        let image = dir.path().join("image");
        fs::create_dir_all(image.join("srv")).unwrap();
        fs::write(image.join("srv/data"), "a file").unwrap();
        assert!(!copy.may_find_something(&Root::Directory(image.clone())));
        fill(&copy, &open_directory(&image).unwrap()).unwrap();
        assert!(copy.wants_filling());
    }
}
