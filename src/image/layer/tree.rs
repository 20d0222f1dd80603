//! The directory a layer is unpacked into, reached by descriptors only.
//!
//! A path of the tar is split and checked first ([`split`]); its parent is then opened in one `openat2(2)` that follows no
//! symbolic link at all and cannot leave the layer. The last few parents stay open: neighbours in a tar are mostly
//! neighbours in the tree, and then an entry costs no look-up.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::Error;
use super::stream::shown;
use crate::content::limits;
use crate::errno;

/// Parents that stay open.
const CACHED: usize = 8;

/// A checked path below the layer's root: no empty components, no `.`, no `..`, no NUL, not too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split<'a> {
    /// Components joined by single slashes; empty for the root's own entries.
    pub(super) parent: Vec<u8>,
    /// The last component.
    pub(super) name: &'a [u8],
}

/// Checks `path` and splits off its last component; `None` is the root itself.
///
/// Absolute paths are refused but where the caller says otherwise: some tools (Nix's, kaniko) name directories and the
/// targets of hard links so, and mean the layer's root.
pub(super) fn split(path: &[u8], may_be_absolute: bool) -> Result<Option<Split<'_>>, Error> {
    let wrong = |problem: &str| Error::entry(path, problem);
    if path.is_empty() {
        return Err(wrong("the path is empty"));
    }
    if is_too_long(path) {
        return Err(wrong("the path is too long"));
    }
    if path.contains(&0) {
        return Err(wrong("the path has a NUL in it"));
    }
    if path[0] == b'/' && !may_be_absolute {
        return Err(wrong("the path is absolute"));
    }
    let mut parent: Vec<u8> = Vec::with_capacity(path.len());
    let mut name: &[u8] = b"";
    for component in path.split(|b| *b == b'/') {
        match component {
            b"" | b"." => continue,
            b".." => return Err(wrong("the path leads out of the layer (\"..\")")),
            _ => {}
        }
        if component.len() > limits::MAX_NAME_BYTES {
            return Err(wrong("a name in the path is too long"));
        }
        if !name.is_empty() {
            if !parent.is_empty() {
                parent.push(b'/');
            }
            parent.extend_from_slice(name);
        }
        name = component;
    }
    Ok((!name.is_empty()).then_some(Split { parent, name }))
}

/// Whether no layer can have the path; that of a directory may have a slash at its end.
pub(super) fn is_too_long(path: &[u8]) -> bool {
    path.strip_suffix(b"/").unwrap_or(path).len() > limits::MAX_PATH_BYTES
}

/// The layer's directory.
#[derive(Debug)]
pub(super) struct Tree {
    root: OwnedFd,
    /// Most recently used last.
    parents: Vec<(Vec<u8>, OwnedFd)>,
    /// Whether `openat2(2)` is there; some sandboxes forbid it.
    openat2: bool,
}

impl Tree {
    pub(super) fn open(dir: &Path) -> Result<Tree, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(dir, flags, Mode::empty()).map_err(|error| Error::Write {
            action: "open",
            path: dir.display().to_string(),
            source: error.into(),
        })?;
        Ok(Tree {
            root,
            parents: Vec::with_capacity(CACHED),
            openat2: true,
        })
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Forgets every open directory: something that may have been one of them was removed.
    pub(super) fn forget(&mut self) {
        self.parents.clear();
    }

    /// Returns the directory `path` (components joined by slashes, already checked), making what is missing.
    /// `made` is told of each directory that was made on the way.
    pub(super) fn parent(
        &mut self,
        path: &[u8],
        made: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<BorrowedFd<'_>, Error> {
        if path.is_empty() {
            return Ok(self.root.as_fd());
        }
        if let Some(at) = self.parents.iter().rposition(|(known, _)| known == path) {
            if at + 1 != self.parents.len() {
                let hit = self.parents.remove(at);
                self.parents.push(hit);
            }
        } else {
            let fd = match self.lookup(path, OFlags::PATH) {
                Err(Errno::NOENT) => self.make(path, made)?,
                other => other.map_err(|errno| refusal(path, errno))?,
            };
            if self.parents.len() == CACHED {
                self.parents.remove(0);
            }
            self.parents.push((path.to_vec(), fd));
        }
        let (_, fd) = self.parents.last().expect("just put there");
        Ok(fd.as_fd())
    }

