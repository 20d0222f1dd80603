//! One conversation with one repository.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{Client, Response, Url};

use super::answer::{go_name, is_refused_plain_http, read, refusal, send, shown};
use super::authorizer::{Authorizer, Outcome};
use super::error::{Error, printable};
use super::feed::{self, Feed, Wanted};
use super::retry::{Failure, Patience, Retry};
use super::{Credentials, Timing, transport};
use crate::image::limits::{MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES};
use crate::image::{Digest, Reference, manifest};
use crate::settings::Settings;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// How long a loopback registry that broke off plain HTTP is given to answer a TLS greeting.
const TLS_PROBE: Duration = Duration::from_secs(5);

/// A conversation with one repository; owns the async runtime, and nothing of it is left when it is dropped.
#[derive(Debug)]
pub struct Session {
    runtime: tokio::runtime::Runtime,
    pub(super) link: Link,
}

/// A manifest or index as it came.
#[derive(Debug, Clone)]
pub struct FetchedManifest {
    /// Its bytes, which hash to `digest`.
    pub bytes: Vec<u8>,
    /// Of the bytes.
    pub digest: Digest,
    /// The registry's `Content-Type`, without parameters.
    pub media_type: String,
}

/// The async half of a [`Session`].
#[derive(Debug)]
pub(super) struct Link {
    http: Client,
    authorizer: Authorizer,
    pub(super) timing: Timing,
    reference: Reference,
    /// Whether the registry speaks TLS; only a loopback one need not.
    tls: AtomicBool,
    /// Whether the registry has answered at all.
    met: AtomicBool,
}

impl Session {
    /// Prepares to talk to the repository of `reference`; the first request connects.
    ///
    /// # Errors
    ///
    /// [`Error::Client`], [`Error::Proxy`], [`Error::Certificates`].
    pub fn open(
        reference: &Reference,
        credentials: Credentials,
        settings: &Settings,
        timing: Timing,
    ) -> Result<Session, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Client(error.into()))?;
        let endpoint = reference.endpoint();
        let link = Link {
            http: transport::client(endpoint, settings, &timing)?,
            authorizer: Authorizer::new(credentials, reference.repository()),
            timing,
            tls: AtomicBool::new(!transport::is_loopback(transport::host(endpoint))),
            met: AtomicBool::new(false),
            reference: reference.clone(),
        };
        Ok(Session { runtime, link })
    }

    /// Asks what a tag points to, without fetching it. `None` where the registry does not say; ask for the manifest then.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] and the like; that there is no such tag is left to [`Session::manifest`], whose answer has words.
    pub fn resolve(&self, tag: &str) -> Result<Option<Digest>, Error> {
        self.runtime.block_on(self.link.resolve(tag))
    }

    /// Fetches a manifest or index by tag or digest and checks it against the digest and, if known, the size.
    ///
    /// # Errors
    ///
    /// All of [`Error`].
    pub fn manifest(&self, which: &str, size: Option<u64>) -> Result<FetchedManifest, Error> {
        self.runtime.block_on(self.link.manifest(which, size))
    }

    /// Fetches a small blob whole: an image config.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if `size` is above [`MAX_CONFIG_BYTES`], [`Error::Digest`], [`Error::Size`] and all of the
    /// way there.
    pub fn config(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, Error> {
        self.runtime.block_on(self.link.config(digest, size))
    }

    /// Calls `receive` for each of `wanted`, each on its own thread, at most [`PARALLEL_DOWNLOADS`](super::limits::PARALLEL_DOWNLOADS) at a time and in
    /// the order given. What a call asks of its [`Feed`] is downloaded; a call that asks for nothing costs nothing. All
    /// threads have ended when this returns; after the first error the other feeds end with [`Error::Cancelled`].
    ///
    /// # Errors
    ///
    /// The first error that a call returned; [`Error::Thread`] where a thread cannot be started.
    pub fn download<E: Send + From<Error>>(
        &self,
        wanted: &[Wanted],
        receive: &(dyn Fn(usize, Feed) -> Result<(), E> + Sync),
    ) -> Result<(), E> {
        feed::run(&self.runtime, &self.link, wanted, receive)
    }
}

impl Link {
    async fn resolve(&self, tag: &str) -> Result<Option<Digest>, Error> {
        let mut patience = Patience::new(&self.timing);
        loop {
            match self.manifest_request(Method::HEAD, tag).await {
                Ok(response) => {
                    let header = response.headers().get(CONTENT_DIGEST);
                    return Ok(header
                        .and_then(|value| value.to_str().ok())
                        .and_then(|text| text.parse().ok()));
                }
                // Refusals of a HEAD have no body to say why; those of the GET that follows have.
                Err(failure) if failure.retry == Retry::Never && failure.error.is_refusal() => {
                    return Ok(None);
                }
                Err(failure) => patience.wait(failure).await?,
            }
        }
    }

    async fn manifest(&self, which: &str, size: Option<u64>) -> Result<FetchedManifest, Error> {
        let expected: Option<Digest> = which.parse().ok();
        if size.is_some_and(|size| size > MAX_MANIFEST_BYTES) {
            return Err(Error::TooLarge {
                what: "manifest",
                limit: MAX_MANIFEST_BYTES,
            });
        }
        let mut patience = Patience::new(&self.timing);
        let (bytes, media_type) = loop {
            let failure = match self.manifest_request(Method::GET, which).await {
                Ok(response) => {
                    let media_type = media_type(response.headers());
                    match read(response, "Get", "manifest", MAX_MANIFEST_BYTES).await {
                        Ok(bytes) => break (bytes, media_type),
                        Err(failure) => failure,
                    }
                }
                Err(failure) => failure,
            };
            patience.wait(failure).await?;
        };
        let digest = check("manifest", &bytes, expected.as_ref(), size)?;
        Ok(FetchedManifest {
            bytes,
            digest,
            media_type,
        })
    }

