//! A growing stack: one tree that all layers are applied to, in which the next one is written, too.
//!
//! What a process has changed is found by comparing the tree with what it was like before.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::node::{Direction, copy_attributes, drop_xattrs};
use super::noted::Noted;
use super::places::Places;
use super::{copy_tree, diff};
use crate::rootfs::stack::{Place, Stack, Upper};
use crate::rootfs::{Error, ROOT_MODE, Root, failed};

/// The tree, below the stack's directory.
const TREE: &str = "tree";

/// A tree, and how much of the stack is in it.
#[derive(Debug)]
pub(super) struct CopyStack {
    path: PathBuf,
    tree: Option<OwnedFd>,
    /// How many layers, from the lowest, the tree has.
    applied: usize,
    begun: Option<Begun>,
}

/// A layer that is being written.
#[derive(Debug)]
struct Begun {
    noted: Noted,
    places: Places,
}

impl CopyStack {
    pub(super) fn new(scratch: PathBuf) -> CopyStack {
        CopyStack {
            path: scratch.join(TREE),
            tree: None,
            applied: 0,
            begun: None,
        }
    }

    /// Brings the tree up to the topmost of `layers`.
    fn apply(&mut self, layers: &[PathBuf]) -> Result<&OwnedFd, Error> {
        let tree = match self.tree.take() {
            Some(tree) => tree,
            None => {
                let mode = Mode::from_raw_mode(ROOT_MODE);
                rustix::fs::mkdir(&self.path, mode).map_err(refused("create", &self.path))?;
                open(&self.path)?
            }
        };
        for layer in layers.iter().skip(self.applied) {
            let from = open(layer)?;
            copy_tree(from.as_fd(), tree.as_fd())
                .map_err(|(path, errno)| refused("copy", &layer.join(path))(errno))?;
            self.applied += 1;
        }
        Ok(self.tree.insert(tree))
    }
}

impl Stack for CopyStack {
    fn open(&mut self, layers: &[PathBuf]) -> Result<OwnedFd, Error> {
        let tree = self.apply(layers)?.try_clone();
        tree.map_err(failed("open", &self.path))
    }

    fn begin(
        &mut self,
        layers: &[PathBuf],
        upper: Upper<'_>,
        places: &[Place],
    ) -> Result<Root, Error> {
        let path = self.path.clone();
        let words = |action| {
            let path = &path;
            move |(below, errno): (PathBuf, Errno)| refused(action, &path.join(below))(errno)
        };
        let tree = self.apply(layers)?;
        let like = open(upper.dir)?;
        drop_xattrs(tree.as_fd())
            .and_then(|()| rustix::fs::fstat(&like))
            .and_then(|stat| copy_attributes(Direction::Shown, like.as_fd(), tree.as_fd(), &stat))
            .map_err(refused("change", &path))?;
        let places = Places::make(tree.as_fd(), places).map_err(words("make a place in"))?;
        let noted = Noted::of(tree.as_fd()).map_err(words("read"))?;
        self.begun = Some(Begun { noted, places });
        Ok(Root::Directory(path))
    }

    fn end(&mut self, upper: &Path) -> Result<(), Error> {
        let (Some(tree), Some(begun)) = (&self.tree, self.begun.take()) else {
            return Ok(());
        };
        let to = open(upper)?;
        diff::write(tree.as_fd(), &begun.noted, &begun.places, to.as_fd())
            .map_err(|(path, fault)| fault.at("copy", &self.path, &path))?;
        (begun.places.remove()).map_err(refused("remove places for mounts from", &self.path))?;
        self.applied += 1;
        Ok(())
    }
}

fn open(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(refused("open", path))
}

fn refused<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(Errno) -> Error + use<'a> {
    move |errno| failed(action, path)(io::Error::from(errno))
}
