//! One layer: from the network into `blobs/` and, through inflate and tar, into `layers/`, in one pass.
//!
//! ```text
//! feed ─► partial file, hash of the blob ─► inflate ─► hash of the tar ─► directory
//! ```
//!
//! What an earlier run left of the blob goes the same way first. Nothing has a name before both hashes are what they should
//! be; a wrong blob is removed, also one that went wrong in the store; an incomplete one stays for the next run.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::time::{Duration, Instant};

use super::{Error, PullOptions};
use crate::content::{Digest, Hasher};
use crate::image::decompress::Decompress;
use crate::image::layer::{self, Unpacked};
use crate::image::{Bytes, Event, LayerState, Progress};
use crate::registry::{Feed, Piece};
use crate::store::{self, BlobWriter, Store, Verified};

/// Between two reports of the same layer.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);
/// Read at once from a blob that is here already.
const READ_BYTES: usize = 256 << 10;

/// A layer to be had.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// Of the blob.
    pub(super) digest: Digest,
    /// Of the blob, in bytes.
    pub(super) size: u64,
    /// Of the tar.
    pub(super) diff_id: Digest,
}

/// What came of a try to get a layer.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is here, to be published: layer and, where it was downloaded, blob.
    Ready(Vec<Verified>, Vec<String>),
    /// The store has it.
    Present,
    /// Another pull is at it.
    Busy,
}

/// What all layers of a pull share.
pub(super) struct Context<'a> {
    pub(super) store: &'a Store,
    pub(super) options: &'a PullOptions<'a>,
    pub(super) progress: &'a dyn Progress,
}

impl Context<'_> {
    pub(super) fn report(&self, job: &Job, state: LayerState<'_>) {
        let id = job.digest.short();
        self.progress.event(Event::Layer { id, state });
    }

    /// Gets one layer. Where another pull is at it: waits for it if `wait`, which nobody may do who holds a blob himself.
    pub(super) fn get(&self, job: &Job, mut feed: Feed, wait: bool) -> Result<Outcome, Error> {
        let (mut retried, mut discarded) = (false, false);
        loop {
            let writer = if wait {
                Some(self.store.stage_blob(&job.digest, job.size)?)
            } else {
                self.store.try_stage_blob(&job.digest, job.size)?
            };
            let Some(writer) = writer else {
                self.report(job, LayerState::Waiting);
                return Ok(Outcome::Busy);
            };
            if self.store.has_layer(&job.diff_id) {
                return Ok(Outcome::Present);
            }
            if writer.is_present() {
                match self.unpack_blob(job) {
                    // The blob was right when it was written. Where the disk has changed it since, it is downloaded again.
                    Err(error)
                        if !is_local(&error)
                            && !discarded
                            && self.store.discard_if_damaged(&job.digest)? =>
                    {
                        discarded = true;
                        continue;
                    }
                    outcome => return outcome,
                }
            }
            let resumed = writer.offset() > 0;
            match self.download(job, &mut feed, writer) {
                // What the earlier run left may be what is wrong; it is gone now.
                Err(Error::LayerDigest { .. }) if resumed && !retried => retried = true,
                outcome => return outcome,
            }
        }
    }

    fn download(&self, job: &Job, feed: &mut Feed, writer: BlobWriter) -> Result<Outcome, Error> {
        let mut incoming = Incoming::start(self, job, feed, writer)?;
        let unpacked = self.unpack(job, &mut incoming);
        // Where the tar is wrong, the digest of the whole blob tells whether it went wrong on the way. Where the disk is
        // full, nothing more is asked.
        if !unpacked.as_ref().is_err_and(is_local) {
            incoming.drain();
        }
        if let Some(failure) = incoming.failure.take() {
            return Err(failure);
        }
        let writer = incoming.writer;
        let unpacked = match unpacked {
            Err(error) if is_local(&error) => return Err(error),
            other => other,
        };
        self.report(job, LayerState::VerifyingChecksum);
        let blob = writer.finish().map_err(|error| match error {
            store::Error::WrongDigest { expected, actual } => {
                Error::LayerDigest { expected, actual }
            }
            other => other.into(),
        })?;
        self.report(job, LayerState::DownloadComplete);
        let (layer, warnings) = unpacked?;
        Ok(Outcome::Ready(vec![layer, blob], warnings))
    }

    /// Unpacks a layer whose blob an earlier pull left.
    fn unpack_blob(&self, job: &Job) -> Result<Outcome, Error> {
        let blob = Stored {
            reader: io::BufReader::with_capacity(READ_BYTES, self.store.open_blob(&job.digest)?),
            context: self,
            job,
            reporter: Reporter::default(),
            current: 0,
        };
        let (layer, warnings) = self.unpack(job, blob)?;
        Ok(Outcome::Ready(vec![layer], warnings))
    }

    /// Unpacks a compressed tar and compares its digest with the diff_id.
    fn unpack(&self, job: &Job, blob: impl Read) -> Result<(Verified, Vec<String>), Error> {
        let wrong = |source| Error::Layer {
            layer: job.digest.clone(),
            source,
        };
        let stage = self.store.stage_layer()?;
        // As Docker, by the first bytes: registries hold layers under the wrong media type. What comes out is checked.
        let tar = Decompress::detect(blob).map_err(|error| wrong(layer::Error::Read(error)))?;
        let mut tar = Hashed {
            reader: tar,
            hasher: Hasher::new(job.diff_id.algorithm()),
        };
        let options = self.options.unpack.clone().max_bytes_for_blob(job.size);
        let Unpacked { size, warnings } =
            layer::unpack(&mut tar, stage.dir(), &options).map_err(wrong)?;
        let actual = tar.hasher.finish();
        if actual != job.diff_id {
            return Err(Error::DiffId {
                layer: job.digest.clone(),
                expected: job.diff_id.clone(),
                actual,
            });
        }
        Ok((stage.finish(&job.diff_id, size)?, warnings))
    }
}

