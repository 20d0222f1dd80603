//! What can go wrong between us and a registry, in Docker's words.

use std::fmt;
use std::path::PathBuf;

use http::StatusCode;
use serde::Deserialize;

use super::credentials::CredentialError;
use super::limits;
use crate::content::Digest;

/// Why the registry did not give what was asked for.
///
/// The texts are those of `docker pull` and `docker push`: moby `distribution/errors.go`, distribution `registry/api/errcode`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository is there, the tag or digest is not.
    #[error("manifest for {reference} not found: {words}")]
    ManifestUnknown {
        /// As Docker shows it.
        reference: String,
        /// The registry's.
        words: RegistryWords,
    },
    /// No such repository, or none for us.
    #[error(
        "pull access denied for {name}, repository does not exist or may require 'docker login': {words}"
    )]
    Denied {
        /// The repository as Docker shows it.
        name: String,
        /// The registry's.
        words: RegistryWords,
    },
    /// We may not write there. The registry's words for it are Docker's.
    #[error("push access denied for {name}: {words}")]
    PushDenied {
        /// The repository as Docker shows it.
        name: String,
        /// The registry's.
        words: RegistryWords,
    },
    /// No such repository.
    #[error("repository {name} not found: {words}")]
    NameUnknown {
        /// The repository as Docker shows it.
        name: String,
        /// The registry's.
        words: RegistryWords,
    },
    /// Wrong password, expired login, or a token service that refuses; or nobody was logged in.
    #[error("{method} \"{url}\": {words}")]
    Unauthorized {
        /// HTTP method, as Go writes it: `Get`, `Head`.
        method: &'static str,
        /// Without its query.
        url: String,
        /// The registry's.
        words: RegistryWords,
        /// Whether there was a login, which it refuses.
        logged_in: bool,
    },
    /// The registry wants a password and there is none.
    #[error("{method} \"{url}\": no basic auth credentials")]
    NoCredentials {
        /// HTTP method.
        method: &'static str,
        /// Without its query.
        url: String,
    },
    /// Too many requests, and the pause asked for is longer than we wait.
    #[error("{words}")]
    RateLimited {
        /// The registry's.
        words: RegistryWords,
    },
    /// Any other answer that is not success.
    #[error("{method} \"{url}\": unexpected status {status}: {words}")]
    Status {
        /// HTTP method.
        method: &'static str,
        /// Without its query.
        url: String,
        /// Of the answer.
        status: StatusCode,
        /// The registry's.
        words: RegistryWords,
    },
    /// No answer: name look-up, connection, TLS, time-out, a body that ends early.
    #[error("{method} \"{url}\"")]
    Transport {
        /// HTTP method.
        method: &'static str,
        /// Without its query.
        url: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// A registry that stops taking an upload, or does not say what became of it.
    #[error("{method} \"{url}\": timeout: the upload does not move any more")]
    Stalled {
        /// HTTP method.
        method: &'static str,
        /// Without its query.
        url: String,
    },
    /// What was to be uploaded cannot be read.
    #[error("cannot read what is to be uploaded")]
    Content(#[source] std::io::Error),
    /// More bytes than there may be.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// `manifest`, `token`, …
        what: &'static str,
        /// In bytes.
        limit: u64,
    },
    /// Content does not hash to its digest.
    #[error("{what} verification failed for digest {expected}: content has digest {actual}")]
    Digest {
        /// `manifest`, `config`.
        what: &'static str,
        /// Asked for.
        expected: Digest,
        /// Of what came.
        actual: Digest,
    },
    /// Content is not as long as its descriptor says.
    #[error("{what} {digest}: expected {expected} bytes, got {actual}")]
    Size {
        /// `manifest`, `blob`, …
        what: &'static str,
        /// Of the content.
        digest: Digest,
        /// Descriptor's.
        expected: u64,
        /// Sent, or announced.
        actual: u64,
    },
    /// An answer of the wrong shape.
    #[error("invalid {what} from {url}")]
    Shape {
        /// `token`, `challenge`, …
        what: &'static str,
        /// Without its query.
        url: String,
        /// Why.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// A token service that would be handed a password in the clear.
    #[error(
        "refusing the token service {0}: the registry is reached over HTTPS, its token service is not"
    )]
    InsecureRealm(String),
    /// The logins cannot be read.
    #[error("cannot read the credentials for {registry}")]
    Credentials {
        /// Its name.
        registry: String,
        /// Why.
        #[source]
        source: CredentialError,
    },
    /// Certificates that are not.
    #[error("cannot use the certificates in {}", path.display())]
    Certificates {
        /// File or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The HTTP client cannot be made.
    #[error("cannot set up the HTTP client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A proxy that is none.
    #[error("invalid proxy in {variable}")]
    Proxy {
        /// Name of the environment variable; its value may hold a password.
        variable: String,
    },
    /// A URL that leads to no web server.
    #[error("invalid URL {0:?}")]
    Url(String),
    /// What is downloaded cannot be written.
    #[error("cannot write what is downloaded")]
    Disk(#[source] std::io::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// Another part of the same work failed first.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Whether the registry has answered, and said no.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Error::ManifestUnknown { .. }
                | Error::Denied { .. }
                | Error::PushDenied { .. }
                | Error::NameUnknown { .. }
                | Error::Unauthorized { .. }
                | Error::Status { .. }
        )
    }
}

