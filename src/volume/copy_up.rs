//! Filling an empty volume with what the image has at its place, as Docker does.
//!
//! It happens in a forked child that is inside the user's id map and in a mount namespace of its own, where it mounts the
//! image's layers over each other, read-only: the kernel merges them, resolves links inside them, and shows owners as the
//! container will see them.
//!
//! Fillers of one volume take turns with a lock on its directory. `volumes/<name>/filling` is there while one is at work;
//! found with nobody at work, it says that the volume is half-filled and to be filled again.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};

use crate::rootfs::{Root, copy_tree};
use crate::settings::Settings;
use crate::sys::child::speaking_child;
use crate::sys::namespace;
use crate::userns::{self, IdMap};

use super::{Error, MountPoint, Volumes};

/// A volume that is to be filled from the image while it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyUp {
    /// The volume's directory, which holds `_data`.
    pub volume: PathBuf,
    /// Where it will be mounted.
    pub target: String,
}

/// Returns the volumes among `points` whose filling has been interrupted, in whatever container. `fresh`: the container has
/// never been started, so that those count too which are empty: whoever made it may have been killed before it filled them.
pub fn unfinished_copies(volumes: &Volumes<'_>, points: &[MountPoint], fresh: bool) -> Vec<CopyUp> {
    let filled = points
        .iter()
        .filter(|point| point.kind == "volume" && !point.no_copy);
    let copies = filled.map(|point| CopyUp {
        volume: volumes.dir(&point.name),
        target: point.destination.clone(),
    });
    copies
        .filter(|copy| copy.is_interrupted() || (fresh && copy.wants_filling()))
        .collect()
}

/// Returns what makes words of an I/O error, for the parent to show.
fn words<E: Into<io::Error>>(action: &str, path: &Path) -> impl FnOnce(E) -> String {
    move |error| format!("cannot {action} {}: {}", path.display(), error.into())
}

impl CopyUp {
    fn data(&self) -> PathBuf {
        self.volume.join("_data")
    }

    fn mark(&self) -> PathBuf {
        self.volume.join("filling")
    }

    /// Whether somebody fills it just now, or was killed doing so.
    fn is_interrupted(&self) -> bool {
        self.mark().symlink_metadata().is_ok()
    }

    /// Whether the volume is empty, or a filling of it was interrupted. A volume that cannot be read has something in it.
    pub(super) fn wants_filling(&self) -> bool {
        self.is_interrupted()
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
            let further = ResolveFlags::NO_SYMLINKS;
            let found = open_directory(layer)
                .and_then(|layer| open_inside(&layer, &self.target, OFlags::PATH, further));
            !matches!(found, Err(errno) if is_absent(errno))
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
    let ended = speaking_child(|speak| {
        match fill_in_namespace(&wanted, root, map, settings) {
            Ok(()) => 0,
            Err(problem) => {
                // A parent that is gone has no use for it.
                let _ = speak.write_all(problem.as_bytes());
                1
            }
        }
    })
    .map_err(|error| Error::CopyUp(error.to_string()))?;
    match ended.code {
        0 => Ok(()),
        code if ended.words.is_empty() => {
            Err(Error::CopyUp(format!("the process exited with {code}")))
        }
        _ => Err(Error::CopyUp(ended.words)),
    }
}

/// The child's work.
fn fill_in_namespace(
    copies: &[&CopyUp],
    root: &Root,
    map: &IdMap,
    settings: &Settings,
) -> Result<(), String> {
    userns::enter(map, settings).map_err(|error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })?;
    if map.is_own() {
        // The others have got a mount namespace along with the user namespace.
        let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
        namespace::unshare(libc::CLONE_NEWNS)
            .and_then(|()| Ok(rustix::mount::mount_change("/", private)?))
            .map_err(|error| format!("cannot create a mount namespace: {error}"))?;
    }
    let image = image_view(root)?;
    copies.iter().try_for_each(|copy| fill(copy, &image))
}

/// Returns the image's root directory, its layers merged.
fn image_view(root: &Root) -> Result<OwnedFd, String> {
    let open = |dir: &PathBuf| open_directory(dir).map_err(words("open", dir));
    let lowerdirs = match root {
        Root::Directory(dir) => return open(dir),
        Root::Overlay { lowerdirs, .. } => lowerdirs,
    };
    let top = &lowerdirs[0];
    if lowerdirs.len() > 1 {
        let layers = lowerdirs.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        // Through descriptors, because the options of a mount have one page, and no path to escape.
        let paths: Vec<_> = layers
            .iter()
            .map(|layer| format!("/proc/self/fd/{}", layer.as_raw_fd()))
            .collect();
        let options = format!("lowerdir={},userxattr", paths.join(":"));
        let options = std::ffi::CString::new(options).expect("digits and slashes");
        // Over the topmost layer: nobody else sees this namespace, and it ends with the process.
        rustix::mount::mount("overlay", top, "overlay", MountFlags::RDONLY, &*options)
            .map_err(words("mount an overlay on", top))?;
    }
    open(top)
}

/// Fills one volume.
fn fill(copy: &CopyUp, image: &OwnedFd) -> Result<(), String> {
    let target = Path::new(&copy.target);
    let source = match open_inside(image, &copy.target, OFlags::RDONLY, ResolveFlags::empty()) {
        Err(errno) if is_absent(errno) => return Ok(()),
        source => source.map_err(words("open", target))?,
    };
    let lock = File::open(&copy.volume).map_err(words("open", &copy.volume))?;
    rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive))
        .map_err(words("lock", &copy.volume))?;
    // Somebody may have filled it while we waited.
    if !copy.wants_filling() {
        return Ok(());
    }
    let (data, mark) = (copy.data(), copy.mark());
    File::create(&mark).map_err(words("create", &mark))?;
    let opened = File::open(&data).map_err(words("open", &data))?;
    copy_tree(source.as_fd(), opened.as_fd())
        .map_err(|(path, errno)| words("copy", &target.join(path))(errno))?;
    fs::remove_file(&mark).map_err(words("remove", &mark))
}

fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Opens a directory below `root`, which its links do not lead out of.
fn open_inside(
    root: &OwnedFd,
    target: &str,
    access: OFlags,
    further: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | further;
    rustix::fs::openat2(root, target, flags, Mode::empty(), resolve)
}

/// Whether the image has no directory there.
fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

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
