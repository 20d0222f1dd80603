//! Entries as the bytes of a tar.
//!
//! Headers are ustar; a pax header precedes one only for what ustar cannot say: nanoseconds, long names, large numbers,
//! xattrs. No user or group names.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::tree::is_too_long;
use super::{Error, Written};
use crate::content::{Algorithm, Digest, whiteout};

const BLOCK: usize = 512;
/// Largest number in a field of seven octal digits: mode, uid, gid, device numbers.
const MAX_OCTAL_7: u64 = 0o7_777_777;
/// Largest number in a field of eleven octal digits: size and time.
const MAX_OCTAL_11: u64 = 0o77_777_777_777;

/// What one header says.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) kind: u8,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
    pub(super) device: (u32, u32),
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A whiteout says nothing but its name.
pub(super) fn whiteout(parent: &[u8], name: &[u8]) -> Entry {
    Entry {
        path: [parent, whiteout::PREFIX, name].concat(),
        kind: b'0',
        link: Vec::new(),
        size: 0,
        mode: 0o600,
        uid: 0,
        gid: 0,
        seconds: 0,
        nanoseconds: 0,
        device: (0, 0),
        xattrs: BTreeMap::new(),
    }
}

/// Writes entries, and counts and hashes the bytes.
pub(super) struct TarWriter<W> {
    out: W,
    hash: ring::digest::Context,
    size: u64,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(out: W) -> Self {
        TarWriter {
            out,
            hash: ring::digest::Context::new(&ring::digest::SHA256),
            size: 0,
        }
    }

    /// Writes some of the data of the last entry.
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.out.write_all(bytes).map_err(Error::Read)
    }

    /// Fills the block that data of `size` bytes ends in.
    pub(super) fn pad(&mut self, size: u64) -> Result<(), Error> {
        let padding = (size.wrapping_neg() % BLOCK as u64) as usize;
        self.write_all(&[0; BLOCK][..padding])
    }

    /// Writes the header of an entry.
    pub(super) fn header(&mut self, entry: &Entry) -> Result<(), Error> {
        // Nobody could unpack it, we ourselves not either.
        if is_too_long(&entry.path) {
            return Err(Error::entry(&entry.path, "the path is too long"));
        }
        let mut header = tar::Header::new_ustar();
        let mut pax = Vec::new();
        match split_name(&entry.path) {
            Some((prefix, name)) => {
                let bytes = header.as_mut_bytes();
                bytes[..name.len()].copy_from_slice(name);
                bytes[345..345 + prefix.len()].copy_from_slice(prefix);
            }
            None => record(&mut pax, b"path", &entry.path),
        }
        if entry.link.len() <= 100 {
            header.as_mut_bytes()[157..157 + entry.link.len()].copy_from_slice(&entry.link);
        } else {
            record(&mut pax, b"linkpath", &entry.link);
        }
        let mut number = |key: &[u8], value: u64, most: u64| {
            if value <= most {
                return value;
            }
            record(&mut pax, key, value.to_string().as_bytes());
            0
        };
        header.set_uid(number(b"uid", entry.uid, MAX_OCTAL_7));
        header.set_gid(number(b"gid", entry.gid, MAX_OCTAL_7));
        header.set_size(number(b"size", entry.size, MAX_OCTAL_11));
        let plain = entry.nanoseconds == 0 && (0..=MAX_OCTAL_11 as i64).contains(&entry.seconds);
        if !plain {
            record(&mut pax, b"mtime", time(entry).as_bytes());
        }
        header.set_mtime(entry.seconds.clamp(0, MAX_OCTAL_11 as i64) as u64);
        header.set_mode(entry.mode);
        header.as_mut_bytes()[156] = entry.kind;
        if matches!(entry.kind, b'3' | b'4') {
            // Linux has 12 and 20 bits for these; seven octal digits hold 21.
            let set = |result: io::Result<()>| result.map_err(Error::Read);
            set(header.set_device_major(entry.device.0))?;
            set(header.set_device_minor(entry.device.1))?;
        }
        header.set_cksum();
        for (name, value) in &entry.xattrs {
            record(&mut pax, &[b"SCHILY.xattr.", &name[..]].concat(), value);
        }
        if !pax.is_empty() {
            let mut extended = tar::Header::new_ustar();
            let name = b"PaxHeaders.0";
            extended.as_mut_bytes()[..name.len()].copy_from_slice(name);
            extended.as_mut_bytes()[156] = b'x';
            extended.set_mode(0o644);
            extended.set_uid(0);
            extended.set_gid(0);
            extended.set_mtime(0);
            extended.set_size(pax.len() as u64);
            extended.set_cksum();
            self.write_all(extended.as_bytes())?;
            self.write_all(&pax)?;
            self.pad(pax.len() as u64)?;
        }
        self.write_all(header.as_bytes())
    }

    /// Ends the archive.
    pub(super) fn finish(mut self, file_bytes: u64) -> Result<Written, Error> {
        self.write_all(&[0; 2 * BLOCK])?;
        self.out.flush().map_err(Error::Read)?;
        Ok(Written {
            diff_id: Digest::from_bytes(Algorithm::Sha256, self.hash.finish().as_ref()),
            size: self.size,
            file_bytes,
        })
    }
}

/// Splits a path for ustar: 100 bytes of name, 155 of what stands before it.
fn split_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    let at = (path.len() - 101..path.len().min(156)).find(|at| path[*at] == b'/')?;
    let (prefix, name) = (&path[..at], &path[at + 1..]);
    (!name.is_empty() && !prefix.is_empty()).then_some((prefix, name))
}

fn time(entry: &Entry) -> String {
    let (seconds, nanoseconds) = (entry.seconds, entry.nanoseconds);
    let text = if seconds < 0 && nanoseconds > 0 {
        format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds)
    } else if nanoseconds > 0 {
        format!("{seconds}.{nanoseconds:09}")
    } else {
        return seconds.to_string();
    };
    text.trim_end_matches('0').to_owned()
}

/// Appends one pax record, whose length counts its own digits.
fn record(pax: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    pax.extend_from_slice(format!("{length} ").as_bytes());
    pax.extend_from_slice(key);
    pax.push(b'=');
    pax.extend_from_slice(value);
    pax.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_long_names() {
        assert_eq!(split_name(b"a/b"), Some((&b""[..], &b"a/b"[..])));
        let long = [&[b'd'; 120][..], b"/", &[b'n'; 90][..]].concat();
        let (prefix, name) = split_name(&long).unwrap();
        assert_eq!((prefix.len(), name.len()), (120, 90));
        assert_eq!(split_name(&[b'x'; 101]), None);
        let deep = [&[b'd'; 160][..], b"/n"].concat();
        assert_eq!(split_name(&deep), None);
        let dir = [&[b'd'; 100][..], b"/"].concat();
        assert_eq!(split_name(&dir), None);
    }
}
