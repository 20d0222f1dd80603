//! Extended headers: the records that carry what a ustar header has no room for.
//!
//! A record is `LENGTH KEY=VALUE\n`, and only LENGTH says where it ends: values are bytes and may hold newlines, as binary
//! attributes do. (The `tar` crate splits at newlines, which loses file capabilities; hence our own reader.)
//!
//! Spec: pax(1), "pax Extended Header"; GNU tar, "Storing Sparse Files".

use crate::content::limits;

/// What a pax header says about the next entry. An empty value means "as if it were not here".
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<Time>,
    /// Name and value of each `SCHILY.xattr.` record.
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: SparseRecords,
}

/// Seconds and nanoseconds since 1970; the nanoseconds are never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// `GNU.sparse.*`: the three formats of GNU tar, 0.0, 0.1 and 1.0.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SparseRecords {
    pub(super) major: Option<u64>,
    pub(super) real_size: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    /// Offsets and lengths, alternating.
    pub(super) map: Option<Vec<u64>>,
}

impl Pax {
    /// Reads the records of one header.
    pub(super) fn parse(mut data: &[u8]) -> Result<Pax, String> {
        let mut pax = Pax::default();
        while !data.is_empty() {
            let (record, rest) = split_record(data).ok_or("malformed pax record")?;
            data = rest;
            let at = record
                .iter()
                .position(|b| *b == b'=')
                .filter(|at| *at > 0)
                .ok_or("pax record without a key")?;
            pax.take(&record[..at], &record[at + 1..])?;
        }
        Ok(pax)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let number = || -> Result<Option<u64>, String> {
            if value.is_empty() {
                return Ok(None);
            }
            decimal(value)
                .map(Some)
                .ok_or_else(|| format!("pax record {} is not a number", key.escape_ascii()))
        };
        let bytes = || (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = bytes(),
            b"linkpath" => self.link_path = bytes(),
            b"size" => self.size = number()?,
            b"uid" => self.uid = number()?,
            b"gid" => self.gid = number()?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(Time::parse(value).ok_or("pax mtime is not a time")?),
            b"GNU.sparse.major" => self.sparse.major = number()?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.real_size = number()?,
            b"GNU.sparse.name" => self.sparse.name = bytes(),
            // 0.0: one record for each number.
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let number = number()?.ok_or("empty sparse record")?;
                self.push_sparse(number)?;
            }
            // 0.1: all numbers in one record.
            b"GNU.sparse.map" => {
                self.sparse.map = None;
                for part in value.split(|b| *b == b',') {
                    let number = decimal(part).ok_or("sparse map is not numbers")?;
                    self.push_sparse(number)?;
                }
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.take_xattr(name, value)?;
                }
            }
        }
        Ok(())
    }

    fn push_sparse(&mut self, number: u64) -> Result<(), String> {
        let map = self.sparse.map.get_or_insert_default();
        if map.len() >= 2 * limits::MAX_SPARSE_SEGMENTS {
            return Err("too many sparse segments".to_owned());
        }
        map.push(number);
        Ok(())
    }

    fn take_xattr(&mut self, name: &[u8], value: &[u8]) -> Result<(), String> {
        if name.is_empty() || name.len() > limits::MAX_NAME_BYTES || name.contains(&0) {
            return Err("xattr name is empty, too long or has a NUL".to_owned());
        }
        if value.len() > limits::MAX_XATTR_BYTES {
            return Err(format!(
                "xattr {} has {} bytes, more than the {} allowed",
                name.escape_ascii(),
                value.len(),
                limits::MAX_XATTR_BYTES
            ));
        }
        self.xattrs.retain(|(known, _)| known != name);
        if self.xattrs.len() >= limits::MAX_XATTRS {
            return Err(format!("more than {} xattrs", limits::MAX_XATTRS));
        }
        self.xattrs.push((name.to_vec(), value.to_vec()));
        Ok(())
    }
}

/// Returns the record's `KEY=VALUE` and what follows its newline.
fn split_record(data: &[u8]) -> Option<(&[u8], &[u8])> {
    // 20 digits are more than any length has.
    let space = data.iter().take(20).position(|b| *b == b' ')?;
    let length = usize::try_from(decimal(&data[..space])?).ok()?;
    let record = data.get(space + 1..length)?;
    let record = record.strip_suffix(b"\n")?;
    Some((record, &data[length..]))
}

/// Reads an unsigned decimal number: digits and nothing else.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl Time {
    /// Reads `[-]SECONDS[.FRACTION]`; digits past the ninth are dropped.
    fn parse(text: &[u8]) -> Option<Time> {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match text.iter().position(|b| *b == b'.') {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, &b""[..]),
        };
        let mut seconds = i64::try_from(decimal(whole)?).ok()?;
        let mut nanoseconds = 0_u32;
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        for at in 0..9 {
            let digit = fraction.get(at).map_or(0, |b| u32::from(b - b'0'));
            nanoseconds = nanoseconds * 10 + digit;
        }
        if negative {
            seconds = -seconds;
            if nanoseconds > 0 {
                seconds -= 1;
                nanoseconds = 1_000_000_000 - nanoseconds;
            }
        }
        Some(Time {
            seconds,
            nanoseconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let payload = key.len() + value.len() + 3;
        let mut length = payload + payload.to_string().len();
        if length.to_string().len() != payload.to_string().len() {
            length += 1;
        }
        let mut out = format!("{length} {key}=").into_bytes();
        out.extend_from_slice(value);
        out.push(b'\n');
        out
    }

    #[test]
    fn values_may_hold_newlines() {
        let mut data = record("SCHILY.xattr.security.capability", b"\x01\n\n=\x00 9 a=b\n");
        data.extend(record("path", b"a\nb"));
        let pax = Pax::parse(&data).unwrap();
        assert_eq!(pax.xattrs[0].1, b"\x01\n\n=\x00 9 a=b\n");
        assert_eq!(pax.path.unwrap(), b"a\nb");
    }

    #[test]
    fn times() {
        let t = |text: &[u8]| Time::parse(text).map(|t| (t.seconds, t.nanoseconds));
        assert_eq!(t(b"1.5"), Some((1, 500_000_000)));
        assert_eq!(t(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(t(b"7"), Some((7, 0)));
        assert_eq!(t(b"1.0000000019"), Some((1, 1)));
        for bad in [
            &b""[..],
            b".",
            b"1.x",
            b"x",
            b"99999999999999999999",
            b"--1",
        ] {
            assert_eq!(t(bad), None);
        }
    }

    #[test]
    fn refuses() {
        for bad in [
            &b"x"[..],
            b"5 a=b",
            b"999 path=x\n",
            b"0 a=b\n",
            b"2 \n",
            b"7 =ab\n\n",
            b"99999999999999999999 a=b\n",
            b"18446744073709551615 a=b\n",
            b"12 uid=abcd\n",
        ] {
            assert!(Pax::parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
