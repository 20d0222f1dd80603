//! Files of a source into a target.

use std::collections::HashMap;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::digest::{Context, SHA256};
use rustix::fs::{AtFlags, FileType, Mode, Timespec, XattrFlags};
use rustix::io::Errno;

use super::source::Item;
use super::target::{Directory, Implicit, Made, Target, name_of};
use crate::build::cache::FileHashes;
use crate::build::error::{Error, failed, refused};
use crate::build::mode::FileMode;
use crate::image::layer::memory::{self, Memory};
use crate::image::layer::name_on_disk;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// What becomes of the files.
#[derive(Debug, Clone)]
pub(crate) struct CopyOptions {
    /// Owner and group; `None` keeps the source's.
    pub owner: Option<(u32, u32)>,
    /// `--chmod`.
    pub mode: Option<FileMode>,
    /// Extended attributes come along. Those of a context do not: what a browser has noted at a download is no part of it.
    pub xattrs: bool,
}

/// How the files come there.
#[derive(Debug)]
pub(crate) enum Manner<'a> {
    /// As copies.
    Copy,
    /// The same; what is read for it is hashed as well.
    CopyAndHash(&'a mut FileHashes),
    /// As they are, without owners and modes from `options`: nobody needs the source any more, which is of the same
    /// filesystem.
    Move,
}

/// Copies `items`, as [`super::Source::list`] lists them, to the resolved path `place`. What the first one is decides whether
/// `place` is a directory.
///
/// # Errors
///
/// [`Error::Invalid`] where something is in the way; [`Error::Io`].
pub(crate) fn copy(
    items: &[Item],
    target: &mut Target,
    place: &Path,
    options: &CopyOptions,
    manner: Manner<'_>,
) -> Result<(), Error> {
    let mut copier = Copier {
        target,
        options,
        manner,
        links: HashMap::new(),
        reflinks: true,
        buffer: Vec::new(),
    };
    for item in items {
        let path = match item.place.as_os_str().is_empty() {
            true => place.to_owned(),
            false => place.join(&item.place),
        };
        copier.copy(item, &path)?;
    }
    Ok(())
}

/// Returns what directories get that nobody describes, beside `item`: an octal `--chmod` is for them, too.
pub(crate) fn implicit(item: &Item, options: &CopyOptions) -> Implicit {
    let (uid, gid) = options.owner.unwrap_or_default();
    Implicit {
        uid,
        gid,
        mode: match options.mode {
            Some(FileMode::Octal(mode)) => mode,
            _ => 0o755,
        },
        time: time_of(item),
    }
}

/// What is known of a file's content once it is copied.
#[derive(Default)]
struct Content {
    /// So many bytes, all of them in the buffer.
    in_buffer: Option<usize>,
    hash: Option<[u8; 32]>,
}

struct Copier<'a> {
    target: &'a mut Target,
    options: &'a CopyOptions,
    manner: Manner<'a>,
    /// Files with several names: device and inode → where the first of them went.
    links: HashMap<(u64, u64), PathBuf>,
    /// The filesystem may have them.
    reflinks: bool,
    buffer: Vec<u8>,
}