/// What reqwest says, without the URL, whose query may be a key.
#[derive(Debug)]
pub struct TransportError(reqwest::Error);

impl TransportError {
    /// Whether no connection came about.
    pub(super) fn is_connect(&self) -> bool {
        self.0.is_connect()
    }

    /// Whether a peer's silence was the reason.
    pub(super) fn is_timeout(&self) -> bool {
        self.0.is_timeout()
    }

    /// Whether trying again cannot help: a redirect or request we ourselves refused.
    pub(super) fn is_final(&self) -> bool {
        self.0.is_redirect() || self.0.is_builder()
    }

    /// The innermost cause of type `E`.
    pub(super) fn find<E: std::error::Error + 'static>(&self) -> Option<&E> {
        let mut cause = std::error::Error::source(&self.0);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<E>() {
                return Some(found);
            }
            // io::Error hides the error it wraps from `source`.
            if let Some(io) = error.downcast_ref::<std::io::Error>()
                && let Some(inner) = io.get_ref().and_then(|inner| inner.downcast_ref::<E>())
            {
                return Some(inner);
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_timeout() {
            return f.write_str("timeout: no answer from the server");
        }
        // The last cause is the one a person can act on: "Connection refused", "certificate expired".
        let mut last: &dyn std::error::Error = &self.0;
        while let Some(next) = last.source() {
            last = next;
        }
        f.write_str(&printable(&last.to_string()))
    }
}

impl std::error::Error for TransportError {}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> Self {
        TransportError(error.without_url())
    }
}

/// The registry's own words for an error, made printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryWords {
    /// `MANIFEST_UNKNOWN`, `DENIED`, …; empty where the body has no such field.
    code: String,
    text: String,
}

impl RegistryWords {
    /// Reads an error body; `status` speaks where it says nothing.
    pub(super) fn parse(body: &[u8], status: StatusCode) -> Self {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            errors: Vec<One>,
            // Token services of Docker Hub and GitLab answer with one of these instead.
            details: Option<String>,
            message: Option<String>,
            error_description: Option<String>,
        }
        #[derive(Deserialize)]
        struct One {
            #[serde(default)]
            code: String,
            message: Option<String>,
        }
        let plain = |text: &str| RegistryWords {
            code: String::new(),
            text: printable(text),
        };
        let reason = || status.canonical_reason().unwrap_or("error").to_lowercase();
        let Ok(body) = serde_json::from_slice::<Body>(body) else {
            // HTML pages of proxies say less than the status does.
            return plain(&reason());
        };
        if let Some(first) = body.errors.first() {
            let words = first.code.to_lowercase().replace('_', " ");
            let text = match first.message.as_deref() {
                Some(message) if !message.is_empty() => format!("{words}: {message}"),
                _ => words,
            };
            return RegistryWords {
                code: first.code.clone(),
                text: printable(&text),
            };
        }
        match body.details.or(body.message).or(body.error_description) {
            Some(text) => plain(&format!("{}: {text}", reason())),
            None => plain(&reason()),
        }
    }

    /// The code of distribution-spec, upper case.
    pub(super) fn code(&self) -> &str {
        &self.code
    }
}

impl fmt::Display for RegistryWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns `text` on one line, without control characters, cut to [`limits::QUOTED_CHARS`].
pub(super) fn printable(text: &str) -> String {
    let is_format = |c: char| {
        // Bidirectional overrides and zero-width characters can hide what a line says.
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut out: String = text
        .trim()
        .chars()
        .take(limits::QUOTED_CHARS)
        .map(|c| {
            if c.is_control() || is_format(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    if text.trim().chars().nth(limits::QUOTED_CHARS).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_registries_use() {
        for (body, status, text) in [
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                404,
                "manifest unknown: manifest unknown",
            ),
            (r#"{"errors":[{"code":"DENIED"}]}"#, 403, "denied"),
            (
                r#"{"details":"incorrect username or password"}"#,
                401,
                "unauthorized: incorrect username or password",
            ),
            (r#"{"errors":[]}"#, 404, "not found"),
            ("<html>", 502, "bad gateway"),
            ("", 401, "unauthorized"),
            (
                "{\"errors\":[{\"code\":\"X\",\"message\":\"a\\u001b[31m\\nb\"}]}",
                400,
                "x: a [31m b",
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                RegistryWords::parse(body.as_bytes(), status).to_string(),
                text
            );
        }
    }

    #[test]
    fn cuts_what_is_long() {
        let long = printable(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), limits::QUOTED_CHARS + 1);
    }
}
