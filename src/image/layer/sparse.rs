//! Sparse files: GNU's old format and the three of pax, 0.0, 0.1 and 1.0.
//!
//! Spec: GNU tar, "Storing Sparse Files".

use std::io::Read;

use super::Error;
use super::number::number;
use super::pax::decimal;
use super::stream::{BLOCK, Entry, Segment, Stream, truncated};
use crate::content::limits;

impl<R: Read> Stream<R> {
    /// Old GNU format: four segments in the header, more in blocks before the data.
    pub(super) fn old_sparse(
        &mut self,
        block: &[u8; BLOCK],
        entry: &mut Entry,
    ) -> Result<(), Error> {
        let wrong = || Error::entry(&entry.path, "malformed sparse header");
        let real_size = number(&block[483..495]).ok_or_else(wrong)?;
        let mut map = Vec::new();
        let mut take = |table: &[u8]| -> Result<(), Error> {
            for slot in table.chunks_exact(24) {
                if slot[0] == 0 {
                    break;
                }
                map.push(number(&slot[..12]).ok_or_else(wrong)?);
                map.push(number(&slot[12..]).ok_or_else(wrong)?);
            }
            if map.len() > 2 * limits::MAX_SPARSE_SEGMENTS {
                return Err(Error::entry(&entry.path, "too many sparse segments"));
            }
            Ok(())
        };
        take(&block[386..482])?;
        let mut extended = block[482] != 0;
        while extended {
            let mut more = [0_u8; BLOCK];
            if !self.read_block(&mut more)? {
                return Err(truncated());
            }
            take(&more[..504])?;
            extended = more[504] != 0;
        }
        self.set_sparse(entry, &map, Some(real_size))
    }

    /// pax format 1.0: the map stands before the data, as decimal lines, padded to a block.
    pub(super) fn sparse_map(&mut self, path: &[u8]) -> Result<Vec<u64>, Error> {
        let wrong = || Error::entry(path, "malformed sparse map");
        let mut block = [0_u8; BLOCK];
        let mut numbers: Vec<u64> = Vec::new();
        let mut digits: Vec<u8> = Vec::new();
        let mut expected = 1_usize;
        while numbers.len() < expected {
            if self.data_left < BLOCK as u64 {
                return Err(wrong());
            }
            if !self.read_block(&mut block)? {
                return Err(truncated());
            }
            self.data_left -= BLOCK as u64;
            for byte in block {
                if numbers.len() == expected {
                    break;
                }
                if byte != b'\n' {
                    if digits.len() > 20 {
                        return Err(wrong());
                    }
                    digits.push(byte);
                    continue;
                }
                let number = decimal(&digits).ok_or_else(wrong)?;
                digits.clear();
                if numbers.is_empty() {
                    let count = usize::try_from(number).map_err(|_| wrong())?;
                    if count > limits::MAX_SPARSE_SEGMENTS {
                        return Err(Error::entry(path, "too many sparse segments"));
                    }
                    expected = 1 + 2 * count;
                }
                numbers.push(number);
            }
        }
        numbers.remove(0);
        Ok(numbers)
    }

    /// Checks a sparse map against the sizes: segments in order, inside the file, and just as much data as there is.
    pub(super) fn set_sparse(
        &mut self,
        entry: &mut Entry,
        map: &[u64],
        real_size: Option<u64>,
    ) -> Result<(), Error> {
        let wrong = |problem: &str| Error::entry(&entry.path, problem);
        let real_size = real_size.ok_or_else(|| wrong("sparse file without its size"))?;
        if real_size > limits::MAX_LAYER_BYTES {
            return Err(wrong("sparse file is too large"));
        }
        if !map.len().is_multiple_of(2) {
            return Err(wrong("malformed sparse map"));
        }
        let mut segments = Vec::with_capacity(map.len() / 2);
        let (mut at, mut data) = (0_u64, 0_u64);
        for pair in map.chunks_exact(2) {
            let (offset, length) = (pair[0], pair[1]);
            let end = offset
                .checked_add(length)
                .filter(|end| offset >= at && *end <= real_size)
                .ok_or_else(|| wrong("sparse segments overlap or leave the file"))?;
            at = end;
            data += length;
            if length > 0 {
                segments.push(Segment { offset, length });
            }
        }
        if data != self.data_left {
            return Err(wrong("sparse map and data have different sizes"));
        }
        entry.size = real_size;
        entry.segments = Some(segments);
        Ok(())
    }
}
