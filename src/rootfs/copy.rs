//! A plain copy of the layers, for where no overlay can be mounted.
//!
//! Layers are applied lowest first: a whiteout removes what is there, an opaque directory empties it, everything else is
//! copied over, but for devices. Blocks are shared with the layer where the filesystem can (`FICLONE`), holes stay holes, hard links of a
//! layer stay hard links. The copy runs inside the user's id map, so owners stay what they are; its time of completion
//! (`DATA/containers/<id>/copied`) tells later what the container has written.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::overlay::sum_sizes;
use super::{Driver, Error, Plan, ROOT_MODE, Root, failed};
use crate::content::whiteout::{self, OPAQUE_VALUE, OPAQUE_XATTR, OVERLAY_ESCAPE, OVERLAY_XATTRS};
use crate::store::{ContainerDir, remove_at, remove_tree};
use crate::sys::child::speaking_child;
use crate::sys::xattr;
use crate::userns;

/// The copy, below the container's directory.
const ROOTFS: &str = "rootfs";
/// Its age is when the copy was complete.
const COPIED: &str = "copied";

/// Everything in one directory.
#[derive(Debug)]
pub struct Copy;

impl Driver for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn prepare(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let target = plan.container.path().join(ROOTFS);
        let copied = plan.container.path().join(COPIED);
        if fs::exists(&copied).map_err(failed("read", &copied))? {
            return Ok(());
        }
        let ended = speaking_child(|words| {
            let result = userns::enter(plan.id_map, plan.settings)
                .map_err(|error| error.to_string())
                // What an interrupted copy left.
                .and_then(|()| remove_tree(&target).map_err(|error| error.to_string()))
                .and_then(|()| copy_layers(plan.layers, &target));
            match result {
                Ok(()) => 0,
                Err(problem) => {
                    let _ = words.write_all(problem.as_bytes());
                    1
                }
            }
        })
        .map_err(failed("copy", &target))?;
        if ended.code != 0 {
            return Err(Error::Copy(ended.words));
        }
        fs::write(&copied, b"").map_err(failed("create", &copied))
    }

    fn root(&self, plan: &Plan<'_>, _volatile: bool) -> Root {
        Root::Directory(plan.container.path().join(ROOTFS))
    }

    fn written_bytes(&self, container: &ContainerDir) -> Result<u64, Error> {
        let copied = container.path().join(COPIED);
        let since = fs::metadata(&copied).map_err(failed("read", &copied))?;
        let since = (since.mtime(), since.mtime_nsec());
        // A container can set every time of a file but this one.
        sum_sizes(&container.path().join(ROOTFS), &|meta| {
            (meta.ctime(), meta.ctime_nsec()) > since
        })
    }
}

fn copy_layers(layers: &[PathBuf], target: &Path) -> Result<(), String> {
    let words = |path: &Path| {
        let path = path.display().to_string();
        move |errno: Errno| format!("{path}: {}", std::io::Error::from(errno))
    };
    rustix::fs::mkdir(target, Mode::from_raw_mode(ROOT_MODE)).map_err(words(target))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let to = rustix::fs::open(target, flags, Mode::empty()).map_err(words(target))?;
    for layer in layers {
        let from = rustix::fs::open(layer, flags, Mode::empty()).map_err(words(layer))?;
        copy_tree(from.as_fd(), to.as_fd())
            .map_err(|(path, errno)| words(&layer.join(path))(errno))?;
    }
    rustix::fs::fchmod(&to, Mode::from_raw_mode(ROOT_MODE)).map_err(words(target))
}

/// Copies everything below the directory `from` over what is in the directory `to`, obeying overlayfs's marks, and gives
/// `to` the attributes of `from`. After an error, the path is that of the entry that failed.
pub(crate) fn copy_tree(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), (PathBuf, Errno)> {
    let mut copier = Copier {
        links: HashMap::new(),
        target: to,
        path: PathBuf::new(),
    };
    copier
        .directory(from, to)
        .map_err(|errno| (copier.path, errno))
}

struct Copier<'t> {
    /// Where a file with several names has been copied to: device and inode → path below `target`.
    links: HashMap<(u64, u64), PathBuf>,
    target: BorrowedFd<'t>,
    /// Of the entry at hand; after an error, of the one that failed.
    path: PathBuf,
}

