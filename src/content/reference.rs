//! Image references: `registry/repository:tag@digest`, short names meaning docker.io.

use std::fmt;
use std::str::FromStr;

use super::{Digest, is_full_id};

const DEFAULT_REGISTRY: &str = "docker.io";
/// The host that serves docker.io's distribution API.
const DEFAULT_ENDPOINT: &str = "registry-1.docker.io";
/// distribution/reference: `NameTotalLengthMax`.
const MAX_NAME: usize = 255;
/// distribution-spec: a tag has at most 128 characters.
const MAX_TAG: usize = 128;

/// A reference to an image, in full: the registry and the repository are never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not a reference. The first line is Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Characters or a form that no reference has.
    #[error("invalid reference format")]
    Format,
    /// Upper-case letters in the repository.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// More than 255 characters of name.
    #[error("repository name must not be more than {MAX_NAME} characters")]
    TooLong,
    /// 64 hexadecimal digits, which would be mistaken for an image ID.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
}

impl Reference {
    /// Returns the registry's name: `docker.io`, `ghcr.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the host and port that serves the registry's API. It differs from the name for docker.io only.
    pub fn endpoint(&self) -> &str {
        if self.registry == DEFAULT_REGISTRY {
            DEFAULT_ENDPOINT
        } else {
            &self.registry
        }
    }

    /// Returns the repository within the registry: `library/alpine`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the tag that was written, if one was.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest that was written, if one was.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns the same reference with the tag `latest` where neither tag nor digest was written.
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some("latest".to_owned());
        }
        self
    }

    /// Returns `registry/repository` tagged `tag`.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::Format`] if `tag` is not a tag.
    pub fn tagged(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError::Format);
        }
        Ok(Reference {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        })
    }

    /// Returns `registry/repository@digest`, without a tag.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Reference {
            tag: None,
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// Returns the name as Docker shows it: without `docker.io/` and `library/`, without tag and digest. It is the full name
    /// where the short one would be read as something else.
    pub fn familiar_name(&self) -> String {
        let full = || format!("{}/{}", self.registry, self.repository);
        if self.registry != DEFAULT_REGISTRY {
            return full();
        }
        // Only `library/NAME` is shortened: `library/a/b` without its beginning would be another repository.
        let short = match self.repository.strip_prefix("library/") {
            Some(name) if !name.contains('/') => name,
            _ => &self.repository,
        };
        let misread = match short.split_once('/') {
            Some((first, _)) => is_registry_word(first),
            None => is_full_id(short),
        };
        if misread { full() } else { short.to_owned() }
    }

    /// Returns the reference as Docker shows it in lists and in `RepoTags`.
    pub fn familiar(&self) -> String {
        let mut text = self.familiar_name();
        self.push_suffix(&mut text);
        text
    }

    fn push_suffix(&self, text: &mut String) {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest.as_str());
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads what a user types; short names mean docker.io, single words its `library/`.
    ///
    /// Spec: distribution/reference, `ParseNormalizedNamed`.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if is_full_id(text) {
            return Err(ReferenceError::LooksLikeId(text.to_owned()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (
                rest,
                Some(
                    digest
                        .parse::<Digest>()
                        .map_err(|_| ReferenceError::Format)?,
                ),
            ),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it belongs to a port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Format);
        }
        let (registry, repository) = match name.split_once('/') {
            Some((host, rest)) if is_registry_word(host) => (host, rest.to_owned()),
            _ => (DEFAULT_REGISTRY, name.to_owned()),
        };
        let registry = if registry == "index.docker.io" {
            DEFAULT_REGISTRY
        } else {
            registry
        };
        let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository
        };
        if !is_host(registry) {
            return Err(ReferenceError::Format);
        }
        if !repository.split('/').all(is_component) {
            let lower = repository.to_ascii_lowercase();
            if lower != repository && lower.split('/').all(is_component) {
                return Err(ReferenceError::Uppercase(name.to_owned()));
            }
            return Err(ReferenceError::Format);
        }
        if registry.len() + 1 + repository.len() > MAX_NAME {
            return Err(ReferenceError::TooLong);
        }
        Ok(Reference {
            registry: registry.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    /// The full form, `docker.io/library/alpine:latest`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}/{}", self.registry, self.repository);
        self.push_suffix(&mut text);
        f.write_str(&text)
    }
}

