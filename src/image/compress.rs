//! From a tar to a blob: gzip or zstd, with all cores, and the same bytes whatever their number.
//!
//! gzip: the tar is cut into blocks of a fixed size. Each is deflated on its own, with the 32 KiB before it as its dictionary,
//! and ends on a byte; one after the other they are one deflate stream, as pigz(1) makes it. zstd's own workers do the like.
//!
//! Spec: RFC 1951, RFC 1952.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::{Compress, Crc, FlushCompress, Status};

use super::manifest::Compression;

/// Bytes of the tar in a block. More costs memory, less costs some of the ratio.
const BLOCK: usize = 512 << 10;
/// How far back deflate can refer.
const WINDOW: usize = 32 << 10;
/// Blocks on their way, for each worker.
const AHEAD: usize = 2;
/// gzip's own default, which Docker takes.
const GZIP_LEVEL: u32 = 6;
/// Magic, deflate, no flags, no time, no extra flags, unknown system: nothing that differs from one day to the next.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// How layers are to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    compression: Compression,
    level: Option<u32>,
}

/// A level that the format does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid compression level {level}: must be between {least} and {most}")]
pub struct LevelError {
    level: u32,
    least: u32,
    most: u32,
}

impl Default for Packing {
    /// What everybody can read.
    fn default() -> Self {
        Packing {
            compression: Compression::Gzip,
            level: None,
        }
    }
}

impl Packing {
    /// Returns the packing of this format; without a level, with its default.
    ///
    /// # Errors
    ///
    /// [`LevelError`].
    pub fn new(compression: Compression, level: Option<u32>) -> Result<Packing, LevelError> {
        let (least, most) = match compression {
            Compression::None => (0, 0),
            Compression::Gzip => (1, 9),
            Compression::Zstd => (1, 22),
        };
        match level {
            Some(level) if !(least..=most).contains(&level) => {
                Err(LevelError { level, least, most })
            }
            _ => Ok(Packing { compression, level }),
        }
    }

    /// Returns the format.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Writes to `out`, packed, what `fill` writes. Threads that it starts have ended when it returns.
    ///
    /// # Errors
    ///
    /// Those of `fill`, and of writing to `out`.
    pub fn pack<E: From<io::Error>>(
        &self,
        workers: NonZeroUsize,
        mut out: &mut dyn Write,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.compression {
            Compression::None => fill(out),
            Compression::Gzip => {
                let level = flate2::Compression::new(self.level.unwrap_or(GZIP_LEVEL));
                gzip(level, workers, out, fill)
            }
            Compression::Zstd => {
                let level = self
                    .level
                    .map_or(zstd::DEFAULT_COMPRESSION_LEVEL, |level| level as i32);
                let mut encoder = zstd::stream::write::Encoder::new(&mut out, level)?;
                // One worker makes the same frame as many; none would make another.
                encoder.multithread(u32::try_from(workers.get()).unwrap_or(u32::MAX))?;
                fill(&mut encoder)?;
                encoder.finish()?;
                Ok(())
            }
        }
    }
}

/// A block to be deflated.
struct Job {
    /// What comes before it, then the block.
    bytes: Vec<u8>,
    /// Where the block begins.
    start: usize,
    is_last: bool,
    done: SyncSender<io::Result<Deflated>>,
}

struct Deflated {
    bytes: Vec<u8>,
    crc: Crc,
}

fn gzip<E: From<io::Error>>(
    level: flate2::Compression,
    workers: NonZeroUsize,
    out: &mut dyn Write,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let ahead = workers.get().saturating_mul(AHEAD);
    thread::scope(|scope| {
        let (jobs, queue) = mpsc::sync_channel::<Job>(ahead);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..workers.get() {
            let queue = queue.clone();
            thread::Builder::new()
                .name("deflate".into())
                .spawn_scoped(scope, move || work(level, &queue))?;
        }
        out.write_all(&GZIP_HEADER)?;
        let mut blocks = Blocks {
            jobs,
            ahead,
            pending: VecDeque::new(),
            bytes: Vec::with_capacity(WINDOW + BLOCK),
            start: 0,
            crc: Crc::new(),
            out,
        };
        fill(&mut blocks)?;
        blocks.finish()?;
        Ok(())
    })
}

/// Cuts what is written into blocks, and writes them, deflated, in their order.
struct Blocks<'a> {
    jobs: SyncSender<Job>,
    ahead: usize,
    pending: VecDeque<Receiver<io::Result<Deflated>>>,
    /// The last bytes of the block before, then the block that is being filled.
    bytes: Vec<u8>,
    start: usize,
    crc: Crc,
    out: &'a mut dyn Write,
}

