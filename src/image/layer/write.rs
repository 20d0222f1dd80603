//! From a directory to a tar, byte for byte the same for the same content.
//!
//! Entries come in the order of their names' bytes, a directory before what is in it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::memory::{self, DEVICE_XATTR, Device, Memory};
use super::owner::{self, OWNER_XATTR, Owners, Unapplied};
use super::tar_writer::{Entry, TarWriter, whiteout};
use super::tree::write_error;
use super::{Error, Written, xattr};
use crate::content::whiteout;
use crate::sys;

const BUFFER: usize = 256 << 10;

/// See [`super::write()`].
pub(super) fn write(dir: &Path, owners: Owners, out: impl Write) -> Result<Written, Error> {
    let open = |errno: Errno| write_error("open", dir.as_os_str().as_encoded_bytes(), errno);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(dir, flags, Mode::empty()).map_err(open)?;
    let mut writer = Writer::new(out, owners, read_unapplied(dir)?);
    let stat = rustix::fs::fstat(&root).map_err(open)?;
    let own = writer.directory_header(root.as_fd(), b"./", &stat)?;
    writer.directory(root.as_fd(), b"", &own)?;
    writer.finish()
}

/// Records of entries that could not be made or owned, by directory and name.
pub(super) type Records = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Unapplied>>;

/// Reads what is remembered beside the layer directory `dir`.
pub(super) fn read_unapplied(dir: &Path) -> Result<Records, Error> {
    let path = owner::unapplied_path(dir);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => {
            return Err(Error::Write {
                action: "read",
                path: path.display().to_string(),
                source,
            });
        }
    };
    let mut records = Records::new();
    for record in Unapplied::parse_all(&bytes) {
        let (parent, name) = match record.path.iter().rposition(|b| *b == b'/') {
            Some(at) => (record.path[..at].to_vec(), record.path[at + 1..].to_vec()),
            None => (Vec::new(), record.path.clone()),
        };
        records.entry(parent).or_default().insert(name, record);
    }
    Ok(records)
}

/// What a file or directory says about itself.
#[derive(Debug)]
pub(super) struct Meta {
    mode: u32,
    uid: u64,
    gid: u64,
    seconds: i64,
    nanoseconds: u32,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) opaque: bool,
    whiteout: bool,
    /// What an empty file stands for.
    stands_for: Option<Device>,
}

impl Meta {
    pub(super) fn entry(&self, path: &[u8], kind: u8) -> Entry {
        Entry {
            path: path.to_vec(),
            kind,
            link: Vec::new(),
            size: 0,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            seconds: self.seconds,
            nanoseconds: self.nanoseconds,
            device: (0, 0),
            xattrs: self.xattrs.clone(),
        }
    }
}

