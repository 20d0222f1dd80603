//! Paths inside the root directory, resolved by descriptor.
//!
//! An image may hold any symbolic link anywhere. The kernel resolves every path here with `RESOLVE_IN_ROOT`, so that no
//! link leads out; nothing is ever opened by a path that was joined from strings. See `openat2(2)`.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::Error;

/// The mode of directories and files that are made to be mounted on, as runc makes them.
const TARGET_MODE: Mode = Mode::from_raw_mode(0o755);

/// How often a path is tried again that somebody renames while it is being resolved.
const MAX_TRIES: usize = 32;

/// How a path is resolved inside a root: no way out, no `/proc/PID/fd/…`.
pub(super) const CONFINED: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// An absolute path inside the root, with all it takes to make what is missing of it.
#[derive(Debug)]
pub(super) struct InsidePath {
    /// `/`, `/a`, `/a/b`: every ancestor, and the path itself at the end.
    prefixes: Vec<CString>,
    /// `a`, `b`: the names one by one.
    names: Vec<CString>,
}

impl InsidePath {
    /// Cleans `path` as Go's `path.Clean` does: `..` goes up lexically, and never above the root.
    pub(super) fn new(path: &Path) -> Result<InsidePath, Error> {
        let mut names: Vec<&[u8]> = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => names.push(name.as_bytes()),
                Component::ParentDir => {
                    names.pop();
                }
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        let mut prefixes = vec![c"/".to_owned()];
        let mut prefix = Vec::new();
        for name in &names {
            prefix.push(b'/');
            prefix.extend_from_slice(name);
            prefixes.push(c_string(&prefix)?);
        }
        Ok(InsidePath {
            prefixes,
            names: names.into_iter().map(c_string).collect::<Result<_, _>>()?,
        })
    }

    /// The whole path.
    pub(super) fn as_c_str(&self) -> &CStr {
        self.prefixes.last().map_or(c"/", |path| path.as_c_str())
    }

    /// The path as text, for messages.
    pub(super) fn display(&self) -> String {
        self.as_c_str().to_string_lossy().into_owned()
    }

    /// The path below `base`, itself a cleaned path, without the slash between them.
    pub(super) fn below(&self, base: &str) -> Option<&CStr> {
        let bytes = self.as_c_str().to_bytes_with_nul();
        let rest = bytes.strip_prefix(base.as_bytes())?.strip_prefix(b"/")?;
        CStr::from_bytes_with_nul(rest).ok()
    }

    /// Opens the directory, making it and its ancestors where they are missing.
    pub(super) fn ensure_directory(&self, root: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        self.ensure_directory_made(root)
            .map(|(directory, _)| directory)
    }

    /// As [`InsidePath::ensure_directory`], with whether it was missing.
    pub(super) fn ensure_directory_made(
        &self,
        root: BorrowedFd<'_>,
    ) -> io::Result<(OwnedFd, bool)> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match open(root, self.as_c_str(), flags) {
            Err(Errno::NOENT) => {
                let (parent, name) = self.ensure_parent(root)?;
                Ok((make_directory(&parent, name)?, true))
            }
            other => Ok((other?, false)),
        }
    }

    /// Opens the file, making it, empty, and its ancestors where they are missing. A directory is refused.
    pub(super) fn ensure_file(&self, root: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        match open(root, self.as_c_str(), OFlags::PATH) {
            Err(Errno::NOENT) => {}
            other => {
                let fd = other?;
                let stat = rustix::fs::fstat(&fd)?;
                return match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
                    rustix::fs::FileType::Directory => Err(Errno::ISDIR.into()),
                    _ => Ok(fd),
                };
            }
        }
        let (parent, name) = self.ensure_parent(root)?;
        match rustix::fs::openat(
            &parent,
            name,
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY,
            TARGET_MODE,
        ) {
            Ok(file) => Ok(file),
            Err(Errno::EXIST) => Ok(rustix::fs::openat(
                &parent,
                name,
                OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )?),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the directory the last name stands in, making it where it is missing, and returns that name.
    pub(super) fn ensure_parent(&self, root: BorrowedFd<'_>) -> io::Result<(OwnedFd, &CStr)> {
        let name = self.names.last().ok_or(Errno::ISDIR)?;
        let depth = self.names.len() - 1;
        let parent = self.prefixes.get(depth).map_or(c"/", |path| path);
        let parent = match open(root, parent, OFlags::PATH | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => self.make_directories(root, depth)?,
            other => other?,
        };
        Ok((parent, name))
    }

    /// Makes the first `depth` directories of the path, whichever are missing, and opens the last of them.
    fn make_directories(&self, root: BorrowedFd<'_>, depth: usize) -> io::Result<OwnedFd> {
        let mut current = open(root, c"/", OFlags::PATH | OFlags::DIRECTORY)?;
        let below = self.prefixes.get(1..).unwrap_or_default();
        for (prefix, name) in below.iter().zip(&self.names).take(depth) {
            // From the root each time, so that the links of the image are followed, inside.
            current = match open(root, prefix, OFlags::PATH | OFlags::DIRECTORY) {
                Err(Errno::NOENT) => make_directory(&current, name)?,
                other => other?,
            };
        }
        Ok(current)
    }
}