/// Whether it is this machine that failed rather than the layer.
fn is_local(error: &Error) -> bool {
    matches!(
        error,
        Error::Store(_)
            | Error::Layer {
                source: layer::Error::Write { .. },
                ..
            }
    )
}

/// The blob as it comes: what an earlier run left, then what the network brings, which is written down on the way.
struct Incoming<'a> {
    context: &'a Context<'a>,
    job: &'a Job,
    feed: &'a mut Feed,
    writer: BlobWriter,
    /// What an earlier run left, and how much of it is still to be read.
    earlier: Option<(File, u64)>,
    buffer: Vec<u8>,
    piece: bytes::Bytes,
    /// Where in `buffer` (while there is something earlier) the reader is.
    taken: usize,
    ended: bool,
    /// Why reading failed; readers in between turn errors into their own.
    failure: Option<Error>,
    reporter: Reporter,
}

impl<'a> Incoming<'a> {
    fn start(
        context: &'a Context<'a>,
        job: &'a Job,
        feed: &'a mut Feed,
        writer: BlobWriter,
    ) -> Result<Self, Error> {
        let offset = writer.offset();
        let earlier = match writer.partial_path() {
            Some(path) if offset > 0 => {
                let file = File::open(path).map_err(|source| store::Error::Io {
                    action: "open",
                    path: path.to_owned(),
                    source,
                })?;
                Some((file, offset))
            }
            _ => None,
        };
        feed.start(offset);
        Ok(Incoming {
            context,
            job,
            feed,
            writer,
            earlier,
            buffer: Vec::new(),
            piece: bytes::Bytes::new(),
            taken: 0,
            ended: false,
            failure: None,
            reporter: Reporter::default(),
        })
    }

    /// Reads on to the end of the blob, for its digest.
    fn drain(&mut self) {
        loop {
            match self.fill_buf().map(<[u8]>::len) {
                Ok(0) | Err(_) => return,
                Ok(length) => self.consume(length),
            }
        }
    }

    fn refill_earlier(&mut self) -> io::Result<()> {
        let Some((file, left)) = &mut self.earlier else {
            return Ok(());
        };
        let want = usize::try_from(*left).unwrap_or(READ_BYTES).min(READ_BYTES);
        self.buffer.resize(want, 0);
        file.read_exact(&mut self.buffer)?;
        self.taken = 0;
        *left -= want as u64;
        if *left == 0 {
            self.earlier = None;
        }
        Ok(())
    }

    fn next_piece(&mut self) -> Result<(), Error> {
        while self.piece.is_empty() && !self.ended {
            match self.feed.piece()? {
                Piece::Bytes(bytes) => {
                    self.writer.write(&bytes)?;
                    self.piece = bytes;
                    if self.reporter.is_due() {
                        let state = LayerState::Downloading(Bytes {
                            current: self.writer.offset(),
                            total: self.job.size,
                        });
                        self.context.report(self.job, state);
                    }
                }
                Piece::Retrying(pause) => {
                    self.context.report(self.job, LayerState::Retrying(pause));
                }
                Piece::End => self.ended = true,
            }
        }
        Ok(())
    }

    fn failed(&mut self, failure: Error) -> io::Error {
        self.failure.get_or_insert(failure);
        io::Error::other("the download failed")
    }
}

impl BufRead for Incoming<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failure.is_some() {
            return Err(io::Error::other("the download failed"));
        }
        if self.taken == self.buffer.len()
            && let Err(source) = self.refill_earlier()
        {
            let path = self.writer.partial_path().unwrap_or("".as_ref()).to_owned();
            return Err(self.failed(Error::Store(store::Error::Io {
                action: "read",
                path,
                source,
            })));
        }
        if self.taken < self.buffer.len() {
            return Ok(&self.buffer[self.taken..]);
        }
        if let Err(error) = self.next_piece() {
            return Err(self.failed(error));
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        if self.taken < self.buffer.len() {
            self.taken += amount;
            if self.taken == self.buffer.len() {
                self.buffer.clear();
                self.taken = 0;
            }
        } else {
            let _ = self.piece.split_to(amount);
        }
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// A blob of the store, with reports on how far it is.
struct Stored<'a> {
    reader: io::BufReader<File>,
    context: &'a Context<'a>,
    job: &'a Job,
    reporter: Reporter,
    current: u64,
}

impl BufRead for Stored<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.reporter.is_due() {
            let state = LayerState::Extracting(Bytes {
                current: self.current,
                total: self.job.size,
            });
            self.context.report(self.job, state);
        }
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.current += amount as u64;
        self.reader.consume(amount);
    }
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// Hashes what is read through it.
struct Hashed<R> {
    reader: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

/// Keeps reports apart in time.
#[derive(Debug, Default)]
struct Reporter {
    last: Option<Instant>,
}

impl Reporter {
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= REPORT_INTERVAL);
        if due {
            self.last = Some(now);
        }
        due
    }
}
