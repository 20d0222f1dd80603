//! A private key: from its file to signatures.
//!
//! Read are OpenSSH's own format and, of the older ones, PKCS #1 and PKCS #8, all without a passphrase: Ed25519, ECDSA on P-256
//! and P-384, RSA of 2048 to 4096 bits. That is what `ring` signs with, which is here for TLS; the crates that know more of
//! them (ssh-key with its friends) are some thirty.
//!
//! Spec: OpenSSH, PROTOCOL.key; RFC 4253, section 6.6; RFC 5656; RFC 8332; RFC 8709.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RsaKeyPair,
};

use super::wire::{Reader, put_integer, put_string};

/// What OpenSSH's own format begins with.
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Flags of a request to sign with RSA. Spec: draft-miller-ssh-agent, section 5.3.
const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;

/// Why a file is no key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It needs a passphrase.
    #[error("the key has a passphrase")]
    Encrypted,
    /// It is something else.
    #[error("it is no private key in a format that is known")]
    Format,
    /// It is a key, of another kind.
    #[error(
        "a key of this kind is not supported: use Ed25519, ECDSA (P-256, P-384) or RSA (2048 to 4096 bits)"
    )]
    Kind,
}

/// A private key that can sign.
#[derive(Debug)]
pub struct Key {
    /// The public key as SSH writes it.
    pub(super) public: Vec<u8>,
    /// What it is called.
    pub(super) comment: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair, Curve),
    Rsa(RsaKeyPair),
}

#[derive(Debug, Clone, Copy)]
struct Curve {
    /// As in `ecdsa-sha2-…`.
    name: &'static str,
    algorithm: &'static EcdsaSigningAlgorithm,
    /// Bytes of a number.
    bytes: usize,
}

/// The curves by SSH's names.
fn curves() -> [Curve; 2] {
    let curve = |name, algorithm, bytes| Curve {
        name,
        algorithm,
        bytes,
    };
    [
        curve("nistp256", &ECDSA_P256_SHA256_FIXED_SIGNING, 32),
        curve("nistp384", &ECDSA_P384_SHA384_FIXED_SIGNING, 48),
    ]
}

impl Key {
    /// Reads the text of a file; `comment` is the key's name where the file has none.
    ///
    /// # Errors
    ///
    /// All of [`KeyError`].
    pub fn parse(text: &[u8], comment: &str) -> Result<Key, KeyError> {
        let text = std::str::from_utf8(text).map_err(|_| KeyError::Format)?;
        let (label, bytes) = unarmor(text)?;
        match label {
            "OPENSSH PRIVATE KEY" => openssh(&bytes, comment),
            "RSA PRIVATE KEY" => {
                let pair = RsaKeyPair::from_der(&bytes).map_err(|_| KeyError::Kind)?;
                Ok(Key::new(Pair::Rsa(pair), comment))
            }
            "PRIVATE KEY" => pkcs8(&bytes, comment),
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            "EC PRIVATE KEY" | "DSA PRIVATE KEY" => Err(KeyError::Kind),
            _ => Err(KeyError::Format),
        }
    }

    fn new(pair: Pair, comment: &str) -> Key {
        let mut public = Vec::new();
        match &pair {
            Pair::Ed25519(pair) => {
                put_string(&mut public, b"ssh-ed25519");
                put_string(&mut public, pair.public_key().as_ref());
            }
            Pair::Ecdsa(pair, curve) => {
                put_string(&mut public, format!("ecdsa-sha2-{}", curve.name).as_bytes());
                put_string(&mut public, curve.name.as_bytes());
                put_string(&mut public, pair.public_key().as_ref());
            }
            Pair::Rsa(pair) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                put_string(&mut public, b"ssh-rsa");
                put_integer(&mut public, &parts.e);
                put_integer(&mut public, &parts.n);
            }
        }
        let comment = comment.to_owned();
        Key {
            public,
            comment,
            pair,
        }
    }

    /// Signs `data`; `None` where that cannot be done in the way that `flags` ask for. SHA-1, which RSA had once, is not there.
    pub(super) fn sign(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let mut signature = Vec::new();
        match &self.pair {
            Pair::Ed25519(pair) => {
                put_string(&mut signature, b"ssh-ed25519");
                put_string(&mut signature, pair.sign(data).as_ref());
            }
            Pair::Ecdsa(pair, curve) => {
                let fixed = pair.sign(&random, data).ok()?;
                let (r, s) = fixed.as_ref().split_at_checked(curve.bytes)?;
                let mut numbers = Vec::new();
                put_integer(&mut numbers, r);
                put_integer(&mut numbers, s);
                put_string(
                    &mut signature,
                    format!("ecdsa-sha2-{}", curve.name).as_bytes(),
                );
                put_string(&mut signature, &numbers);
            }
            Pair::Rsa(pair) => {
                let (name, encoding) = match flags {
                    flags if flags & RSA_SHA2_512 != 0 => ("rsa-sha2-512", &RSA_PKCS1_SHA512),
                    flags if flags & RSA_SHA2_256 != 0 => ("rsa-sha2-256", &RSA_PKCS1_SHA256),
                    _ => return None,
                };
                let mut signed = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, data, &mut signed).ok()?;
                put_string(&mut signature, name.as_bytes());
                put_string(&mut signature, &signed);
            }
        }
        Some(signature)
    }
}

