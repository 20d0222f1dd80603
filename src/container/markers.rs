//! What tells a process that it is in a container: `/.dockerenv` (Docker's) and `/run/.containerenv` (podman's), both empty.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Error;
use super::error::failed;
use super::view::View;
use crate::rootfs::Root;

/// Puts the marks into a root directory that is being made. The second one needs a `/run` that is a plain directory of
/// `owner`, the one who is root inside: where an image has something else there, it is left out.
pub(super) fn put(root: &Root, owner: u32) -> Result<(), Error> {
    let (top, view) = match root {
        // A directory that is missing above is made like the one it covers.
        Root::Overlay { upperdir, .. } => (upperdir, true),
        Root::Directory(dir) => (dir, false),
    };
    create(&top.join(".dockerenv"))?;
    let run = top.join("run");
    if view {
        let view = View::of_root(root).map_err(failed("open", top))?;
        let Some(mode) = view
            .plain_directory("run", owner)
            .map_err(failed("read", &run))?
        else {
            return Ok(());
        };
        match std::fs::DirBuilder::new().mode(mode).create(&run) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("create", &run)(error));
            }
            _ => {}
        }
        // Whatever the umask.
        let mode = rustix::fs::Mode::from_raw_mode(mode);
        rustix::fs::chmod(&run, mode).map_err(|error| failed("change", &run)(error.into()))?;
    } else if !run.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    create(&run.join(".containerenv"))
}

/// Makes an empty file; fine if something is there. No link that an image has put there is followed.
fn create(path: &Path) -> Result<(), Error> {
    let made = File::options()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(failed("create", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

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

        let temp = tempfile::tempdir().unwrap();
        let root = overlay(temp.path());
        let outside = temp.path().join("outside");
        fs::create_dir(&outside).unwrap();
        symlink(&outside, temp.path().join("lower/run")).unwrap();
        symlink(outside.join("x"), temp.path().join("upper/.dockerenv")).unwrap();
        put(&root, me).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert!(!temp.path().join("upper/run").exists());
    }
}
