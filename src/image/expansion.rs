//! A bound for what comes out of a decompressor, by what has gone in.
//!
//! A pull knows the size of a layer's blob beforehand; an archive that arrives on a pipe tells its own only by ending.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::decompress::Decompress;
use crate::content::limits::MAX_EXPANSION;

/// The uncompressed bytes of an archive, no more than [`MAX_EXPANSION`] times the bytes that were read of it.
#[derive(Debug)]
pub(super) struct Bounded<R: Read> {
    tar: Decompress<Counted<R>>,
    read: Rc<Cell<u64>>,
    written: u64,
    /// Bytes that may come out whatever has gone in.
    free: u64,
}

#[derive(Debug)]
struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

impl<R: Read> Bounded<R> {
    /// Unpacks `reader` as its first bytes say; `free` bytes may come out in any case.
    ///
    /// # Errors
    ///
    /// Those of [`Decompress::detect`]. Reading also fails with `InvalidData` once too much has come out.
    pub(super) fn detect(reader: R, free: u64) -> io::Result<Self> {
        let read = Rc::new(Cell::new(0));
        let count = Rc::clone(&read);
        let inner = reader;
        Ok(Bounded {
            tar: Decompress::detect(Counted { inner, count })?,
            read,
            written: 0,
            free,
        })
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.tar.read(buffer)?;
        self.written += read as u64;
        let limit = (self.read.get())
            .saturating_mul(MAX_EXPANSION)
            .saturating_add(self.free);
        if self.written > limit {
            let words = format!("the archive expands to more than {MAX_EXPANSION} times its size");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_no_archive() {
        let bytes = 64 << 20;
        let bomb = zstd::encode_all(io::repeat(0).take(bytes), 3).unwrap();
        assert!(bomb.len() as u64 * MAX_EXPANSION < bytes);
        let unpack = |free| io::copy(&mut Bounded::detect(&bomb[..], free)?, &mut io::sink());
        assert_eq!(unpack(bytes).unwrap(), bytes);
        let error = unpack(1 << 20).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