impl Copier<'_> {
    /// Copies what is in `from` into `to`, then the directory's own attributes.
    fn directory(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
        let entries = names(from)?;
        if xattr::get(from, OPAQUE_XATTR)?.as_deref() == Some(OPAQUE_VALUE)
            || entries
                .iter()
                .any(|name| name.to_bytes() == whiteout::OPAQUE)
        {
            for name in names(to)? {
                remove_at(to, &*name)?;
            }
        }
        for name in entries {
            self.path.push(as_path(&name));
            match name.to_bytes().strip_prefix(whiteout::PREFIX) {
                Some(hidden) => {
                    remove_at(to, &*CString::new(hidden).unwrap_or_default())?;
                }
                None => self.entry(from, to, &name)?,
            }
            self.path.pop();
        }
        let stat = rustix::fs::fstat(from)?;
        copy_attributes(from, to, &stat)
    }

    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
    ) -> Result<(), Errno> {
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let there = match rustix::fs::statat(to, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(FileType::from_raw_mode(stat.st_mode)),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(errno),
        };
        let merges = kind == FileType::Directory && there == Some(FileType::Directory);
        if there.is_some() && !merges {
            remove_at(to, name)?;
        }
        let open = OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match kind {
            FileType::CharacterDevice if stat.st_rdev == 0 => Ok(()),
            FileType::Directory => {
                if !merges {
                    rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o700))?;
                }
                let flags = open | OFlags::RDONLY | OFlags::DIRECTORY;
                let source = rustix::fs::openat(from, name, flags, Mode::empty())?;
                let target = rustix::fs::openat(to, name, flags, Mode::empty())?;
                self.directory(source.as_fd(), target.as_fd())
            }
            FileType::RegularFile => {
                let source = rustix::fs::openat(from, name, open | OFlags::RDONLY, Mode::empty())?;
                if stat.st_size == 0
                    && xattr::get(source.as_fd(), whiteout::WHITEOUT_XATTR)?.is_some()
                {
                    return Ok(());
                }
                let key = (stat.st_dev, stat.st_ino);
                if stat.st_nlink > 1
                    && let Some(first) = self.links.get(&key)
                {
                    return rustix::fs::linkat(self.target, first, to, name, AtFlags::empty());
                }
                let flags = open | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
                let target = rustix::fs::openat(to, name, flags, Mode::from_raw_mode(0o600))?;
                copy_content(&source, &target, stat.st_size as u64)?;
                if stat.st_nlink > 1 {
                    self.links.insert(key, self.path.clone());
                }
                copy_attributes(source.as_fd(), target.as_fd(), &stat)
            }
            FileType::Symlink => {
                let link = rustix::fs::readlinkat(from, name, Vec::new())?;
                rustix::fs::symlinkat(&*link, to, name)?;
                copy_node_attributes(to, name, &stat)
            }
            // A copy lies on the host's filesystem, where a device of the image's choosing would be a live one. In an
            // overlay they cannot be opened either.
            FileType::CharacterDevice | FileType::BlockDevice => Ok(()),
            _ => {
                let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
                rustix::fs::mknodat(to, name, kind, mode, 0)?;
                copy_node_attributes(to, name, &stat)
            }
        }
    }
}

/// Shares blocks if possible, else copies data and leaves holes.
fn copy_content(from: &OwnedFd, to: &OwnedFd, size: u64) -> Result<(), Errno> {
    if size == 0 || rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    rustix::fs::ftruncate(to, size)?;
    let mut at = 0;
    while at < size {
        let (start, end) = match rustix::fs::seek(from, rustix::fs::SeekFrom::Data(at)) {
            Ok(start) => {
                let end = rustix::fs::seek(from, rustix::fs::SeekFrom::Hole(start))?;
                (start, end)
            }
            Err(Errno::NXIO) => return Ok(()),
            // No holes to be asked for on this filesystem.
            Err(Errno::INVAL) => (at, size),
            Err(errno) => return Err(errno),
        };
        copy_range(from, to, start, end.min(size))?;
        at = end.max(at + 1);
    }
    Ok(())
}