/// Whether the word before the first slash names a registry rather than a part of a docker.io repository.
fn is_registry_word(word: &str) -> bool {
    word == "localhost" || word.contains(['.', ':']) || word.bytes().any(|b| b.is_ascii_uppercase())
}

/// `domain[:port]`, with IPv6 addresses in brackets.
fn is_host(text: &str) -> bool {
    let port_ok = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return !address.is_empty()
            && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
            && (port.is_empty() || port.strip_prefix(':').is_some_and(port_ok));
    }
    let (domain, port) = match text.split_once(':') {
        Some((domain, port)) => (domain, Some(port)),
        None => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.split('.').all(label) && port.is_none_or(port_ok)
}

/// Lower-case letters and digits, with single `.`, one or two `_`, or any number of `-` between them.
fn is_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !alphanumeric(*first) || !alphanumeric(*last) {
        return false;
    }
    bytes
        .split(|b| alphanumeric(*b))
        .all(|gap| matches!(gap, b"" | b"." | b"_" | b"__") || gap.iter().all(|b| *b == b'-'))
}

/// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !text.is_empty()
        && text.len() <= MAX_TAG
        && word(text.as_bytes()[0])
        && text.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Reference, ReferenceError> {
        text.parse()
    }

    #[test]
    fn normalizes_as_docker_does() {
        let hex = "b".repeat(64);
        let with_digest = format!("alpine@sha256:{hex}");
        let both = format!("ghcr.io/a/b:1@sha256:{hex}");
        for (typed, full, familiar) in [
            ("alpine", "docker.io/library/alpine", "alpine"),
            ("alpine:3.9", "docker.io/library/alpine:3.9", "alpine:3.9"),
            ("grafana/loki", "docker.io/grafana/loki", "grafana/loki"),
            ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
            (
                "index.docker.io/library/alpine",
                "docker.io/library/alpine",
                "alpine",
            ),
            ("localhost/x", "localhost/x", "localhost/x"),
            (
                "localhost:5000/x:y",
                "localhost:5000/x:y",
                "localhost:5000/x:y",
            ),
            (
                "127.0.0.1:5000/a/b__c-d.e",
                "127.0.0.1:5000/a/b__c-d.e",
                "127.0.0.1:5000/a/b__c-d.e",
            ),
            ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
            (
                &with_digest,
                &format!("docker.io/library/{with_digest}"),
                &with_digest,
            ),
            (&both, &both, &both),
        ] {
            let reference = parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
            assert_eq!(reference.to_string(), full);
            assert_eq!(reference.familiar(), familiar);
        }
        assert_eq!(
            parse("alpine").unwrap().with_default_tag().familiar(),
            "alpine:latest"
        );
        assert_eq!(parse("alpine").unwrap().endpoint(), "registry-1.docker.io");
    }

    #[test]
    fn refuses_what_docker_refuses() {
        let id = "0".repeat(64);
        for bad in [
            "",
            ":",
            "a:",
            "a//b",
            "/a",
            "a/",
            "a b",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a:-x",
            "../x",
            "a@sha256:00",
            "a:b/../c",
        ] {
            assert_eq!(parse(bad), Err(ReferenceError::Format), "{bad:?}");
        }
        assert!(matches!(
            parse("foo/Bar"),
            Err(ReferenceError::Uppercase(_))
        ));
        assert!(matches!(parse(&id), Err(ReferenceError::LooksLikeId(_))));
        assert!(matches!(
            parse(&"a".repeat(300)),
            Err(ReferenceError::TooLong)
        ));
        assert!(parse(&format!("a:{}", "t".repeat(129))).is_err());
    }
}