impl Copier<'_> {
    fn copy(&mut self, item: &Item, path: &Path) -> Result<(), Error> {
        self.target.check_name(path)?;
        let implicit = implicit(item, self.options);
        if item.kind() == FileType::Directory {
            return self.directory(item, path, implicit);
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        let parent = self.target.directory(parent, implicit)?;
        if matches!(self.manner, Manner::Move) {
            return self.take(item, path, &parent);
        }
        if item.kind() == FileType::RegularFile {
            return self.file(item, path, &parent);
        }
        self.target.clear(&parent, path)?;
        match item.kind() {
            FileType::Symlink => self.link(item, path, &parent),
            _ => self.special(item, path, &parent),
        }
    }

    fn directory(&mut self, item: &Item, path: &Path, implicit: Implicit) -> Result<(), Error> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let parent_path = path.parent().unwrap_or(Path::new(""));
        // The directory that is copied into keeps what it has, or is made as any other that COPY finds missing; those that
        // come with it bring what is theirs.
        if item.place.as_os_str().is_empty() {
            return self.target.ensure_directory(path, implicit);
        }
        let mode = self.mode(item);
        let there = self.target.find(path)?;
        let directory = if let Some(there) = &there {
            self.target.recognize(path, there, mode, time_of(item));
            self.target.directory(path, implicit)?.fd
        } else {
            let parent = self.target.directory(parent_path, implicit)?;
            let made = self.target.make_directory(&parent.fd, path, 0o700)?;
            std::rc::Rc::new(made)
        };
        let source = item.open().map_err(refused("open", &item.place))?;
        let (uid, gid) = self.owner(item);
        (self.target)
            .own_directory(directory.as_fd(), there.is_some(), uid, gid)
            .map_err(failed("change the owner of", path))?;
        if self.options.xattrs {
            self.xattrs(item, &source, directory.as_fd(), path)?;
        }
        rustix::fs::fchmod(&*directory, Mode::from_raw_mode(mode))
            .map_err(refused("change", path))?;
        self.target.set_time(path, time_of(item));
        self.target.show_directory(path, &directory)
    }

    /// Moves what is no directory.
    fn take(&mut self, item: &Item, path: &Path, parent: &Directory) -> Result<(), Error> {
        self.target.clear(parent, path)?;
        let name = name_of(path);
        (item.move_to(parent.fd.as_fd(), &name)).map_err(refused("create", path))?;
        let (time, times) = (time_of(item), self.target.times(time_of(item)));
        if times.last_modification != time {
            rustix::fs::utimensat(&*parent.fd, &name, &times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(refused("set the times of", path))?;
        }
        self.target.show(parent, path, Made::Other)
    }

    fn file(&mut self, item: &Item, path: &Path, parent: &Directory) -> Result<(), Error> {
        let identity = (item.stat.st_dev, item.stat.st_ino);
        if item.stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&identity) {
                self.target.clear(parent, path)?;
                return self.target.hard_link(first, parent, path);
            }
            self.links.insert(identity, path.to_owned());
        }
        let source = item.open().map_err(refused("open", &item.place))?;
        let mode = self.mode(item);
        let file = self.target.create_file(parent, path, mode)?;
        let (uid, gid) = self.owner(item);
        (self.target.owners.set(file.as_fd(), uid, gid))
            .map_err(failed("change the owner of", path))?;
        let begun = SystemTime::now();
        let content = self.content(item, &source, &file, path)?;
        let is_as_listed = self.target.note_source(item, source.as_fd());
        if let Some(hash) = content.hash {
            let _ = item.copied.set(hash);
            if is_as_listed && let Manner::CopyAndHash(hashes) = &mut self.manner {
                hashes.note(begun, &item.stat, hash);
            }
        }
        if self.options.xattrs {
            self.xattrs(item, &source, file.as_fd(), path)?;
            self.device(item, &file, path, (uid, gid))?;
        }
        let times = self.target.times(time_of(item));
        rustix::fs::futimens(&file, &times).map_err(refused("set the times of", path))?;
        let mut made = rustix::fs::fstat(&file).map_err(refused("read", path))?;
        // Most files have it from the start; a umask, a new owner or what was written may have taken some of it.
        if made.st_mode & 0o7777 != mode {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))
                .map_err(refused("change", path))?;
            made.st_mode = made.st_mode & !0o7777 | mode;
        }
        let made = Made::File {
            fd: &file,
            stat: &made,
            content: content.in_buffer.map(|bytes| &self.buffer[..bytes]),
        };
        self.target.show(parent, path, made)
    }

    /// Has a file stand for the device that its source stands for.
    fn device(
        &self,
        item: &Item,
        file: &OwnedFd,
        path: &Path,
        (uid, gid): (u32, u32),
    ) -> Result<(), Error> {
        let Some(memory) = item.memory().filter(|memory| memory.device.is_some()) else {
            return Ok(());
        };
        let memory = Memory {
            uid: uid.into(),
            gid: gid.into(),
            ..memory
        };
        memory::remember(
            &memory::path_of("/proc", file.as_fd()),
            item.kind(),
            &memory,
        )
        .map_err(refused("set the attributes of", path))
    }

    /// Shares the blocks where the filesystem can, else copies the bytes.
    fn content(
        &mut self,
        item: &Item,
        source: &OwnedFd,
        file: &OwnedFd,
        path: &Path,
    ) -> Result<Content, Error> {
        if self.reflinks && item.stat.st_size > 0 {
            match rustix::fs::ioctl_ficlone(file, source) {
                Ok(()) => return Ok(Content::default()),
                Err(_) => self.reflinks = false,
            }
        }
        let is_unknown = match &mut self.manner {
            Manner::CopyAndHash(hashes) => hashes.known(&item.stat).is_none(),
            Manner::Copy | Manner::Move => false,
        };
        let mut hash = is_unknown.then(|| Context::new(&SHA256));
        self.buffer.resize(BUFFER, 0);
        let mut copied = 0;
        loop {
            let read = read_some(source, &mut self.buffer).map_err(refused("read", &item.place))?;
            let bytes = &self.buffer[..read];
            write_all(file, bytes).map_err(refused("write", path))?;
            if let Some(hash) = &mut hash {
                hash.update(bytes);
            }
            copied += read;
            // Less than asked for is the end where that much was expected, too.
            if read == 0 || (read < BUFFER && copied as i64 == item.stat.st_size) {
                return Ok(Content {
                    in_buffer: (copied == read).then_some(read),
                    hash: hash.and_then(|hash| hash.finish().as_ref().try_into().ok()),
                });
            }
        }
    }

    fn link(&mut self, item: &Item, path: &Path, parent: &Directory) -> Result<(), Error> {
        let name = name_of(path);
        let text = item.link().map_err(refused("read", &item.place))?;
        rustix::fs::symlinkat(&text[..], &*parent.fd, &name).map_err(refused("create", path))?;
        self.special_attributes(item, path, parent)
    }

    fn special(&mut self, item: &Item, path: &Path, parent: &Directory) -> Result<(), Error> {
        let name = name_of(path);
        let mode = Mode::from_raw_mode(self.mode(item));
        let made = rustix::fs::mknodat(&*parent.fd, &name, item.kind(), mode, item.stat.st_rdev);
        match made {
            Ok(()) => {}
            // As a pull does with devices that cannot be made.
            Err(Errno::PERM) => return Ok(()),
            Err(errno) => return Err(refused("create", path)(errno)),
        }
        rustix::fs::chmodat(&*parent.fd, &name, mode, AtFlags::empty())
            .map_err(refused("change", path))?;
        self.special_attributes(item, path, parent)
    }

    fn special_attributes(
        &mut self,
        item: &Item,
        path: &Path,
        parent: &Directory,
    ) -> Result<(), Error> {
        let name = name_of(path);
        let times = self.target.times(time_of(item));
        rustix::fs::utimensat(&*parent.fd, &name, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(refused("set the times of", path))?;
        let (uid, gid) = self.owner(item);
        let place = path.as_os_str().as_encoded_bytes();
        (self.target.owners)
            .set_special(parent.fd.as_fd(), &name, place, uid, gid)
            .map_err(failed("change the owner of", path))?;
        self.target.show(parent, path, Made::Other)
    }

    fn owner(&self, item: &Item) -> (u32, u32) {
        self.options.owner.unwrap_or_else(|| item.owner())
    }

    fn mode(&self, item: &Item) -> u32 {
        let mode = item.stat.st_mode & 0o7777;
        match &self.options.mode {
            Some(change) => change.apply(mode, item.kind() == FileType::Directory),
            None => mode,
        }
    }

    fn xattrs(
        &self,
        item: &Item,
        source: &OwnedFd,
        to: BorrowedFd<'_>,
        path: &Path,
    ) -> Result<(), Error> {
        let list =
            (item.xattrs(source.as_fd())).map_err(refused("read the attributes of", path))?;
        for (name, value) in list {
            let Some(name) = name_on_disk(&name) else {
                continue;
            };
            match rustix::fs::fsetxattr(to, &name, &value, XattrFlags::empty()) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM | Errno::INVAL) => {}
                Err(errno) => return Err(refused("set the attributes of", path)(errno)),
            }
        }
        Ok(())
    }
}

