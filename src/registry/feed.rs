//! Blobs on their way from the network to the threads that want them.
//!
//! One thread, the caller's, talks to the network for all; each blob has a thread of its own that hashes, inflates and
//! writes. Between the two is a short queue: a slow disk slows the network down, and memory stays bounded. A download that
//! is cut or stalls goes on where it stopped; a server that cannot do that is read again from the beginning, and what is
//! here already is skipped.

use std::future::Future;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::StatusCode;
use http::header::CONTENT_RANGE;
use reqwest::Response;
use tokio::sync::{mpsc, oneshot};

use super::answer::{shown, transport_failure};
use super::error::Error;
use super::limits;
use super::link::Link;
use super::retry::{Failure, Patience, Retry};
use crate::content::Digest;

/// Bytes after which earlier failures are forgotten: the connection works after all.
const PROGRESS_BYTES: u64 = 1 << 20;

/// A blob to download.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Of the blob.
    pub digest: Digest,
    /// Of the blob, in bytes.
    pub size: u64,
}

/// The receiving end of a download.
#[derive(Debug)]
pub struct Feed {
    orders: mpsc::UnboundedSender<Order>,
    pieces: Option<mpsc::Receiver<Result<Piece, Error>>>,
}

/// What a feed delivers.
#[derive(Debug)]
pub enum Piece {
    /// The next bytes of the blob.
    Bytes(bytes::Bytes),
    /// The download was cut and goes on after this pause.
    Retrying(Duration),
    /// All of it has come: as many bytes as were announced.
    End,
}

#[derive(Debug)]
struct Order {
    offset: u64,
    pieces: mpsc::Sender<Result<Piece, Error>>,
}

impl Feed {
    /// Starts the download at byte `offset` of the blob; what is left of an earlier one is dropped.
    pub fn start(&mut self, offset: u64) {
        let (pieces, receiver) = mpsc::channel(limits::FEED_PIECES);
        self.pieces = Some(receiver);
        // Where nobody takes the order, the first piece is an error.
        let _ = self.orders.send(Order { offset, pieces });
    }

    /// Waits for the next piece.
    ///
    /// # Errors
    ///
    /// Why the download failed for good; [`Error::Cancelled`] where it was not started or another one failed.
    pub fn piece(&mut self) -> Result<Piece, Error> {
        let piece = self.pieces.as_mut().and_then(mpsc::Receiver::blocking_recv);
        piece.unwrap_or(Err(Error::Cancelled))
    }
}

/// See [`super::Session::download`].
pub(super) fn run<E: Send + From<Error>>(
    runtime: &tokio::runtime::Runtime,
    link: &Link,
    wanted: &[Wanted],
    receive: &(dyn Fn(usize, Feed) -> Result<(), E> + Sync),
) -> Result<(), E> {
    thread::scope(|scope| {
        runtime.block_on(async {
            let mut active = FuturesUnordered::new();
            let mut queue = wanted.iter().enumerate();
            loop {
                while active.len() < limits::PARALLEL_DOWNLOADS
                    && let Some((index, blob)) = queue.next()
                {
                    let (orders, taken) = mpsc::unbounded_channel();
                    let (finished, done) = oneshot::channel();
                    let feed = Feed {
                        orders,
                        pieces: None,
                    };
                    thread::Builder::new()
                        .name("layer".into())
                        .spawn_scoped(scope, move || {
                            // Nobody listens any more after another download failed.
                            let _ = finished.send(receive(index, feed));
                        })
                        .map_err(Error::Thread)?;
                    active.push(serve(link, blob, taken, done));
                }
                match active.next().await {
                    None => return Ok(()),
                    // Returning drops the other downloads, their feeds end, and the scope waits for their threads.
                    Some(result) => result?,
                }
            }
        })
    })
}

/// Fills one feed for as long as its thread asks.
async fn serve<E: From<Error>>(
    link: &Link,
    blob: &Wanted,
    mut orders: mpsc::UnboundedReceiver<Order>,
    done: oneshot::Receiver<Result<(), E>>,
) -> Result<(), E> {
    while let Some(order) = orders.recv().await {
        let gone = order.pieces.clone();
        // A thread that gave up is noticed at once, not when a stalled download moves again.
        stop_when(gone.closed(), pour(link, blob, order)).await;
    }
    done.await.unwrap_or(Err(Error::Cancelled.into()))
}

async fn stop_when(stop: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    match select(pin!(stop), pin!(work)).await {
        Either::Left(_) | Either::Right(_) => {}
    }
}

/// Downloads from the order's offset to the end, over as many connections as it takes.
async fn pour(link: &Link, blob: &Wanted, order: Order) {
    let mut patience = Patience::new(&link.timing);
    let mut at = order.offset;
    loop {
        let before = at;
        let Err(failure) = stream(link, blob, &mut at, &order.pieces).await else {
            let _ = order.pieces.send(Ok(Piece::End)).await;
            return;
        };
        if at - before >= PROGRESS_BYTES {
            patience.refill();
        }
        let next = match patience.pause(failure) {
            Ok(pause) => {
                let _ = order.pieces.send(Ok(Piece::Retrying(pause))).await;
                tokio::time::sleep(pause).await;
                continue;
            }
            Err(error) => Err(error),
        };
        let _ = order.pieces.send(next).await;
        return;
    }
}

/// Downloads from `at` on over one connection; `at` counts what was delivered.
async fn stream(
    link: &Link,
    blob: &Wanted,
    at: &mut u64,
    pieces: &mpsc::Sender<Result<Piece, Error>>,
) -> Result<(), Failure> {
    if *at >= blob.size {
        return Ok(());
    }
    let mut response = link.blob_request(&blob.digest, *at).await?;
    let wrong_size = |actual| Error::Size {
        what: "blob",
        digest: blob.digest.clone(),
        expected: blob.size,
        actual,
    };
    let start = start_of(&response, *at)?;
    if let Some(length) = response.content_length()
        && start + length != blob.size
    {
        return Err(wrong_size(start + length).into());
    }
    let url = response.url().clone();
    // Behind `start`, what is here already is thrown away.
    let mut position = start;
    while let Some(mut bytes) = response
        .chunk()
        .await
        .map_err(|error| transport_failure(error, "Get", &url))?
    {
        let end = position + bytes.len() as u64;
        if end > blob.size {
            return Err(wrong_size(end).into());
        }
        if end > *at {
            let known = at.saturating_sub(position);
            let bytes = bytes.split_off(usize::try_from(known).unwrap_or(0));
            *at = end;
            if pieces.send(Ok(Piece::Bytes(bytes))).await.is_err() {
                return Err(Error::Cancelled.into());
            }
        }
        position = end;
    }
    if *at < blob.size {
        return Err(Failure {
            error: wrong_size(*at),
            retry: Retry::Backoff,
            status: None,
        });
    }
    Ok(())
}

/// Returns at which byte of the blob the body starts.
fn start_of(response: &Response, asked: u64) -> Result<u64, Failure> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok(0);
    }
    // `bytes 5-9/10`
    let start = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes "))
        .and_then(|text| text.split('-').next())
        .and_then(|start| start.trim().parse::<u64>().ok());
    match start {
        Some(start) if start <= asked => Ok(start),
        _ => Err(Error::Shape {
            what: "Content-Range",
            url: shown(response.url()),
            source: None,
        }
        .into()),
    }
}
