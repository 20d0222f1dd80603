//! The layer that is being written: an upper directory, above the layers that are there.
//!
//! Nothing is mounted for it. Paths are resolved as overlayfs would show them, upper directory first; a directory of the
//! layers below in which something is put is made in the upper one with the same owner, mode, attributes and times. So a
//! layer holds what was put into it and nothing that depends on when that was.

use std::collections::HashMap;
use std::ffi::{CString, OsString};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::source::{Item, kind};
use crate::build::error::{Error, refused};
use crate::content::whiteout;
use crate::image::layer::{OwnerWriter, Owners, Place, RunningDigest, Written};
use crate::sys::rights::as_caller;
use crate::sys::xattr;

/// Symbolic links followed for one path, as in the kernel.
const MAX_LINKS: usize = 40;

/// A layer that is being written.
#[derive(Debug)]
pub(crate) struct Target {
    upper: Rc<OwnedFd>,
    dir: PathBuf,
    lower: Option<OwnedFd>,
    pub(super) owners: OwnerWriter,
    /// What directories get once nothing is put into them any more.
    times: HashMap<PathBuf, Timespec>,
    /// The directory that was used last.
    last: Option<(PathBuf, Directory)>,
    /// No file is younger than that, seconds.
    epoch: Option<i64>,
    /// Of what is written, where that is asked for.
    digest: Option<RunningDigest>,
    /// The directory made last, which `digest` is to see once it is complete.
    unseen: Option<(PathBuf, Rc<OwnedFd>)>,
    /// Whether a source was something else when it was copied than when it was listed.
    sources_changed: bool,
    /// It is no layer but a directory of the caller's.
    is_outside: bool,
}

/// A directory of the upper layer.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) fd: Rc<OwnedFd>,
    /// Whether the layers below have a directory of that name, which shows through.
    pub(super) in_lower: bool,
}

/// What directories get that nobody describes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Implicit {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Seconds and nanoseconds.
    pub time: Timespec,
}

/// Something new in a layer that is no directory.
#[derive(Debug)]
pub(super) enum Made<'a> {
    /// A regular file, open for reading, and all that is in it where that is at hand.
    File {
        fd: &'a OwnedFd,
        stat: &'a Stat,
        content: Option<&'a [u8]>,
    },
    /// Another name of the file at this path.
    HardLink(&'a Path),
    /// Anything.
    Other,
}

