//! Container names: which are allowed, and which are made up for those who give none.

use std::io;

use super::Error;

/// First halves of made-up names. Fifty of each make 2,500 pairs; who meets a taken one draws again.
const ADJECTIVES: [&str; 50] = [
    "agile", "amber", "ample", "brave", "breezy", "bright", "calm", "candid", "cheerful", "clever",
    "cosy", "crisp", "curious", "daring", "deft", "eager", "earnest", "fearless", "fluent",
    "frank", "gentle", "glad", "golden", "handy", "hardy", "humble", "jolly", "keen", "kind",
    "lively", "lucid", "lunar", "mellow", "merry", "modest", "nimble", "noble", "patient",
    "placid", "polite", "quick", "quiet", "rapid", "serene", "silver", "steady", "sunny", "tidy",
    "upbeat", "witty",
];

/// Second halves: people whose work computing stands on.
const SURNAMES: [&str; 50] = [
    "abel",
    "aiken",
    "allen",
    "babbage",
    "backus",
    "bartik",
    "bayes",
    "bernoulli",
    "boole",
    "borg",
    "cantor",
    "church",
    "clarke",
    "codd",
    "cray",
    "dijkstra",
    "earley",
    "eckert",
    "engelbart",
    "erdos",
    "euler",
    "fano",
    "fermat",
    "floyd",
    "fourier",
    "galois",
    "gauss",
    "germain",
    "goedel",
    "hamilton",
    "hamming",
    "hilbert",
    "hoare",
    "hopper",
    "huffman",
    "iverson",
    "karp",
    "kleene",
    "knuth",
    "lamarr",
    "lamport",
    "liskov",
    "lovelace",
    "noether",
    "pascal",
    "ritchie",
    "shannon",
    "turing",
    "wiles",
    "zuse",
];

/// Draws with two words before a number is added.
const PLAIN_DRAWS: u32 = 6;

/// Bytes of a name: it is a file's, too. See `NAME_MAX` in pathname(7).
const MAX_LENGTH: usize = 255;

/// Checks a name given by the user and returns it without its leading slash.
///
/// Source: moby, daemon/names: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
///
/// # Errors
///
/// [`Error::InvalidName`]; [`Error::Invalid`] for one that is too long.
pub(super) fn check(name: &str) -> Result<&str, Error> {
    let plain = name.strip_prefix('/').unwrap_or(name);
    if plain.len() > MAX_LENGTH {
        return Err(Error::Invalid(format!(
            "Invalid container name: it has {} bytes, and at most {MAX_LENGTH} are allowed",
            plain.len()
        )));
    }
    let mut bytes = plain.bytes();
    let valid = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && plain.len() >= 2
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if valid {
        Ok(plain)
    } else {
        Err(Error::InvalidName(name.to_owned()))
    }
}

/// Makes up a name such as `keen_lovelace`. `draw` counts up while names turn out to be taken: later ones end in a number.
///
/// # Errors
///
/// The kernel's, where it has no random numbers.
pub fn make_up(draw: u32) -> io::Result<String> {
    let mut random = [0; 8];
    crate::sys::random::fill(&mut random)?;
    let [a, b, c, d, number @ ..] = random;
    let pick = |list: &[&'static str; 50], bytes| list[u16::from_le_bytes(bytes) as usize % 50];
    let name = format!("{}_{}", pick(&ADJECTIVES, [a, b]), pick(&SURNAMES, [c, d]));
    Ok(if draw < PLAIN_DRAWS {
        name
    } else {
        format!("{name}{}", u32::from_le_bytes(number) % 10_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dockers_names() {
        assert_eq!(check("/web").unwrap(), "web");
        assert_eq!(check("a.b-c_1").unwrap(), "a.b-c_1");
        for wrong in ["", "/", "a", "-a", ".a", "a/b", "a b", "é1", "//ab"] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
        let longest = "a".repeat(MAX_LENGTH);
        assert_eq!(check(&longest).unwrap(), longest);
        let error = check(&(longest.clone() + "a")).unwrap_err().to_string();
        assert!(error.contains("256 bytes") && !error.contains(&longest));
    }

    #[test]
    fn made_up_names_are_names() {
        for draw in [0, PLAIN_DRAWS] {
            let name = make_up(draw).unwrap();
            assert_eq!(check(&name).unwrap(), name);
        }
    }
}
