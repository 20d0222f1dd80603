//! One conversation with one repository.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, RANGE};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Response;

use super::access::Access;
use super::answer::read;
use super::error::{Error, printable};
use super::feed::{self, Feed, Wanted};
use super::link::{Ask, Link, To};
use super::retry::{Failure, Patience, Retry};
use super::{Credentials, Timing};
use crate::content::limits::{MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES};
use crate::content::media_type;
use crate::content::{Digest, Reference};
use crate::settings::Settings;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A conversation with one repository; owns the async runtime, and nothing of it is left when it is dropped. Several
/// threads may use it at once.
#[derive(Debug)]
pub struct Session {
    pub(super) runtime: tokio::runtime::Runtime,
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

impl Session {
    /// Prepares to talk to the repository of `reference`; the first request connects.
    ///
    /// # Errors
    ///
    /// [`Error::Client`], [`Error::Proxy`], [`Error::Certificates`].
    pub fn open(
        reference: &Reference,
        access: Access,
        credentials: Credentials,
        settings: &Settings,
        timing: Timing,
    ) -> Result<Session, Error> {
        let runtime = runtime()?;
        let link = Link::to_repository(reference, access, credentials, settings, timing)?;
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

/// Makes the runtime of one conversation.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Client(error.into()))
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
        for media_type in media_type::ACCEPTED {
            headers.append(ACCEPT, HeaderValue::from_static(media_type));
        }
        let path = self.in_repository(&format!("manifests/{which}"));
        self.exchange(&Ask::new(method, To::Path(&path)).with(headers))
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
        let path = self.in_repository(&format!("blobs/{digest}"));
        self.exchange(&Ask::new(Method::GET, To::Path(&path)).with(headers))
            .await
    }
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
