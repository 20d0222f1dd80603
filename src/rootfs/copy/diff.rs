//! What has become of a tree since it was noted, as a layer: what overlayfs would have written to its upper directory.
//!
//! A file that differs in anything is in the layer whole, a directory on the way to it with its attributes only, and what
//! is gone as a whiteout. A directory in the place of another one is opaque.
//!
//! Where it differs from overlayfs: files that were opened for writing but not written to are not in the layer.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode, Stat};
use rustix::io::Errno;

use super::node::{Direction, Files, as_path, copy_attributes, names, open_directory};
use super::noted::{Entry, MAX_DEPTH, Mark, Noted};
use super::places::Places;
use crate::content::whiteout::{OPAQUE_VALUE, OPAQUE_XATTR, PREFIX};
use crate::rootfs::Fault;
use crate::rootfs::whiteout::{Form, HAS_WHITEOUTS, mark_directory, put_whiteout};
use crate::sys::xattr;

/// Writes what has changed in `tree` since it was `noted` to the empty directory `upper`. `places` were there only for mounts.
/// After an error, the path is that of the entry that failed.
pub(super) fn write(
    tree: BorrowedFd<'_>,
    noted: &Noted,
    places: &Places,
    upper: BorrowedFd<'_>,
) -> Result<(), (PathBuf, Fault)> {
    let mut diff = Diff {
        files: Files::new(Direction::Written, upper),
        places,
        upper,
        levels: Vec::new(),
        path: PathBuf::new(),
    };
    diff.root(tree, noted).map_err(|fault| (diff.path, fault))
}

struct Diff<'a> {
    files: Files<'a>,
    places: &'a Places,
    upper: BorrowedFd<'a>,
    /// The directories from below the root to the one at hand.
    levels: Vec<Level>,
    /// Of the entry at hand; after an error, of the one that failed.
    path: PathBuf,
}

/// A directory of the tree.
struct Level {
    name: CString,
    /// Its like in the layer, once something has to be in there.
    upper: Option<OwnedFd>,
}

impl Diff<'_> {
    fn root(&mut self, tree: BorrowedFd<'_>, noted: &Noted) -> Result<(), Fault> {
        self.entries(tree, Some(noted))?;
        let stat = rustix::fs::fstat(tree)?;
        Ok(copy_attributes(
            Direction::Written,
            tree,
            self.upper,
            &stat,
        )?)
    }

    /// Compares what is in `dir` with what was; `None`: nothing was there, or nothing that counts.
    fn entries(&mut self, dir: BorrowedFd<'_>, before: Option<&Noted>) -> Result<(), Fault> {
        if self.levels.len() > MAX_DEPTH {
            return Err(Errno::NAMETOOLONG.into());
        }
        let now = names(dir)?;
        if let Some(before) = before {
            let there: std::collections::HashSet<&CStr> = now.iter().map(|name| &**name).collect();
            for (name, entry) in &before.entries {
                if !there.contains(&**name) && !self.places.has(entry.mark()) {
                    self.gone(name)?;
                }
            }
        }
        for name in &now {
            self.path.push(as_path(name));
            if name.to_bytes().starts_with(PREFIX) {
                return Err(Fault::Reserved);
            }
            let entry = before.and_then(|before| before.entries.get(name));
            let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.directory(dir, name, &stat, entry)?,
                _ => self.file(dir, name, &stat, entry)?,
            }
            self.path.pop();
        }
        Ok(())
    }

    fn directory(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
        entry: Option<&Entry>,
    ) -> Result<(), Fault> {
        let mark = Mark::of(stat);
        let fd = open_directory(dir, name)?;
        let (before, hides) = match entry {
            Some(Entry::Directory(noted)) if noted.is(fd.as_fd(), &mark) => (Some(noted), false),
            Some(Entry::Directory(noted)) => (None, !self.places.has(&noted.mark)),
            Some(Entry::Other(_)) | None => (None, false),
        };
        self.levels.push(Level {
            name: name.to_owned(),
            upper: None,
        });
        if before.is_none_or(|before| before.mark != mark) {
            let upper = self.upper()?;
            if hides {
                mark_directory(upper, OPAQUE_VALUE)?;
            }
        }
        self.entries(fd.as_fd(), before)?;
        if let Some(upper) = self.levels.pop().and_then(|level| level.upper) {
            copy_attributes(Direction::Written, fd.as_fd(), upper.as_fd(), stat)?;
        }
        Ok(())
    }

    fn file(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
        entry: Option<&Entry>,
    ) -> Result<(), Errno> {
        if entry.is_some_and(|entry| *entry.mark() == Mark::of(stat)) {
            return Ok(());
        }
        self.make_upper()?;
        let to = upper_of(&self.levels, self.upper);
        self.files.copy(dir, to, name, stat, &self.path)
    }

    fn gone(&mut self, name: &CStr) -> Result<(), Errno> {
        let root = self.upper;
        let upper = self.upper()?;
        if put_whiteout(upper, name)? == Form::Xattr {
            for dir in [upper, root] {
                if xattr::get(dir, OPAQUE_XATTR)?.is_none() {
                    mark_directory(dir, HAS_WHITEOUTS)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the like of the directory at hand in the layer.
    fn upper(&mut self) -> Result<BorrowedFd<'_>, Errno> {
        self.make_upper()?;
        Ok(upper_of(&self.levels, self.upper))
    }

    /// Makes it, and those above it.
    fn make_upper(&mut self) -> Result<(), Errno> {
        let mut todo = self.levels.as_mut_slice();
        let mut parent = self.upper;
        while let [level, below @ ..] = todo {
            if level.upper.is_none() {
                rustix::fs::mkdirat(parent, &level.name, Mode::from_raw_mode(0o700))?;
                level.upper = Some(open_directory(parent, &level.name)?);
            }
            let Some(upper) = &level.upper else { break };
            parent = upper.as_fd();
            todo = below;
        }
        Ok(())
    }
}

fn upper_of<'l>(levels: &'l [Level], root: BorrowedFd<'l>) -> BorrowedFd<'l> {
    let upper = levels.last().and_then(|level| level.upper.as_ref());
    upper.map_or(root, |upper| upper.as_fd())
}

#[cfg(test)]
mod tests;
