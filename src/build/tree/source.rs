//! The files that COPY's sources mean.
//!
//! Sources are paths below the root of a context, a stage or an image, resolved as if that were `/`: neither `..` nor a
//! symbolic link leads out. The last component of a source is followed if it is a link, as BuildKit does, also one that a
//! wildcard has matched, and what leads nowhere is no source; with `--parents` it is copied as a link, as those further down
//! are.

use std::cell::OnceCell;
use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::copy::CopyOptions;
use super::glob;
use crate::build::cache::{FileHashes, FileState as State, Key};
use crate::build::error::{Error, NotFound, refused};
use crate::build::ignore::Ignore;
use crate::image::layer::memory::{self, Memory};
use crate::image::layer::name_in_tar;
use crate::sys::xattr;

/// Files and directories that one instruction copies at most.
const MAX_ITEMS: usize = 10_000_000;

/// Directories below each other at most.
const MAX_DEPTH: usize = 1024;

/// Where files come from.
#[derive(Debug)]
pub(crate) struct Source {
    root: OwnedFd,
    ignore: Ignore,
}

/// What a source means whose last component is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// What it leads to.
    Follow,
    /// Itself.
    Keep,
}

/// Name and value of an extended attribute.
pub(crate) type Xattr = (Vec<u8>, Vec<u8>);

/// A path that a source means.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Below the source's root, clean; empty for the root itself.
    pub path: PathBuf,
    /// The same without links, which is where the rules of `.dockerignore` look.
    real: PathBuf,
    /// The file or directory itself, links followed.
    base: Rc<OwnedFd>,
    /// What it is.
    pub stat: Stat,
}

/// One file to copy.
#[derive(Debug)]
pub(crate) struct Item {
    base: Rc<OwnedFd>,
    /// Below `base`; empty for `base` itself.
    below: PathBuf,
    /// Where it goes, below where the selection goes.
    pub place: PathBuf,
    /// What it is.
    pub stat: Stat,
    /// What it remembers, once that was asked for.
    memory: OnceCell<Option<Memory>>,
    /// SHA-256 of what was copied from it, where that was computed.
    pub(super) copied: OnceCell<[u8; 32]>,
}

impl Selection {
    /// Returns whether it is a directory, whose content is copied rather than itself.
    pub(crate) fn is_dir(&self) -> bool {
        kind(&self.stat) == FileType::Directory
    }
}

impl Source {
    /// Takes files from `root`, without those that `ignore` takes away.
    pub(crate) fn new(root: OwnedFd, ignore: Ignore) -> Source {
        Source { root, ignore }
    }

