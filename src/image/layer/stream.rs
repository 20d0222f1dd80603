//! The tar stream: headers, extended headers and data, one entry after the other, each number checked.
//!
//! Field layout comes from the `tar` crate. Its own iterator is not used: it reads extended headers of any size into
//! memory and splits their records at newlines.
//!
//! Spec: tar(5); GNU tar, "Basic Tar Format"; Go's `archive/tar`, which Docker reads layers with, where these differ.

use std::io::{self, Read};

use super::Error;
use super::number::{number, signed};
use super::pax::{Pax, Time};
use crate::content::limits;

pub(super) const BLOCK: usize = 512;
/// Large enough that most small files need one `write(2)`, small enough for the second-level cache.
const BUFFER: usize = 256 << 10;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// One entry, without its data.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) mtime: Time,
    pub(super) device: (u32, u32),
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of the file, holes included.
    pub(super) size: u64,
    /// Where the data goes, in order; `None`: all of it, from 0 on.
    pub(super) segments: Option<Vec<Segment>>,
}

/// A piece of a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Reads entries. The data of an entry that nobody took is skipped.
pub(super) struct Stream<R> {
    reader: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes given out so far, and where to stop.
    taken: u64,
    limit: u64,
    /// Bytes of the current entry's data, and of the padding after it.
    pub(super) data_left: u64,
    padding: u64,
    entries: u64,
}

impl<R: Read> Stream<R> {
    pub(super) fn new(reader: R, limit: u64) -> Self {
        Stream {
            reader,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            taken: 0,
            limit,
            data_left: 0,
            padding: 0,
            entries: 0,
        }
    }

