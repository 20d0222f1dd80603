//! Blobs: `blobs/<algorithm>/<hex>`, and their partial downloads `tmp/blob-<algorithm>-<hex>`.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::content::{Algorithm, Digest, Hasher};

use super::files::{entries, exists, failed, private_file, read_bounded};
use super::lock::{flock_wait, still_names, try_flock};
use super::publish::{Kind, Verified};
use super::staging::Staged;
use super::{Error, Store};

/// How much of a partial download is read at once to hash it again.
const REHASH_BUFFER: usize = 256 * 1024;

/// Content being written. Dropped before [`BlobWriter::finish`] or [`BlobWriter::commit`], what was written stays as a
/// partial file that a later [`Store::stage_blob`] goes on with, until a prune takes it.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    digest: Digest,
    size: u64,
    written: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The blob turned out to be in the store already.
    Present,
    /// On the way.
    Partial(Box<Partial>),
    /// There was no room for it; nothing of it is left.
    NoRoom,
}

/// A partial file and the hash of what is in it.
#[derive(Debug)]
struct Partial {
    staged: Staged,
    hash: Hasher,
}

impl Store {
    /// Returns where the blob lies, or would lie.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root
            .join("blobs")
            .join(digest.algorithm().as_str())
            .join(digest.hex())
    }

    /// Returns whether the blob is here, whole.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        exists(&self.blob_path(digest)) && self.holds(Kind::Blob, digest)
    }

    /// Reads a small blob (manifest, config) of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Mismatch`] where it is larger than `limit`, [`Error::Io`].
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
        if !self.holds(Kind::Blob, digest) {
            return Err(Error::Missing(digest.clone()));
        }
        read_bounded(&self.blob_path(digest), limit)?.ok_or_else(|| Error::Missing(digest.clone()))
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Io`].
    pub fn open_blob(&self, digest: &Digest) -> Result<File, Error> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing(digest.clone()),
            _ => failed("open", &path)(error),
        })
    }

    /// Returns the digests of all blobs, in no order.
    pub(super) fn blobs(&self) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::new();
        let top = self.root.join("blobs");
        for (algorithm, is_dir) in entries(&top)? {
            if !is_dir {
                continue;
            }
            for (hex, _) in entries(&top.join(&algorithm))? {
                let name = format!("{}:{}", algorithm.display(), hex.display());
                digests.extend(name.parse::<Digest>());
            }
        }
        Ok(digests)
    }

    /// Stores `bytes`, which hash to the returned digest, and waits for the disk. Several at once are cheaper with
    /// [`Store::prepare_blob`] and [`Store::publish`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::sha256_of(bytes);
        if !self.has_blob(&digest) {
            let staged = Staged::write(self, "bytes", bytes)?;
            staged.sync()?;
            self.remove_void(Kind::Blob, &digest)?;
            staged.place(&self.blob_path(&digest))?;
        }
        Ok(digest)
    }

    /// Stages `bytes` as a blob, to be published with others.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn prepare_blob(&self, bytes: &[u8]) -> Result<(Digest, Verified), Error> {
        let digest = Digest::sha256_of(bytes);
        let staged = Staged::write(self, "bytes", bytes)?;
        let verified = Verified::new(Kind::Blob, digest.clone(), Some(staged));
        Ok((digest, verified))
    }

    /// Starts, or resumes, the download of the blob `digest`: one writer at a time holds the partial file's lock, a second
    /// one waits and then finds the blob there (see [`BlobWriter::is_present`]). A process that has a writer for the same
    /// digest already would wait for itself; use [`Store::try_stage_blob`] where that can be.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn stage_blob(&self, digest: &Digest, size: u64) -> Result<BlobWriter, Error> {
        let writer = self.open_writer(digest, size, true)?;
        Ok(writer.expect("waiting ends with the lock"))
    }

    /// As [`Store::stage_blob`], but `None` at once where somebody else is writing the blob.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn try_stage_blob(&self, digest: &Digest, size: u64) -> Result<Option<BlobWriter>, Error> {
        self.open_writer(digest, size, false)
    }

    fn open_writer(
        &self,
        digest: &Digest,
        size: u64,
        wait: bool,
    ) -> Result<Option<BlobWriter>, Error> {
        let path = self.root.join("tmp").join(format!(
            "blob-{}-{}",
            digest.algorithm().as_str(),
            digest.hex()
        ));
        loop {
            let file = private_file()
                .truncate(false)
                .open(&path)
                .map_err(failed("create", &path))?;
            if wait {
                flock_wait(&file).map_err(failed("lock", &path))?;
            } else if !try_flock(&file).map_err(failed("lock", &path))? {
                return Ok(None);
            }
            // While we waited, the other writer may have given the file its name, or a prune taken it away.
            if !still_names(&path, &file).map_err(failed("check", &path))? {
                continue;
            }
            let mut staged = Staged::adopt(path.clone(), file);
            if self.has_blob(digest) {
                return Ok(Some(BlobWriter {
                    store: self.clone(),
                    digest: digest.clone(),
                    size,
                    written: size,
                    state: State::Present,
                }));
            }
            let (hash, written) = rehash(&mut staged, digest.algorithm(), size)?;
            return Ok(Some(BlobWriter {
                store: self.clone(),
                digest: digest.clone(),
                size,
                written,
                state: State::Partial(Box::new(Partial { staged, hash })),
            }));
        }
    }
}

/// Hashes what an earlier run left, and stands at its end. A file longer than the blob is emptied.
fn rehash(staged: &mut Staged, algorithm: Algorithm, size: u64) -> Result<(Hasher, u64), Error> {
    let path = staged.path().to_owned();
    let file = staged.handle();
    let mut hash = Hasher::new(algorithm);
    let length = file.metadata().map_err(failed("read", &path))?.len();
    if length == 0 {
        return Ok((hash, 0));
    }
    if length > size {
        file.set_len(0).map_err(failed("truncate", &path))?;
        return Ok((hash, 0));
    }
    let mut buffer = vec![0; REHASH_BUFFER];
    let mut total = 0;
    loop {
        match file.read(&mut buffer).map_err(failed("read", &path))? {
            0 => return Ok((hash, total)),
            n => {
                hash.update(&buffer[..n]);
                total += n as u64;
            }
        }
    }
}

impl BlobWriter {
    /// Bytes that an earlier, interrupted download left and that need not be asked for again. They count as hashed.
    pub fn offset(&self) -> u64 {
        self.written
    }

    /// Whether the blob came into the store while we waited for the lock: nothing is to be written, and the content
    /// lies at [`Store::blob_path`].
    pub fn is_present(&self) -> bool {
        matches!(self.state, State::Present)
    }

    /// The partial file, for reading back what an earlier run left; `None` where the blob is present.
    pub fn partial_path(&self) -> Option<&Path> {
        match &self.state {
            State::Partial(partial) => Some(partial.staged.path()),
            State::Present | State::NoRoom => None,
        }
    }

    /// Appends; does nothing where the blob is present. More bytes than the size announced are refused at once. A full disk ends the download, and what was
    /// written is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`], [`Error::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.is_present() {
            return Ok(());
        }
        let total = self.written.saturating_add(bytes.len() as u64);
        if total > self.size {
            return Err(Error::Mismatch {
                what: format!("size of {}", self.digest),
                expected: format!("{} bytes", self.size),
                actual: "more".to_owned(),
            });
        }
        match &mut self.state {
            State::Present => {}
            State::NoRoom => return Err(self.no_room(io::ErrorKind::StorageFull.into())),
            State::Partial(partial) => match partial.staged.handle().write_all(bytes) {
                Ok(()) => partial.hash.update(bytes),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                    ) =>
                {
                    // Going on later is worth less than the room that everything else needs now.
                    self.state = State::NoRoom;
                    return Err(self.no_room(error));
                }
                Err(error) => return Err(failed("write", partial.staged.path())(error)),
            },
        }
        self.written = total;
        Ok(())
    }

    /// Forgets everything written, for a server that cannot resume.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn restart(&mut self) -> Result<(), Error> {
        if let State::Partial(partial) = &mut self.state {
            let file = partial.staged.handle();
            let emptied = file.set_len(0).and_then(|()| file.rewind());
            emptied.map_err(failed("truncate", partial.staged.path()))?;
            partial.hash = Hasher::new(self.digest.algorithm());
            self.written = 0;
        }
        Ok(())
    }

    fn no_room(&self, error: io::Error) -> Error {
        failed("write", &self.store.blob_path(&self.digest))(error)
    }

    /// Checks digest and size and gives the blob its name. A wrong digest removes the partial file; a blob that is too
    /// short can be gone on with.
    ///
    /// # Errors
    ///
    /// [`Error::WrongDigest`], [`Error::Mismatch`], [`Error::Io`].
    pub fn commit(self) -> Result<(), Error> {
        let store = self.store.clone();
        let verified = self.finish()?;
        if let Some(staged) = verified.staged() {
            staged.sync()?;
        }
        store.install(verified)
    }

    /// Checks digest and size as [`BlobWriter::commit`] does; the blob gets its name with the others of its set, by
    /// [`Store::publish`].
    ///
    /// # Errors
    ///
    /// [`Error::WrongDigest`], [`Error::Mismatch`].
    pub fn finish(mut self) -> Result<Verified, Error> {
        if self.written != self.size {
            return Err(Error::Mismatch {
                what: format!("size of {}", self.digest),
                expected: format!("{} bytes", self.size),
                actual: format!("{} bytes", self.written),
            });
        }
        // From here on the file is removed unless it is published.
        let Partial { staged, hash } = match std::mem::replace(&mut self.state, State::NoRoom) {
            State::Present => return Ok(Verified::new(Kind::Blob, self.digest.clone(), None)),
            State::NoRoom => return Err(self.no_room(io::ErrorKind::StorageFull.into())),
            State::Partial(partial) => *partial,
        };
        let actual = hash.finish();
        if actual != self.digest {
            return Err(Error::WrongDigest {
                expected: self.digest.clone(),
                actual,
            });
        }
        Ok(Verified::new(Kind::Blob, self.digest.clone(), Some(staged)))
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::NoRoom);
        if let State::Partial(partial) = state
            && self.written > 0
        {
            partial.staged.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(store: &Store) -> usize {
        std::fs::read_dir(store.root().join("tmp")).unwrap().count()
    }

    #[test]
    fn puts_and_reads() {
        let (_dir, store) = Store::for_test();
        let digest = store.put_blob(b"hello").unwrap();
        assert_eq!(digest, store.put_blob(b"hello").unwrap());
        assert_eq!(store.read_blob(&digest, 5).unwrap(), b"hello");
        assert!(matches!(
            store.read_blob(&digest, 4),
            Err(Error::Mismatch { .. })
        ));
        let other = Digest::sha256_of(b"other");
        assert!(matches!(store.read_blob(&other, 9), Err(Error::Missing(_))));
        assert_eq!(staged(&store), 0);
    }

    #[test]
    fn resumes_what_a_dropped_writer_left() {
        let (_dir, store) = Store::for_test();
        let digest = Digest::sha256_of(b"hello world");
        let mut writer = store.stage_blob(&digest, 11).unwrap();
        writer.write(b"hello ").unwrap();
        assert!(store.try_stage_blob(&digest, 11).unwrap().is_none());
        drop(writer);
        assert!(!store.has_blob(&digest));
        let mut writer = store.stage_blob(&digest, 11).unwrap();
        assert_eq!(writer.offset(), 6);
        writer.write(b"world").unwrap();
        writer.commit().unwrap();
        assert_eq!(store.read_blob(&digest, 11).unwrap(), b"hello world");
        assert_eq!(staged(&store), 0);
        let writer = store.stage_blob(&digest, 11).unwrap();
        assert!(writer.is_present());
        writer.commit().unwrap();
        assert_eq!(staged(&store), 0);
    }

    #[test]
    fn refuses_wrong_content() {
        let (_dir, store) = Store::for_test();
        let digest = Digest::sha256_of(b"right");
        let mut writer = store.stage_blob(&digest, 5).unwrap();
        assert!(writer.write(b"too long").is_err());
        writer.write(b"wrong").unwrap();
        assert!(matches!(writer.commit(), Err(Error::WrongDigest { .. })));
        assert!(!store.has_blob(&digest));
        assert_eq!(staged(&store), 0);

        let mut writer = store.stage_blob(&digest, 5).unwrap();
        writer.write(b"rig").unwrap();
        assert!(matches!(writer.commit(), Err(Error::Mismatch { .. })));
        assert_eq!(store.stage_blob(&digest, 5).unwrap().offset(), 3);

        let mut writer = store.stage_blob(&digest, 5).unwrap();
        writer.restart().unwrap();
        writer.write(b"right").unwrap();
        writer.commit().unwrap();
    }

    #[test]
    fn forgets_a_partial_that_is_too_long() {
        let (_dir, store) = Store::for_test();
        let digest = Digest::sha256_of(b"x");
        let mut writer = store.stage_blob(&digest, 100).unwrap();
        writer.write(b"yyyy").unwrap();
        drop(writer);
        assert_eq!(store.stage_blob(&digest, 1).unwrap().offset(), 0);
    }

    #[test]
    fn the_second_writer_waits_and_finds_it() {
        let (_dir, store) = Store::for_test();
        let digest = Digest::sha256_of(b"shared");
        let mut first = store.stage_blob(&digest, 6).unwrap();
        let (other, name) = (store.clone(), digest.clone());
        let second = std::thread::spawn(move || other.stage_blob(&name, 6).unwrap().is_present());
        first.write(b"shared").unwrap();
        first.commit().unwrap();
        assert!(second.join().unwrap());
    }

    #[test]
    fn sha512_has_its_own_directory() {
        let (_dir, store) = Store::for_test();
        let bytes = b"long";
        let hash = ring::digest::digest(&ring::digest::SHA512, bytes);
        let digest = Digest::from_bytes(Algorithm::Sha512, hash.as_ref());
        let mut writer = store.stage_blob(&digest, 4).unwrap();
        writer.write(bytes).unwrap();
        writer.commit().unwrap();
        assert!(store.has_blob(&digest));
    }
}