/// Reads into `buffer`; 0 at the end.
fn read_some(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut *buffer))
}

fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(fd, bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

fn time_of(item: &Item) -> Timespec {
    Timespec {
        tv_sec: item.stat.st_mtime,
        tv_nsec: item.stat.st_mtime_nsec as _,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::build::ignore::Ignore;
    use crate::build::tree::{LastLink, Source};
    use crate::image::layer::{self, Owners, Written};

    #[test]
    fn a_source_that_changes_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::create_dir(&from).unwrap();
        fs::write(from.join("f"), "one").unwrap();
        let options = CopyOptions {
            owner: None,
            mode: None,
            xattrs: true,
        };
        let as_listed = |name: &str, change: &dyn Fn()| {
            let source = Source::directory(&from, Ignore::default()).unwrap();
            let selection = source.select("/", LastLink::Follow).unwrap().remove(0);
            let items = source.list(&selection, &Ignore::default()).unwrap();
            change();
            let to = dir.path().join(name);
            fs::create_dir(&to).unwrap();
            let mut target = Target::new(&to, None, Owners::Single, Timespec::default()).unwrap();
            copy(&items, &mut target, Path::new(""), &options, Manner::Copy).unwrap();
            target.is_as_listed()
        };
        assert!(as_listed("same", &|| {}));
        assert!(!as_listed("written", &|| {
            fs::write(from.join("f"), "two and more").unwrap();
        }));
        assert!(!as_listed("replaced", &|| {
            let mode = fs::metadata(from.join("f")).unwrap().permissions();
            fs::write(from.join("g"), "else and more").unwrap();
            fs::set_permissions(from.join("g"), mode).unwrap();
            fs::rename(from.join("g"), from.join("f")).unwrap();
        }));
    }

    /// Copies directories one after the other into a new layer; returns what its digest has come to on the way, and what
    /// the layer is when it is read.
    fn digests(sources: &[(&Path, &str)], epoch: Option<i64>) -> (Option<Written>, Written) {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("diff");
        fs::create_dir(&to).unwrap();
        let time = Timespec {
            tv_sec: 1_000_000_000,
            tv_nsec: 5,
        };
        let target = Target::new(&to, None, Owners::Single, time).unwrap();
        let mut target = target.into_layer(Owners::Single, epoch);
        for (from, place) in sources {
            let source = Source::directory(from, Ignore::default()).unwrap();
            let selection = source.select("/", LastLink::Follow).unwrap().remove(0);
            let items = source.list(&selection, &Ignore::default()).unwrap();
            let options = CopyOptions {
                owner: Some((0, 0)),
                mode: None,
                xattrs: false,
            };
            copy(
                &items,
                &mut target,
                Path::new(place),
                &options,
                Manner::Copy,
            )
            .unwrap();
        }
        let on_the_way = target.finish().unwrap();
        let written = layer::write(&to, Owners::Single, std::io::sink()).unwrap();
        (on_the_way, written)
    }

    #[test]
    fn the_digest_computed_on_the_way_is_that_of_the_layer() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path();
        for directory in ["a", "a/b", "a-b", "empty"] {
            fs::create_dir(from.join(directory)).unwrap();
        }
        for (name, size) in [
            ("a/b/x", 5),
            ("a.txt", 0),
            ("a-b/long", 3 * BUFFER + 7),
            ("z", BUFFER),
        ] {
            fs::write(from.join(name), vec![b'x'; size]).unwrap();
        }
        fs::set_permissions(from.join("a/b/x"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::hard_link(from.join("z"), from.join("a/first")).unwrap();
        std::os::unix::fs::symlink("nowhere", from.join("link")).unwrap();
        for epoch in [None, Some(77)] {
            let (on_the_way, written) = digests(&[(from, "usr/share")], epoch);
            assert_eq!(on_the_way.unwrap(), written);
        }
        // In order, and not.
        let sources = [(from, "1"), (from, "2")];
        let (on_the_way, written) = digests(&sources, None);
        assert_eq!(on_the_way.unwrap(), written);
        for places in [["2", "1"], ["1", "1"]] {
            let sources = [(from, places[0]), (from, places[1])];
            assert_eq!(digests(&sources, None).0, None);
        }
    }
}
