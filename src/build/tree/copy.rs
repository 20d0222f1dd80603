//! Files of a source into a target.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::source::Item;
use super::target::{Directory, Implicit, Target, name_of};
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
) -> Result<(), Error> {
    let mut copier = Copier {
        target,
        options,
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

struct Copier<'a> {
    target: &'a mut Target,
    options: &'a CopyOptions,
    /// Files with several names: device and inode → where the first of them went.
    links: HashMap<(u64, u64), PathBuf>,
    /// The filesystem may have them.
    reflinks: bool,
    buffer: Vec<u8>,
}

impl Copier<'_> {
    fn copy(&mut self, item: &Item, path: &Path) -> Result<(), Error> {
        let implicit = implicit(item, self.options);
        if item.kind() == FileType::Directory {
            return self.directory(item, path, implicit);
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        let parent = self.target.directory(parent, implicit)?;
        self.target.clear(&parent, path)?;
        match item.kind() {
            FileType::RegularFile => self.file(item, path, &parent),
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
        let is_there = self.target.find(path)?.is_some();
        let directory = if is_there {
            self.target.directory(path, implicit)?.fd
        } else {
            let parent = self.target.directory(parent_path, implicit)?;
            let made = self.target.make_directory(&parent.fd, path, 0o700)?;
            std::rc::Rc::new(made)
        };
        let source = item.open().map_err(refused("open", &item.place))?;
        let (uid, gid) = self.owner(item);
        (self.target.owners.set(directory.as_fd(), uid, gid))
            .map_err(failed("change the owner of", path))?;
        self.xattrs(item, &source, directory.as_fd(), path)?;
        let mode = self.mode(item);
        rustix::fs::fchmod(&*directory, Mode::from_raw_mode(mode))
            .map_err(refused("change", path))?;
        self.target.set_times(path, &item.stat);
        Ok(())
    }

    fn file(&mut self, item: &Item, path: &Path, parent: &Directory) -> Result<(), Error> {
        let name = name_of(path);
        let identity = (item.stat.st_dev, item.stat.st_ino);
        if item.stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&identity) {
                return self.target.hard_link(first, parent, &name, path);
            }
            self.links.insert(identity, path.to_owned());
        }
        let source = item.open().map_err(refused("open", &item.place))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*parent.fd, &name, flags, Mode::from_raw_mode(0o600))
            .map_err(refused("create", path))?;
        let (uid, gid) = self.owner(item);
        (self.target.owners.set(file.as_fd(), uid, gid))
            .map_err(failed("change the owner of", path))?;
        self.content(item, &source, &file, path)?;
        self.target.note_source(item, source.as_fd());
        self.xattrs(item, &source, file.as_fd(), path)?;
        if let Some(memory) = item.memory()
            && memory.device.is_some()
        {
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
            .map_err(refused("set the attributes of", path))?;
        }
        let mode = self.mode(item);
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(refused("change", path))?;
        rustix::fs::futimens(&file, &times(item)).map_err(refused("set the times of", path))
    }

    /// Shares the blocks where the filesystem can, else copies the bytes.
    fn content(
        &mut self,
        item: &Item,
        source: &OwnedFd,
        file: &OwnedFd,
        path: &Path,
    ) -> Result<(), Error> {
        if item.stat.st_size == 0 {
            return Ok(());
        }
        if self.reflinks {
            match rustix::fs::ioctl_ficlone(file, source) {
                Ok(()) => return Ok(()),
                Err(_) => self.reflinks = false,
            }
        }
        self.buffer.resize(BUFFER, 0);
        let mut reader = File::from(source.try_clone().map_err(failed("read", &item.place))?);
        let mut writer = File::from(file.try_clone().map_err(failed("write", path))?);
        loop {
            let read = match reader.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed("read", &item.place)(error)),
            };
            (writer.write_all(&self.buffer[..read])).map_err(failed("write", path))?;
            // A short read of a regular file is its end.
            if read < BUFFER && item.stat.st_size <= BUFFER as i64 {
                return Ok(());
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
        rustix::fs::utimensat(&*parent.fd, &name, &times(item), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(refused("set the times of", path))?;
        let (uid, gid) = self.owner(item);
        let place = path.as_os_str().as_encoded_bytes();
        (self.target.owners)
            .set_special(parent.fd.as_fd(), &name, place, uid, gid)
            .map_err(failed("change the owner of", path))
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
        if !self.options.xattrs {
            return Ok(());
        }
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

fn time_of(item: &Item) -> Timespec {
    Timespec {
        tv_sec: item.stat.st_mtime,
        tv_nsec: item.stat.st_mtime_nsec as _,
    }
}

fn times(item: &Item) -> Timestamps {
    Timestamps {
        last_access: time_of(item),
        last_modification: time_of(item),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::build::ignore::Ignore;
    use crate::build::tree::Source;
    use crate::image::layer::Owners;

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
            let selection = source.select("/").unwrap().remove(0);
            let items = source.list(&selection, &Ignore::default()).unwrap();
            change();
            let to = dir.path().join(name);
            fs::create_dir(&to).unwrap();
            let mut target = Target::new(&to, None, Owners::Single).unwrap();
            copy(&items, &mut target, Path::new(""), &options).unwrap();
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
}