fn copy_range(from: &OwnedFd, to: &OwnedFd, start: u64, end: u64) -> Result<(), Errno> {
    let (mut read_at, mut write_at) = (start, start);
    while read_at < end {
        let want = usize::try_from(end - read_at)
            .unwrap_or(usize::MAX)
            .min(1 << 30);
        match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), want) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => {
                return copy_by_hand(from, to, read_at, end);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn copy_by_hand(from: &OwnedFd, to: &OwnedFd, mut at: u64, end: u64) -> Result<(), Errno> {
    let mut buffer = vec![0; 128 << 10];
    while at < end {
        let want = usize::try_from(end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = match rustix::io::pread(from, &mut buffer[..want], at) {
            Ok(0) => return Ok(()),
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let mut piece = &buffer[..count];
        while !piece.is_empty() {
            match rustix::io::pwrite(to, piece, at) {
                Ok(done) => {
                    piece = &piece[done..];
                    at += done as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(())
}

/// Owner, mode, xattrs and times, in the order in which one does not undo the other.
fn copy_attributes(from: BorrowedFd<'_>, to: BorrowedFd<'_>, stat: &Stat) -> Result<(), Errno> {
    let (uid, gid) = owner(stat);
    rustix::fs::fchown(to, Some(uid), Some(gid))?;
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    for name in xattr::list(from)? {
        // The overlay's own marks have been followed; what it would show without the mark's escape is shown so.
        let shown = match name.to_bytes().strip_prefix(OVERLAY_XATTRS) {
            None => name.clone(),
            Some(rest) => match rest.strip_prefix(OVERLAY_ESCAPE) {
                None => continue,
                Some(rest) => CString::new([OVERLAY_XATTRS, rest].concat()).unwrap_or_default(),
            },
        };
        let Some(value) = xattr::get(from, &name)? else {
            continue;
        };
        match rustix::fs::fsetxattr(to, &shown, &value, XattrFlags::empty()) {
            // The host's own labels, which nobody but the host can set.
            Ok(()) | Err(Errno::PERM | Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno),
        }
    }
    rustix::fs::futimens(to, &times(stat))
}

fn copy_node_attributes(to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<(), Errno> {
    let (uid, gid) = owner(stat);
    rustix::fs::chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        rustix::fs::chmodat(to, name, mode, AtFlags::empty())?;
    }
    rustix::fs::utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
}

fn owner(stat: &Stat) -> (rustix::fs::Uid, rustix::fs::Gid) {
    (
        rustix::fs::Uid::from_raw(stat.st_uid),
        rustix::fs::Gid::from_raw(stat.st_gid),
    )
}

fn times(stat: &Stat) -> Timestamps {
    let time = Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec as _,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn names(dir: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

fn as_path(name: &CStr) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Layer directories as the unpacker leaves them.
    fn layer(dir: &Path, files: &[(&str, &str)]) -> PathBuf {
        for (path, content) in files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir.to_owned()
    }

    fn whiteout(path: &Path) {
        let kind = FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, Mode::empty(), 0).unwrap();
    }

    #[test]
    fn applies_layers_as_an_overlay_would_show_them() {
        let temp = tempfile::tempdir().unwrap();
        let lower = layer(
            &temp.path().join("1"),
            &[
                ("kept", "1"),
                ("gone", "1"),
                ("dir/a", "1"),
                ("opaque/a", "1"),
                ("plain/a", "1"),
                ("plainly-gone", "1"),
                ("becomes-dir", "1"),
                ("becomes-file/x", "1"),
            ],
        );
        fs::hard_link(lower.join("kept"), lower.join("dir/link")).unwrap();
        let upper = layer(
            &temp.path().join("2"),
            &[
                ("dir/b", "2"),
                ("plain/.wh..wh..opq", ""),
                ("plain/b", "2"),
                (".wh.plainly-gone", ""),
                ("opaque/b", "2"),
                ("becomes-dir/x", "2"),
                ("becomes-file", "2"),
            ],
        );
        whiteout(&upper.join("gone"));
        whiteout(&upper.join("never-was"));
        fs::set_permissions(upper.join("dir"), fs::Permissions::from_mode(0o1711)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", upper.join("link")).unwrap();
        rustix::fs::setxattr(
            upper.join("opaque"),
            "user.overlay.opaque",
            b"y",
            XattrFlags::empty(),
        )
        .unwrap();
        rustix::fs::setxattr(
            upper.join("dir/b"),
            "user.overlay.overlay.x",
            b"z",
            XattrFlags::empty(),
        )
        .unwrap();
        let sparse = fs::File::create(upper.join("sparse")).unwrap();
        sparse.set_len(64 << 20).unwrap();

        let target = temp.path().join("rootfs");
        copy_layers(&[lower, upper], &target).unwrap();
        let read = |p: &str| fs::read_to_string(target.join(p)).unwrap();
        let here = |p: &str| fs::symlink_metadata(target.join(p)).is_ok();
        assert_eq!(
            (read("kept"), read("dir/a"), read("dir/b")),
            ("1".into(), "1".into(), "2".into())
        );
        assert_eq!(
            (
                read("opaque/b"),
                read("becomes-dir/x"),
                read("becomes-file")
            ),
            ("2".into(), "2".into(), "2".into())
        );
        for gone in [
            "gone",
            "never-was",
            "opaque/a",
            "plain/a",
            "plain/.wh..wh..opq",
            "plainly-gone",
            ".wh.plainly-gone",
        ] {
            assert!(!here(gone), "{gone}");
        }
        let stat = |p: &str| fs::symlink_metadata(target.join(p)).unwrap();
        assert_eq!(stat("kept").ino(), stat("dir/link").ino());
        assert_eq!(stat("dir").permissions().mode() & 0o7777, 0o1711);
        assert_eq!(
            fs::read_link(target.join("link")).unwrap(),
            Path::new("/etc/passwd")
        );
        assert_eq!(stat("sparse").len(), 64 << 20);
        assert!(stat("sparse").blocks() < 2048);
        let mut buffer = [0; 8];
        let size = rustix::fs::getxattr(target.join("dir/b"), "user.overlay.x", &mut buffer[..]);
        assert_eq!(size, Ok(1));
        let mark = rustix::fs::getxattr(
            target.join("opaque"),
            "user.overlay.opaque",
            &mut buffer[..],
        );
        assert_eq!(mark, Err(Errno::NODATA));
    }
}