    /// Opens a directory of the host as a source.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn directory(path: &Path, ignore: Ignore) -> Result<Source, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(refused("open", path))?;
        Ok(Source::new(root, ignore))
    }

    /// Finds what `pattern` means: one path, or with wildcards any number of them, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::SourceNotFound`] for a path without wildcards, and for a link that a wildcard has matched and that leads
    /// nowhere; [`Error::Invalid`] for a malformed pattern.
    pub(crate) fn select(&self, pattern: &str, link: LastLink) -> Result<Vec<Selection>, Error> {
        let clean = clean(Path::new(pattern));
        let missing = |path: &str, why| Error::SourceNotFound {
            path: path.to_owned(),
            why,
        };
        if !clean.to_string_lossy().split('/').any(glob::is_pattern) {
            return match self.open(&clean, pattern, link)? {
                Ok(selection) => Ok(vec![selection]),
                Err(why) => Err(missing(pattern, why)),
            };
        }
        let mut paths = vec![PathBuf::new()];
        for component in clean.components() {
            let component = component.as_os_str();
            let text = component.to_string_lossy();
            let mut next = Vec::new();
            for path in paths {
                match text.as_ref() {
                    "**" => self.descend(&path, 0, &mut next)?,
                    text if glob::is_pattern(text) => {
                        for name in self.names(&path)? {
                            let matched =
                                glob::matches(text, &name.to_string_lossy()).ok_or_else(|| {
                                    Error::Invalid(format!("syntax error in pattern: {pattern:?}"))
                                })?;
                            if matched {
                                next.push(path.join(name));
                            }
                        }
                    }
                    _ => next.push(path.join(component)),
                }
            }
            paths = next;
        }
        paths.sort();
        paths.dedup();
        let mut selections = Vec::new();
        for path in paths {
            match self.open(&path, pattern, link)? {
                Ok(selection) => selections.push(selection),
                // It has not matched: below a wildcard there may be no such name, and what is ignored is not there.
                Err(NotFound::Absent | NotFound::Excluded) => {}
                Err(why) => return Err(missing(&path.to_string_lossy(), why)),
            }
        }
        Ok(selections)
    }

    /// `**`: the directory and all below it.
    fn descend(&self, path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
        found.push(path.to_owned());
        if depth == MAX_DEPTH || found.len() > MAX_ITEMS {
            return Err(too_many());
        }
        for name in self.names(path)? {
            let below = path.join(&name);
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let is_dir = self
                .resolve(&below, flags)
                .and_then(rustix::fs::fstat)
                .is_ok_and(|stat| kind(&stat) == FileType::Directory);
            if is_dir {
                self.descend(&below, depth + 1, found)?;
            }
        }
        Ok(())
    }

    fn names(&self, path: &Path) -> Result<Vec<OsString>, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match self.resolve(path, flags) {
            Ok(fd) => sorted_names(fd.as_fd()).map_err(refused("read", path)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(Vec::new()),
            Err(errno) => Err(refused("read", path)(errno)),
        }
    }

    /// Opens a path that a source means, or says why it means nothing.
    fn open(
        &self,
        path: &Path,
        pattern: &str,
        link: LastLink,
    ) -> Result<Result<Selection, NotFound>, Error> {
        let ignores = |path: &Path, stat: &Stat| {
            let verdict = self.ignore.verdict(&path.to_string_lossy());
            let may_have_exceptions = kind(stat) == FileType::Directory && !verdict.prune;
            !path.as_os_str().is_empty() && verdict.ignored && !may_have_exceptions
        };
        let facts = |fd: &OwnedFd| {
            let stat = rustix::fs::fstat(fd).map_err(refused("read", pattern))?;
            let real = self.real_path(fd).map_err(refused("read", pattern))?;
            Ok::<_, Error>((stat, real))
        };
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let Some(mut fd) = self.find(path, flags | OFlags::NOFOLLOW, pattern)? else {
            let is_ignored = self.ignore.verdict(&path.to_string_lossy()).ignored;
            return Ok(Err(match is_ignored {
                true => NotFound::Excluded,
                false => NotFound::Absent,
            }));
        };
        let (mut stat, mut real) = facts(&fd)?;
        if ignores(path, &stat) || ignores(&real, &stat) {
            return Ok(Err(NotFound::Excluded));
        }
        if kind(&stat) == FileType::Symlink && link == LastLink::Follow {
            fd = match self.find(path, flags, pattern)? {
                Some(fd) => fd,
                None => return Ok(Err(NotFound::DeadLink)),
            };
            (stat, real) = facts(&fd)?;
            // A link that is visible does not show what is not.
            if ignores(&real, &stat) {
                return Ok(Err(NotFound::LinkToExcluded));
            }
        }
        Ok(Ok(Selection {
            path: path.to_owned(),
            real,
            base: Rc::new(fd),
            stat,
        }))
    }

    /// Opens a path; `None` where there is nothing.
    fn find(&self, path: &Path, flags: OFlags, pattern: &str) -> Result<Option<OwnedFd>, Error> {
        match self.resolve(path, flags) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => Ok(None),
            Err(errno) => Err(refused("open", pattern)(errno)),
        }
    }

    /// Returns where below the root a file is that was opened there.
    fn real_path(&self, fd: &OwnedFd) -> Result<PathBuf, Errno> {
        let path_of = |fd: &OwnedFd| {
            let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
            rustix::fs::readlink(link, Vec::new())
                .map(|path| PathBuf::from(OsStr::from_bytes(path.to_bytes())))
        };
        let (root, file) = (path_of(&self.root)?, path_of(fd)?);
        Ok(file
            .strip_prefix(root)
            .map(Path::to_owned)
            .unwrap_or_default())
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        rustix::fs::openat2(
            &self.root,
            path,
            flags,
            Mode::empty(),
            ResolveFlags::IN_ROOT,
        )
    }

    /// Lists what a selection consists of: for a directory, itself (with an empty place) and all below it, a directory
    /// before what is in it; for a file, that alone. `exclude` are further patterns of files to leave out, about
    /// paths below the selection.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Invalid`] beyond the bounds.
    pub(crate) fn list(&self, selection: &Selection, exclude: &Ignore) -> Result<Vec<Item>, Error> {
        let mut items = vec![Item {
            base: selection.base.clone(),
            below: PathBuf::new(),
            place: PathBuf::new(),
            stat: selection.stat,
            memory: OnceCell::new(),
            copied: OnceCell::new(),
        }];
        if selection.is_dir() {
            let mut walk = Walk {
                source: self,
                exclude,
                base: &selection.base,
                prefix: &selection.real,
                items: &mut items,
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(&*selection.base, ".", flags, Mode::empty())
                .map_err(refused("read", &selection.path))?;
            walk.directory(fd.as_fd(), Path::new(""), 0)?;
        }
        Ok(items)
    }
}

