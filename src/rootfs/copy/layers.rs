//! Layers over a directory: what overlayfs would show of them.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::node::{Direction, Files, as_path, copy_attributes, drop_xattrs, names, open_directory};
use crate::content::whiteout::{self, OPAQUE_VALUE, OPAQUE_XATTR};
use crate::store::remove_at;
use crate::sys::xattr;

/// Copies everything below the directory `from` over what is in the directory `to`, obeying overlayfs's marks, and gives
/// `to` the attributes of `from`. After an error, the path is that of the entry that failed.
pub(crate) fn copy_tree(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), (PathBuf, Errno)> {
    let mut copier = Copier {
        files: Files::new(Direction::Shown, to),
        path: PathBuf::new(),
    };
    copier
        .directory(from, to)
        .map_err(|errno| (copier.path, errno))
}

struct Copier<'t> {
    files: Files<'t>,
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
        let hidden = |name: &CString| {
            let hidden = name.to_bytes().strip_prefix(whiteout::PREFIX)?;
            CString::new(hidden).ok()
        };
        // They mean what is below, not what this layer has beside them.
        for name in entries.iter().filter_map(hidden) {
            remove_at(to, &*name)?;
        }
        for name in entries.iter().filter(|name| hidden(name).is_none()) {
            self.path.push(as_path(name));
            self.entry(from, to, name)?;
            self.path.pop();
        }
        let stat = rustix::fs::fstat(from)?;
        drop_xattrs(to)?;
        copy_attributes(Direction::Shown, from, to, &stat)
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
        match kind {
            FileType::Directory => {
                if !merges {
                    rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o700))?;
                }
                let source = open_directory(from, name)?;
                let target = open_directory(to, name)?;
                self.directory(source.as_fd(), target.as_fd())
            }
            FileType::RegularFile if stat.st_size == 0 && is_whiteout(from, name)? => Ok(()),
            _ => self.files.copy(from, to, name, &stat, &self.path),
        }
    }
}

fn is_whiteout(dir: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    Ok(xattr::get(fd.as_fd(), whiteout::WHITEOUT_XATTR)?.is_some())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::path::Path;

    use rustix::fs::XattrFlags;

    use super::*;
    use crate::rootfs::copy::copy_layers;

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
