//! To a registry: blobs and manifests.
//!
//! A blob goes in three requests: POST for a place to put it, PATCH with its bytes, PUT with its digest; a small one goes with
//! the PUT. An upload that is cut or stalls is asked how far it came and goes on there; where the registry has forgotten it,
//! it begins anew.
//!
//! Spec: distribution-spec, "Pushing blobs", "Mounting a blob from another repository", "Pushing manifests".

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::{Frame, SizeHint};
use reqwest::{Body, Response, Url};

use super::Session;
use super::access::Access;
use super::answer::{go_name, read, shown};
use super::error::Error;
use super::limits;
use super::link::{Ask, Link, To};
use super::retry::{Failure, Patience, Retry};
use crate::content::Digest;

/// Between two looks at how far an upload is.
const LOOK: Duration = Duration::from_millis(100);
/// Read at once from what is uploaded.
const PIECE_BYTES: u64 = 256 << 10;

/// Bytes to upload, which can be read as often as it takes.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// A file, from its beginning.
    File(Arc<File>),
}

/// A place for a blob that the registry has made ready.
#[derive(Debug, Clone)]
pub struct Place(Url);

/// A blob to upload.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Of the content.
    pub digest: Digest,
    /// Of the content, in bytes.
    pub size: u64,
    /// The content.
    pub content: Content,
    /// Left over from a mount that was not granted.
    pub place: Option<Place>,
}

/// Watches one upload.
#[derive(Debug)]
pub enum UploadEvent {
    /// So many bytes are on their way.
    Sent(u64),
    /// It was cut and goes on after this pause.
    Retrying(Duration),
}

impl Session {
    /// Asks whether the repository has a blob.
    ///
    /// # Errors
    ///
    /// All of [`Error`] but that it has not.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        self.runtime.block_on(self.link.has_blob(digest))
    }

    /// Asks the registry to take over a blob from its repository `from`. Where it will not, returns `None`, or a place that
    /// it made ready for the upload.
    ///
    /// # Errors
    ///
    /// Only those of the way there; a refusal is no error.
    pub fn mount_blob(&self, digest: &Digest, from: &str) -> Result<Mounted, Error> {
        self.runtime.block_on(self.link.mount(digest, from))
    }

    /// Uploads a blob. `cancelled` ends it early.
    ///
    /// # Errors
    ///
    /// All of [`Error`]; [`Error::Cancelled`].
    pub fn upload(
        &self,
        upload: &Upload,
        cancelled: &AtomicBool,
        report: &(dyn Fn(UploadEvent) + Sync),
    ) -> Result<(), Error> {
        let mut work = Work {
            link: &self.link,
            upload,
            cancelled,
            report,
            place: upload.place.clone(),
            sent: Arc::default(),
        };
        self.runtime.block_on(work.run())
    }

    /// Gives a manifest or index the name `which`, a tag or its digest.
    ///
    /// # Errors
    ///
    /// All of [`Error`].
    pub fn put_manifest(&self, which: &str, media_type: &str, bytes: &[u8]) -> Result<(), Error> {
        self.runtime
            .block_on(self.link.put_manifest(which, media_type, bytes))
    }
}

/// What came of a mount.
#[derive(Debug)]
pub enum Mounted {
    /// The repository has the blob.
    Done,
    /// It has not.
    Refused(Option<Place>),
}

impl Link {
    async fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        let path = self.in_repository(&format!("blobs/{digest}"));
        let mut patience = Patience::new(&self.timing);
        loop {
            match self
                .exchange(&Ask::new(Method::HEAD, To::Path(&path)))
                .await
            {
                Ok(_) => return Ok(true),
                Err(failure) if failure.status == Some(StatusCode::NOT_FOUND) => return Ok(false),
                Err(failure) => patience.wait(failure).await?,
            }
        }
    }

    async fn mount(&self, digest: &Digest, from: &str) -> Result<Mounted, Error> {
        let mut query = Url::parse("query:/").map_err(|error| Error::Client(error.into()))?;
        query
            .query_pairs_mut()
            .append_pair("mount", digest.as_str())
            .append_pair("from", from);
        let path = format!("blobs/uploads/?{}", query.query().unwrap_or_default());
        let path = self.in_repository(&path);
        let scope = Access::Pull.scope(from);
        self.authorizer.add_scope(scope.clone());
        let mut patience = Patience::new(&self.timing);
        loop {
            let ask = Ask::new(Method::POST, To::Path(&path)).with(no_body());
            match self.exchange(&ask).await {
                Ok(response) if response.status() == StatusCode::CREATED => {
                    return Ok(Mounted::Done);
                }
                Ok(response) => return Ok(Mounted::Refused(location(&response).ok())),
                Err(failure) if failure.retry == Retry::Never => {
                    self.authorizer.remove_scope(&scope);
                    return Ok(Mounted::Refused(None));
                }
                Err(failure) => patience.wait(failure).await?,
            }
        }
    }

    async fn put_manifest(&self, which: &str, media_type: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.in_repository(&format!("manifests/{which}"));
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(media_type) {
            headers.insert(CONTENT_TYPE, value);
        }
        let content = Bytes::copy_from_slice(bytes);
        let body = move || Ok(Body::from(content.clone()));
        let mut patience = Patience::new(&self.timing);
        loop {
            let ask = Ask::new(Method::PUT, To::Path(&path))
                .with(headers.clone())
                .sending(&body);
            let sent = tokio::time::timeout(self.timing.finish, self.exchange(&ask)).await;
            let failure = match sent {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(failure)) => failure,
                Err(_) => stalled(&Method::PUT, &self.url(To::Path(&path), true)?),
            };
            patience.wait(failure).await?;
        }
    }
}

