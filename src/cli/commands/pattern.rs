//! Patterns of `--filter name=` and `id=`: regular expressions that may match anywhere.

use regex_lite::Regex;

use crate::cli::error::Failure;

/// A pattern.
#[derive(Debug)]
pub(super) enum Pattern {
    /// What nearly everybody types: a part of the name. No expression needs to be compiled for it.
    Part(String),
    /// Anything else.
    Regex(Regex),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Where it is no regular expression.
    pub(super) fn new(text: &str) -> Result<Pattern, Failure> {
        let literal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/');
        if text.bytes().all(literal) {
            return Ok(Pattern::Part(text.to_owned()));
        }
        Regex::new(text)
            .map(Pattern::Regex)
            .map_err(|error| Failure::message(format!("invalid filter pattern {text:?}: {error}")))
    }

    /// Returns whether the pattern is found in `text`.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Part(part) => text.contains(part),
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn matches_as_docker() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).unwrap().matches(text);
        assert!(matches("we", "web"));
        assert!(matches("^/web$", "/web"));
        assert!(!matches("^web$", "web2"));
        assert!(matches("w.b|x", "wob"));
        assert!(Pattern::new("(").is_err());
    }
}