impl Target {
    /// Writes into the empty directory `dir`, above `lower`, whose root directory's times it gets; without one those are
    /// `time`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn new(
        dir: &Path,
        lower: Option<OwnedFd>,
        owners: Owners,
        time: Timespec,
    ) -> Result<Target, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let upper = rustix::fs::open(dir, flags, Mode::empty()).map_err(refused("open", dir))?;
        let time = match &lower {
            Some(lower) => time_of(&rustix::fs::fstat(lower).map_err(refused("read", dir))?),
            None => time,
        };
        let mut target = Target::of(upper, dir, lower, owners);
        target.times.insert(PathBuf::new(), time);
        Ok(target)
    }

    /// Writes into the directory `dir` of the caller's, which keeps its times. It and those in it are written to if she may.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn outside(dir: &Path, owners: Owners) -> Result<Target, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let upper = as_caller(|| rustix::fs::open(dir, flags, Mode::empty()))
            .map_err(refused("open", dir))?;
        caller_may_write(upper.as_fd()).map_err(refused("write to", dir))?;
        let mut target = Target::of(upper, dir, None, owners);
        target.is_outside = true;
        Ok(target)
    }

    fn of(upper: OwnedFd, dir: &Path, lower: Option<OwnedFd>, owners: Owners) -> Target {
        Target {
            upper: Rc::new(upper),
            dir: dir.to_owned(),
            lower,
            owners: OwnerWriter::new(owners),
            times: HashMap::new(),
            last: None,
            epoch: None,
            digest: None,
            unseen: None,
            sources_changed: false,
            is_outside: false,
        }
    }

    /// Makes a layer of it: nothing is younger than `epoch`, and the digest is computed on the way as far as possible.
    pub(crate) fn into_layer(mut self, owners: Owners, epoch: Option<i64>) -> Target {
        self.epoch = epoch;
        self.digest = Some(RunningDigest::new(owners));
        self.unseen = Some((PathBuf::new(), self.upper.clone()));
        self
    }

    /// Returns whether `item`, which was read through `fd`, is what it was when it was listed, and notes it.
    pub(crate) fn note_source(&mut self, item: &Item, fd: BorrowedFd<'_>) -> bool {
        let is_unchanged = item.is_unchanged(fd);
        self.sources_changed |= !is_unchanged;
        is_unchanged
    }

    /// Returns whether all that was put here was what it had been when it was listed, by size, times and inode.
    pub(crate) fn is_as_listed(&self) -> bool {
        !self.sources_changed
    }

    /// Resolves `path` with all its links, the last one included. What is not there is taken as it stands.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; `ELOOP` for links that lead nowhere.
    pub(crate) fn resolve(&self, path: &Path) -> Result<PathBuf, Error> {
        let mut todo: Vec<OsString> = components(path);
        todo.reverse();
        let mut resolved = PathBuf::new();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                resolved.pop();
                continue;
            }
            let next = resolved.join(&name);
            let is_link = self
                .find(&next)?
                .is_some_and(|stat| kind(&stat) == FileType::Symlink);
            if !is_link {
                resolved = next;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(refused("resolve", path)(Errno::LOOP));
            }
            let link = self.read_link(&next).map_err(refused("read", &next))?;
            let link = Path::new(std::ffi::OsStr::from_bytes(&link));
            if link.is_absolute() {
                resolved = PathBuf::new();
            }
            let mut further = components(link);
            further.reverse();
            todo.extend(further);
        }
        Ok(resolved)
    }

    /// Returns what is at a resolved path.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn find(&self, path: &Path) -> Result<Option<Stat>, Error> {
        if path.as_os_str().is_empty() {
            return rustix::fs::fstat(&*self.upper)
                .map(Some)
                .map_err(refused("read", path));
        }
        match rustix::fs::statat(&*self.upper, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => return Ok(Some(stat)),
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(refused("read", path)(errno)),
        }
        self.find_below(path)
    }

    fn find_below(&self, path: &Path) -> Result<Option<Stat>, Error> {
        let Some(lower) = &self.lower else {
            return Ok(None);
        };
        match rustix::fs::statat(lower, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(refused("read", path)(errno)),
        }
    }

    fn read_link(&self, path: &Path) -> Result<Vec<u8>, Errno> {
        let read = match (
            rustix::fs::readlinkat(&*self.upper, path, Vec::new()),
            &self.lower,
        ) {
            (Err(Errno::NOENT), Some(lower)) => rustix::fs::readlinkat(lower, path, Vec::new()),
            (read, _) => read,
        };
        read.map(CString::into_bytes)
    }

    /// Makes a resolved directory and those above it, as far as they are not there.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where something else is in the way; [`Error::Io`].
    pub(crate) fn ensure_directory(
        &mut self,
        path: &Path,
        implicit: Implicit,
    ) -> Result<(), Error> {
        self.directory(path, implicit).map(drop)
    }

    pub(super) fn directory(
        &mut self,
        path: &Path,
        implicit: Implicit,
    ) -> Result<Directory, Error> {
        if let Some((last, directory)) = &self.last
            && last == path
        {
            return Ok(directory.clone());
        }
        let mut directory = Directory {
            fd: self.upper.clone(),
            in_lower: self.lower.is_some(),
        };
        let mut at = PathBuf::new();
        for component in path.components() {
            at.push(component);
            directory = self.enter(&directory, &at, implicit)?;
        }
        self.last = Some((path.to_owned(), directory.clone()));
        Ok(directory)
    }

    /// Opens the directory `at`, whose parent is `parent`, or makes it.
    fn enter(
        &mut self,
        parent: &Directory,
        at: &Path,
        implicit: Implicit,
    ) -> Result<Directory, Error> {
        let name = name_of(at);
        let below = match parent.in_lower {
            true => self.find_below(at)?,
            false => None,
        };
        let in_lower = below.is_some_and(|stat| kind(&stat) == FileType::Directory);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&*parent.fd, &name, flags, Mode::empty()) {
            Ok(fd) => {
                // Those that the image describes may be made to allow nothing.
                if self.is_outside && !self.times.contains_key(at) {
                    caller_may_write(fd.as_fd())
                        .map_err(refused("write to", &self.dir.join(at)))?;
                }
                return Ok(Directory {
                    fd: Rc::new(fd),
                    in_lower,
                });
            }
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR | Errno::LOOP) => return Err(not_a_directory(at)),
            Err(errno) => return Err(refused("open", at)(errno)),
        }
        match below {
            Some(_) if in_lower => self.bring_up(&parent.fd, at)?,
            Some(_) => return Err(not_a_directory(at)),
            None => {
                self.check_name(at)?;
                let fd = self.make_directory(&parent.fd, at, implicit.mode)?;
                (self.owners.set(fd.as_fd(), implicit.uid, implicit.gid))
                    .map_err(crate::build::error::failed("change the owner of", at))?;
                self.times.insert(at.to_owned(), implicit.time);
            }
        }
        let fd = rustix::fs::openat(&*parent.fd, &name, flags, Mode::empty())
            .map_err(refused("open", at))?;
        let fd = Rc::new(fd);
        self.show_directory(at, &fd)?;
        Ok(Directory { fd, in_lower })
    }

    /// Makes a directory in the upper layer. Its mode is exact, whatever the umask.
    pub(super) fn make_directory(
        &self,
        parent: &OwnedFd,
        at: &Path,
        mode: u32,
    ) -> Result<OwnedFd, Error> {
        let name = name_of(at);
        rustix::fs::mkdirat(parent, &name, Mode::from_raw_mode(0o700))
            .map_err(refused("create", at))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(parent, &name, flags, Mode::empty()).map_err(refused("open", at))?;
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode)).map_err(refused("change", at))?;
        Ok(fd)
    }

    /// Makes a directory of the layers below in the upper one, with all it has but its content.
    fn bring_up(&mut self, parent: &OwnedFd, at: &Path) -> Result<(), Error> {
        let Some(lower) = &self.lower else {
            return Ok(());
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let old =
            rustix::fs::openat(lower, at, flags, Mode::empty()).map_err(refused("open", at))?;
        let stat = rustix::fs::fstat(&old).map_err(refused("read", at))?;
        let new = self.make_directory(parent, at, 0o700)?;
        let failed = || refused("copy the attributes of", at);
        copy_owner(new.as_fd(), &stat).map_err(failed())?;
        rustix::fs::fchmod(&new, Mode::from_raw_mode(stat.st_mode & 0o7777)).map_err(failed())?;
        for name in xattr::list(old.as_fd()).map_err(failed())? {
            let ours = name.to_bytes();
            if !ours.starts_with(b"user.") || ours.starts_with(b"user.overlay.") {
                continue;
            }
            if let Some(value) = xattr::get(old.as_fd(), &name).map_err(failed())? {
                rustix::fs::fsetxattr(&new, &name, &value, XattrFlags::empty()).map_err(failed())?;
            }
        }
        self.times.insert(at.to_owned(), time_of(&stat));
        Ok(())
    }

    /// Makes an empty regular file at a resolved path, in place of whatever is no directory. Of `mode` it gets what the umask
    /// leaves, and of that only the permission bits.
    ///
    /// # Errors
    ///
    /// As [`Target::clear`].
    pub(super) fn create_file(
        &self,
        parent: &Directory,
        path: &Path,
        mode: u32,
    ) -> Result<OwnedFd, Error> {
        self.refuse_directory_below(parent, path)?;
        let name = name_of(path);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode & 0o777);
        match rustix::fs::openat(&*parent.fd, &name, flags, mode) {
            // Looked for only now: it is hardly ever there.
            Err(Errno::EXIST) => {
                self.clear(parent, path)?;
                rustix::fs::openat(&*parent.fd, &name, flags, mode)
            }
            made => made,
        }
        .map_err(refused("create", path))
    }

    /// Makes another name for a file of this layer.
    pub(super) fn hard_link(
        &mut self,
        first: &Path,
        parent: &Directory,
        path: &Path,
    ) -> Result<(), Error> {
        let name = name_of(path);
        rustix::fs::linkat(&*self.upper, first, &*parent.fd, &name, AtFlags::empty())
            .map_err(refused("link", path))?;
        self.show(parent, path, Made::HardLink(first))
    }

    /// Refuses a name that something in a layer cannot have.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub(super) fn check_name(&self, path: &Path) -> Result<(), Error> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        match name.starts_with(whiteout::PREFIX) && !self.is_outside {
            true => Err(Error::Invalid(whiteout::reserved(&path.to_string_lossy()))),
            false => Ok(()),
        }
    }

    /// Looks at what is at a path where a directory of this mode and time is to be. Outside of layers one that has the mode
    /// already is what an earlier build has put there: it may be written to, although that may not allow it.
    pub(super) fn recognize(&mut self, path: &Path, there: &Stat, mode: u32, time: Timespec) {
        if self.is_outside && there.st_mode & 0o7777 == mode {
            self.set_time(path, time);
        }
    }

    /// Gives a directory its owner. Outside of layers one that was there is not taken from whoever has it for root.
    ///
    /// # Errors
    ///
    /// Those of [`OwnerWriter::replace`].
    pub(super) fn own_directory(
        &self,
        fd: BorrowedFd<'_>,
        was_there: bool,
        uid: u32,
        gid: u32,
    ) -> std::io::Result<()> {
        match was_there && !self.is_outside {
            true => self.owners.replace(fd, uid, gid),
            false => self.owners.set(fd, uid, gid),
        }
    }

    /// Sets what a directory's times are to be in the end.
    pub(super) fn set_time(&mut self, path: &Path, time: Timespec) {
        self.times.insert(path.to_owned(), time);
    }

    /// Returns what a file gets that should have these times: not younger than the layer may be.
    pub(super) fn times(&self, time: Timespec) -> Timestamps {
        let latest = self.epoch.map(|epoch| Timespec {
            tv_sec: epoch,
            tv_nsec: 0,
        });
        let time = latest.map_or(time, |latest| time.min(latest));
        Timestamps {
            last_access: time,
            last_modification: time,
        }
    }

    /// Shows a directory that was made, or made into something else, to the digest. What it has may still change until
    /// something else is shown.
    pub(super) fn show_directory(&mut self, path: &Path, fd: &Rc<OwnedFd>) -> Result<(), Error> {
        if self.digest.is_none() || matches!(&self.unseen, Some((unseen, _)) if unseen == path) {
            return Ok(());
        }
        self.show_unseen()?;
        self.unseen = Some((path.to_owned(), fd.clone()));
        Ok(())
    }

    fn show_unseen(&mut self) -> Result<(), Error> {
        if let Some((path, fd)) = self.unseen.take()
            && let Some(time) = self.times.get(&path)
        {
            let time = self.times(*time).last_modification;
            if let Some(digest) = &mut self.digest {
                digest.directory(fd.as_fd(), path.as_os_str().as_bytes(), time)?;
            }
        }
        Ok(())
    }

    /// Shows anything else that was made to the digest, as it is to stay.
    pub(super) fn show(
        &mut self,
        parent: &Directory,
        path: &Path,
        made: Made<'_>,
    ) -> Result<(), Error> {
        self.show_unseen()?;
        let Some(digest) = &mut self.digest else {
            return Ok(());
        };
        let name = name_of(path);
        let place = Place {
            parent: parent.fd.as_fd(),
            name: &name,
            path: path.as_os_str().as_bytes(),
        };
        match made {
            Made::File { fd, stat, content } => digest.file(fd, place, stat, content)?,
            Made::HardLink(first) => digest.hard_link(place, first.as_os_str().as_bytes())?,
            Made::Other => digest.other(place)?,
        }
        Ok(())
    }

    /// Makes room for something that is no directory at a resolved path.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a directory: BuildKit does not replace those.
    pub(super) fn clear(&self, parent: &Directory, path: &Path) -> Result<(), Error> {
        let name = name_of(path);
        match rustix::fs::statat(&*parent.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if kind(&stat) == FileType::Directory => return Err(directory_there(path)),
            Ok(_) => {
                rustix::fs::unlinkat(&*parent.fd, &name, AtFlags::empty())
                    .map_err(refused("replace", path))?;
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(refused("read", path)(errno)),
        }
        self.refuse_directory_below(parent, path)
    }

    fn refuse_directory_below(&self, parent: &Directory, path: &Path) -> Result<(), Error> {
        if parent.in_lower
            && let Some(stat) = self.find_below(path)?
            && kind(&stat) == FileType::Directory
        {
            return Err(directory_there(path));
        }
        Ok(())
    }

    /// Ends it: directories get their times. Returns what it is as a layer, where that is known.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Layer`].
    pub(crate) fn finish(mut self) -> Result<Option<Written>, Error> {
        self.show_unseen()?;
        for (path, time) in &self.times {
            let path = match path.as_os_str().is_empty() {
                true => Path::new("."),
                false => path,
            };
            let times = self.times(*time);
            rustix::fs::utimensat(&*self.upper, path, &times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(refused("set the times of", path))?;
        }
        let complete = self.owners.finish(&self.dir)?;
        match self.digest.filter(|_| complete) {
            Some(digest) => Ok(digest.finish()?),
            None => Ok(None),
        }
    }
}

/// Whether the caller's own rights are enough to put something into a directory.
fn caller_may_write(dir: BorrowedFd<'_>) -> Result<(), Errno> {
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    as_caller(|| rustix::fs::accessat(dir, ".", wanted, AtFlags::EACCESS))
}

/// Gives a file the owner that another one has; ids that do not exist here are left out.
fn copy_owner(fd: BorrowedFd<'_>, stat: &Stat) -> Result<(), Errno> {
    if (stat.st_uid, stat.st_gid) == (0, 0) {
        return Ok(());
    }
    let uid = rustix::fs::Uid::from_raw(stat.st_uid);
    let gid = rustix::fs::Gid::from_raw(stat.st_gid);
    match rustix::fs::fchown(fd, Some(uid), Some(gid)) {
        Err(Errno::INVAL) => Ok(()),
        result => result,
    }
}

fn components(path: &Path) -> Vec<OsString> {
    (path.components())
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

/// Returns the last component; a resolved path has one unless it is the root.
pub(super) fn name_of(path: &Path) -> CString {
    let name = path.file_name().unwrap_or_default();
    CString::new(name.as_bytes()).unwrap_or_default()
}

fn time_of(stat: &Stat) -> Timespec {
    Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec as _,
    }
}

fn not_a_directory(path: &Path) -> Error {
    Error::Invalid(format!("cannot copy to non-directory: /{}", path.display()))
}

fn directory_there(path: &Path) -> Error {
    Error::Invalid(format!(
        "cannot replace to directory /{} with file",
        path.display()
    ))
}
