//! Takes marks back that say nothing, so that a layer holds only what Docker's would.
//!
//! overlayfs marks every directory that is made in a merged one as opaque, whether there is something to hide or not
//! (`ovl_create_upper` in fs/overlayfs/dir.c: "just an optimization"). The mark means something only where a layer below
//! has a directory of that name. Source: BuildKit, util/overlay, `checkOpaque`, which leaves the others out as well.
//!
//! Names that only whiteouts can have are refused on the way: BuildKit and podman let them through, and whoever unpacks the
//! image deletes what they seem to hide. umoci refuses them as well (`oci/layer/tar_generate.go`).

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::content::limits::MAX_PATH_BYTES;
use crate::content::whiteout::{OPAQUE_VALUE, OPAQUE_XATTR, PREFIX};
use crate::rootfs::Fault;
use crate::rootfs::levels::{Found, Levels};
use crate::sys::xattr;

/// Takes the idle marks of the upper directory `upper` back; `lower` are the layers below it. After an error, the path is
/// that of what failed.
pub(super) fn drop_idle(upper: BorrowedFd<'_>, lower: Levels) -> Result<(), (PathBuf, Fault)> {
    let mut path = PathBuf::new();
    directory(upper, Some(&lower), &mut path).map_err(|fault| (path, fault))
}

/// Goes through `dir`, which is above `lower`; `None` where nothing of the layers below can show.
fn directory(dir: BorrowedFd<'_>, lower: Option<&Levels>, path: &mut PathBuf) -> Result<(), Fault> {
    // All of them first: one descriptor less while those below are looked at.
    for name in directories(dir, path)? {
        let name = name.as_c_str();
        path.push(OsStr::from_bytes(name.to_bytes()));
        if path.as_os_str().len() > MAX_PATH_BYTES {
            return Err(Fault::TooDeep);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let child = rustix::fs::openat(dir, name, flags, Mode::empty())?;
        let below = match lower.map(|lower| lower.look_up(name)).transpose()? {
            Some(Found::Directory { levels, .. }) => Some(levels),
            _ => None,
        };
        let mark = xattr::get(child.as_fd(), OPAQUE_XATTR)?;
        let is_opaque = mark.as_deref() == Some(OPAQUE_VALUE);
        if is_opaque && below.is_none() {
            rustix::fs::fremovexattr(&child, OPAQUE_XATTR)?;
        }
        directory(child.as_fd(), below.as_ref().filter(|_| !is_opaque), path)?;
        path.pop();
    }
    Ok(())
}

/// Returns the names of the directories in `dir`, which is at `path`.
fn directories(dir: BorrowedFd<'_>, path: &mut PathBuf) -> Result<Vec<CString>, Fault> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes().starts_with(PREFIX) {
            path.push(OsStr::from_bytes(name.to_bytes()));
            return Err(Fault::Reserved);
        }
        if !matches!(name.to_bytes(), b"." | b"..") && is_directory(dir, name, entry.file_type())? {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn is_directory(dir: BorrowedFd<'_>, name: &CStr, kind: FileType) -> Result<bool, Errno> {
    Ok(match kind {
        // Some filesystems do not say.
        FileType::Unknown => {
            let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
            FileType::from_raw_mode(stat.st_mode) == FileType::Directory
        }
        kind => kind == FileType::Directory,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rustix::fs::XattrFlags;

    use super::*;

    #[test]
    fn marks_stay_where_they_hide_something() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        for path in ["low/kept/a", "low/merged/kept", "low/gone", "top/merged"] {
            fs::create_dir_all(dir.join(path)).unwrap();
        }
        fs::write(dir.join("low/file"), "").unwrap();
        let kind = FileType::CharacterDevice;
        rustix::fs::mknodat(
            rustix::fs::CWD,
            dir.join("top/gone"),
            kind,
            Mode::empty(),
            0,
        )
        .unwrap();
        let marked = [
            ("kept", true),
            // Below an opaque directory nothing shows, whatever has that name further down.
            ("kept/a", false),
            ("merged/kept", true),
            ("merged/new", false),
            ("new", false),
            ("new/deep", false),
            ("file", false),
            ("gone", false),
        ];
        for (path, _) in marked {
            let path = dir.join("upper").join(path);
            fs::create_dir_all(&path).unwrap();
            let set = rustix::fs::setxattr(&path, OPAQUE_XATTR, OPAQUE_VALUE, XattrFlags::empty());
            if set == Err(Errno::OPNOTSUPP) {
                return;
            }
            set.unwrap();
        }
        let mut lower = Levels::new(false);
        for layer in ["low", "top"] {
            lower.add(&dir.join(layer)).unwrap();
        }
        let open = |path: &Path| fs::File::open(path).unwrap();
        drop_idle(open(&dir.join("upper")).as_fd(), lower).unwrap();
        for (path, stays) in marked {
            let fd = open(&dir.join("upper").join(path));
            let mark = xattr::get(fd.as_fd(), OPAQUE_XATTR).unwrap();
            assert_eq!(mark.is_some(), stays, "{path}");
        }
    }

    #[test]
    fn what_nobody_can_name_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let name = "n".repeat(255);
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at = rustix::fs::open(temp.path(), flags, Mode::empty()).unwrap();
        let upper = at.try_clone().unwrap();
        for level in 1..=17 {
            rustix::fs::mkdirat(&at, &*name, Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, &*name, flags, Mode::empty()).unwrap();
            let marked = drop_idle(upper.as_fd(), Levels::new(false));
            match level {
                17 => assert!(matches!(marked, Err((_, Fault::TooDeep))), "{marked:?}"),
                _ => marked.unwrap(),
            }
        }
    }

    #[test]
    fn names_of_whiteouts_are_no_names() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("a/b")).unwrap();
        fs::write(temp.path().join("a/b/.wh.x"), "").unwrap();
        let upper = fs::File::open(temp.path()).unwrap();
        let refused = drop_idle(upper.as_fd(), Levels::new(false));
        assert_eq!(refused, Err((PathBuf::from("a/b/.wh.x"), Fault::Reserved)));
    }
}