/// Takes the armor off: what it says there is, and the bytes.
fn unarmor(text: &str) -> Result<(&str, Vec<u8>), KeyError> {
    let mut lines = text.lines().map(str::trim);
    let label = lines
        .find_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .ok_or(KeyError::Format)?;
    let body: Vec<&str> = lines
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    // PKCS #1 has a header where it is encrypted. Spec: RFC 1421, section 4.6.1.1.
    if body
        .iter()
        .any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    {
        return Err(KeyError::Encrypted);
    }
    let bytes = STANDARD
        .decode(body.concat())
        .map_err(|_| KeyError::Format)?;
    Ok((label, bytes))
}

fn pkcs8(bytes: &[u8], comment: &str) -> Result<Key, KeyError> {
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes) {
        return Ok(Key::new(Pair::Ed25519(pair), comment));
    }
    if let Ok(pair) = RsaKeyPair::from_pkcs8(bytes) {
        return Ok(Key::new(Pair::Rsa(pair), comment));
    }
    let random = SystemRandom::new();
    for curve in curves() {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(curve.algorithm, bytes, &random) {
            return Ok(Key::new(Pair::Ecdsa(pair, curve), comment));
        }
    }
    Err(KeyError::Kind)
}

fn openssh(bytes: &[u8], comment: &str) -> Result<Key, KeyError> {
    let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or(KeyError::Format)?);
    let cipher = reader.string().ok_or(KeyError::Format)?;
    if cipher != b"none" {
        return Err(KeyError::Encrypted);
    }
    let secret = || -> Option<&[u8]> {
        let (_kdf, _options) = (reader.string()?, reader.string()?);
        let count = reader.number()?;
        let _public = reader.string()?;
        let secret = reader.string()?;
        (count == 1).then_some(secret)
    }();
    let mut reader = Reader(secret.ok_or(KeyError::Format)?);
    // Equal where it was decrypted well.
    if reader.number().is_none() || reader.number().is_none() {
        return Err(KeyError::Format);
    }
    let kind = reader.string().ok_or(KeyError::Format)?;
    let pair = match kind {
        b"ssh-ed25519" => ed25519(&mut reader),
        b"ssh-rsa" => rsa(&mut reader),
        kind => curves()
            .into_iter()
            .find(|curve| kind == format!("ecdsa-sha2-{}", curve.name).as_bytes())
            .and_then(|curve| ecdsa(&mut reader, curve)),
    };
    let pair = pair.ok_or(KeyError::Kind)?;
    let own = reader
        .string()
        .and_then(|own| std::str::from_utf8(own).ok());
    let comment = own.filter(|own| !own.is_empty()).unwrap_or(comment);
    Ok(Key::new(pair, comment))
}

fn ed25519(reader: &mut Reader<'_>) -> Option<Pair> {
    let public = reader.string()?;
    // The seed, and the public key once more.
    let seed = reader.string()?.get(..32)?;
    let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()?;
    Some(Pair::Ed25519(pair))
}

fn ecdsa(reader: &mut Reader<'_>, curve: Curve) -> Option<Pair> {
    let (_name, public) = (reader.string()?, reader.string()?);
    let scalar = reader.integer()?;
    let mut padded = vec![0; curve.bytes.checked_sub(scalar.len())?];
    padded.extend_from_slice(scalar);
    let random = SystemRandom::new();
    let (algorithm, scalar) = (curve.algorithm, &padded);
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, public, &random);
    Some(Pair::Ecdsa(pair.ok()?, curve))
}

