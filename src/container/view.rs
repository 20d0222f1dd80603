//! Small files of a root directory, read from outside: `/etc/passwd` and `/etc/group`, before anything is mounted.
//!
//! The layers are merged here as overlayfs would merge them. Nothing of an image is trusted: every component is looked at
//! by descriptor, without following anything; a symbolic link is read and resolved against the container's root, `..` goes
//! no higher than that, and only a regular file of bounded size is opened.
//!
//! Spec: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".

use std::collections::VecDeque;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::bounded;
use crate::rootfs::Root;
use crate::rootfs::levels::{Found, Levels, name_in_proc};

/// Links followed for one path, as in the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Components of one path, those of its links included.
const MAX_COMPONENTS: usize = 4096;

/// Bytes of the largest file read.
const MAX_BYTES: u64 = 4 << 20;

/// A root directory, seen from outside.
#[derive(Debug)]
pub(super) struct View {
    root: Levels,
}

/// A directory on the way to something.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) name: OsString,
    /// On the host.
    pub(super) owner: u32,
    pub(super) mode: u32,
}

impl View {
    /// The root of a container that is about to be started.
    ///
    /// # Errors
    ///
    /// The directory that cannot be opened; one that is missing (nothing written yet) is left out.
    pub(super) fn of_root(root: &Root) -> io::Result<View> {
        let mut levels = Levels::new(false);
        let mut add = |path: &Path| match levels.add(path) {
            Err(Errno::NOENT) => Ok(()),
            other => other,
        };
        match root {
            Root::Directory(dir) => add(dir)?,
            Root::Overlay {
                lowerdirs,
                upperdir,
                ..
            } => {
                for dir in lowerdirs.iter().rev() {
                    add(dir)?;
                }
                add(upperdir)?;
            }
        }
        Ok(View { root: levels })
    }

    /// A stack of layers, lowest first.
    ///
    /// # Errors
    ///
    /// The directory that cannot be opened.
    pub(super) fn of_layers(layers: &[std::path::PathBuf]) -> io::Result<View> {
        let mut root = Levels::new(false);
        for layer in layers {
            root.add(layer)?;
        }
        Ok(View { root })
    }

    /// The root of a running process.
    ///
    /// # Errors
    ///
    /// The process is gone, or somebody else's.
    pub(super) fn of_process(pid: u32) -> io::Result<View> {
        let mut root = Levels::new(false);
        root.add(Path::new(&format!("/proc/{pid}/root")))?;
        Ok(View { root })
    }

