//! Reading and writing where caches are kept.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::json;

use super::{Contents, Place, TransferError};
use crate::bounded;
use crate::content::limits::{MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES};
use crate::content::media_type::{OCI_INDEX, OCI_MANIFEST};
use crate::content::{Digest, Hasher};
use crate::image::Platform;
use crate::image::manifest::{Descriptor, Document, Manifest};
use crate::registry::{Access, Content, Credentials, Piece, Session, Timing, Upload, Wanted};
use crate::settings::Settings;
use crate::sys::rights::as_caller;
use crate::unfinished::Unfinished;

/// What `oci-layout` holds.
const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// A place that can be read from and written to. The process may start threads.
pub(super) enum Open {
    Local(PathBuf),
    Registry(Box<Session>, String),
}

impl Open {
    pub(super) fn new(
        place: &Place,
        access: Access,
        credentials: &Credentials,
        settings: &Settings,
    ) -> Result<Open, TransferError> {
        match place {
            Place::Local(path) => Ok(Open::Local(path.clone())),
            Place::Registry(reference) => {
                let timing = Timing::of(settings);
                let session =
                    Session::open(reference, access, credentials.clone(), settings, timing)?;
                let name = match (reference.digest(), reference.tag()) {
                    (Some(digest), _) => digest.as_str(),
                    (None, tag) => tag.unwrap_or("latest"),
                };
                Ok(Open::Registry(Box::new(session), name.to_owned()))
            }
        }
    }

    /// Returns the manifest and its config, as they are.
    pub(super) fn documents(&self) -> Result<(Vec<u8>, Vec<u8>), TransferError> {
        match self {
            Open::Local(root) => {
                let path = root.join("index.json");
                let index = read(&path, MAX_MANIFEST_BYTES)?.ok_or(TransferError::None)?;
                let Document::Index(index) = Document::parse(&index, Some(OCI_INDEX))? else {
                    return Err(TransferError::None);
                };
                let first = index.manifests.first().ok_or(TransferError::None)?;
                let bytes = local_blob(root, first, MAX_MANIFEST_BYTES)?;
                let manifest = parse(&bytes)?;
                let config = local_blob(root, &manifest.config, MAX_CONFIG_BYTES)?;
                Ok((bytes, config))
            }
            Open::Registry(session, name) => {
                let mut found = session.manifest(name, None)?;
                if let Document::Index(index) =
                    Document::parse(&found.bytes, Some(&found.media_type))?
                {
                    let fits = index.for_host(&Platform::host());
                    let entry = fits.first().ok_or(TransferError::None)?;
                    found = session.manifest(entry.digest.as_str(), Some(entry.size))?;
                }
                let manifest = parse(&found.bytes)?;
                let config = session.config(&manifest.config.digest, manifest.config.size)?;
                Ok((found.bytes, config))
            }
        }
    }

    /// Whether a blob is there.
    pub(super) fn has(&self, digest: &Digest) -> Result<bool, TransferError> {
        match self {
            Open::Local(root) => Ok(blob_path(root, digest).is_file()),
            Open::Registry(session, _) => Ok(session.has_blob(digest)?),
        }
    }

    /// Opens a blob. From a registry it is fetched into `scratch` first. Whether it is what its digest says shows when it is
    /// read.
    pub(super) fn open(&self, blob: &Descriptor, scratch: &Path) -> Result<File, TransferError> {
        match self {
            Open::Local(root) => {
                let path = blob_path(root, &blob.digest);
                File::open(&path).map_err(failed("open", &path))
            }
            Open::Registry(session, _) => {
                let path = scratch.join("blob");
                let wanted = [Wanted {
                    digest: blob.digest.clone(),
                    size: blob.size,
                }];
                session.download(&wanted, &|_, mut feed| -> Result<(), TransferError> {
                    let mut file = File::create(&path).map_err(failed("create", &path))?;
                    feed.start(0);
                    loop {
                        match feed.piece()? {
                            Piece::Bytes(bytes) => io::Write::write_all(&mut file, &bytes)
                                .map_err(failed("write", &path))?,
                            Piece::Retrying(_) => {}
                            Piece::End => return Ok(()),
                        }
                    }
                })?;
                File::open(&path).map_err(failed("open", &path))
            }
        }
    }

