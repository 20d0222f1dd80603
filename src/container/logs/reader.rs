//! The files of a log as one sequence of entries.
//!
//! Rotation is noticed by inode: an open file is read to its end before the next is looked for.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::container::Error;
use crate::container::error::{failed, system};

/// Bytes of one entry at most: 16 KiB of text, each byte escaped in six, and the rest of the object. A longer line is not
/// ours.
const MAX_LINE: usize = 256 * 1024;

/// Bytes read at once while looking for the last lines.
const TAIL_BLOCK: u64 = 64 * 1024;

/// Who is handed the entries.
pub(super) trait EntrySink {
    /// Takes one line of a file.
    fn entry(&mut self, line: &[u8]) -> Result<(), Error>;

    /// Whether no more are wanted.
    fn is_done(&self) -> bool;
}

/// Reads the files of a log, one after the other, and goes on where it was.
pub(super) struct LogReader {
    /// Oldest first.
    names: Vec<PathBuf>,
    current: Option<(BufReader<File>, u64)>,
    /// The beginning of an entry whose end has not been written yet.
    line: Vec<u8>,
}

impl LogReader {
    /// Opens the files `names` at the beginning, or where the last `tail` entries begin.
    pub(super) fn open(names: Vec<PathBuf>, tail: Option<u64>) -> Result<LogReader, Error> {
        let mut reader = LogReader {
            names,
            current: None,
            line: Vec::new(),
        };
        match tail {
            None => reader.enter(0)?,
            Some(lines) => reader.enter_tail(lines)?,
        };
        Ok(reader)
    }

    /// Opens the first file that is there, from `at` on; returns whether there was one.
    fn enter(&mut self, at: usize) -> Result<bool, Error> {
        for path in &self.names[at.min(self.names.len())..] {
            if let Some(file) = open(path)? {
                let inode = file.metadata().map_err(failed("read", path))?.ino();
                self.current = Some((BufReader::new(file), inode));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens the file that holds the first of the last `lines` entries, at that entry.
    fn enter_tail(&mut self, mut lines: u64) -> Result<bool, Error> {
        for at in (0..self.names.len()).rev() {
            let path = self.names[at].clone();
            let Some(mut file) = open(&path)? else {
                continue;
            };
            let (offset, found) = last_lines(&mut file, lines).map_err(failed("read", &path))?;
            lines -= found;
            if lines == 0 || at == 0 || open(&self.names[at - 1])?.is_none() {
                let inode = file.metadata().map_err(failed("read", &path))?.ino();
                file.seek(SeekFrom::Start(offset))
                    .map_err(failed("read", &path))?;
                self.current = Some((BufReader::new(file), inode));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads to the end of the newest file.
    pub(super) fn read(&mut self, sink: &mut impl EntrySink) -> Result<(), Error> {
        if self.current.is_none() && !self.enter(0)? {
            return Ok(());
        }
        loop {
            self.read_current(sink)?;
            // Where is it by now? One that has been rotated away is followed by the oldest.
            let Some((_, inode)) = &self.current else {
                return Ok(());
            };
            let place = self
                .names
                .iter()
                .position(|path| std::fs::metadata(path).is_ok_and(|meta| meta.ino() == *inode));
            let next = place.map_or(0, |place| place + 1);
            if sink.is_done() || next >= self.names.len() {
                return Ok(());
            }
            // A last look at it: it may have grown before it was rotated.
            self.read_current(sink)?;
            if !self.enter(next)? {
                return Ok(());
            }
        }
    }

    fn read_current(&mut self, sink: &mut impl EntrySink) -> Result<(), Error> {
        let Some((file, _)) = &mut self.current else {
            return Ok(());
        };
        while !sink.is_done() {
            let room = (MAX_LINE - self.line.len()) as u64;
            let count = file.by_ref().take(room).read_until(b'\n', &mut self.line);
            if count.map_err(system("read the log"))? == 0 && room > 0 {
                break;
            }
            if self.line.ends_with(b"\n") {
                sink.entry(&self.line)?;
                self.line.clear();
            } else if self.line.len() >= MAX_LINE {
                self.line.clear();
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some).map_err(failed("open", path)),
    }
}

/// Returns where the last `wanted` lines begin, and how many there are, at most `wanted`.
fn last_lines(file: &mut File, wanted: u64) -> io::Result<(u64, u64)> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut found = 0;
    if wanted == 0 {
        return Ok((end, 0));
    }
    let mut block = Vec::new();
    let mut is_last_byte = true;
    while end > 0 {
        let start = end.saturating_sub(TAIL_BLOCK);
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut block)?;
        for (at, byte) in block.iter().enumerate().rev() {
            // The newline at the very end ends the last line; every other one is the end of the line before.
            if *byte == b'\n' && !is_last_byte {
                found += 1;
                if found == wanted {
                    return Ok((start + at as u64 + 1, found));
                }
            }
            is_last_byte = false;
        }
        end = start;
    }
    // The first line has no newline before it.
    Ok((0, found + u64::from(!is_last_byte)))
}
