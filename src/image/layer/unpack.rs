//! From a tar to a directory: the hot loop of a pull.
//!
//! An ordinary file costs `openat`, `write`, `utimensat`, `close`, and `fchown` or `fchmod` only where the kernel's default
//! is not what the tar says. What an entry's children would disturb (a directory's owner, mode, times, xattrs) is set at
//! the end, children before parents. Nothing is synced here: the store syncs a finished set of layers once.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::attributes::{Attributes, chown, timestamps};
use super::directories::{self, Pending};
use super::memory;
use super::owner::Unapplied;
use super::stream::{Entry, Kind, Stream};
use super::tree::{self, Found, Tree, split, write_error};
use super::{Error, UnpackOptions, Unpacked};
use crate::content::whiteout::OPAQUE_VALUE;
use crate::content::{limits, whiteout};
use crate::rootfs::whiteout::{Form, HAS_WHITEOUTS, put_whiteout};
use crate::store;

/// What aufs kept in the root of its layers; Docker ignores it as well.
const AUFS: &[u8] = b".wh..wh.";

/// See [`super::unpack()`].
pub(super) fn unpack(
    reader: impl Read,
    dir: &Path,
    options: &UnpackOptions,
) -> Result<Unpacked, Error> {
    let mut stream = Stream::new(reader, options.max_bytes);
    let mut unpacker = Unpacker::new(dir, options)?;
    while let Some(entry) = stream.next()? {
        unpacker.entry(entry, &mut stream)?;
    }
    stream.drain()?;
    unpacker.finish(dir)
}

#[derive(Debug)]
struct Unpacker {
    tree: Tree,
    attributes: Attributes,
    directories: BTreeMap<Vec<u8>, Pending>,
    unapplied: Vec<Unapplied>,
    /// Bytes in `directories` and `unapplied`; what was replaced counts as well.
    held: u64,
    size: u64,
}

/// Where an entry goes.
#[derive(Debug)]
struct Place {
    parent: Vec<u8>,
    name: CString,
}

impl Place {
    fn path(&self) -> Vec<u8> {
        let mut path = self.parent.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(self.name.to_bytes());
        path
    }
}

impl Unpacker {
    fn new(dir: &Path, options: &UnpackOptions) -> Result<Self, Error> {
        Ok(Unpacker {
            tree: Tree::open(dir)?,
            attributes: Attributes::new(dir, options.owners),
            directories: BTreeMap::from([(Vec::new(), Pending::default())]),
            unapplied: Vec::new(),
            held: 0,
            size: 0,
        })
    }

    fn finish(mut self, dir: &Path) -> Result<Unpacked, Error> {
        directories::finish(self.directories, &mut self.tree, &mut self.attributes)?;
        Unapplied::write_all(&self.unapplied, dir)?;
        Ok(Unpacked {
            size: self.size,
            warnings: self.attributes.warnings(),
        })
    }

    fn entry<R: Read>(&mut self, entry: Entry, stream: &mut Stream<R>) -> Result<(), Error> {
        let Some(at) = split(&entry.path, entry.kind == Kind::Directory)? else {
            if entry.kind != Kind::Directory {
                return Err(Error::entry(
                    &entry.path,
                    "the layer's root is not a directory",
                ));
            }
            return self.note_directory(Vec::new(), entry);
        };
        if at.parent.is_empty() && at.name.starts_with(AUFS) && at.name != whiteout::OPAQUE
            || at.parent.starts_with(AUFS)
        {
            return Ok(());
        }
        if at
            .parent
            .split(|b| *b == b'/')
            .any(|c| c.starts_with(whiteout::PREFIX))
        {
            return Err(Error::entry(
                &entry.path,
                "the path leads through a whiteout",
            ));
        }
        let name = at.name.to_vec();
        let place = |name: &[u8]| Place {
            parent: at.parent.clone(),
            // `split` has refused every NUL.
            name: CString::new(name).unwrap_or_default(),
        };
        if name == whiteout::OPAQUE {
            self.parent_fd(&at.parent)?;
            self.directories.entry(at.parent).or_default().opaque = Some(OPAQUE_VALUE);
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(whiteout::PREFIX) {
            if matches!(hidden, b"" | b"." | b"..") || hidden.starts_with(whiteout::PREFIX) {
                return Err(Error::entry(
                    &entry.path,
                    "the whiteout hides nothing a layer can have",
                ));
            }
            return self.whiteout(&place(hidden));
        }
        let place = place(&name);
        match entry.kind {
            Kind::File => self.file(&place, entry, stream),
            Kind::Directory => self.directory(&place, entry),
            Kind::Symlink => self.symlink(&place, entry),
            Kind::HardLink => self.hard_link(&place, entry),
            Kind::Fifo | Kind::CharDevice | Kind::BlockDevice => self.node(&place, entry),
        }
    }

    fn parent_fd(&mut self, path: &[u8]) -> Result<BorrowedFd<'_>, Error> {
        let (directories, held) = (&mut self.directories, &mut self.held);
        self.tree.parent(path, &mut |made| {
            directories.entry(made.to_vec()).or_default();
            hold(held, made.len())
        })
    }

