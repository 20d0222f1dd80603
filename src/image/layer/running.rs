//! The tar of a layer, hashed while the layer is being written.
//!
//! Whoever makes the files of a layer in the order that its tar has them in shows each of them here once it is as it is to
//! stay, and the layer need not be read again to get its digest. All but the content is read back from the file itself, so
//! that the result is what [`super::write()`] would find. What comes out of order ends it: the layer is then read after all.

use std::ffi::CStr;
use std::io::Sink;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Stat, Timespec};

use super::owner::Owners;
use super::tree::write_error;
use super::write::{Records, Writer};
use super::{Error, Written};

/// See the module.
pub struct RunningDigest {
    /// `None` once something came out of order.
    writer: Option<Writer<Sink>>,
    /// The path shown last.
    last: Vec<u8>,
}

impl std::fmt::Debug for RunningDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningDigest")
            .field("in_order", &self.writer.is_some())
            .finish_non_exhaustive()
    }
}

/// Something in a directory of the layer.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The directory.
    pub parent: BorrowedFd<'a>,
    /// What it is called there.
    pub name: &'a CStr,
    /// Its whole path, below the layer's root, clean.
    pub path: &'a [u8],
}

impl Place<'_> {
    /// Returns the path of the directory, with a slash at its end.
    fn prefix(&self) -> &[u8] {
        &self.path[..self.path.len() - self.name.to_bytes().len()]
    }
}

impl RunningDigest {
    /// Begins a layer of which nothing is written. Its root directory, with an empty path, is to be shown first.
    pub fn new(owners: Owners) -> RunningDigest {
        RunningDigest {
            writer: Some(Writer::new(std::io::sink(), owners, Records::new())),
            last: Vec::new(),
        }
    }

    /// Returns the writer if what is at `path` may come now.
    fn turn(&mut self, path: &[u8]) -> Option<&mut Writer<Sink>> {
        let components = |path| <[u8]>::split(path, |b| *b == b'/');
        let is_next = path.is_empty() || components(&self.last).lt(components(path));
        if !is_next {
            self.writer = None;
        }
        self.last.clear();
        self.last.extend_from_slice(path);
        self.writer.as_mut()
    }

    /// Takes a directory, which will have its `time` in the end.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] where it cannot be read.
    pub fn directory(
        &mut self,
        fd: BorrowedFd<'_>,
        path: &[u8],
        time: Timespec,
    ) -> Result<(), Error> {
        let Some(writer) = self.turn(path) else {
            return Ok(());
        };
        let mut stat = rustix::fs::fstat(fd).map_err(|errno| write_error("read", path, errno))?;
        stat.st_mtime = time.tv_sec;
        stat.st_mtime_nsec = time.tv_nsec as _;
        let path = match path {
            b"" => b"./".to_vec(),
            path => [path, b"/"].concat(),
        };
        let own = writer.directory_header(fd, &path, &stat)?;
        if own.opaque {
            self.writer = None;
        }
        Ok(())
    }

    /// Takes a regular file, open for reading. `content` is all that is in it, where that is at hand.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] where it cannot be read.
    pub fn file(
        &mut self,
        fd: &OwnedFd,
        place: Place<'_>,
        stat: &Stat,
        content: Option<&[u8]>,
    ) -> Result<(), Error> {
        let Some(writer) = self.turn(place.path) else {
            return Ok(());
        };
        writer.file(fd, place.prefix(), place.name, stat, content)
    }

    /// Takes a further name of the file at `first`.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] where it cannot be read.
    pub fn hard_link(&mut self, place: Place<'_>, first: &[u8]) -> Result<(), Error> {
        let Some(writer) = self.turn(place.path) else {
            return Ok(());
        };
        let stat = rustix::fs::statat(place.parent, place.name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| write_error("read", place.path, errno))?;
        writer.hard_link(&stat, place.path, first.to_vec())
    }

    /// Takes anything that is no directory.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] where it cannot be read.
    pub fn other(&mut self, place: Place<'_>) -> Result<(), Error> {
        match self.turn(place.path) {
            Some(writer) => writer.entry(place.parent, place.prefix(), place.name, None),
            None => Ok(()),
        }
    }

    /// Returns what the layer is as a tar; `None` where it was not shown in order.
    ///
    /// # Errors
    ///
    /// None that a file would not have had before.
    pub fn finish(self) -> Result<Option<Written>, Error> {
        self.writer.map(Writer::finish).transpose()
    }
}
