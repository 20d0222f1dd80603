//! Several layers of a stack as one layer, as a tar.
//!
//! What the layers have is written as a container would see it; of what they take away, only what the layers below them
//! have. So nothing is left of files that came and went.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io::Write;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::owner::{Owners, Unapplied};
use super::tar_writer::whiteout;
use super::tree::write_error;
use super::write::{Records, Writer, read_unapplied, sorted_names};
use super::{Error, Written};
use crate::content::whiteout::{OPAQUE, PREFIX};
use crate::rootfs::levels::{Found, Level, Levels};

/// See [`super::write_merged()`].
pub(super) fn write(
    below: &[PathBuf],
    layers: &[PathBuf],
    owners: Owners,
    out: impl Write,
) -> Result<Written, Error> {
    let mut records = Vec::new();
    for layer in layers {
        records.push(read_unapplied(layer)?);
    }
    let mut merger = Merger {
        writer: Writer::new(out, owners, Records::new()),
        records,
    };
    let (below, levels) = (levels(below)?, levels(layers)?);
    if let Some(top) = levels.top() {
        merger.header(top, b"", b"./")?;
    }
    merger.directory(&levels, &below, b"")?;
    merger.writer.finish()
}

fn levels(layers: &[PathBuf]) -> Result<Levels, Error> {
    let mut levels = Levels::new(true);
    for layer in layers {
        (levels.add(layer))
            .map_err(|errno| write_error("open", layer.as_os_str().as_encoded_bytes(), errno))?;
    }
    Ok(levels)
}

struct Merger<W: Write> {
    writer: Writer<W>,
    /// Of each layer, what is remembered beside it.
    records: Vec<Records>,
}

impl<W: Write> Merger<W> {
    /// Writes what is in a directory; `prefix` is its path with a trailing slash, empty for the root.
    fn directory(&mut self, levels: &Levels, below: &Levels, prefix: &[u8]) -> Result<(), Error> {
        for name in self.names(levels, prefix)? {
            self.entry(levels, below, prefix, &name)?;
        }
        Ok(())
    }

    /// Returns all names that a layer says something of, sorted.
    fn names(&self, levels: &Levels, prefix: &[u8]) -> Result<BTreeSet<CString>, Error> {
        let mut names = BTreeSet::new();
        for level in levels.iter() {
            let dir = open(level).map_err(|errno| write_error("open", prefix, errno))?;
            for name in sorted_names(dir.as_fd(), prefix)? {
                match name.to_bytes().strip_prefix(PREFIX) {
                    _ if name.to_bytes() == OPAQUE => {}
                    Some(hidden) => names.extend(CString::new(hidden).ok()),
                    None => drop(names.insert(name)),
                }
            }
            let remembered = self.records[level.layer].get(directory_of(prefix));
            for (name, record) in remembered.into_iter().flatten() {
                if is_device(record) {
                    names.extend(CString::new(&name[..]).ok());
                }
            }
        }
        Ok(names)
    }

    fn entry(
        &mut self,
        levels: &Levels,
        below: &Levels,
        prefix: &[u8],
        name: &CStr,
    ) -> Result<(), Error> {
        let path = [prefix, name.to_bytes()].concat();
        let failed = |errno| write_error("read", &path, errno);
        // A device node that could not be made hides what is below it all the same.
        let device = levels.iter().find_map(|level| {
            let record = self.record(level.layer, prefix, name);
            let record = record.filter(|record| is_device(record))?;
            Some((level.layer, record.clone()))
        });
        let found = match &device {
            Some((layer, _)) => levels.above(*layer).look_up(name),
            None => levels.look_up(name),
        };
        match (found.map_err(failed)?, device) {
            (Found::Nothing, Some((_, record))) => self.writer.missing(&record),
            (Found::Nothing, None) => Ok(()),
            (Found::Gone, _) => match below.look_up(name).map_err(failed)? {
                Found::Nothing | Found::Gone => Ok(()),
                _ => (self.writer.out).header(&whiteout(prefix, name.to_bytes())),
            },
            (Found::Other(level, _), _) => {
                let record = self.record(level.layer, prefix, name).cloned();
                (self.writer).entry(level.dir.as_fd(), prefix, name, record)
            }
            (Found::Directory { levels, hides }, device) => {
                let prefix = [&path[..], b"/"].concat();
                if let Some(top) = levels.top() {
                    self.header(top, &path, &prefix)?;
                }
                let below = match below.look_up(name).map_err(failed)? {
                    Found::Directory { .. } if hides || device.is_some() => {
                        (self.writer.out).header(&whiteout(&prefix, &OPAQUE[PREFIX.len()..]))?;
                        Levels::new(true)
                    }
                    Found::Directory { levels, .. } => levels,
                    _ => Levels::new(true),
                };
                self.directory(&levels, &below, &prefix)
            }
        }
    }

    fn record(&self, layer: usize, prefix: &[u8], name: &CStr) -> Option<&Unapplied> {
        (self.records[layer].get(directory_of(prefix)))?.get(name.to_bytes())
    }

    /// Writes the header of the directory `path`, which the tar calls `name`.
    fn header(&mut self, level: &Level, path: &[u8], name: &[u8]) -> Result<(), Error> {
        let failed = |errno| write_error("open", path, errno);
        let dir = open(level).map_err(failed)?;
        let stat = rustix::fs::fstat(&dir).map_err(failed)?;
        let meta = self.writer.meta(dir.as_fd(), path, &stat)?;
        self.writer.out.header(&meta.entry(name, b'5'))
    }
}

/// Opens a directory for reading.
fn open(level: &Level) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(&*level.dir, c".", flags, Mode::empty())
}

fn is_device(record: &Unapplied) -> bool {
    matches!(record.kind, b'c' | b'b')
}

/// Returns a directory's path as [`Records`] have it.
fn directory_of(prefix: &[u8]) -> &[u8] {
    prefix.strip_suffix(b"/").unwrap_or(prefix)
}

#[cfg(test)]
mod tests;