fn rsa(reader: &mut Reader<'_>) -> Option<Pair> {
    let (n, e, d) = (reader.integer()?, reader.integer()?, reader.integer()?);
    let (q_inverse, p, q) = (reader.integer()?, reader.integer()?, reader.integer()?);
    let exponent = |prime: &[u8]| remainder(d, &less_one(prime));
    let parts = KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d,
        p,
        q,
        dP: &exponent(p),
        dQ: &exponent(q),
        qInv: q_inverse,
    };
    RsaKeyPair::from_components(&parts).ok().map(Pair::Rsa)
}

/// Returns an odd number, less one.
fn less_one(number: &[u8]) -> Vec<u8> {
    let mut less = number.to_vec();
    if let Some(last) = less.last_mut() {
        *last &= 0xfe;
    }
    less
}

/// Returns `number` modulo `modulus`, bit by bit: it is done twice for a key, and OpenSSH's format leaves the result out.
fn remainder(number: &[u8], modulus: &[u8]) -> Vec<u8> {
    // One byte more, for the bit that a doubled rest may have.
    let modulus = [&[0], modulus].concat();
    let mut rest = vec![0_u8; modulus.len()];
    for bit in number
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1))
    {
        let mut carry = bit;
        for byte in rest.iter_mut().rev() {
            (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
        }
        if rest >= modulus {
            let mut borrow = 0;
            for (byte, less) in rest.iter_mut().zip(&modulus).rev() {
                let (first, one) = byte.overflowing_sub(*less);
                let (second, two) = first.overflowing_sub(borrow);
                (*byte, borrow) = (second, u8::from(one || two));
            }
        }
    }
    super::wire::without_zeros(&rest).to_vec()
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// An Ed25519 key in OpenSSH's format.
    fn openssh_key(cipher: &str) -> (String, Vec<u8>) {
        let seed = [7; 32];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        let mut secret = [1_u32, 1].map(u32::to_be_bytes).concat();
        put_string(&mut secret, b"ssh-ed25519");
        put_string(&mut secret, &public);
        put_string(&mut secret, &[&seed[..], &public].concat());
        put_string(&mut secret, b"me@here");
        let mut bytes = MAGIC.to_vec();
        for text in [cipher, "none", ""] {
            put_string(&mut bytes, text.as_bytes());
        }
        bytes.extend_from_slice(&1_u32.to_be_bytes());
        put_string(&mut bytes, b"");
        put_string(&mut bytes, &secret);
        let armor = |which: &str| format!("-----{which} OPENSSH PRIVATE KEY-----\n");
        let text = armor("BEGIN") + &STANDARD.encode(bytes) + "\n" + &armor("END");
        (text, public)
    }

    #[test]
    fn signs_with_what_it_reads() {
        let (text, public) = openssh_key("none");
        let key = Key::parse(text.as_bytes(), "file").unwrap();
        assert_eq!(key.comment, "me@here");
        let mut reader = Reader(&key.public);
        assert_eq!(reader.string(), Some(&b"ssh-ed25519"[..]));
        assert_eq!(reader.string(), Some(&public[..]));
        let signature = key.sign(b"data", 0).unwrap();
        let mut reader = Reader(&signature);
        assert_eq!(reader.string(), Some(&b"ssh-ed25519"[..]));
        let verifier = UnparsedPublicKey::new(&ED25519, &public);
        verifier.verify(b"data", reader.string().unwrap()).unwrap();
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| Key::parse(text.as_bytes(), "").unwrap_err();
        assert_eq!(error(&openssh_key("aes256-ctr").0), KeyError::Encrypted);
        assert_eq!(error("ssh-ed25519 AAAA me"), KeyError::Format);
        assert_eq!(error(""), KeyError::Format);
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(error(old), KeyError::Encrypted);
        let (text, _) = openssh_key("none");
        for end in 40..text.len() - 45 {
            assert!(Key::parse(&text.as_bytes()[..end], "").is_err(), "{end}");
        }
    }

    #[test]
    fn remainders() {
        let of = |number: u64, modulus: u64| {
            let bytes = remainder(&number.to_be_bytes(), &modulus.to_be_bytes());
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte))
        };
        for (number, modulus) in [
            (100, 7),
            (5, 9),
            (u64::MAX, 0xffff_0001),
            (1 << 63, u64::MAX),
        ] {
            assert_eq!(of(number, modulus), number % modulus);
        }
    }
}
