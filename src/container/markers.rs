//! What Docker and podman put into every root directory: `/.dockerenv` (Docker's) and `/run/.containerenv` (podman's), both
//! empty, which tell a process that it is in a container; and `/etc/mtab`, a link to `/proc/mounts`, where the image has
//! none (moby, daemon/initlayer: there it even hides the image's own).

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::Mode;

use super::Error;
use super::error::failed;
use super::view::View;
use crate::rootfs::Root;

/// Puts the marks into a root directory that is being made. Those below a directory need it to be a plain one of `owner`,
/// the one who is root inside: where an image has something else there, or what only root inside may look into, they are
/// left out.
pub(super) fn put(root: &Root, owner: u32) -> Result<(), Error> {
    let (top, view) = match root {
        Root::Overlay { upperdir, .. } => {
            let view = View::of_root(root).map_err(failed("open", upperdir))?;
            (upperdir, Some(view))
        }
        Root::Directory(dir) => (dir, None),
    };
    create(&top.join(".dockerenv"))?;
    inside(top, view.as_ref(), "run", owner, |run| {
        create(&run.join(".containerenv"))
    })?;
    let has_mtab = match &view {
        Some(view) => seen(view.has("/etc/mtab")).map_err(failed("read", top))?,
        // The link is not made over anything.
        None => Some(false),
    };
    if has_mtab == Some(false) {
        inside(top, view.as_ref(), "etc", owner, |etc| {
            let mtab = etc.join("mtab");
            made(std::os::unix::fs::symlink("/proc/mounts", &mtab)).map_err(failed("create", &mtab))
        })?;
    }
    Ok(())
}

/// Has `put` put something into directory `name` in `top`, unless something else is there. With a `view` of all layers it
/// is made like the one it covers.
fn inside(
    top: &Path,
    view: Option<&View>,
    name: &str,
    owner: u32,
    put: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let path = top.join(name);
    let Some(view) = view else {
        let meta = path.symlink_metadata();
        return match meta {
            Ok(meta) if meta.is_dir() && meta.uid() == owner => put(&path),
            _ => Ok(()),
        };
    };
    let plain = seen(view.plain_directory(name, owner)).map_err(failed("read", &path))?;
    let Some(mode) = plain.flatten() else {
        return Ok(());
    };
    made(DirBuilder::new().mode(0o700).create(&path)).map_err(failed("create", &path))?;
    let set_mode = |mode| {
        rustix::fs::chmod(&path, Mode::from_raw_mode(mode))
            .map_err(|error| failed("change", &path)(error.into()))
    };
    // One that nobody may write to is made first, and for the second time.
    set_mode(0o700)?;
    put(&path)?;
    // Whatever the umask.
    set_mode(mode)
}

/// `None` where it may not be looked at: from outside, the user is not root.
fn seen<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        result => result.map(Some),
    }
}

/// Makes an empty file; fine if something is there. No link that an image has put there is followed.
fn create(path: &Path) -> Result<(), Error> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(path);
    made(file.map(drop)).map_err(failed("create", path))
}

/// What is there need not be made.
fn made(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn overlay(dir: &Path) -> Root {
        for name in ["lower", "upper"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        Root::Overlay {
            lowerdirs: vec![dir.join("lower")],
            upperdir: dir.join("upper"),
            workdir: dir.join("work"),
            volatile: false,
        }
    }

    #[test]
    fn both_marks_and_nothing_through_links() {
        let temp = tempfile::tempdir().unwrap();
        let me = temp.path().metadata().unwrap().uid();
        let upper = temp.path().join("upper");
        let root = overlay(temp.path());
        let run = temp.path().join("lower/run");
        fs::create_dir(&run).unwrap();
        fs::set_permissions(&run, fs::Permissions::from_mode(0o711)).unwrap();
        put(&root, me).unwrap();
        put(&root, me).unwrap();
        assert!(upper.join(".dockerenv").exists());
        assert!(upper.join("run/.containerenv").exists());
        let mode = upper.join("run").metadata().unwrap().mode();
        assert_eq!(mode & 0o7777, 0o711);
        let mtab = fs::read_link(upper.join("etc/mtab")).unwrap();
        assert_eq!(mtab, Path::new("/proc/mounts"));

        let temp = tempfile::tempdir().unwrap();
        let root = overlay(temp.path());
        let outside = temp.path().join("outside");
        fs::create_dir(&outside).unwrap();
        symlink(&outside, temp.path().join("lower/run")).unwrap();
        symlink(outside.join("x"), temp.path().join("upper/.dockerenv")).unwrap();
        // The image's own stays.
        fs::create_dir(temp.path().join("lower/etc")).unwrap();
        symlink("../nowhere", temp.path().join("lower/etc/mtab")).unwrap();
        put(&root, me).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert!(!temp.path().join("upper/run").exists());
        assert!(!temp.path().join("upper/etc").exists());
    }
}
