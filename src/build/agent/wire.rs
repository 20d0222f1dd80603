//! The data types of SSH, in both directions.
//!
//! Spec: RFC 4251, section 5.

/// Reads values from the beginning of bytes.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Takes so many bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// `byte`.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    /// `uint32`.
    pub(super) fn number(&mut self) -> Option<u32> {
        let taken = self.take(4)?;
        taken.try_into().ok().map(u32::from_be_bytes)
    }

    /// `string`.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// `mpint` that is not negative, without leading zeros.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        self.string().map(without_zeros)
    }
}

/// Writes a `string`.
pub(super) fn put_string(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(bytes);
}

/// Writes an `mpint` that is not negative.
pub(super) fn put_integer(to: &mut Vec<u8>, big_endian: &[u8]) {
    let bytes = without_zeros(big_endian);
    match bytes.first() {
        // The first bit would be a sign.
        Some(first) if first & 0x80 != 0 => put_string(to, &[&[0], bytes].concat()),
        _ => put_string(to, bytes),
    }
}

/// Returns a number in big-endian bytes without leading zeros.
pub(super) fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        let mut bytes = vec![7];
        put_string(&mut bytes, b"ab");
        put_integer(&mut bytes, &[0, 0x80, 1]);
        put_integer(&mut bytes, &[0]);
        assert_eq!(bytes, b"\x07\0\0\0\x02ab\0\0\0\x03\0\x80\x01\0\0\0\0");
        let mut reader = Reader(&bytes);
        assert_eq!(reader.byte(), Some(7));
        assert_eq!(reader.string(), Some(&b"ab"[..]));
        assert_eq!(reader.integer(), Some(&[0x80, 1][..]));
        assert_eq!(reader.integer(), Some(&[][..]));
        assert_eq!(reader.byte(), None);
        assert_eq!(Reader(b"\0\0\0\x05ab").string(), None);
    }
}