    /// Makes sure that the buffer is not empty; `false` at the end of the stream.
    fn fill(&mut self) -> Result<bool, Error> {
        while self.start == self.end {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(n) => (self.start, self.end) = (0, n.min(BUFFER)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Read(error)),
            }
        }
        Ok(true)
    }

    fn consume(&mut self, count: usize) -> Result<(), Error> {
        self.start += count;
        self.taken += count as u64;
        if self.taken > self.limit {
            return Err(Error::TooMuch {
                what: "bytes",
                limit: self.limit,
            });
        }
        Ok(())
    }

    /// Fills `out`; `false` if the stream ended before the first byte.
    pub(super) fn read_block(&mut self, out: &mut [u8]) -> Result<bool, Error> {
        let mut done = 0;
        while done < out.len() {
            if !self.fill()? {
                return if done == 0 {
                    Ok(false)
                } else {
                    Err(truncated())
                };
            }
            let count = (self.end - self.start).min(out.len() - done);
            out[done..done + count].copy_from_slice(&self.buffer[self.start..self.start + count]);
            self.consume(count)?;
            done += count;
        }
        Ok(true)
    }

    fn skip(&mut self, mut count: u64) -> Result<(), Error> {
        while count > 0 {
            if !self.fill()? {
                return Err(truncated());
            }
            let step = ((self.end - self.start) as u64).min(count);
            self.consume(step as usize)?;
            count -= step;
        }
        Ok(())
    }

    /// Hands the next piece of the current entry's data, at most `most` bytes, to `sink`; returns how many it was.
    pub(super) fn data(
        &mut self,
        most: u64,
        sink: impl FnOnce(&[u8]) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let want = most.min(self.data_left);
        if want == 0 {
            return Ok(0);
        }
        if !self.fill()? {
            return Err(truncated());
        }
        let count = ((self.end - self.start) as u64).min(want);
        sink(&self.buffer[self.start..self.start + count as usize])?;
        self.consume(count as usize)?;
        self.data_left -= count;
        Ok(count)
    }

    /// Bytes of the stream that have been taken: where the data of the entry begins that has just come.
    pub(super) fn position(&self) -> u64 {
        self.taken
    }

    /// Reads what follows the archive, so that a digest over the stream covers all of it.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        while self.fill()? {
            self.consume(self.end - self.start)?;
        }
        Ok(())
    }

    /// Returns the next entry; `None` at the end of the archive.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut long_name: Option<Vec<u8>> = None;
        let mut long_link: Option<Vec<u8>> = None;
        let mut pax: Option<Pax> = None;
        let mut block = [0_u8; BLOCK];
        loop {
            self.skip(self.data_left)?;
            self.skip(self.padding)?;
            (self.data_left, self.padding) = (0, 0);
            let waiting = long_name.is_some() || long_link.is_some() || pax.is_some();
            let more = self.read_block(&mut block)?;
            if !more || block.iter().all(|b| *b == 0) {
                return if waiting {
                    Err(malformed(
                        "an extended header describes an entry that is missing",
                    ))
                } else {
                    Ok(None)
                };
            }
            // Counts extended headers, too: a stream of nothing else must end as well.
            self.entries += 1;
            if self.entries > limits::MAX_LAYER_ENTRIES {
                return Err(Error::TooMuch {
                    what: "entries",
                    limit: limits::MAX_LAYER_ENTRIES,
                });
            }
            check_sum(&block)?;
            let header = tar::Header::from_byte_slice(&block);
            let size = number(&block[124..136]).ok_or_else(|| malformed("size is not a number"))?;
            match block[156] {
                b'L' => long_name = Some(self.extension(size, long_name.is_some())?),
                b'K' => long_link = Some(self.extension(size, long_link.is_some())?),
                b'x' | b'X' => {
                    let data = self.extension(size, pax.is_some())?;
                    pax = Some(Pax::parse(&data).map_err(|problem| malformed(&problem))?);
                }
                // Go leaves global headers to its caller, and Docker ignores them.
                b'g' => self.set_data(size)?,
                _ => {
                    let pax = pax.unwrap_or_default();
                    return self
                        .entry(header, &block, size, pax, long_name, long_link)
                        .map(Some);
                }
            }
        }
    }

    fn set_data(&mut self, size: u64) -> Result<(), Error> {
        if size > limits::MAX_LAYER_BYTES {
            return Err(Error::TooMuch {
                what: "bytes",
                limit: limits::MAX_LAYER_BYTES,
            });
        }
        self.data_left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        Ok(())
    }

    fn extension(&mut self, size: u64, again: bool) -> Result<Vec<u8>, Error> {
        if again {
            return Err(malformed("two extended headers of one kind for one entry"));
        }
        if size > limits::MAX_EXTENDED_HEADER_BYTES {
            return Err(malformed(&format!(
                "extended header of {size} bytes, more than the {} allowed",
                limits::MAX_EXTENDED_HEADER_BYTES
            )));
        }
        let mut data = vec![0; size as usize];
        if !self.read_block(&mut data)? && size > 0 {
            return Err(truncated());
        }
        self.padding = size.wrapping_neg() % BLOCK as u64;
        Ok(data)
    }

    fn entry(
        &mut self,
        header: &tar::Header,
        block: &[u8; BLOCK],
        size: u64,
        pax: Pax,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Entry, Error> {
        let sparse_name = pax.sparse.name;
        let path = long_name
            .map(until_nul)
            .or(sparse_name)
            .or(pax.path)
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let wrong = |problem: &str| Error::entry(&path, problem);
        let link = long_link
            .map(until_nul)
            .or(pax.link_path)
            .unwrap_or_else(|| {
                header
                    .link_name_bytes()
                    .map(|l| l.into_owned())
                    .unwrap_or_default()
            });
        let kind = match block[156] {
            // Before POSIX, a directory was a file whose name ends in a slash.
            b'0' | 0 | b'7' if path.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::CharDevice,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => {
                let problem = format!("unsupported tar entry type '{}'", other.escape_ascii());
                return Err(wrong(&problem));
            }
        };
        let field = |range: std::ops::Range<usize>, name: &str| {
            number(&block[range]).ok_or_else(|| wrong(&format!("{name} is not a number")))
        };
        let mode = field(100..108, "mode")?;
        let uid = pax.uid.map_or_else(|| field(108..116, "uid"), Ok)?;
        let gid = pax.gid.map_or_else(|| field(116..124, "gid"), Ok)?;
        let mtime = match pax.mtime {
            Some(time) => time,
            None => Time {
                seconds: signed(&block[136..148]).ok_or_else(|| wrong("mtime is not a number"))?,
                nanoseconds: 0,
            },
        };
        let device = if matches!(kind, Kind::CharDevice | Kind::BlockDevice) {
            let half = |range, name| {
                field(range, name)
                    .and_then(|n| u32::try_from(n).map_err(|_| wrong("device number is too large")))
            };
            (half(329..337, "major")?, half(337..345, "minor")?)
        } else {
            (0, 0)
        };
        let stored = pax.size.unwrap_or(size);
        // Only files have data; what other entries announce has never been there (Go's archive/tar, `isHeaderOnlyType`).
        let stored = if kind == Kind::File { stored } else { 0 };
        self.set_data(stored)?;
        let mut entry = Entry {
            kind,
            path,
            link,
            mode: (mode & 0o7777) as u32,
            uid,
            gid,
            mtime,
            device,
            xattrs: pax.xattrs,
            size: stored,
            segments: None,
        };
        if kind != Kind::File {
            return Ok(entry);
        }
        if block[156] == b'S' {
            self.old_sparse(block, &mut entry)?;
        } else if pax.sparse.major == Some(1) {
            let real_size = pax.sparse.real_size;
            let map = self.sparse_map(&entry.path)?;
            self.set_sparse(&mut entry, &map, real_size)?;
        } else if let Some(map) = pax.sparse.map {
            self.set_sparse(&mut entry, &map, pax.sparse.real_size)?;
        }
        Ok(entry)
    }
}

impl Error {
    pub(super) fn entry(path: &[u8], problem: &str) -> Error {
        Error::Entry {
            path: shown(path),
            problem: problem.to_owned(),
        }
    }
}

/// A path for a message: hostile ones may be long.
pub(super) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn malformed(problem: &str) -> Error {
    Error::Read(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("malformed tar: {problem}"),
    ))
}

pub(super) fn truncated() -> Error {
    Error::Read(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the tar ends in the middle of an entry",
    ))
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(at) = text.iter().position(|b| *b == 0) {
        text.truncate(at);
    }
    text
}

/// Old tars summed signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), Error> {
    let expected = signed(&block[148..156]).ok_or_else(|| malformed("not a tar header"))?;
    let bytes = || {
        block
            .iter()
            .enumerate()
            .map(|(at, b)| if (148..156).contains(&at) { b' ' } else { *b })
    };
    let unsigned: i64 = bytes().map(i64::from).sum();
    if unsigned == expected || bytes().map(|b| i64::from(b as i8)).sum::<i64>() == expected {
        Ok(())
    } else {
        Err(malformed("wrong header checksum"))
    }
}
