//! One layer on its way: already there, mounted, or uploaded – packed first, where it has no blob.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::{Error, PushOptions};
use crate::content::{Algorithm, Digest, Hasher, limits};
use crate::image::compress::Packing;
use crate::image::decompress::Decompress;
use crate::image::manifest::Descriptor;
use crate::image::outgoing::{self, ImagePlan, Known};
use crate::image::{Bytes, Event, LayerState, Progress};
use crate::image::{Image, layer};
use crate::registry::limits::PARALLEL_UPLOADS;
use crate::registry::{self, Content, Mounted, Place, Session, Upload, UploadEvent};
use crate::store::Store;

/// Read at once from a blob that is packed anew.
const COPY_BYTES: usize = 256 << 10;

/// What all layers of a push share.
pub(super) struct Context<'a> {
    pub(super) store: &'a Store,
    pub(super) session: &'a Session,
    pub(super) options: &'a PushOptions<'a>,
    pub(super) progress: &'a dyn Progress,
    pub(super) known: &'a Known,
}

/// Sends every layer of the image, several at once; returns what they are there, in the order of the manifest.
///
/// # Errors
///
/// The first error; the others are cancelled.
pub(super) fn send_all(context: &Context<'_>, plan: &ImagePlan) -> Result<Vec<Descriptor>, Error> {
    let image = &plan.image;
    let layers: Vec<(&Digest, &Descriptor)> =
        image.layers().iter().zip(&image.manifest.layers).collect();
    let mut jobs: Vec<(&Digest, &Descriptor)> = Vec::new();
    for layer in &layers {
        if jobs.iter().all(|(diff_id, _)| *diff_id != layer.0) {
            context.report(layer.0, LayerState::Preparing);
            jobs.push(*layer);
        }
    }
    let batch = Batch {
        context,
        family: image.manifest.media_type,
        failed: AtomicBool::new(false),
        compressor: Mutex::new(()),
    };
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Descriptor>>> = Mutex::new(vec![None; jobs.len()]);
    let work = || -> Result<(), Error> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((diff_id, layer)) = jobs.get(at) else {
                return Ok(());
            };
            if batch.failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            match batch.send(diff_id, layer) {
                Ok(sent) => lock(&done)[at] = Some(sent),
                Err(error) => {
                    // Whoever fails first says why.
                    let first = !batch.failed.swap(true, Ordering::Relaxed);
                    return if first { Err(error) } else { Ok(()) };
                }
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.len().min(PARALLEL_UPLOADS))
            .map(|_| {
                let thread = thread::Builder::new().name("layer".into());
                thread.spawn_scoped(scope, work)
            })
            .collect();
        let mut result = Ok(());
        for thread in threads {
            let ended = match thread {
                Ok(thread) => thread.join().unwrap_or(Ok(())),
                Err(error) => {
                    batch.failed.store(true, Ordering::Relaxed);
                    Err(registry::Error::Thread(error).into())
                }
            };
            result = result.and(ended);
        }
        result
    })?;
    let done = lock(&done);
    let sent = |(diff_id, _): &(&Digest, &Descriptor)| {
        let at = jobs.iter().position(|(job, _)| job == diff_id)?;
        done[at].clone()
    };
    layers
        .iter()
        .map(|layer| sent(layer).ok_or_else(|| registry::Error::Cancelled.into()))
        .collect()
}

/// Sends the config.
pub(super) fn send_config(context: &Context<'_>, image: &Image) -> Result<(), Error> {
    if context.session.has_blob(&image.id)? {
        return Ok(());
    }
    let bytes = (context.store).read_blob(&image.id, limits::MAX_CONFIG_BYTES)?;
    upload_bytes(context, &image.id, bytes)
}

/// Sends a small blob.
pub(super) fn send_bytes(
    context: &Context<'_>,
    digest: &Digest,
    bytes: &[u8],
) -> Result<(), Error> {
    match context.session.has_blob(digest)? {
        true => Ok(()),
        false => upload_bytes(context, digest, bytes.to_vec()),
    }
}

fn upload_bytes(context: &Context<'_>, digest: &Digest, bytes: Vec<u8>) -> Result<(), Error> {
    let upload = Upload {
        digest: digest.clone(),
        size: bytes.len() as u64,
        content: Content::Bytes(bytes.into()),
        place: None,
    };
    let never = AtomicBool::new(false);
    Ok(context.session.upload(&upload, &never, &|_| {})?)
}

impl Context<'_> {
    fn report(&self, diff_id: &Digest, state: LayerState<'_>) {
        let id = diff_id.short();
        self.progress.event(Event::Layer { id, state });
    }
}

