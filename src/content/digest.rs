//! Content digests, checked once, when they are parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{SHORT_ID, is_lower_hex};

/// The hash functions that image-spec registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `sha256`, which every registry has.
    Sha256,
    /// `sha512`, optional in image-spec.
    Sha512,
}

impl Algorithm {
    /// Returns the name as it stands before the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn hex_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

/// A content digest, `algorithm:hex`, known to be well-formed.
///
/// Spec: image-spec, descriptor.md, "Digests".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No colon, or an empty half.
    #[error("invalid checksum digest format: {0:?}")]
    Format(String),
    /// An algorithm this program cannot compute.
    #[error("unsupported digest algorithm in {0:?}")]
    Algorithm(String),
    /// Not lower-case hexadecimal, or of the wrong length for the algorithm.
    #[error("invalid checksum digest length: {0:?}")]
    Hex(String),
}

impl Digest {
    /// Makes a digest of the bytes a hash function returned.
    ///
    /// # Panics
    ///
    /// If `bytes` has not the length that `algorithm` produces.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Self {
        assert_eq!(bytes.len() * 2, algorithm.hex_len());
        let mut text = String::with_capacity(8 + bytes.len() * 2);
        text.push_str(algorithm.as_str());
        text.push(':');
        for byte in bytes {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble"));
            }
        }
        Digest(text)
    }

    /// Returns the sha256 digest of `bytes`.
    pub fn sha256_of(bytes: &[u8]) -> Self {
        Digest::of(Algorithm::Sha256, bytes)
    }

    /// Returns the digest of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Returns the hash function.
    pub fn algorithm(&self) -> Algorithm {
        if self.0.starts_with("sha256:") {
            Algorithm::Sha256
        } else {
            Algorithm::Sha512
        }
    }

    /// Returns the hexadecimal half, lower case.
    pub fn hex(&self) -> &str {
        &self.0[self.algorithm().as_str().len() + 1..]
    }

    /// Returns the first twelve hexadecimal digits, as tables show them.
    pub fn short(&self) -> &str {
        &self.hex()[..SHORT_ID]
    }

    /// Returns the whole, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A digest in the making.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    context: ring::digest::Context,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        let function = match algorithm {
            Algorithm::Sha256 => &ring::digest::SHA256,
            Algorithm::Sha512 => &ring::digest::SHA512,
        };
        Hasher {
            algorithm,
            context: ring::digest::Context::new(function),
        }
    }

    /// Appends.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// Returns the digest of everything appended.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.algorithm, self.context.finish().as_ref())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        // Hostile input may be long; a message quotes only its beginning.
        let quoted = || text.chars().take(160).collect::<String>();
        let (name, hex) = text
            .split_once(':')
            .ok_or_else(|| DigestError::Format(quoted()))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            "" => return Err(DigestError::Format(quoted())),
            _ => return Err(DigestError::Algorithm(quoted())),
        };
        if hex.len() != algorithm.hex_len() || !is_lower_hex(hex) {
            return Err(DigestError::Hex(quoted()));
        }
        Ok(Digest(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        let hex = "a".repeat(64);
        let good = format!("sha256:{hex}").parse::<Digest>().unwrap();
        assert_eq!(good.hex(), hex);
        assert_eq!(good.short(), "aaaaaaaaaaaa");
        for bad in [
            "",
            "sha256",
            "sha256:",
            ":aa",
            "md5:aa",
            &format!("sha256:{}", "A".repeat(64)),
            &format!("sha256:{hex}a"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    /// Two implementations that share no code agree, however the bytes are cut.
    #[test]
    fn hashes_as_sha2_does() {
        use sha2::Digest as _;
        let bytes: Vec<u8> = (0..100_000_u64).map(|n| (n * n / 127) as u8).collect();
        for length in [0, 1, 63, 64, 65, 4096, bytes.len()] {
            let bytes = &bytes[..length];
            let mut pieces = Hasher::new(Algorithm::Sha256);
            bytes.chunks(1000).for_each(|piece| pieces.update(piece));
            let sha256 = Digest::from_bytes(Algorithm::Sha256, &sha2::Sha256::digest(bytes));
            assert_eq!(pieces.finish(), sha256);
            let sha512 = Digest::from_bytes(Algorithm::Sha512, &sha2::Sha512::digest(bytes));
            assert_eq!(Digest::of(Algorithm::Sha512, bytes), sha512);
        }
    }

    #[test]
    fn hashes() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::sha256_of(b"").as_str(), empty);
    }
}