/// One upload, over as many connections as it takes.
struct Work<'a> {
    link: &'a Link,
    upload: &'a Upload,
    cancelled: &'a AtomicBool,
    report: &'a (dyn Fn(UploadEvent) + Sync),
    place: Option<Place>,
    /// Where in the content the connection is.
    sent: Arc<AtomicU64>,
}

impl Work<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        let mut patience = Patience::new(&self.link.timing);
        let mut resumes = false;
        loop {
            let before = self.sent.load(Ordering::Relaxed);
            let tried = if self.upload.size <= limits::SINGLE_REQUEST_BYTES {
                self.whole().await
            } else {
                self.continue_where_it_was(resumes).await
            };
            let Err(mut failure) = tried else {
                return Ok(());
            };
            // A place that the registry has forgotten, or thinks otherwise of; the next one is new.
            let lost = matches!(
                failure.status,
                Some(
                    StatusCode::NOT_FOUND
                        | StatusCode::RANGE_NOT_SATISFIABLE
                        | StatusCode::BAD_REQUEST
                )
            );
            if lost && resumes {
                failure.retry = Retry::Backoff;
            }
            if lost {
                self.place = None;
            }
            resumes = true;
            if self.sent.load(Ordering::Relaxed) > before + limits::SINGLE_REQUEST_BYTES {
                patience.refill();
            }
            let pause = patience.pause(failure)?;
            (self.report)(UploadEvent::Retrying(pause));
            tokio::time::sleep(pause).await;
        }
    }

    /// POST, then PUT with everything.
    async fn whole(&mut self) -> Result<(), Failure> {
        let place = match self.place.take() {
            Some(place) => place,
            None => self.new_place().await?,
        };
        self.finish(&place, 0).await
    }

    /// POST or, after a failure, GET; then PATCH with what is missing, and PUT.
    async fn continue_where_it_was(&mut self, resumes: bool) -> Result<(), Failure> {
        let known = self.place.take();
        let (mut place, at) = match known {
            Some(place) if resumes => match self.progress_of(&place).await {
                Some(progress) => progress,
                None => (self.new_place().await?, 0),
            },
            Some(place) => (place, 0),
            None => (self.new_place().await?, 0),
        };
        let at = at.min(self.upload.size);
        self.place = Some(place.clone());
        if at < self.upload.size {
            let mut headers = octets(self.upload.size - at);
            if at > 0
                && let Ok(range) = HeaderValue::from_str(&format!("{at}-{}", self.upload.size - 1))
            {
                headers.insert(CONTENT_RANGE, range);
            }
            let response = self.send(Method::PATCH, &place.0, headers, at).await?;
            // A registry that says nothing new means the same place.
            place = location(&response).unwrap_or(place);
            self.place = Some(place.clone());
        }
        self.finish(&place, self.upload.size).await
    }

    async fn new_place(&self) -> Result<Place, Failure> {
        let path = self.link.in_repository("blobs/uploads/");
        let ask = Ask::new(Method::POST, To::Path(&path)).with(no_body());
        let response = self.link.exchange(&ask).await?;
        Ok(location(&response)?)
    }

    /// Asks how far an upload came; `None` where it is to begin anew.
    async fn progress_of(&self, place: &Place) -> Option<(Place, u64)> {
        let ask = Ask::new(Method::GET, To::Url(&place.0));
        let response = self.link.exchange(&ask).await.ok()?;
        // `0-N`, the last byte that is there; `0-0` means none, though it could mean one.
        let range = response.headers().get(RANGE)?.to_str().ok()?;
        let range = range.trim_start_matches("bytes=");
        let last: u64 = range.strip_prefix("0-")?.trim().parse().ok()?;
        let at = if last == 0 { 0 } else { last + 1 };
        if at > self.upload.size {
            return None;
        }
        Some((location(&response).unwrap_or_else(|_| place.clone()), at))
    }

    /// PUT with the digest, and with the content from `at` on.
    async fn finish(&self, place: &Place, at: u64) -> Result<(), Failure> {
        let mut url = place.0.clone();
        url.query_pairs_mut()
            .append_pair("digest", self.upload.digest.as_str());
        let headers = octets(self.upload.size - at);
        let response = self.send(Method::PUT, &url, headers, at).await?;
        // Nothing in it is of interest, but a connection that has been read to its end can be used again.
        let _ = read(response, "Put", "answer", limits::UPLOAD_ANSWER_BYTES).await;
        Ok(())
    }

    /// Sends the content from `at` on, and gives up when nothing moves any more.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        at: u64,
    ) -> Result<Response, Failure> {
        let body = || Ok(self.body(at));
        let ask = Ask::new(method.clone(), To::Url(url))
            .with(headers)
            .sending(&body);
        match select(pin!(self.link.exchange(&ask)), pin!(self.watch())).await {
            Either::Left((sent, _)) => sent,
            Either::Right((None, _)) => Err(Error::Cancelled.into()),
            Either::Right((Some(()), _)) => Err(stalled(&method, url)),
        }
    }

    /// Reports how far it is; ends when it stalls, or (`None`) is cancelled.
    async fn watch(&self) -> Option<()> {
        let timing = &self.link.timing;
        let (mut seen, mut moved) = (self.sent.load(Ordering::Relaxed), Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            if self.cancelled.load(Ordering::Relaxed) {
                return None;
            }
            let now = self.sent.load(Ordering::Relaxed);
            if now != seen {
                (seen, moved) = (now, Instant::now());
                (self.report)(UploadEvent::Sent(now));
            }
            let patience = if now < self.upload.size {
                timing.stall
            } else {
                timing.finish
            };
            if moved.elapsed() >= patience {
                return Some(());
            }
        }
    }

    fn body(&self, at: u64) -> Body {
        self.sent.store(at, Ordering::Relaxed);
        Body::wrap(Pieces {
            content: self.upload.content.clone(),
            at,
            end: self.upload.size,
            sent: self.sent.clone(),
        })
    }
}