/// Writes the entries of a layer.
pub(super) struct Writer<W: Write> {
    pub(super) out: TarWriter<W>,
    owners: Owners,
    unapplied: Records,
    /// The first name of each file that has several.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    /// Bytes of files so far.
    file_bytes: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, owners: Owners, unapplied: Records) -> Writer<W> {
        Writer {
            out: TarWriter::new(out),
            owners,
            unapplied,
            links: HashMap::new(),
            buffer: Vec::new(),
            file_bytes: 0,
        }
    }

    /// Ends the tar.
    pub(super) fn finish(self) -> Result<Written, Error> {
        self.out.finish(self.file_bytes)
    }

    /// Writes a directory's own entry; `path` has a slash at its end.
    pub(super) fn directory_header(
        &mut self,
        fd: BorrowedFd<'_>,
        path: &[u8],
        stat: &Stat,
    ) -> Result<Meta, Error> {
        let own = self.meta(fd, path, stat)?;
        self.out.header(&own.entry(path, b'5'))?;
        Ok(own)
    }

    /// Writes what is in a directory; `prefix` is its path with a trailing slash, empty for the root.
    fn directory(&mut self, fd: BorrowedFd<'_>, prefix: &[u8], own: &Meta) -> Result<(), Error> {
        if own.opaque {
            self.out.header(&whiteout(prefix, b".wh..opq"))?;
        }
        let key = prefix.strip_suffix(b"/").unwrap_or(prefix);
        let mut missing = self.unapplied.remove(key).unwrap_or_default();
        for name in sorted_names(fd, prefix)? {
            // Device nodes that could not be made stand where they would stand.
            while let Some((first, _)) = missing.first_key_value()
                && first.as_slice() < name.to_bytes()
            {
                if let Some((_, record)) = missing.pop_first() {
                    self.missing(&record)?;
                }
            }
            let record = missing.remove(name.to_bytes());
            self.entry(fd, prefix, &name, record)?;
        }
        missing.values().try_for_each(|record| self.missing(record))
    }

    /// Writes the device node that could not be made.
    pub(super) fn missing(&mut self, record: &Unapplied) -> Result<(), Error> {
        // Links and FIFOs that are gone were removed by somebody.
        if !matches!(record.kind, b'c' | b'b') {
            return Ok(());
        }
        let mut entry = whiteout(b"", b"");
        entry.path = record.path.clone();
        entry.kind = if record.kind == b'c' { b'3' } else { b'4' };
        entry.mode = record.mode;
        (entry.uid, entry.gid) = (record.uid, record.gid);
        entry.device = record.device;
        (entry.seconds, entry.nanoseconds) = (record.mtime.seconds, record.mtime.nanoseconds);
        self.out.header(&entry)
    }

    /// Writes what is called `name` in a directory, with all that is in it.
    pub(super) fn entry(
        &mut self,
        parent: BorrowedFd<'_>,
        prefix: &[u8],
        name: &CStr,
        record: Option<Unapplied>,
    ) -> Result<(), Error> {
        if let Some(hidden) = name.to_bytes().strip_prefix(whiteout::PREFIX) {
            return self.out.header(&whiteout(prefix, hidden));
        }
        let path = [prefix, name.to_bytes()].concat();
        let failed = |action, errno| write_error(action, &path, errno);
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| failed("read", errno))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let open = |flags| {
            let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(parent, name, flags, Mode::empty())
        };
        match kind {
            FileType::Directory => {
                let fd = open(OFlags::DIRECTORY).map_err(|errno| failed("open", errno))?;
                let prefix = [&path[..], b"/"].concat();
                let own = self.directory_header(fd.as_fd(), &prefix, &stat)?;
                self.directory(fd.as_fd(), &prefix, &own)
            }
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                self.out.header(&whiteout(prefix, name.to_bytes()))
            }
            FileType::RegularFile => {
                if self.linked(&stat, &path)? {
                    return Ok(());
                }
                let fd = open(OFlags::NONBLOCK).map_err(|errno| failed("open", errno))?;
                self.file(&fd, prefix, name, &stat, None)
            }
            // A socket has no form in a tar; Docker leaves it out as well.
            FileType::Socket | FileType::Unknown => Ok(()),
            _ => {
                if self.linked(&stat, &path)? {
                    return Ok(());
                }
                let fd = rustix::fs::openat(
                    parent,
                    name,
                    OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                    Mode::empty(),
                )
                .map_err(|errno| failed("open", errno))?;
                let own = self.special_meta(fd.as_fd(), &stat, kind, record);
                let letter = match kind {
                    FileType::Symlink => b'2',
                    FileType::CharacterDevice => b'3',
                    FileType::BlockDevice => b'4',
                    _ => b'6',
                };
                let mut entry = own.entry(&path, letter);
                if kind == FileType::Symlink {
                    let link = rustix::fs::readlinkat(parent, name, Vec::new())
                        .map_err(|errno| failed("read", errno))?;
                    entry.link = link.into_bytes();
                    entry.mode = 0o777;
                }
                if matches!(letter, b'3' | b'4') {
                    let device = stat.st_rdev;
                    entry.device = (rustix::fs::major(device), rustix::fs::minor(device));
                }
                self.out.header(&entry)
            }
        }
    }

    /// Writes a regular file, or what it stands for. `content` is all that is in it, where that is at hand.
    pub(super) fn file(
        &mut self,
        fd: &OwnedFd,
        prefix: &[u8],
        name: &CStr,
        stat: &Stat,
        content: Option<&[u8]>,
    ) -> Result<(), Error> {
        let path = [prefix, name.to_bytes()].concat();
        let own = self.meta(fd.as_fd(), &path, stat)?;
        if own.whiteout && stat.st_size == 0 {
            return self.out.header(&whiteout(prefix, name.to_bytes()));
        }
        if let Some(device) = own.stands_for {
            let mut entry = own.entry(&path, if device.block { b'4' } else { b'3' });
            entry.device = (device.major, device.minor);
            return self.out.header(&entry);
        }
        let mut entry = own.entry(&path, b'0');
        entry.size = stat.st_size as u64;
        self.out.header(&entry)?;
        self.file_bytes += entry.size;
        match content.filter(|bytes| bytes.len() as u64 == entry.size) {
            Some(bytes) => self.out.write_all(bytes)?,
            None => self.content(fd, &path, entry.size)?,
        }
        self.out.pad(entry.size)
    }

    /// Writes a further name of a file that was written before; remembers the first name of one that was not.
    fn linked(&mut self, stat: &Stat, path: &[u8]) -> Result<bool, Error> {
        if stat.st_nlink < 2 {
            return Ok(false);
        }
        let key = (stat.st_dev, stat.st_ino);
        let Some(first) = self.links.get(&key) else {
            self.links.insert(key, path.to_vec());
            return Ok(false);
        };
        let first = first.clone();
        self.hard_link(stat, path, first)?;
        Ok(true)
    }

    /// Writes a further name of the file that was called `first`.
    pub(super) fn hard_link(
        &mut self,
        stat: &Stat,
        path: &[u8],
        first: Vec<u8>,
    ) -> Result<(), Error> {
        let mut entry = whiteout(b"", b"");
        entry.path = path.to_vec();
        entry.kind = b'1';
        entry.link = first;
        entry.mode = stat.st_mode & 0o7777;
        self.out.header(&entry)
    }

    /// Returns what a regular file or directory says about itself.
    pub(super) fn meta(&self, fd: BorrowedFd<'_>, path: &[u8], stat: &Stat) -> Result<Meta, Error> {
        let failed = |errno| write_error("read attributes of", path, errno);
        let mut meta = self.node_meta(stat, None);
        for name in sys::xattr::list(fd).map_err(failed)? {
            let Some(value) = sys::xattr::get(fd, &name).map_err(failed)? else {
                continue;
            };
            match name.to_bytes() {
                _ if *name == *whiteout::OPAQUE_XATTR => {
                    meta.opaque = value == whiteout::OPAQUE_VALUE
                }
                _ if *name == *whiteout::WHITEOUT_XATTR => meta.whiteout = true,
                bytes if bytes == OWNER_XATTR.as_bytes() => {
                    if let Some((uid, gid)) = owner::decode(&value)
                        && self.still_holds(stat, uid, gid)
                    {
                        (meta.uid, meta.gid) = (uid, gid);
                    }
                }
                bytes if bytes == DEVICE_XATTR.as_bytes() => {
                    meta.stands_for = memory::decode_device(&value);
                }
                bytes => {
                    if let Some(name) = xattr::name_in_tar(bytes) {
                        meta.xattrs.insert(name, value);
                    }
                }
            }
        }
        Ok(meta)
    }

    /// What a symbolic link, FIFO or device node says about itself, or has said of it beside the layer.
    fn special_meta(
        &self,
        fd: BorrowedFd<'_>,
        stat: &Stat,
        kind: FileType,
        record: Option<Unapplied>,
    ) -> Meta {
        let mut meta = self.node_meta(stat, record);
        if let Some(Memory { uid, gid, .. }) = memory::recall(&memory::path_of("/proc", fd), kind)
            && self.still_holds(stat, uid, gid)
        {
            (meta.uid, meta.gid) = (uid, gid);
        }
        meta
    }

    fn node_meta(&self, stat: &Stat, record: Option<Unapplied>) -> Meta {
        let mut meta = Meta {
            mode: stat.st_mode & 0o7777,
            uid: u64::from(stat.st_uid),
            gid: u64::from(stat.st_gid),
            seconds: stat.st_mtime,
            nanoseconds: stat.st_mtime_nsec as u32,
            xattrs: BTreeMap::new(),
            opaque: false,
            whiteout: false,
            stands_for: None,
        };
        if let Some(record) = record
            && self.still_holds(stat, record.uid, record.gid)
        {
            (meta.uid, meta.gid) = (record.uid, record.gid);
        }
        meta
    }

    /// Whether the owner on disk is still the one that the remembered owner was made into.
    fn still_holds(&self, stat: &Stat, uid: u64, gid: u64) -> bool {
        self.owners == Owners::Single || self.owners.apply(uid, gid) == (stat.st_uid, stat.st_gid)
    }

    fn content(&mut self, fd: &OwnedFd, path: &[u8], size: u64) -> Result<(), Error> {
        self.buffer.resize(BUFFER, 0);
        let mut at = 0;
        while at < size {
            let want = usize::try_from(size - at).unwrap_or(BUFFER).min(BUFFER);
            match rustix::io::pread(fd, &mut self.buffer[..want], at) {
                // Nobody writes to a layer; a file of a container may shrink while it is read.
                Ok(0) => return Err(write_error("read", path, Errno::IO)),
                Ok(count) => {
                    self.out.write_all(&self.buffer[..count])?;
                    at += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(write_error("read", path, errno)),
            }
        }
        Ok(())
    }
}

/// Returns the names in a directory, in the order of their bytes.
pub(super) fn sorted_names(fd: BorrowedFd<'_>, prefix: &[u8]) -> Result<Vec<CString>, Error> {
    let failed = |errno| write_error("read", prefix, errno);
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(fd).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}
