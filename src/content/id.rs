//! IDs of images and containers, as text.

/// Digits of an ID in full.
const LENGTH: usize = 64;

/// Digits of an ID in short.
pub const SHORT_ID: usize = 12;

/// Returns whether `text` is an ID in full, without an algorithm.
pub fn is_full_id(text: &str) -> bool {
    text.len() == LENGTH && is_lower_hex(text)
}

/// Returns whether `text` has only the digits that IDs and digests are written with.
pub fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_ids() {
        assert!(is_full_id(&"0a".repeat(32)));
        for other in [&"0A".repeat(32), &"0a".repeat(31), &"0g".repeat(32), ""] {
            assert!(!is_full_id(other), "{other}");
        }
    }
}
