//! `--detach-keys`: the sequence that leaves a container without ending it.
//!
//! The grammar is Docker's (`moby/term`, ascii.go): comma-separated single characters or `ctrl-X`, where X is a letter or
//! one of `@ [ \ ] ^ _`.

/// The keys, as bytes. Empty: there is no leaving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys {
    bytes: Vec<u8>,
}

/// Not a key sequence.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid detach keys ({0}) provided")]
pub struct DetachKeysError(pub String);

impl Default for DetachKeys {
    /// `ctrl-p,ctrl-q`.
    fn default() -> Self {
        DetachKeys {
            bytes: vec![16, 17],
        }
    }
}

impl DetachKeys {
    /// Parses a sequence such as `ctrl-p,ctrl-q` or `a,b`; the empty text is the default, as in Docker.
    ///
    /// # Errors
    ///
    /// [`DetachKeysError`].
    pub fn parse(text: &str) -> Result<DetachKeys, DetachKeysError> {
        if text.is_empty() {
            return Ok(DetachKeys::default());
        }
        let bytes = (text.split(',').map(key).collect::<Option<Vec<u8>>>())
            .ok_or_else(|| DetachKeysError(text.to_owned()))?;
        Ok(DetachKeys { bytes })
    }

    /// The bytes that a terminal sends for them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns the byte of one key.
fn key(text: &str) -> Option<u8> {
    if let [byte] = text.as_bytes() {
        return Some(*byte);
    }
    match text.strip_prefix("ctrl-")?.as_bytes() {
        [letter] if letter.is_ascii_lowercase() => Some(letter - b'a' + 1),
        [sign] => Some(match sign {
            b'@' => 0,
            b'[' => 27,
            b'\\' => 28,
            b']' => 29,
            b'^' => 30,
            b'_' => 31,
            _ => return None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_as_docker() {
        let bytes = |text| DetachKeys::parse(text).map(|keys| keys.bytes);
        assert_eq!(bytes("ctrl-p,ctrl-q"), Ok(vec![16, 17]));
        assert_eq!(bytes(""), Ok(vec![16, 17]));
        assert_eq!(bytes("a,ctrl-@,ctrl-_"), Ok(vec![b'a', 0, 31]));
        for wrong in ["ctrl-A", "ctrl-", "ab", "ctrl-p,", "ctrl-!"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