/// Makes the directory `name` and opens it.
fn make_directory(parent: &OwnedFd, name: &CStr) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, TARGET_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    // Not following: what was just made is a directory, and a dangling link is refused.
    Ok(rustix::fs::openat(
        parent,
        name,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// Opens `path` inside `root`, close-on-exec. Links are followed, but not out, and not those of `/proc/PID`.
pub(super) fn open(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    resolve(root, path, flags, CONFINED)
}

/// Opens `path` below the mount that `base` is the root of: no link is followed and no other mount is entered, so that
/// what is opened lies on that very filesystem.
pub(super) fn open_same_mount(
    base: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    resolve(
        base,
        path,
        flags,
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV,
    )
}

fn resolve(
    base: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    how: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let mut result = Err(Errno::AGAIN);
    for _ in 0..MAX_TRIES {
        result = rustix::fs::openat2(base, path, flags | OFlags::CLOEXEC, Mode::empty(), how);
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    result
}

/// A C string of bytes that come from outside.
pub(super) fn c_string(bytes: impl AsRef<[u8]>) -> Result<CString, Error> {
    CString::new(bytes.as_ref()).map_err(|_| {
        Error::Unsupported(format!(
            "a null byte in {:?}",
            String::from_utf8_lossy(bytes.as_ref())
        ))
    })
}

/// Attaches the detached mount `from` on `target`.
pub(super) fn attach(from: BorrowedFd<'_>, target: &OwnedFd) -> io::Result<()> {
    use rustix::mount::MoveMountFlags;
    Ok(rustix::mount::move_mount(
        from,
        c"",
        target.as_fd(),
        c"",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
    )?)
}

/// Makes a detached copy of the mount at the open file `fd`.
pub(super) fn clone_mount(fd: BorrowedFd<'_>, recursive: bool) -> io::Result<OwnedFd> {
    use rustix::mount::OpenTreeFlags;
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    Ok(rustix::mount::open_tree(fd, c"", flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, clean) in [
            ("/", "/"),
            ("", "/"),
            ("/a//b/./c/", "/a/b/c"),
            ("a/b", "/a/b"),
            ("/a/../../b", "/b"),
        ] {
            let path = InsidePath::new(Path::new(path)).unwrap();
            assert_eq!(path.display(), clean);
        }
    }

    #[test]
    fn the_rest_below_a_directory() {
        let path = InsidePath::new(Path::new("/proc/sys/net")).unwrap();
        assert_eq!(path.below("/proc"), Some(c"sys/net"));
        assert_eq!(path.below("/pro"), None);
        assert_eq!(path.below("/proc/sys/net"), None);
    }

    #[test]
    fn links_are_followed_inside_only() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("run")).unwrap();
        std::os::unix::fs::symlink("/run", at("var")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("out")).unwrap();
        std::os::unix::fs::symlink("../../../../../../run", at("up")).unwrap();
        let root = std::fs::File::open(dir.path()).unwrap();

        let inside = |path: &str| InsidePath::new(Path::new(path)).unwrap();
        inside("/var/a/b").ensure_directory(root.as_fd()).unwrap();
        assert!(at("run/a/b").is_dir());
        inside("/up/c/file").ensure_file(root.as_fd()).unwrap();
        assert!(at("run/c/file").is_file());
        let dangling = inside("/out/x").ensure_directory(root.as_fd());
        assert!(dangling.is_err(), "{dangling:?}");
        let directory = inside("/run").ensure_file(root.as_fd()).unwrap_err();
        assert_eq!(directory.raw_os_error(), Some(libc::EISDIR));
    }
}