    async fn config(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, Error> {
        if size > MAX_CONFIG_BYTES {
            return Err(Error::TooLarge {
                what: "image config",
                limit: MAX_CONFIG_BYTES,
            });
        }
        let mut patience = Patience::new(&self.timing);
        loop {
            let failure = match self.blob_request(digest, 0).await {
                Ok(response) => match read(response, "Get", "image config", size).await {
                    Ok(bytes) => {
                        check("image config", &bytes, Some(digest), Some(size))?;
                        return Ok(bytes);
                    }
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            patience.wait(failure).await?;
        }
    }

    async fn manifest_request(&self, method: Method, which: &str) -> Result<Response, Failure> {
        let mut headers = HeaderMap::new();
        for media_type in manifest::ACCEPTED {
            headers.append(ACCEPT, HeaderValue::from_static(media_type));
        }
        self.exchange(method, &format!("manifests/{which}"), headers)
            .await
    }

    /// Asks for a blob from `offset` on. The answer may start at the beginning all the same.
    pub(super) async fn blob_request(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<Response, Failure> {
        let mut headers = HeaderMap::new();
        if offset > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={offset}-"))
        {
            headers.insert(RANGE, range);
        }
        self.exchange(Method::GET, &format!("blobs/{digest}"), headers)
            .await
    }

    fn url(&self, path: &str, tls: bool) -> Result<Url, Error> {
        let text = format!(
            "{}://{}/v2/{}/{path}",
            if tls { "https" } else { "http" },
            self.reference.endpoint(),
            self.reference.repository(),
        );
        Url::parse(&text).map_err(|error| Error::Client(error.into()))
    }

    /// Sends a request and answers one 401.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response, Failure> {
        let name = go_name(&method);
        let mut authorization = self.authorizer.current().await;
        let mut answered = false;
        loop {
            let mut headers = headers.clone();
            if let Some(header) = &authorization.header {
                headers.insert(AUTHORIZATION, header.clone());
            }
            let response = self.reach(&method, path, headers).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            // The peer that answers may be one we were redirected to; it gets no credentials of ours.
            let tls = self.tls.load(Ordering::Relaxed);
            let at_home = response.url().origin() == self.url(path, tls)?.origin();
            if response.status() != StatusCode::UNAUTHORIZED || answered || !at_home {
                return Err(refusal(response, name, Some(&self.reference)).await);
            }
            answered = true;
            let outcome = self
                .authorizer
                .renew(&self.http, &authorization, response.headers(), tls)
                .await?;
            match outcome {
                Outcome::Retry(new) => authorization = new,
                Outcome::NothingToShow => {
                    return Err(Error::NoCredentials {
                        method: name,
                        url: shown(response.url()),
                    }
                    .into());
                }
            }
        }
    }

    /// Sends a request. The first one to a loopback registry, which carries no credentials, finds out its scheme.
    async fn reach(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response, Failure> {
        let tls = self.tls.load(Ordering::Relaxed);
        let first = self.send(method, path, headers.clone(), tls).await;
        let failure = match first {
            Ok(response) if self.met.load(Ordering::Relaxed) || tls || !is_bad(&response) => {
                self.met.store(true, Ordering::Relaxed);
                return Ok(response);
            }
            Ok(response) => match is_refused_plain_http(response, go_name(method)).await {
                Ok(failure) => failure,
                Err(failure) => {
                    self.met.store(true, Ordering::Relaxed);
                    return Err(failure);
                }
            },
            Err(failure) if self.met.load(Ordering::Relaxed) => return Err(failure),
            // A registry that was never there is not waited for.
            Err(mut failure) if tls || is_unreachable(&failure.error) => {
                if is_unreachable(&failure.error) {
                    failure.retry = Retry::Never;
                }
                return Err(failure);
            }
            Err(failure) => failure,
        };
        let over_tls = self.send(method, path, headers, true);
        match tokio::time::timeout(TLS_PROBE, over_tls).await {
            Ok(Ok(response)) => {
                self.tls.store(true, Ordering::Relaxed);
                self.met.store(true, Ordering::Relaxed);
                Ok(response)
            }
            // It is no TLS server either, so it was HTTP, and a bad moment.
            _ => Err(failure),
        }
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
        tls: bool,
    ) -> Result<Response, Failure> {
        let url = self.url(path, tls)?;
        let request = self.http.request(method.clone(), url.clone());
        send(request.headers(headers), go_name(method), &url).await
    }
}

/// Whether nobody answered at that address.
fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Transport { source, .. } if source.is_connect() || source.is_timeout())
}

/// Checks content against its descriptor and returns its digest.
fn check(
    what: &'static str,
    bytes: &[u8],
    expected: Option<&Digest>,
    size: Option<u64>,
) -> Result<Digest, Error> {
    let digest = match expected {
        Some(expected) => Digest::of(expected.algorithm(), bytes),
        None => Digest::sha256_of(bytes),
    };
    if let Some(expected) = expected.filter(|expected| **expected != digest) {
        return Err(Error::Digest {
            what,
            expected: expected.clone(),
            actual: digest,
        });
    }
    match size {
        Some(expected) if expected != bytes.len() as u64 => Err(Error::Size {
            what,
            digest,
            expected,
            actual: bytes.len() as u64,
        }),
        _ => Ok(digest),
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    printable(value.split(';').next().unwrap_or_default())
}

fn is_bad(response: &Response) -> bool {
    response.status() == StatusCode::BAD_REQUEST
}