    /// Writes a blob.
    pub(super) fn put(
        &self,
        digest: &Digest,
        size: u64,
        mut file: File,
    ) -> Result<(), TransferError> {
        match self {
            Open::Local(root) => {
                let path = blob_path(root, digest);
                replace(&path, |out| io::copy(&mut file, out).map(drop))
            }
            Open::Registry(session, _) => {
                let upload = Upload {
                    digest: digest.clone(),
                    size,
                    content: Content::File(Arc::new(file)),
                    place: None,
                };
                Ok(session.upload(&upload, &AtomicBool::new(false), &|_| {})?)
            }
        }
    }

    /// Writes config and manifest, and gives them the place's name.
    pub(super) fn finish(&self, config: &[u8], manifest: &[u8]) -> Result<(), TransferError> {
        match self {
            Open::Local(root) => {
                for bytes in [config, manifest] {
                    let path = blob_path(root, &Digest::sha256_of(bytes));
                    replace(&path, |out| io::Write::write_all(out, bytes))?;
                }
                let index = json!({
                    "schemaVersion": 2,
                    "mediaType": OCI_INDEX,
                    "manifests": [{
                        "mediaType": OCI_MANIFEST,
                        "digest": Digest::sha256_of(manifest),
                        "size": manifest.len(),
                    }],
                })
                .to_string();
                for (name, text) in [("oci-layout", LAYOUT), ("index.json", &index)] {
                    replace(&root.join(name), |out| {
                        io::Write::write_all(out, text.as_bytes())
                    })?;
                }
                Ok(())
            }
            Open::Registry(session, name) => {
                let upload = Upload {
                    digest: Digest::sha256_of(config),
                    size: config.len() as u64,
                    content: Content::Bytes(config.to_vec().into()),
                    place: None,
                };
                session.upload(&upload, &AtomicBool::new(false), &|_| {})?;
                Ok(session.put_manifest(name, OCI_MANIFEST, manifest)?)
            }
        }
    }

    /// Returns what is there.
    pub(super) fn contents(&self) -> Result<Contents, TransferError> {
        let (manifest, config) = self.documents()?;
        Contents::read(&parse(&manifest)?, &config)
    }
}

/// Reads a manifest.
pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, TransferError> {
    match Document::parse(bytes, None)? {
        Document::Manifest(manifest) => Ok(*manifest),
        Document::Index(_) => Err(TransferError::None),
    }
}

fn blob_path(root: &Path, digest: &Digest) -> PathBuf {
    let algorithm = digest.algorithm().as_str();
    root.join("blobs").join(algorithm).join(digest.hex())
}

fn local_blob(root: &Path, blob: &Descriptor, limit: u64) -> Result<Vec<u8>, TransferError> {
    let path = blob_path(root, &blob.digest);
    let bytes = read(&path, limit)?.ok_or(TransferError::None)?;
    let actual = Digest::of(blob.digest.algorithm(), &bytes);
    match actual == blob.digest {
        true => Ok(bytes),
        false => Err(TransferError::WrongDigest {
            expected: blob.digest.clone(),
            actual,
        }),
    }
}

fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, TransferError> {
    bounded::read_file(path, limit).map_err(failed("read", path))
}

/// Writes a file that readers see whole, or not at all.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), TransferError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    as_caller(|| fs::create_dir_all(dir)).map_err(failed("create", dir))?;
    Unfinished::beside(path)
        .and_then(|mut unfinished| {
            write(&mut unfinished.file)?;
            unfinished.finish(path)
        })
        .map_err(failed("write", path))
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TransferError {
    let path = path.to_owned();
    move |source| TransferError::Io {
        action,
        path,
        source,
    }
}

/// Hashes and counts what goes through it.
pub(super) struct Hashed<T> {
    pub(super) inner: T,
    pub(super) hasher: Hasher,
    pub(super) bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

impl<W: io::Write> io::Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