impl Blocks<'_> {
    fn submit(&mut self, is_last: bool) -> io::Result<()> {
        while self.pending.len() >= self.ahead {
            self.collect()?;
        }
        let keep = self.bytes.len().saturating_sub(WINDOW);
        let mut next = Vec::with_capacity(WINDOW + BLOCK);
        next.extend_from_slice(&self.bytes[keep..]);
        let start = next.len();
        let (done, deflated) = mpsc::sync_channel(1);
        let job = Job {
            bytes: std::mem::replace(&mut self.bytes, next),
            start: std::mem::replace(&mut self.start, start),
            is_last,
            done,
        };
        self.jobs.send(job).map_err(|_| gone())?;
        self.pending.push_back(deflated);
        Ok(())
    }

    /// Waits for the oldest block and writes it.
    fn collect(&mut self) -> io::Result<()> {
        if let Some(deflated) = self.pending.pop_front() {
            let deflated = deflated.recv().map_err(|_| gone())??;
            self.out.write_all(&deflated.bytes)?;
            self.crc.combine(&deflated.crc);
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.submit(true)?;
        while !self.pending.is_empty() {
            self.collect()?;
        }
        self.out.write_all(&self.crc.sum().to_le_bytes())?;
        // The length modulo 2^32, as the format has it.
        self.out.write_all(&self.crc.amount().to_le_bytes())
    }
}

impl Write for Blocks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.start + BLOCK - self.bytes.len();
        let count = room.min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..count]);
        if count == room {
            self.submit(false)?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Deflates what comes, until nothing comes any more.
fn work(level: flate2::Compression, queue: &Mutex<Receiver<Job>>) {
    let mut deflate = Compress::new(level, false);
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Whoever wanted it has failed meanwhile, if nobody takes it.
        let _ = job.done.send(deflate_block(&mut deflate, &job));
    }
}

fn deflate_block(deflate: &mut Compress, job: &Job) -> io::Result<Deflated> {
    let (before, block) = job.bytes.split_at(job.start);
    deflate.reset();
    if !before.is_empty() {
        deflate.set_dictionary(before).map_err(io::Error::other)?;
    }
    let mut crc = Crc::new();
    crc.update(block);
    let flush = if job.is_last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    let mut bytes = Vec::with_capacity(block.len() / 2 + 64);
    loop {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(block.len() / 2 + 64);
        }
        let done = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        let status = deflate
            .compress_vec(block.get(done..).unwrap_or_default(), &mut bytes, flush)
            .map_err(io::Error::other)?;
        let all_in = deflate.total_in() == block.len() as u64;
        // Room that is left says that the flush is complete.
        match status {
            Status::StreamEnd => break,
            _ if !job.is_last && all_in && bytes.len() < bytes.capacity() => break,
            _ => {}
        }
    }
    Ok(Deflated { bytes, crc })
}

fn gone() -> io::Error {
    io::Error::other("a thread that compresses has ended")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::decompress::Decompress;
    use super::*;

    fn sample(length: usize) -> Vec<u8> {
        let mut state = 7_u64;
        (0..length)
            .map(|at| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                // Something between text and noise, with long repeats.
                if at % 5000 < 4000 {
                    (at / 7 % 90) as u8
                } else {
                    (state >> 60) as u8
                }
            })
            .collect()
    }

    fn pack(packing: Packing, workers: usize, bytes: &[u8], step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        packing
            .pack(NonZeroUsize::new(workers).unwrap(), &mut out, |tar| {
                bytes
                    .chunks(step)
                    .try_for_each(|piece| tar.write_all(piece))
            })
            .unwrap_or_else(|error: io::Error| panic!("{error}"));
        out
    }

    #[test]
    fn packs_the_same_with_any_number_of_workers() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let packing = Packing::new(compression, None).unwrap();
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 123] {
                let bytes = sample(length);
                let one = pack(packing, 1, &bytes, 10_000);
                let many = pack(packing, 4, &bytes, 777_777);
                assert!(one == many, "{compression:?} {length}");
                let mut back = Vec::new();
                Decompress::new(&one[..], compression)
                    .unwrap()
                    .read_to_end(&mut back)
                    .unwrap();
                assert!(back == bytes, "{compression:?} {length}");
            }
        }
    }

    #[test]
    fn one_gzip_member_that_is_hardly_larger_than_in_one_piece() {
        let bytes = sample(6 * BLOCK);
        let packed = pack(Packing::default(), 2, &bytes, 4096);
        // A decoder that stops after the first member has read all of it.
        let mut back = Vec::new();
        let read = flate2::bufread::GzDecoder::new(&packed[..]).read_to_end(&mut back);
        assert_eq!(read.unwrap(), bytes.len());
        let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        whole.write_all(&bytes).unwrap();
        let whole = whole.finish().unwrap();
        assert!(
            packed.len() < whole.len() * 102 / 100 + 100,
            "{} {}",
            packed.len(),
            whole.len()
        );
    }

    #[test]
    fn a_failing_source_ends_it() {
        let mut out = Vec::new();
        let failed = Packing::default().pack(NonZeroUsize::MIN, &mut out, |tar| {
            tar.write_all(&sample(3 * BLOCK))?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no more");
    }

    #[test]
    fn levels_have_bounds() {
        assert!(Packing::new(Compression::Gzip, Some(9)).is_ok());
        assert!(Packing::new(Compression::Gzip, Some(10)).is_err());
        assert!(Packing::new(Compression::Zstd, Some(0)).is_err());
        let better = Packing::new(Compression::Zstd, Some(19)).unwrap();
        let bytes = sample(BLOCK);
        assert!(
            pack(better, 2, &bytes, BLOCK).len()
                <= pack(
                    Packing::new(Compression::Zstd, Some(1)).unwrap(),
                    2,
                    &bytes,
                    BLOCK
                )
                .len()
        );
    }
}