    /// Reads a regular file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Those of the files; `FileTooLarge` beyond [`MAX_BYTES`].
    pub(super) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some((dir, name)) = self.find(path.as_bytes())? else {
            return Ok(None);
        };
        // Not waiting for the writer of a FIFO that has just taken the file's place.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&*dir, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        bounded::read(file, MAX_BYTES).map(Some)
    }

    /// Returns the mode of the directory `name` in the root, where it is one, belongs to `owner`, and has nothing about it
    /// that another directory above it would hide. One that is missing altogether may be made with mode 0755.
    ///
    /// # Errors
    ///
    /// Those of the files.
    pub(super) fn plain_directory(&self, name: &str, owner: u32) -> io::Result<Option<u32>> {
        match look_up(&self.root, name.as_bytes())? {
            Found::Nothing | Found::Gone => Ok(Some(0o755)),
            Found::Directory { levels, .. } => {
                let Some(top) = levels.top() else {
                    return Ok(None);
                };
                let stat = rustix::fs::fstat(&*top.dir)?;
                // Ownership that could not be applied, file capabilities: xattrs.
                let xattrs = rustix::fs::listxattr(name_in_proc(&top.dir), &mut [0u8; 0])?;
                let plain = stat.st_uid == owner && xattrs == 0;
                Ok(plain.then_some(stat.st_mode & 0o7777))
            }
            Found::Other(..) => Ok(None),
        }
    }

    /// Whether something is at `path`, whose last component is not followed; those before it must be directories.
    ///
    /// # Errors
    ///
    /// Those of the files.
    pub(super) fn has(&self, path: &str) -> io::Result<bool> {
        let mut here = self.root.clone();
        for name in components(path.as_bytes()) {
            here = match look_up(&here, &name)? {
                Found::Nothing | Found::Gone => return Ok(false),
                Found::Directory { levels, .. } => levels,
                Found::Other(..) => Levels::new(false),
            };
        }
        Ok(true)
    }

    /// Returns the directories on the way to `path`, which is missing; none where it is there, or where something else than
    /// directories (a link) stands on the way.
    ///
    /// # Errors
    ///
    /// Those of the files.
    pub(super) fn way_to(&self, path: &str) -> io::Result<Vec<Directory>> {
        let mut here = self.root.clone();
        let mut way = Vec::new();
        for name in components(path.as_bytes()) {
            match look_up(&here, &name)? {
                Found::Nothing | Found::Gone => return Ok(way),
                Found::Directory { levels, .. } => {
                    let top = levels.top().ok_or(Errno::NOENT)?;
                    let stat = rustix::fs::fstat(&*top.dir)?;
                    way.push(Directory {
                        name: OsString::from_vec(name),
                        owner: stat.st_uid,
                        mode: stat.st_mode & 0o7777,
                    });
                    here = levels;
                }
                Found::Other(..) => break,
            }
        }
        Ok(Vec::new())
    }

    /// Finds a regular file: its directory and its name there.
    fn find(&self, path: &[u8]) -> io::Result<Option<(Rc<OwnedFd>, Vec<u8>)>> {
        let mut rest: VecDeque<Vec<u8>> = components(path).collect();
        let mut trail: Vec<Levels> = vec![self.root.clone()];
        let (mut links, mut steps) = (0, 0);
        while let Some(name) = rest.pop_front() {
            steps += 1;
            if steps > MAX_COMPONENTS {
                return Err(Errno::NAMETOOLONG.into());
            }
            if name == b".." {
                if trail.len() > 1 {
                    trail.pop();
                }
                continue;
            }
            let Some(here) = trail.last() else {
                return Ok(None);
            };
            let (level, stat) = match look_up(here, &name)? {
                Found::Nothing | Found::Gone => return Ok(None),
                Found::Directory { levels, .. } => {
                    trail.push(levels);
                    continue;
                }
                Found::Other(level, stat) => (level, stat),
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile if rest.is_empty() => return Ok(Some((level.dir, name))),
                FileType::Symlink => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let target = rustix::fs::readlinkat(&*level.dir, &name[..], Vec::new())?;
                    let target = target.into_bytes();
                    if target.starts_with(b"/") {
                        trail.truncate(1);
                    }
                    for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                        rest.push_front(component);
                    }
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
}

fn look_up(here: &Levels, name: &[u8]) -> io::Result<Found> {
    match CString::new(name) {
        Ok(name) => Ok(here.look_up(&name)?),
        Err(_) => Ok(Found::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn overlay(dir: &Path) -> Root {
        Root::Overlay {
            lowerdirs: vec![dir.join("top"), dir.join("bottom")],
            upperdir: dir.join("upper"),
            workdir: dir.join("work"),
            volatile: false,
        }
    }

    #[test]
    fn merges_layers_and_stays_inside() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        for name in [
            "upper",
            "top/etc",
            "bottom/etc",
            "bottom/usr/etc",
            "bottom/deep",
        ] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        fs::write(dir.join("outside"), "secret").unwrap();
        fs::write(dir.join("bottom/etc/passwd"), "bottom").unwrap();
        fs::write(dir.join("bottom/etc/group"), "group").unwrap();
        fs::write(dir.join("top/etc/passwd"), "top").unwrap();
        fs::write(dir.join("bottom/usr/etc/file"), "linked").unwrap();
        symlink("/usr/etc/file", dir.join("top/etc/absolute")).unwrap();
        symlink("../usr/etc/../etc/file", dir.join("top/etc/relative")).unwrap();
        symlink("../../../../outside", dir.join("top/etc/escape")).unwrap();
        symlink(dir.join("outside"), dir.join("top/etc/host")).unwrap();
        symlink("loop", dir.join("top/etc/loop")).unwrap();
        let view = View::of_root(&overlay(dir)).unwrap();
        let read = |path| {
            view.read(path)
                .map(|bytes| bytes.map(|b| String::from_utf8(b).unwrap()))
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(read("/etc/passwd").unwrap(), text("top"));
        assert_eq!(read("/etc/group").unwrap(), text("group"));
        assert_eq!(read("/etc/absolute").unwrap(), text("linked"));
        assert_eq!(read("/etc/relative").unwrap(), text("linked"));
        assert_eq!(read("/etc/escape").unwrap(), None);
        assert_eq!(read("/etc/host").unwrap(), None);
        assert_eq!(read("/etc").unwrap(), None);
        assert_eq!(read("/etc/passwd/x").unwrap(), None);
        assert!(read("/etc/loop").is_err());
        // What is written above hides what is below.
        fs::create_dir_all(dir.join("upper/etc")).unwrap();
        let opaque = rustix::fs::XattrFlags::empty();
        match rustix::fs::setxattr(dir.join("upper/etc"), "user.overlay.opaque", b"y", opaque) {
            Ok(()) => assert_eq!(read("/etc/passwd").unwrap(), None),
            Err(error) => assert_eq!(error, Errno::NOTSUP),
        }
    }
}
