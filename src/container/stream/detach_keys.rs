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

/// Looks for the keys in what is typed. The beginning of a sequence is held back until it is clear that it is none.
#[derive(Debug)]
pub(super) struct DetachScanner {
    keys: Vec<u8>,
    matched: usize,
}

/// What became of some input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// To be passed on.
    Bytes(Vec<u8>),
    /// To be passed on before leaving.
    Detach(Vec<u8>),
}

impl DetachScanner {
    pub(super) fn new(keys: &DetachKeys) -> DetachScanner {
        DetachScanner {
            keys: keys.bytes.clone(),
            matched: 0,
        }
    }

    pub(super) fn scan(&mut self, input: &[u8]) -> Scanned {
        let mut bytes = Vec::with_capacity(input.len() + self.matched);
        for byte in input {
            if self.keys.get(self.matched) != Some(byte) {
                bytes.extend_from_slice(&self.keys[..self.matched]);
                self.matched = 0;
            }
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return Scanned::Detach(bytes);
                }
            } else {
                bytes.push(*byte);
            }
        }
        Scanned::Bytes(bytes)
    }

    /// What is held back, for when no more input comes.
    pub(super) fn held(&self) -> &[u8] {
        &self.keys[..self.matched]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_keys() {
        let mut scanner = DetachScanner::new(&DetachKeys::default());
        assert_eq!(scanner.scan(b"ls\x10"), Scanned::Bytes(b"ls".to_vec()));
        assert_eq!(scanner.held(), b"\x10");
        assert_eq!(scanner.scan(b"x"), Scanned::Bytes(b"\x10x".to_vec()));
        assert_eq!(
            scanner.scan(b"a\x10\x10\x11b"),
            Scanned::Detach(b"a\x10".to_vec())
        );
    }

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