/// The layers of one image.
struct Batch<'a> {
    context: &'a Context<'a>,
    /// Media type of the manifest.
    family: &'static str,
    failed: AtomicBool,
    /// Held by the layer that is compressed: it has all cores.
    compressor: Mutex<()>,
}

/// Where the bytes of a layer come from.
enum Source {
    /// From its blob, as it is.
    Blob(Descriptor),
    /// From its blob, to be packed otherwise.
    Repack(Descriptor, Packing),
    /// From its directory.
    Directory(Packing),
}

/// What came of asking for a blob.
enum There {
    Yes,
    No(Option<Place>),
}

/// A layer as a blob that is not in the store.
struct Packed {
    digest: Digest,
    size: u64,
    file: File,
}

impl Batch<'_> {
    fn send(&self, diff_id: &Digest, layer: &Descriptor) -> Result<Descriptor, Error> {
        match self.source(diff_id, layer) {
            Source::Blob(blob) => self.send_blob(diff_id, blob),
            Source::Repack(blob, packing) => {
                let fill = |tar: &mut dyn Write| self.unpack(diff_id, &blob, tar);
                self.send_packed(diff_id, layer, packing, fill)
            }
            Source::Directory(packing) => {
                let fill = |tar: &mut dyn Write| self.write(diff_id, tar);
                self.send_packed(diff_id, layer, packing, fill)
            }
        }
    }

    /// Decides where the layer comes from.
    fn source(&self, diff_id: &Digest, layer: &Descriptor) -> Source {
        let store = self.context.store;
        let wanted = self.context.options.packing;
        let fits = |blob: &Descriptor| {
            let compression = blob.compression().ok();
            wanted.is_none_or(|packing| compression == Some(packing.compression()))
        };
        let own = store.has_blob(&layer.digest);
        // A layer that was made here is named as the plain tar that it would be.
        let made_here = layer.digest == *diff_id && !own;
        if own && fits(layer) {
            return Source::Blob(layer.clone());
        }
        // The same layer may have come as another blob, with another image.
        let here = || {
            let blobs = self.context.known.blobs(diff_id).iter();
            let mut blobs = blobs.map(|blob| &blob.descriptor);
            blobs.find(|blob| fits(blob) && store.has_blob(&blob.digest))
        };
        match (wanted, here()) {
            // The registry may have what the manifest names.
            (None, _) if !made_here => Source::Blob(layer.clone()),
            (_, Some(blob)) => Source::Blob(blob.clone()),
            (Some(packing), None) if own => Source::Repack(layer.clone(), packing),
            (packing, None) => Source::Directory(packing.unwrap_or_default()),
        }
    }

    fn send_blob(&self, diff_id: &Digest, mut blob: Descriptor) -> Result<Descriptor, Error> {
        let store = self.context.store;
        let mut place = match self.is_there(diff_id, &blob)? {
            There::Yes => return Ok(blob),
            There::No(place) => place,
        };
        if !store.has_blob(&blob.digest) {
            // It came with another image, as another blob; or its directory says it in the same bytes.
            let mut others = self.context.known.blobs(diff_id).iter();
            match others.find(|other| store.has_blob(&other.descriptor.digest)) {
                Some(other) => blob = other.descriptor.clone(),
                None => {
                    // As it was packed once, so that it may become the same blob again.
                    let packing = blob.compression().ok();
                    let packing =
                        packing.and_then(|compression| Packing::new(compression, None).ok());
                    let fill = |tar: &mut dyn Write| self.write(diff_id, tar);
                    return self.send_packed(diff_id, &blob, packing.unwrap_or_default(), fill);
                }
            }
            place = match self.is_there(diff_id, &blob)? {
                There::Yes => return Ok(blob),
                There::No(new) => new.or(place),
            };
        }
        let file = store.open_blob(&blob.digest)?;
        self.upload(diff_id, &blob.digest, blob.size, file, place)?;
        Ok(blob)
    }

    /// Looks for the layer as a blob that an earlier push made of it.
    fn packed_before(
        &self,
        diff_id: &Digest,
        packing: Packing,
    ) -> Result<Option<Descriptor>, Error> {
        for blob in self.context.known.blobs(diff_id) {
            let blob = &blob.descriptor;
            if blob.compression().ok() == Some(packing.compression())
                && let There::Yes = self.is_there(diff_id, blob)?
            {
                return Ok(Some(blob.clone()));
            }
        }
        Ok(None)
    }

    /// Asks whether the repository has the blob, or can have it from another one.
    fn is_there(&self, diff_id: &Digest, blob: &Descriptor) -> Result<There, Error> {
        let session = self.context.session;
        if session.has_blob(&blob.digest)? {
            self.context.report(diff_id, LayerState::ExistsThere);
            return Ok(There::Yes);
        }
        let mut left = None;
        for source in self.context.known.sources(diff_id, &blob.digest) {
            match session.mount_blob(&blob.digest, source.repository())? {
                Mounted::Done => {
                    let from = source.familiar_name();
                    self.context.report(diff_id, LayerState::Mounted(&from));
                    return Ok(There::Yes);
                }
                Mounted::Refused(place) => left = place.or(left),
            }
        }
        Ok(There::No(left))
    }

    /// Sends the layer as a blob that it is packed into first, where no earlier push has told which one that will be.
    fn send_packed(
        &self,
        diff_id: &Digest,
        layer: &Descriptor,
        packing: Packing,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<Descriptor, Error> {
        if let Some(found) = self.packed_before(diff_id, packing)? {
            return Ok(found);
        }
        let packed = self.pack(diff_id, packing, fill)?;
        let sent = Descriptor {
            media_type: outgoing::layer_type(self.family, packing.compression()),
            digest: packed.digest,
            size: packed.size,
            ..layer.clone()
        };
        if let There::No(place) = self.is_there(diff_id, &sent)? {
            self.upload(diff_id, &sent.digest, sent.size, packed.file, place)?;
        }
        Ok(sent)
    }

    fn upload(
        &self,
        diff_id: &Digest,
        digest: &Digest,
        size: u64,
        file: File,
        place: Option<Place>,
    ) -> Result<(), Error> {
        let total = size;
        let pushing = |current| LayerState::Pushing(Bytes { current, total });
        let upload = Upload {
            digest: digest.clone(),
            size,
            content: Content::File(Arc::new(file)),
            place,
        };
        let report = |event| match event {
            UploadEvent::Sent(current) => self.context.report(diff_id, pushing(current)),
            UploadEvent::Retrying(pause) => {
                self.context.report(diff_id, LayerState::Retrying(pause));
            }
        };
        report(UploadEvent::Sent(0));
        let session = self.context.session;
        session.upload(&upload, &self.failed, &report)?;
        self.context.report(diff_id, LayerState::Pushed);
        Ok(())
    }

    /// Packs the tar that `fill` writes into a scratch file that nobody else can see.
    fn pack(
        &self,
        diff_id: &Digest,
        packing: Packing,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<Packed, Error> {
        let _turn = match self.compressor.try_lock() {
            Ok(turn) => turn,
            Err(_) => {
                self.context.report(diff_id, LayerState::Waiting);
                lock(&self.compressor)
            }
        };
        if self.failed.load(Ordering::Relaxed) {
            return Err(registry::Error::Cancelled.into());
        }
        self.context.report(diff_id, LayerState::Packing);
        let scratch = self.context.store.scratch_dir("push")?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(scratch.path().join("blob"))
            .map_err(Error::Scratch)?;
        // The directory goes with its name; the file stays for as long as it is open.
        drop(scratch);
        let mut out = Hashed {
            out: io::BufWriter::with_capacity(COPY_BYTES, file),
            hasher: Hasher::new(Algorithm::Sha256),
            size: 0,
        };
        packing.pack(self.context.options.workers, &mut out, fill)?;
        let file = out.out.into_inner().map_err(io::Error::from)?;
        Ok(Packed {
            digest: out.hasher.finish(),
            size: out.size,
            file,
        })
    }

    /// Writes the layer's directory as a tar, which must be the one that its diff_id names.
    fn write(&self, diff_id: &Digest, tar: &mut dyn Write) -> Result<(), Error> {
        let dir = self.context.store.layer_dir(diff_id);
        let written = layer::write(&dir, self.context.options.owners, tar).map_err(|source| {
            Error::Layer {
                diff_id: diff_id.clone(),
                source,
            }
        })?;
        match written.diff_id == *diff_id {
            true => Ok(()),
            false => Err(Error::NoBlob(diff_id.clone())),
        }
    }

    /// Writes the tar that is in a blob.
    fn unpack(
        &self,
        diff_id: &Digest,
        blob: &Descriptor,
        tar: &mut dyn Write,
    ) -> Result<(), Error> {
        let wrong = |source| Error::Layer {
            diff_id: diff_id.clone(),
            source: layer::Error::Read(source),
        };
        let file = self.context.store.open_blob(&blob.digest)?;
        let mut reader = Decompress::detect(file).map_err(wrong)?;
        let mut hasher = Hasher::new(diff_id.algorithm());
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    tar.write_all(&buffer[..count]).map_err(Error::Scratch)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(wrong(error)),
            }
        }
        match hasher.finish() == *diff_id {
            true => Ok(()),
            false => Err(Error::NoBlob(diff_id.clone())),
        }
    }
}

/// Hashes and counts what is written through it.
struct Hashed<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl From<io::Error> for Error {
    /// Of the packing, whose only other end is the scratch file.
    fn from(source: io::Error) -> Error {
        Error::Scratch(source)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