    /// Opens the directory `path` if it is there.
    pub(super) fn lookup(&mut self, path: &[u8], how: OFlags) -> Result<OwnedFd, Errno> {
        let flags = how | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.openat2 {
            let resolve =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            loop {
                match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
                    Err(Errno::NOSYS | Errno::PERM) => {
                        self.openat2 = false;
                        break;
                    }
                    // The kernel could not rule out a race with a rename somewhere; nothing here renames.
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    other => return other,
                }
            }
        }
        // One component at a time, none of them a link.
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut components = path.split(|b| *b == b'/').peekable();
        let mut current: Option<OwnedFd> = None;
        while let Some(component) = components.next() {
            let flags = if components.peek().is_some() {
                step
            } else {
                flags
            };
            let at = current.as_ref().map_or(self.root.as_fd(), |fd| fd.as_fd());
            current = Some(rustix::fs::openat(at, component, flags, Mode::empty())?);
        }
        current.ok_or(Errno::NOENT)
    }

    /// Opens `path` component by component, making directories of mode 0755 where there are none, as Docker does
    /// (`ImpliedDirectoryMode`).
    fn make(
        &mut self,
        path: &[u8],
        made: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<OwnedFd, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut current: Option<OwnedFd> = None;
        let mut end = 0;
        for component in path.split(|b| *b == b'/') {
            end += component.len();
            let here = &path[..end];
            end += 1;
            let at = current.as_ref().map_or(self.root.as_fd(), |fd| fd.as_fd());
            match rustix::fs::mkdirat(at, component, Mode::from_raw_mode(0o755)) {
                Ok(()) => made(here)?,
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(write_error("create", here, errno)),
            }
            let next = rustix::fs::openat(at, component, flags, Mode::empty())
                .map_err(|errno| refusal(path, errno))?;
            current = Some(next);
        }
        current.ok_or_else(|| Error::entry(path, "the path is empty"))
    }
}

/// Words for a parent that is not a directory of this layer.
pub(super) fn refusal(path: &[u8], errno: Errno) -> Error {
    match errno {
        Errno::LOOP | Errno::NOTDIR | Errno::XDEV => Error::entry(
            path,
            "the path leads through something that is not a directory of this layer, like a symbolic link",
        ),
        errno => write_error("open", path, errno),
    }
}

pub(super) fn write_error(action: &'static str, path: &[u8], errno: Errno) -> Error {
    Error::Write {
        action,
        path: shown(path),
        source: errno::of_walk(errno),
    }
}

/// Returns what `name` in `parent` is, without following it.
pub(super) fn kind_of(parent: BorrowedFd<'_>, name: &CStr) -> Result<Found, Errno> {
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Found::Directory,
        FileType::CharacterDevice if stat.st_rdev == 0 => Found::Whiteout,
        _ => Found::Other,
    })
}

/// What stands at a path already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Directory,
    Whiteout,
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        let s = |path: &'static str| {
            split(path.as_bytes(), false).unwrap().map(|s| {
                (
                    String::from_utf8(s.parent).unwrap(),
                    String::from_utf8(s.name.to_vec()).unwrap(),
                )
            })
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(s("a"), pair("", "a"));
        assert_eq!(s("./a/b/c"), pair("a/b", "c"));
        assert_eq!(s("a//./b/"), pair("a", "b"));
        assert_eq!(s("./"), None);
        assert_eq!(s("..."), pair("", "..."));
        for bad in [
            "",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "/etc/passwd",
            "/",
            "a\0b",
        ] {
            assert!(split(bad.as_bytes(), false).is_err(), "{bad:?}");
        }
        assert!(split(b"/nix/store/", true).unwrap().is_some());
        assert!(split(b"/..", true).is_err());
        assert!(split(&[b'a'; 256], false).is_err());
        assert!(split("a/".repeat(3000).as_bytes(), false).is_err());
    }
}
