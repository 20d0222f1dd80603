//! Deleting a directory tree of whatever shape: containers write what they like.
//!
//! Directories that their owner has locked herself out of (mode 0555 in an image, overlayfs's `work/work` of mode 0) are
//! opened up. Directories deeper than [`MAX_DEPTH`] are moved up to the top first, so that neither descriptors nor stack
//! nor path lengths end it: a container can nest as deep as it has patience for.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use super::Error;
use super::files::failed;

/// Directories that are open at once: each costs a descriptor and a stack frame.
const MAX_DEPTH: u32 = 64;

/// Attempts at a name that nothing at the top has yet.
const MAX_NAMES: u32 = 10_000;

/// Deletes a file or a whole directory tree; fine if it is gone. Symbolic links are not followed.
///
/// # Errors
///
/// The first thing that could not be deleted; the rest is deleted nevertheless.
pub fn remove_tree(path: &Path) -> Result<(), Error> {
    remove_at(CWD, path).map_err(|errno| failed("remove", path)(errno.into()))
}

/// As [`remove_tree`], for what is called `name` in the directory `dir`.
///
/// # Errors
///
/// The errno of the first thing that could not be deleted; the rest is deleted nevertheless.
pub(crate) fn remove_at(dir: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<(), Errno> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // A directory.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    loop {
        let top = match open_directory(dir, name) {
            Err(Errno::NOENT) => return Ok(()),
            top => top?,
        };
        let mut removal = Removal {
            top: top.as_fd(),
            moved_up: 0,
            first_error: None,
        };
        removal.empty(rustix::io::fcntl_dupfd_cloexec(&top, 0)?, 0);
        let (moved_up, first_error) = (removal.moved_up, removal.first_error);
        match rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(errno) => match first_error {
                Some(first) => return Err(first),
                // What was deep is at the top now.
                None if moved_up > 0 => {}
                None => return Err(errno),
            },
        }
    }
}

struct Removal<'t> {
    top: BorrowedFd<'t>,
    moved_up: u32,
    first_error: Option<Errno>,
}

impl Removal<'_> {
    /// Deletes what is in `dir`, as far as possible.
    fn empty(&mut self, dir: OwnedFd, depth: u32) {
        let mut entries = match Dir::new(dir) {
            Ok(entries) => entries,
            Err(errno) => return self.note(errno),
        };
        while let Some(entry) = entries.read() {
            let done = entry.and_then(|entry| {
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    return Ok(());
                }
                self.entry(entries.fd()?, name, entry.file_type(), depth)
            });
            match done {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => self.note(errno),
            }
        }
    }

    fn entry(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &CStr,
        kind: FileType,
        depth: u32,
    ) -> Result<(), Errno> {
        if kind != FileType::Directory {
            match opening(dir, || rustix::fs::unlinkat(dir, name, AtFlags::empty())) {
                // Not every filesystem tells the kind beforehand.
                Err(Errno::ISDIR) => {}
                done => return done,
            }
        }
        if depth >= MAX_DEPTH {
            return self.move_up(dir, name);
        }
        self.empty(open_directory(dir, name)?, depth + 1);
        opening(dir, || rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR))
    }

    /// Gives a directory a new place at the top, which the next round empties.
    fn move_up(&mut self, dir: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        // Moving a directory writes its "..".
        drop(open_directory(dir, name)?);
        rustix::fs::chmodat(dir, name, Mode::RWXU, AtFlags::empty())?;
        for number in self.moved_up..self.moved_up + MAX_NAMES {
            let place = format!(".deep-{number}");
            match opening(dir, || rustix::fs::renameat(dir, name, self.top, &place)) {
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                done => {
                    self.moved_up = number + 1;
                    return done;
                }
            }
        }
        Err(Errno::EXIST)
    }

    fn note(&mut self, errno: Errno) {
        self.first_error.get_or_insert(errno);
    }
}

/// Does `work` on what is in `dir`; where that is not allowed, makes `dir` writable and tries again.
fn opening(dir: BorrowedFd<'_>, work: impl Fn() -> Result<(), Errno>) -> Result<(), Errno> {
    match work() {
        Err(errno @ (Errno::ACCESS | Errno::PERM)) => {
            rustix::fs::fchmod(dir, Mode::RWXU).map_err(|_| errno)?;
            work()
        }
        done => done,
    }
}

/// Opens a directory for reading; where that is not allowed, makes it readable and tries again.
fn open_directory(dir: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        // It is a directory, not a link: that would be another error.
        Err(errno @ Errno::ACCESS) => {
            rustix::fs::chmodat(dir, name, Mode::RWXU, AtFlags::empty()).map_err(|_| errno)?;
            rustix::fs::openat(dir, name, flags, Mode::empty())
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::files::exists;
    use super::*;

    #[test]
    fn removes_what_is_locked_away() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join("a/b")).unwrap();
        fs::create_dir_all(top.join("c/d")).unwrap();
        fs::write(top.join("a/b/file"), "x").unwrap();
        fs::write(dir.path().join("stays"), "x").unwrap();
        symlink("/", top.join("a/link")).unwrap();
        symlink(dir.path(), top.join("c/up")).unwrap();
        for (closed, mode) in [("a/b", 0o000), ("a", 0o000), ("c", 0o555)] {
            fs::set_permissions(top.join(closed), fs::Permissions::from_mode(mode)).unwrap();
        }
        remove_tree(&top).unwrap();
        assert!(!exists(&top));
        assert!(exists(&dir.path().join("stays")));
        remove_tree(&top).unwrap();
        remove_tree(&dir.path().join("stays")).unwrap();
        assert!(!exists(&dir.path().join("stays")));
        let link = dir.path().join("link");
        symlink("/", &link).unwrap();
        remove_tree(&link).unwrap();
        assert!(fs::symlink_metadata(&link).is_err());
    }

    #[test]
    fn removes_what_is_deeper_than_any_path() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir(&top).unwrap();
        fs::write(top.join(".deep-0"), "in the way").unwrap();
        let name = "n".repeat(100);
        let mut at = rustix::fs::open(&top, OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..1100 {
            rustix::fs::mkdirat(&at, &*name, Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, &*name, OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        drop(at);
        remove_tree(&top).unwrap();
        assert!(!exists(&top));
    }
}