struct Walk<'a> {
    source: &'a Source,
    exclude: &'a Ignore,
    base: &'a Rc<OwnedFd>,
    prefix: &'a Path,
    items: &'a mut Vec<Item>,
}

impl Walk<'_> {
    fn directory(&mut self, fd: BorrowedFd<'_>, below: &Path, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH || self.items.len() > MAX_ITEMS {
            return Err(too_many());
        }
        for name in sorted_names(fd).map_err(refused("read", self.prefix.join(below)))? {
            let place = below.join(&name);
            let path = self.prefix.join(&place);
            let stat = match rustix::fs::statat(fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(errno) => return Err(refused("read", path)(errno)),
            };
            let is_dir = kind(&stat) == FileType::Directory;
            let (mut ignored, mut prune) = (false, false);
            for (rules, path) in [(&self.source.ignore, &path), (self.exclude, &place)] {
                let verdict = rules.verdict(&path.to_string_lossy());
                ignored |= verdict.ignored;
                prune |= verdict.prune;
            }
            if prune || (ignored && !is_dir) {
                continue;
            }
            let at = self.items.len();
            // Sockets are nobody's files.
            if kind(&stat) == FileType::Socket {
                continue;
            }
            self.items.push(Item {
                base: self.base.clone(),
                below: place.clone(),
                place: place.clone(),
                stat,
                memory: OnceCell::new(),
                copied: OnceCell::new(),
            });
            if is_dir {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = rustix::fs::openat(fd, &name, flags, Mode::empty())
                    .map_err(refused("read", &path))?;
                self.directory(inner.as_fd(), &place, depth + 1)?;
                // An ignored directory is there only for the exceptions in it.
                if ignored && self.items.len() == at + 1 {
                    self.items.pop();
                }
            }
        }
        Ok(())
    }
}

impl Item {
    /// Returns what it is.
    pub(crate) fn kind(&self) -> FileType {
        kind(&self.stat)
    }