/// Content on its way. The file is read by the thread that sends: it is a store's, most of it still in memory.
struct Pieces {
    content: Content,
    at: u64,
    end: u64,
    sent: Arc<AtomicU64>,
}

impl Pieces {
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        let want = (self.end - self.at).min(PIECE_BYTES);
        if want == 0 {
            return Ok(None);
        }
        let piece = match &self.content {
            Content::Bytes(bytes) => {
                // What is in memory has an address, so these fit.
                let range = self.at as usize..(self.at + want) as usize;
                bytes.get(range).map(|piece| bytes.slice_ref(piece))
            }
            Content::File(file) => {
                let mut buffer = vec![0; want as usize];
                file.read_exact_at(&mut buffer, self.at)?;
                Some(Bytes::from(buffer))
            }
        };
        let piece = piece.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.at += want;
        self.sent.store(self.at, Ordering::Relaxed);
        Ok(Some(piece))
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.next().transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

/// Where the registry wants the next request.
fn location(response: &Response) -> Result<Place, Error> {
    let shape = || Error::Shape {
        what: "Location",
        url: shown(response.url()),
        source: None,
    };
    let text = response
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    let url = text
        .and_then(|text| response.url().join(text).ok())
        .ok_or_else(shape)?;
    // As for redirects: what was safe on the way stays safe.
    let downgraded = response.url().scheme() == "https" && url.scheme() != "https";
    if downgraded || !matches!(url.scheme(), "http" | "https") {
        return Err(shape());
    }
    Ok(Place(url))
}

fn stalled(method: &Method, url: &Url) -> Failure {
    Failure {
        error: Error::Stalled {
            method: go_name(method),
            url: shown(url),
        },
        retry: Retry::Backoff,
        status: None,
    }
}

/// A POST without content still says so; some proxies refuse one that does not.
fn no_body() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))])
}

fn octets(length: u64) -> HeaderMap {
    HeaderMap::from_iter([
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (CONTENT_LENGTH, HeaderValue::from(length)),
    ])
}
