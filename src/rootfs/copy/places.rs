//! Places for mounts in a tree: made where they are missing, and taken away again as if they had never been.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::node::{open_directory, times};
use super::noted::Mark;
use crate::rootfs::{Place, ROOT_MODE};

/// What was made.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// In the order in which it was made.
    made: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    parent: OwnedFd,
    name: CString,
    mark: Mark,
}

impl Places {
    /// Makes what is missing of `places` in the directory `root`. Links in there are followed, but not out of it; one that leads
    /// nowhere is left to whoever mounts something on it. After an error, the path is that of the place.
    pub(super) fn make(root: BorrowedFd<'_>, places: &[Place]) -> Result<Places, (PathBuf, Errno)> {
        let mut all = Places::default();
        for place in places {
            all.make_one(root, place)
                .map_err(|errno| (place.path.clone(), errno))?;
        }
        // Each may have changed the directory it was made in.
        for made in &mut all.made {
            let stat = rustix::fs::statat(&made.parent, &made.name, AtFlags::SYMLINK_NOFOLLOW);
            made.mark = Mark::of(&stat.map_err(|errno| (PathBuf::new(), errno))?);
        }
        Ok(all)
    }

    fn make_one(&mut self, root: BorrowedFd<'_>, place: &Place) -> Result<(), Errno> {
        let mut parent = open_inside(root, Path::new("."), OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut path = PathBuf::new();
        let mut components = (place.path.components())
            .filter(|component| matches!(component, Component::Normal(_)))
            .peekable();
        while let Some(component) = components.next() {
            let name = component.as_os_str();
            path.push(name);
            let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
            let is_file = place.is_file && components.peek().is_none();
            let access = match is_file {
                true => OFlags::PATH,
                false => OFlags::RDONLY | OFlags::DIRECTORY,
            };
            match open_inside(root, &path, access) {
                Ok(found) => parent = found,
                Err(Errno::NOENT) => match self.make_entry(parent, &name, is_file)? {
                    Some(made) => parent = made,
                    None => return Ok(()),
                },
                // Whoever mounts has the words for it.
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Makes one directory or file, and opens it; `None` where a link is in the way.
    fn make_entry(
        &mut self,
        parent: OwnedFd,
        name: &CStr,
        is_file: bool,
    ) -> Result<Option<OwnedFd>, Errno> {
        let before = rustix::fs::fstat(&parent)?;
        let mode = Mode::from_raw_mode(ROOT_MODE);
        let made = match is_file {
            false => match rustix::fs::mkdirat(&parent, name, mode) {
                Ok(()) => open_directory(parent.as_fd(), name),
                Err(errno) => Err(errno),
            },
            true => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                rustix::fs::openat(&parent, name, flags, mode)
            }
        };
        let made = match made {
            Err(Errno::EXIST) => return Ok(None),
            made => made?,
        };
        // Whatever the umask.
        rustix::fs::fchmod(&made, mode)?;
        rustix::fs::futimens(&parent, &times(&before))?;
        let stat = rustix::fs::fstat(&made)?;
        self.made.push(Made {
            parent,
            name: name.to_owned(),
            mark: Mark::of(&stat),
        });
        Ok(Some(made))
    }

    /// Returns whether what has `mark` was made for a mount.
    pub(super) fn has(&self, mark: &Mark) -> bool {
        self.made.iter().any(|made| made.mark.is_same_inode(mark))
    }

    /// Takes away what nobody has changed.
    pub(super) fn remove(self) -> Result<(), Errno> {
        let mut unchanged = Vec::new();
        for made in self.made {
            match rustix::fs::statat(&made.parent, &made.name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if Mark::of(&stat) == made.mark => unchanged.push(made),
                Ok(_) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        for made in unchanged.iter().rev() {
            let before = rustix::fs::fstat(&made.parent)?;
            let flags = match made.mark.is_directory() {
                true => AtFlags::REMOVEDIR,
                false => AtFlags::empty(),
            };
            rustix::fs::unlinkat(&made.parent, &made.name, flags)?;
            rustix::fs::futimens(&made.parent, &times(&before))?;
        }
        Ok(())
    }
}

/// Opens a path below `root`, which links do not lead out of.
fn open_inside(root: BorrowedFd<'_>, path: &Path, access: OFlags) -> Result<OwnedFd, Errno> {
    let flags = access | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)
}
