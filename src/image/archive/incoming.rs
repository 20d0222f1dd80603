//! One layer: from the archive into `layers/`, and its blob into `blobs/` where it cannot be made again.
//!
//! A plain tar that our own writer has made needs no blob, as it did not where it was saved. Whether it is one is tried where
//! it looks like one.

use std::io::{self, Read};
use std::path::Path;

use super::Error;
use super::container::Section;
use super::found::FoundLayer;
use crate::content::{Algorithm, Digest, Hasher};
use crate::image::decompress::{Decompress, compression_of};
use crate::image::layer::{self, UnpackOptions, Unpacked};
use crate::image::manifest::Compression;
use crate::image::{Bytes, Event, LayerState, Progress};
use crate::store::{self, BlobWriter, Store, Verified};

/// Read at once.
const BUFFER: usize = 256 << 10;
/// Between two reports, in bytes.
const REPORT_BYTES: u64 = 1 << 20;

/// What a layer became.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) compression: Compression,
}

/// What is to be published of a layer, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) set: Vec<Verified>,
    pub(super) warnings: Vec<String>,
}

/// Takes note of what a layer is as a blob, without unpacking it.
///
/// # Errors
///
/// [`Error::Read`].
pub(super) fn identify(layer: &FoundLayer) -> Result<Packed, Error> {
    let section = &layer.section;
    let compression = compression_of(&section.start().map_err(Error::Read)?);
    let digest = match (&layer.digest, compression) {
        (Some(digest), _) => digest.clone(),
        // What comes out is compared with it.
        (None, Compression::None) => layer.diff_id.clone(),
        (None, _) => hash(section.clone())?,
    };
    Ok(Packed {
        digest,
        size: section.len(),
        compression,
    })
}