    /// Opens a regular file or directory for reading.
    ///
    /// # Errors
    ///
    /// Those of `openat2(2)`.
    pub(crate) fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        if self.below.as_os_str().is_empty() {
            let path = format!("/proc/self/fd/{}", self.base.as_raw_fd());
            return rustix::fs::open(path, flags, Mode::empty());
        }
        rustix::fs::openat2(
            &*self.base,
            &self.below,
            flags | OFlags::NOFOLLOW,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )
    }

    /// Moves it, which is not the base itself, into another directory of the filesystem.
    ///
    /// # Errors
    ///
    /// Those of `openat2(2)` and `renameat(2)`.
    pub(super) fn move_to(&self, to: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        let Some(parent) = self
            .below
            .parent()
            .filter(|path| !path.as_os_str().is_empty())
        else {
            return rustix::fs::renameat(&*self.base, &self.below, to, name);
        };
        let parent = rustix::fs::openat2(
            &*self.base,
            parent,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )?;
        let from = self.below.file_name().unwrap_or_default();
        rustix::fs::renameat(parent, from, to, name)
    }

    /// Returns what it remembers: an owner that it could not be given, a device that it stands for.
    pub(crate) fn memory(&self) -> Option<Memory> {
        *self.memory.get_or_init(|| self.recall())
    }

    fn recall(&self) -> Option<Memory> {
        // By descriptor: the base itself has no name below it.
        let opened = match self.below.as_os_str().is_empty() {
            true => None,
            false => {
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
                rustix::fs::openat2(&*self.base, &self.below, flags, Mode::empty(), resolve).ok()
            }
        };
        let fd = opened.as_ref().map_or(self.base.as_fd(), |fd| fd.as_fd());
        memory::recall(&memory::path_of("/proc", fd), self.kind())
    }

    /// Returns its owner and group: those it remembers, where they could not be given to it.
    pub(crate) fn owner(&self) -> (u32, u32) {
        let id = |id: u64| u32::try_from(id).ok();
        let remembered = |memory: Memory| Some((id(memory.uid)?, id(memory.gid)?));
        self.memory()
            .and_then(remembered)
            .unwrap_or((self.stat.st_uid, self.stat.st_gid))
    }

    /// Returns whether `fd`, which was opened from here, still is what was listed, down to its bytes.
    pub(crate) fn is_unchanged(&self, fd: BorrowedFd<'_>) -> bool {
        rustix::fs::fstat(fd).is_ok_and(|now| State::of(&now) == State::of(&self.stat))
    }

    /// Reads a symbolic link.
    ///
    /// # Errors
    ///
    /// Those of `readlinkat(2)`.
    pub(crate) fn link(&self) -> Result<Vec<u8>, Errno> {
        rustix::fs::readlinkat(&*self.base, &self.below, Vec::new())
            .map(std::ffi::CString::into_bytes)
    }

    /// Returns the attributes that belong to the file, by the names they have in a layer's tar, sorted.
    ///
    /// # Errors
    ///
    /// Those of `flistxattr(2)` and `fgetxattr(2)`.
    pub(crate) fn xattrs(&self, fd: BorrowedFd<'_>) -> Result<Vec<Xattr>, Errno> {
        let mut list = Vec::new();
        for name in xattr::list(fd)? {
            let Some(in_tar) = name_in_tar(name.to_bytes()) else {
                continue;
            };
            if !in_tar.starts_with(b"user.") && in_tar != b"security.capability" {
                continue;
            }
            if let Some(value) = xattr::get(fd, &name)? {
                list.push((in_tar, value));
            }
        }
        list.sort();
        Ok(list)
    }

    /// Adds its extended attributes, and the device that it stands for.
    fn add_attributes(&self, key: &mut Key) -> Result<(), Errno> {
        if !matches!(self.kind(), FileType::RegularFile | FileType::Directory) {
            return Ok(());
        }
        for (name, value) in self.xattrs(self.open()?.as_fd())? {
            key.field("xattr", name).field("value", value);
        }
        if let Some(device) = self.memory().and_then(|memory| memory.device) {
            key.field("device", format!("{device:?}"));
        }
        Ok(())
    }

    /// Adds everything about it that its copy will have with these `options`, but for the times.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn add_to(
        &self,
        key: &mut Key,
        hashes: &mut FileHashes,
        options: &CopyOptions,
    ) -> Result<(), Error> {
        let failed = || refused("read", &self.place);
        key.field("path", self.place.as_os_str().as_bytes());
        key.field("mode", self.stat.st_mode.to_le_bytes());
        if options.owner.is_none() {
            let (uid, gid) = self.owner();
            key.field("uid", uid.to_le_bytes());
            key.field("gid", gid.to_le_bytes());
        }
        if options.xattrs {
            self.add_attributes(key).map_err(failed())?;
        }
        match self.kind() {
            FileType::RegularFile => {
                let hash = match self.copied.get() {
                    Some(hash) => *hash,
                    None => hashes
                        .hash(&self.stat, || Ok(self.open()?))
                        .map_err(|error| crate::build::error::failed("read", &self.place)(error))?,
                };
                key.field("content", hash);
            }
            FileType::Symlink => drop(key.field("link", self.link().map_err(failed())?)),
            FileType::CharacterDevice | FileType::BlockDevice => {
                key.field("device", self.stat.st_rdev.to_le_bytes());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Returns the kind of a file.
pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Takes `.`, `..` and slashes too many out of a path, which begins at the root of its source.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
}

fn sorted_names(fd: BorrowedFd<'_>) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(fd)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn too_many() -> Error {
    Error::Invalid(format!(
        "more than {MAX_ITEMS} files, or directories more than {MAX_DEPTH} deep"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use rustix::fs::XattrFlags;

    use super::*;
    use crate::store::Store;

    #[test]
    fn what_a_copy_keeps_tells_a_file_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let from = dir.path().join("from");
        std::fs::create_dir(&from).unwrap();
        let file = std::fs::File::create(from.join("f")).unwrap();
        let key = |xattrs: bool| {
            let options = CopyOptions {
                owner: None,
                mode: None,
                xattrs,
            };
            let source = Source::directory(&from, Ignore::default()).unwrap();
            let selection = source.select("/f", LastLink::Follow).unwrap().remove(0);
            let mut key = Key::new("test");
            for item in source.list(&selection, &Ignore::default()).unwrap() {
                let mut hashes = FileHashes::new(&store);
                item.add_to(&mut key, &mut hashes, &options).unwrap();
            }
            key.finish()
        };
        let set = |name: &str, value: &[u8]| {
            rustix::fs::fsetxattr(file.as_fd(), name, value, XattrFlags::empty()).unwrap();
        };
        let (plain, kept) = (key(false), key(true));
        set("user.x", b"1");
        let one = key(true);
        assert_ne!(one, kept);
        set("user.x", b"2");
        let two = key(true);
        assert_ne!(one, two);
        // A device, as RUN makes it for a user who cannot.
        set("user.ctr.owner", b"0:0");
        set("user.ctr.device", b"c 1:3");
        let three = key(true);
        assert_ne!(two, three);
        set("user.ctr.device", b"c 1:5");
        assert_ne!(three, key(true));
        assert_eq!(plain, key(false));
    }
}
