//! Sending a request, reading what comes back, and turning refusals into Docker's words.

use std::time::SystemTime;

use http::{Method, StatusCode};
use reqwest::{RequestBuilder, Response, Url};

use super::access::Access;
use super::error::{Error, RegistryWords, TransportError, printable};
use super::limits;
use super::retry::{Failure, Retry, is_transient, retry_after};
use crate::content::Reference;

/// Sends a request and waits for the head of its answer.
pub(super) async fn send(
    builder: RequestBuilder,
    method: &'static str,
    url: &Url,
) -> Result<Response, Failure> {
    builder
        .send()
        .await
        .map_err(|error| transport_failure(error, method, url))
}

/// A connection or body that broke: tried again unless we ourselves refused to go on.
pub(super) fn transport_failure(error: reqwest::Error, method: &'static str, url: &Url) -> Failure {
    let source = TransportError::from(error);
    // A certificate does not get better.
    let is_final = source.is_final() || source.find::<rustls::Error>().is_some();
    Failure {
        retry: if is_final {
            Retry::Never
        } else {
            Retry::Backoff
        },
        error: Error::Transport {
            method,
            url: shown(url),
            source,
        },
        status: None,
    }
}

/// What was asked of a registry, for the words of its refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) reference: &'a Reference,
    pub(super) access: Access,
}

/// Turns an answer that is not success into Docker's words. `asked` is what was asked of the registry itself.
pub(super) async fn refusal(
    response: Response,
    method: &'static str,
    asked: Option<Asked<'_>>,
) -> Failure {
    let refused = Refused::read(response, method).await;
    refused.into_failure(asked)
}

/// An answer that is not success, read to its end.
struct Refused {
    method: &'static str,
    url: Url,
    status: StatusCode,
    retry: Retry,
    body: Vec<u8>,
}

impl Refused {
    async fn read(response: Response, method: &'static str) -> Self {
        let status = response.status();
        let retry = match retry_after(response.headers(), SystemTime::now()) {
            _ if !is_transient(status) => Retry::Never,
            Some(pause) => Retry::After(pause),
            None => Retry::Backoff,
        };
        let url = response.url().clone();
        // A body that is too long or ends early has nothing to say.
        let body = read(response, method, "error", limits::ERROR_BYTES).await;
        Refused {
            method,
            url,
            status,
            retry,
            body: body.unwrap_or_default(),
        }
    }

    fn into_failure(self, asked: Option<Asked<'_>>) -> Failure {
        let (method, status) = (self.method, self.status);
        let url = shown(&self.url);
        let is_manifest = self.url.path().contains("/manifests/");
        let words = RegistryWords::parse(&self.body, status);
        let is_pull = asked.is_none_or(|asked| asked.access == Access::Pull);
        let reference = asked.map(|asked| asked.reference);
        let error = match (status, words.code(), reference) {
            (_, "MANIFEST_UNKNOWN", Some(reference)) => Error::ManifestUnknown {
                reference: reference.familiar(),
                words,
            },
            (_, "NAME_UNKNOWN", Some(reference)) => Error::NameUnknown {
                name: reference.familiar_name(),
                words,
            },
            (StatusCode::NOT_FOUND, "", Some(reference)) if is_manifest => Error::ManifestUnknown {
                reference: reference.familiar(),
                words,
            },
            (StatusCode::FORBIDDEN, _, Some(reference)) | (_, "DENIED", Some(reference))
                if !is_pull =>
            {
                Error::PushDenied {
                    name: reference.familiar_name(),
                    words,
                }
            }
            (StatusCode::FORBIDDEN, _, Some(reference)) | (_, "DENIED", Some(reference)) => {
                Error::Denied {
                    name: reference.familiar_name(),
                    words,
                }
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, ..) => Error::Unauthorized {
                method,
                url,
                words,
                logged_in: false,
            },
            (StatusCode::TOO_MANY_REQUESTS, ..) => Error::RateLimited { words },
            _ => Error::Status {
                method,
                url,
                status,
                words,
            },
        };
        Failure {
            error,
            retry: self.retry,
            status: Some(status),
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(
    mut response: Response,
    method: &'static str,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::from(Error::TooLarge { what, limit });
    if response
        .content_length()
        .is_some_and(|length| length > limit)
    {
        return Err(too_large());
    }
    let url = response.url().clone();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() as u64 + chunk.len() as u64 > limit => {
                return Err(too_large());
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(transport_failure(error, method, &url)),
        }
    }
}

/// A URL as messages show it: without query, which may be a key, and without user.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only fails for URLs that have no host, which have no user either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    printable(url.as_str())
}

/// A method as Go's `net/http` errors write it, and so Docker's messages.
pub(super) fn go_name(method: &Method) -> &'static str {
    match *method {
        Method::HEAD => "Head",
        Method::POST => "Post",
        Method::PATCH => "Patch",
        Method::PUT => "Put",
        _ => "Get",
    }
}

/// Tells the 400 of a TLS server that was spoken to in plain HTTP (`Ok`) from any other (`Err`). Go's says "Client sent an
/// HTTP request to an HTTPS server", nginx's "The plain HTTP request was sent to HTTPS port".
pub(super) async fn is_refused_plain_http(
    response: Response,
    method: &'static str,
) -> Result<Failure, Failure> {
    let refused = Refused::read(response, method).await;
    let about_https = refused.body.windows(5).any(|word| word == b"HTTPS");
    let failure = refused.into_failure(None);
    if about_https {
        Ok(failure)
    } else {
        Err(failure)
    }
}
