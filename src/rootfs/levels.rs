//! A directory of a stack of layers, looked at without a mount: the layers are merged here as overlayfs would merge them.
//!
//! Nothing is followed: a name is looked up in one directory, by descriptor.
//!
//! Spec: overlayfs.rst, "whiteouts and opaque directories".

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::content::whiteout::{OPAQUE, OPAQUE_VALUE, OPAQUE_XATTR, PREFIX, WHITEOUT_XATTR};

/// The directories that are merged into one.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    /// Topmost first.
    list: Vec<Level>,
    /// See [`Levels::new`].
    thorough: bool,
}

/// The directory of one layer.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    /// A mere place (`O_PATH`).
    pub(crate) dir: Rc<OwnedFd>,
    /// Which layer it is of, counted from the lowest.
    pub(crate) layer: usize,
}

/// What a name means.
#[derive(Debug)]
pub(crate) enum Found {
    /// No layer says anything of it.
    Nothing,
    /// A layer says that it is gone.
    Gone,
    /// A directory.
    Directory {
        /// What it consists of; never empty.
        levels: Levels,
        /// Whether it hides what layers further down may have of that name.
        hides: bool,
    },
    /// Anything else, in the topmost layer that has it.
    Other(Level, Box<Stat>),
}

impl Levels {
    /// Returns a stack without layers.
    ///
    /// `thorough`: marks may be names (see [`super::whiteout`]; no layer of an overlay has those), and what the lowest
    /// layer hides is asked for, too. Who only looks does without.
    pub(crate) fn new(thorough: bool) -> Levels {
        Levels {
            list: Vec::new(),
            thorough,
        }
    }

    /// Puts the layer at `path` on top.
    ///
    /// # Errors
    ///
    /// Those of `openat(2)`.
    pub(crate) fn add(&mut self, path: &Path) -> Result<(), Errno> {
        let flags = PLACE.difference(OFlags::NOFOLLOW);
        let dir = Rc::new(rustix::fs::open(path, flags, Mode::empty())?);
        let layer = self.list.len();
        self.list.insert(0, Level { dir, layer });
        Ok(())
    }

    /// Returns the directory of the topmost layer that has it.
    pub(crate) fn top(&self) -> Option<&Level> {
        self.list.first()
    }

    /// Returns all of them, topmost first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Level> {
        self.list.iter()
    }

    /// Returns those of the layers above `layer`.
    pub(crate) fn above(&self, layer: usize) -> Levels {
        let count = self.list.partition_point(|level| level.layer > layer);
        Levels {
            list: self.list[..count].to_vec(),
            thorough: self.thorough,
        }
    }

    /// Looks up what is called `name`.
    ///
    /// # Errors
    ///
    /// Those of the file operations.
    pub(crate) fn look_up(&self, name: &CStr) -> Result<Found, Errno> {
        let mut list: Vec<Level> = Vec::new();
        let mut hides = false;
        for (at, level) in self.list.iter().enumerate() {
            let dir = &*level.dir;
            let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(stat),
                Err(Errno::NOENT | Errno::NOTDIR) => None,
                Err(errno) => return Err(errno),
            };
            let is_last = at + 1 == self.list.len();
            match stat {
                Some(stat) if kind(&stat) == FileType::Directory => {
                    let dir = Rc::new(rustix::fs::openat(dir, name, PLACE, Mode::empty())?);
                    let layer = level.layer;
                    hides = (self.thorough || !is_last) && self.is_opaque(&dir);
                    list.push(Level { dir, layer });
                }
                Some(stat) if is_whiteout(dir, name, &stat)? => {
                    hides = true;
                    if list.is_empty() {
                        return Ok(Found::Gone);
                    }
                }
                // What is below a file or a link is hidden; so are they below a directory.
                Some(_) if !list.is_empty() => hides = true,
                Some(stat) => return Ok(Found::Other(level.clone(), Box::new(stat))),
                None => {}
            }
            // It means what is below, not what its layer has beside it.
            if !hides && self.thorough && has_named_whiteout(dir, name) {
                if list.is_empty() {
                    return Ok(Found::Gone);
                }
                hides = true;
            }
            if hides {
                break;
            }
        }
        let thorough = self.thorough;
        Ok(match list.is_empty() {
            true => Found::Nothing,
            false => Found::Directory {
                levels: Levels { list, thorough },
                hides,
            },
        })
    }

    /// Whether the directory hides those below it.
    fn is_opaque(&self, dir: &OwnedFd) -> bool {
        let mut value = [0; 1];
        let mark = rustix::fs::getxattr(name_in_proc(dir), OPAQUE_XATTR, &mut value);
        (mark == Ok(1) && value == OPAQUE_VALUE) || self.thorough && exists(dir, OPAQUE)
    }
}

/// How a directory is opened to look things up in it.
const PLACE: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Whether it is a mark that says that `name` is gone.
fn is_whiteout(dir: &OwnedFd, name: &CStr, stat: &Stat) -> Result<bool, Errno> {
    match kind(stat) {
        FileType::CharacterDevice => Ok(stat.st_rdev == 0),
        FileType::RegularFile if stat.st_size == 0 => {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(dir, name, flags, Mode::empty())?;
            let mark = rustix::fs::getxattr(name_in_proc(&file), WHITEOUT_XATTR, &mut [0; 0]);
            Ok(mark.is_ok())
        }
        _ => Ok(false),
    }
}

fn has_named_whiteout(dir: &OwnedFd, name: &CStr) -> bool {
    CString::new([PREFIX, name.to_bytes()].concat()).is_ok_and(|mark| exists(dir, &*mark))
}

fn exists(dir: &OwnedFd, name: impl rustix::path::Arg) -> bool {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Returns the name by which the attributes of a mere place can be read.
pub(crate) fn name_in_proc(place: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", place.as_raw_fd())
}
