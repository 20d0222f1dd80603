//! Numbers in tar headers: octal digits, or GNU's base 256 for what does not fit.

/// A field that cannot be negative.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    signed(field).and_then(|n| u64::try_from(n).ok())
}

/// Octal digits between blanks and NULs, nothing at all (0), or GNU's base 256, two's complement.
pub(super) fn signed(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let mut value: i64 = if negative { -1 } else { 0 };
        for (at, byte) in field.iter().enumerate() {
            // The top bit is only the mark of this form.
            let byte = if at == 0 && !negative {
                byte & 0x7f
            } else {
                *byte
            };
            if value >> 55 != 0 && value >> 55 != -1 {
                return None;
            }
            value = (value << 8) | i64::from(byte);
        }
        return ((value < 0) == negative).then_some(value);
    }
    let blank = |b: &u8| *b == b' ' || *b == 0;
    let start = field.iter().position(|b| !blank(b)).unwrap_or(field.len());
    let field = &field[start..];
    let end = field.iter().position(blank).unwrap_or(field.len());
    if !field[end..].iter().all(blank) {
        return None;
    }
    let mut value = 0_i64;
    for byte in &field[..end] {
        if !(b'0'..=b'7').contains(byte) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(i64::from(byte - b'0'))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(signed(b"0000644\0"), Some(0o644));
        assert_eq!(signed(b"   644 \0"), Some(0o644));
        assert_eq!(signed(b"\0\0\0\0"), Some(0));
        assert_eq!(signed(b"\x80\0\0\0\0\0\0\0\0\0\x01\x00"), Some(256));
        assert_eq!(
            signed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            Some(-1)
        );
        assert_eq!(signed(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(signed(b"9"), None);
        assert_eq!(signed(b"7 7"), None);
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }
}