    /// Runs `create`, which must not replace anything, and again after removing what stood in its way, as Docker does.
    fn create<T>(
        &mut self,
        place: &Place,
        create: impl Fn(BorrowedFd<'_>, &CString) -> Result<T, Errno>,
    ) -> Result<Result<T, Errno>, Error> {
        let parent = self.parent_fd(&place.parent)?;
        let first = create(parent, &place.name);
        if !matches!(first, Err(Errno::EXIST)) {
            return Ok(first);
        }
        store::remove_at(parent, &place.name)
            .map_err(|errno| write_error("replace", &place.path(), errno))?;
        self.tree.forget();
        let parent = self.parent_fd(&place.parent)?;
        Ok(create(parent, &place.name))
    }

    fn file<R: Read>(
        &mut self,
        place: &Place,
        entry: Entry,
        stream: &mut Stream<R>,
    ) -> Result<(), Error> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let asked = Mode::from_raw_mode(entry.mode & 0o777);
        let failed = |action, errno| write_error(action, &entry.path, errno);
        let fd = self
            .create(place, |at, name| rustix::fs::openat(at, name, flags, asked))?
            .map_err(|errno| failed("create", errno))?;
        match &entry.segments {
            None => {
                while stream.data(u64::MAX, |piece| {
                    write_all(&fd, piece).map_err(|errno| failed("write", errno))
                })? > 0
                {}
            }
            Some(segments) => {
                rustix::fs::ftruncate(&fd, entry.size).map_err(|errno| failed("write", errno))?;
                for segment in segments {
                    rustix::fs::seek(&fd, rustix::fs::SeekFrom::Start(segment.offset))
                        .map_err(|errno| failed("write", errno))?;
                    let mut left = segment.length;
                    while left > 0 {
                        left -= stream.data(left, |piece| {
                            write_all(&fd, piece).map_err(|errno| failed("write", errno))
                        })?;
                    }
                }
            }
        }
        self.size = self.size.saturating_add(entry.size);
        // Holes cost nothing here, but everybody who copies the layer would have to fill them.
        if self.size > limits::MAX_LAYER_BYTES {
            return Err(Error::TooMuch {
                what: "bytes",
                limit: limits::MAX_LAYER_BYTES,
            });
        }
        let (uid, gid) = self.attributes.owner(entry.uid, entry.gid);
        // New files are ours, and no parent has its setgid bit yet.
        if (uid, gid) != (0, 0) {
            chown(fd.as_fd(), c"", uid, gid).map_err(|errno| failed("chown", errno))?;
        }
        if self.attributes.lacks(entry.mode) {
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(entry.mode))
                .map_err(|errno| failed("chmod", errno))?;
        }
        self.attributes
            .set_xattrs(fd.as_fd(), &entry.path, &entry.xattrs)?;
        self.attributes
            .remember(fd.as_fd(), &entry.path, entry.uid, entry.gid)?;
        rustix::fs::futimens(&fd, &timestamps(entry.mtime))
            .map_err(|errno| failed("set times of", errno))
    }

    fn directory(&mut self, place: &Place, entry: Entry) -> Result<(), Error> {
        let path = place.path();
        let failed = |errno| write_error("create", &entry.path, errno);
        let mode = Mode::from_raw_mode(0o700);
        let parent = self.parent_fd(&place.parent)?;
        let mut opaque = false;
        match rustix::fs::mkdirat(parent, &place.name, mode) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let found = tree::kind_of(parent, &place.name).map_err(failed)?;
                if found != Found::Directory {
                    // A whiteout and a directory of one name: what is below stays hidden.
                    opaque = found == Found::Whiteout;
                    store::remove_at(parent, &place.name).map_err(failed)?;
                    rustix::fs::mkdirat(parent, &place.name, mode).map_err(failed)?;
                }
            }
            Err(errno) => return Err(failed(errno)),
        }
        self.note_directory(path.clone(), entry)?;
        if opaque {
            self.directories.entry(path).or_default().opaque = Some(OPAQUE_VALUE);
        }
        Ok(())
    }

    fn note_directory(&mut self, path: Vec<u8>, entry: Entry) -> Result<(), Error> {
        let xattrs = entry.xattrs.iter();
        let bytes: usize = xattrs.map(|(name, value)| name.len() + value.len()).sum();
        hold(&mut self.held, path.len() + bytes)?;
        let pending = self.directories.entry(path).or_default();
        pending.mode = entry.mode;
        pending.uid = entry.uid;
        pending.gid = entry.gid;
        pending.mtime = entry.mtime;
        pending.xattrs = entry.xattrs;
        Ok(())
    }

    fn symlink(&mut self, place: &Place, entry: Entry) -> Result<(), Error> {
        if entry.link.is_empty() || entry.link.contains(&0) {
            return Err(Error::entry(
                &entry.path,
                "the symbolic link's target is empty or has a NUL in it",
            ));
        }
        self.create(place, |at, name| {
            rustix::fs::symlinkat(&*entry.link, at, name)
        })?
        .map_err(|errno| write_error("create", &entry.path, errno))?;
        self.finish_node(place, entry, b'l')
    }

    fn hard_link(&mut self, place: &Place, entry: Entry) -> Result<(), Error> {
        let wrong = |problem: &str| {
            Error::entry(
                &entry.path,
                &format!(
                    "hard link to {:?}: {problem}",
                    super::stream::shown(&entry.link)
                ),
            )
        };
        let Some(target) =
            split(&entry.link, true).map_err(|_| wrong("not a path in the layer"))?
        else {
            return Err(wrong("it is the layer's root"));
        };
        let name = CString::new(target.name).unwrap_or_default();
        if target.parent == place.parent && name == place.name {
            return Err(wrong("it is the link itself"));
        }
        let parent = match target.parent.is_empty() {
            true => self
                .tree
                .root()
                .try_clone_to_owned()
                .map_err(|e| Error::Write {
                    action: "open",
                    path: ".".to_owned(),
                    source: e,
                })?,
            false => {
                self.tree
                    .lookup(&target.parent, OFlags::PATH)
                    .map_err(|errno| match errno {
                        Errno::NOENT => wrong("there is no such file in this layer"),
                        errno => tree::refusal(&entry.link, errno),
                    })?
            }
        };
        match tree::kind_of(parent.as_fd(), &name) {
            Ok(Found::Other) => {}
            Ok(Found::Directory) => return Err(wrong("it is a directory")),
            // Docker and containerd fail here as well; a link cannot reach into a lower layer.
            Ok(Found::Whiteout) | Err(Errno::NOENT) => {
                return Err(wrong("there is no such file in this layer"));
            }
            Err(errno) => return Err(write_error("open", &entry.link, errno)),
        }
        self.create(place, |at, new| {
            rustix::fs::linkat(&parent, &name, at, new, AtFlags::empty())
        })?
        .map_err(|errno| match errno {
            Errno::NOENT => wrong("there is no such file in this layer"),
            errno => write_error("link", &entry.path, errno),
        })
    }

    fn node(&mut self, place: &Place, entry: Entry) -> Result<(), Error> {
        let (kind, letter) = match entry.kind {
            Kind::CharDevice => (FileType::CharacterDevice, b'c'),
            Kind::BlockDevice => (FileType::BlockDevice, b'b'),
            _ => (FileType::Fifo, b'p'),
        };
        let (major, minor) = entry.device;
        let device = rustix::fs::makedev(major, minor);
        // A device 0:0 would be a whiteout to overlayfs, and is no device to anybody.
        let made = if letter == b'c' && device == 0 {
            self.parent_fd(&place.parent)?;
            Err(Errno::PERM)
        } else {
            let mode = Mode::from_raw_mode(entry.mode & 0o777);
            self.create(place, |at, name| {
                rustix::fs::mknodat(at, name, kind, mode, device)
            })?
        };
        match made {
            Ok(()) => self.finish_node(place, entry, letter),
            Err(Errno::PERM | Errno::INVAL) if letter != b'p' => {
                self.attributes.warned.devices = true;
                self.push_unapplied(place, &entry, letter)
            }
            Err(errno) => Err(write_error("create", &entry.path, errno)),
        }
    }

    /// Owner, mode, times and attributes of what has no descriptor of its own.
    fn finish_node(&mut self, place: &Place, entry: Entry, letter: u8) -> Result<(), Error> {
        let failed = |action, errno| write_error(action, &entry.path, errno);
        let (uid, gid) = self.attributes.owner(entry.uid, entry.gid);
        let lacks_mode = letter != b'l' && self.attributes.lacks(entry.mode);
        let parent = self.parent_fd(&place.parent)?;
        if (uid, gid) != (0, 0) {
            chown(parent, &place.name, uid, gid).map_err(|errno| failed("chown", errno))?;
        }
        if lacks_mode {
            rustix::fs::chmodat(
                parent,
                &place.name,
                Mode::from_raw_mode(entry.mode),
                AtFlags::empty(),
            )
            .map_err(|errno| failed("chmod", errno))?;
        }
        rustix::fs::utimensat(
            parent,
            &place.name,
            &timestamps(entry.mtime),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(|errno| failed("set times of", errno))?;
        if (u64::from(uid), u64::from(gid)) != (entry.uid, entry.gid) {
            let remembered = memory::remember_at(parent, &place.name, entry.uid, entry.gid);
            self.attributes.note_clamped();
            // A filesystem without such attributes.
            if remembered.is_err() {
                self.push_unapplied(place, &entry, letter)?;
            }
        }
        // Only `trusted.*` and `security.*` can be on such files, and neither can be set on them by this user.
        self.attributes.warned.xattrs |= !entry.xattrs.is_empty();
        Ok(())
    }

    fn push_unapplied(&mut self, place: &Place, entry: &Entry, kind: u8) -> Result<(), Error> {
        let path = place.path();
        hold(&mut self.held, path.len())?;
        self.unapplied.push(Unapplied {
            kind,
            uid: entry.uid,
            gid: entry.gid,
            mode: entry.mode,
            device: entry.device,
            mtime: entry.mtime,
            path,
        });
        Ok(())
    }

    fn whiteout(&mut self, place: &Place) -> Result<(), Error> {
        let parent = self.parent_fd(&place.parent)?;
        match put_whiteout(parent, &place.name) {
            Ok(Form::Plain) => Ok(()),
            Ok(Form::Xattr) => {
                for path in [place.parent.clone(), Vec::new()] {
                    let pending = self.directories.entry(path).or_default();
                    pending.opaque = pending.opaque.or(Some(HAS_WHITEOUTS));
                }
                Ok(())
            }
            // A whiteout is about the layers below only. A directory of this layer hides them by being opaque, anything
            // else by being there.
            Err(Errno::EXIST) => {
                let found = tree::kind_of(parent, &place.name)
                    .map_err(|errno| write_error("open", &place.path(), errno))?;
                if found == Found::Directory {
                    self.directories.entry(place.path()).or_default().opaque = Some(OPAQUE_VALUE);
                }
                Ok(())
            }
            Err(errno) => Err(write_error("create", &place.path(), errno)),
        }
    }
}

/// Counts bytes that stay in memory until the end, with what it takes to keep them.
fn hold(held: &mut u64, bytes: usize) -> Result<(), Error> {
    const EACH: u64 = size_of::<(Vec<u8>, Pending)>() as u64;
    *held = held.saturating_add(EACH + bytes as u64);
    match *held > limits::MAX_LAYER_HELD_BYTES {
        true => Err(Error::TooMuch {
            what: "bytes of directory names and attributes",
            limit: limits::MAX_LAYER_HELD_BYTES,
        }),
        false => Ok(()),
    }
}

fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