fn hash(mut section: Section) -> Result<Digest, Error> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; BUFFER];
    loop {
        match section.read(&mut buffer).map_err(Error::Read)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Unpacks a layer, unless the store has it. `None` where somebody else is writing its blob, unless `wait`, which nobody may
/// do who holds another blob.
///
/// # Errors
///
/// All of [`Error`] that are about layers.
pub(super) fn take(
    store: &Store,
    layer: &FoundLayer,
    packed: &Packed,
    options: &UnpackOptions,
    progress: &dyn Progress,
    wait: bool,
) -> Result<Option<Arrived>, Error> {
    let start = layer.section.start().map_err(Error::Read)?;
    let ours = packed.compression == Compression::None && looks_ours(&start);
    let writer = match ours {
        true => None,
        false => match stage_blob(store, packed, wait)? {
            Some(writer) => Some(writer),
            None => return Ok(None),
        },
    };
    // Looked at last: whoever had the blob may have unpacked it, too.
    if store.has_layer(&layer.diff_id) {
        return Ok(Some(Arrived::default()));
    }
    let wrong = |source| Error::Layer {
        layer: packed.digest.clone(),
        source,
    };
    let mut reader = Reader {
        section: layer.section.clone(),
        hasher: Hasher::new(packed.digest.algorithm()),
        writer,
        failure: None,
        layer,
        size: packed.size,
        reported: 0,
        progress,
    };
    let stage = store.stage_layer()?;
    let unpacked = through(&mut reader, stage.dir(), packed, options, &wrong);
    let Unpacked { size, warnings } = match unpacked {
        Ok(unpacked) => unpacked,
        Err(error) => {
            // Half a blob would be gone on with; the archive is here to begin anew.
            if let Some(writer) = &mut reader.writer {
                writer.restart()?;
            }
            return Err(reader.failure.take().map_or(error, Error::from));
        }
    };
    let mut set = Vec::new();
    match reader.writer.take() {
        Some(writer) => set.push(writer.finish()?),
        None => {
            let written = layer::write(stage.dir(), options.owners, io::sink());
            if written.map_err(wrong)?.diff_id != layer.diff_id {
                match stage_blob(store, packed, wait)? {
                    Some(writer) => set.push(copy(layer, writer)?),
                    None => return Ok(None),
                }
            }
        }
    }
    set.push(stage.finish(&layer.diff_id, size)?);
    Ok(Some(Arrived { set, warnings }))
}

/// Unpacks all that the reader has, and compares both digests.
fn through(
    reader: &mut Reader<'_>,
    dir: &Path,
    packed: &Packed,
    options: &UnpackOptions,
    wrong: &dyn Fn(layer::Error) -> Error,
) -> Result<Unpacked, Error> {
    let unpacked = unpack(reader, dir, packed, options, wrong)?;
    // What stands behind the end of the compressed stream belongs to the blob as well.
    io::copy(reader, &mut io::sink()).map_err(Error::Read)?;
    let hasher = Hasher::new(packed.digest.algorithm());
    let actual = std::mem::replace(&mut reader.hasher, hasher).finish();
    match actual == packed.digest {
        true => Ok(unpacked),
        false => Err(Error::Digest {
            expected: packed.digest.clone(),
            actual,
        }),
    }
}

fn unpack(
    reader: &mut Reader<'_>,
    dir: &Path,
    packed: &Packed,
    options: &UnpackOptions,
    wrong: &dyn Fn(layer::Error) -> Error,
) -> Result<Unpacked, Error> {
    let layer = reader.layer;
    let options = options.clone().max_bytes_for_blob(packed.size);
    let tar = Decompress::detect(reader).map_err(|error| wrong(layer::Error::Read(error)))?;
    let mut tar = Hashed {
        reader: tar,
        hasher: Hasher::new(layer.diff_id.algorithm()),
    };
    let unpacked = layer::unpack(&mut tar, dir, &options).map_err(wrong)?;
    let actual = tar.hasher.finish();
    if actual != layer.diff_id {
        return Err(Error::DiffId {
            layer: packed.digest.clone(),
            expected: layer.diff_id.clone(),
            actual,
        });
    }
    Ok(unpacked)
}

fn stage_blob(
    store: &Store,
    packed: &Packed,
    wait: bool,
) -> Result<Option<BlobWriter>, store::Error> {
    let writer = match wait {
        true => Some(store.stage_blob(&packed.digest, packed.size)?),
        false => store.try_stage_blob(&packed.digest, packed.size)?,
    };
    let Some(mut writer) = writer else {
        return Ok(None);
    };
    // What an earlier run left is here once more.
    writer.restart()?;
    Ok(Some(writer))
}

fn copy(layer: &FoundLayer, mut writer: BlobWriter) -> Result<Verified, Error> {
    let mut section = layer.section.clone();
    let mut buffer = vec![0; BUFFER];
    loop {
        match section.read(&mut buffer).map_err(Error::Read)? {
            0 => return Ok(writer.finish()?),
            count => writer.write(&buffer[..count])?,
        }
    }
}

/// Whether a tar begins as ours do: with the directory itself, and without names of users.
fn looks_ours(start: &[u8]) -> bool {
    start.starts_with(b"./\0")
        && start.get(257..265) == Some(b"ustar\x0000")
        && start
            .get(265..329)
            .is_some_and(|names| names.iter().all(|byte| *byte == 0))
}

/// A layer's blob, written down on the way where it has to be.
struct Reader<'a> {
    section: Section,
    hasher: Hasher,
    writer: Option<BlobWriter>,
    /// Why writing failed; readers in between turn errors into their own.
    failure: Option<store::Error>,
    layer: &'a FoundLayer,
    size: u64,
    reported: u64,
    progress: &'a dyn Progress,
}

impl Reader<'_> {
    fn report(&self, current: u64) {
        let total = self.size;
        let state = match current < total {
            true => LayerState::Loading(Bytes { current, total }),
            false => LayerState::Loaded,
        };
        let id = self.layer.diff_id.short();
        self.progress.event(Event::Layer { id, state });
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Err(io::Error::other("the blob cannot be written"));
        }
        let count = self.section.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.write(&buffer[..count])
        {
            self.failure = Some(error);
            return Err(io::Error::other("the blob cannot be written"));
        }
        let done = self.size - self.section.len();
        if done - self.reported >= REPORT_BYTES || count == 0 {
            self.reported = done;
            self.report(done);
        }
        Ok(count)
    }
}

/// Hashes what is read through it.
struct Hashed<R> {
    reader: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
