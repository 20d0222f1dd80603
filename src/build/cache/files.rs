//! Hashes of files, remembered by what changes whenever their bytes do: device, inode, size, modification and change time.
//!
//! A file whose change time is as young as the moment it was read may be changed again within the clock's resolution and
//! look the same: it is hashed, but not remembered (git's "racy" entries).

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

use crate::bounded;
use crate::build::error::{Error, failed};
use crate::store::Store;

/// First bytes of the file.
const MAGIC: &[u8; 8] = b"ctrfile1";

/// Files remembered at most; beyond that those of this build alone are.
const MAX_FILES: usize = 1 << 20;

/// Bytes of one entry: five numbers and a SHA-256.
const ENTRY: usize = 5 * 8 + 32;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// A file's change has to be this old to be remembered.
const SETTLED: Duration = Duration::from_millis(1500);

/// What tells one state of a file from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    device: u64,
    inode: u64,
    size: u64,
    modified: i64,
    changed: i64,
}

impl State {
    /// Returns the state that `stat` tells.
    pub(crate) fn of(stat: &Stat) -> State {
        let time = |seconds: i64, nanoseconds: u64| {
            seconds
                .wrapping_mul(1_000_000_000)
                .wrapping_add(nanoseconds as i64)
        };
        State {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size as u64,
            modified: time(stat.st_mtime, stat.st_mtime_nsec),
            changed: time(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// The hashes that are known.
#[derive(Debug)]
pub(crate) struct FileHashes {
    path: PathBuf,
    known: HashMap<State, [u8; 32]>,
    /// Those of this build.
    fresh: HashMap<State, [u8; 32]>,
    loaded: bool,
    buffer: Vec<u8>,
}

impl FileHashes {
    /// Opens the hashes of `store`; nothing is read before the first file.
    pub(crate) fn new(store: &Store) -> FileHashes {
        FileHashes {
            path: store.cache_dir().join("files"),
            known: HashMap::new(),
            fresh: HashMap::new(),
            loaded: false,
            buffer: Vec::new(),
        }
    }

    fn load(&mut self) {
        self.loaded = true;
        let limit = (MAX_FILES * ENTRY + MAGIC.len()) as u64;
        // Broken or missing: everything is hashed again.
        let Ok(Some(bytes)) = bounded::read_file(&self.path, limit) else {
            return;
        };
        let Some(entries) = bytes.strip_prefix(MAGIC) else {
            return;
        };
        self.known.reserve(entries.len() / ENTRY);
        for entry in entries.chunks_exact(ENTRY) {
            let number = |n: usize| {
                let bytes = entry[n * 8..n * 8 + 8].try_into().unwrap_or_default();
                u64::from_le_bytes(bytes)
            };
            let state = State {
                device: number(0),
                inode: number(1),
                size: number(2),
                modified: number(3) as i64,
                changed: number(4) as i64,
            };
            let mut hash = [0; 32];
            hash.copy_from_slice(&entry[40..]);
            self.known.insert(state, hash);
        }
    }

    /// Returns the SHA-256 of a regular file; `open` is called where it has to be read.
    ///
    /// # Errors
    ///
    /// Those of `open` and of reading.
    pub(crate) fn hash(
        &mut self,
        stat: &Stat,
        open: impl FnOnce() -> std::io::Result<OwnedFd>,
    ) -> std::io::Result<[u8; 32]> {
        // Before it is read: what happens meanwhile may look the same.
        self.hash_at(SystemTime::now(), stat, open)
    }

    fn hash_at(
        &mut self,
        now: SystemTime,
        stat: &Stat,
        open: impl FnOnce() -> std::io::Result<OwnedFd>,
    ) -> std::io::Result<[u8; 32]> {
        if let Some(hash) = self.known(stat) {
            return Ok(hash);
        }
        let mut file = fs::File::from(open()?);
        let mut hasher = ring::digest::Context::new(&ring::digest::SHA256);
        self.buffer.resize(BUFFER, 0);
        let mut hashed = 0;
        loop {
            let read = file.read(&mut self.buffer)?;
            hasher.update(&self.buffer[..read]);
            hashed += read as i64;
            // Less than asked for is the end where that much was expected, too.
            if read == 0 || (read < BUFFER && hashed == stat.st_size) {
                break;
            }
        }
        let hash = hasher.finish().as_ref().try_into().unwrap_or_default();
        self.note(now, stat, hash);
        Ok(hash)
    }

    /// Returns the hash of a file, if it is remembered.
    pub(crate) fn known(&mut self, stat: &Stat) -> Option<[u8; 32]> {
        if !self.loaded {
            self.load();
        }
        let state = State::of(stat);
        let hash = (self.fresh.get(&state)).or_else(|| self.known.get(&state));
        hash.copied()
    }

    /// Remembers the hash of a file that has been read since `begun`, unless it was changed just then.
    pub(crate) fn note(&mut self, begun: SystemTime, stat: &Stat, hash: [u8; 32]) {
        let state = State::of(stat);
        let settled = UNIX_EPOCH + Duration::from_nanos(state.changed.max(0) as u64) + SETTLED;
        if begun > settled {
            self.fresh.insert(state, hash);
        }
    }

    /// Writes what this build found out.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Store`].
    pub(crate) fn save(mut self, store: &Store) -> Result<(), Error> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        // Another build may have written meanwhile.
        self.known.clear();
        self.load();
        if self.known.len() + self.fresh.len() > MAX_FILES {
            self.known.clear();
        }
        self.known.extend(self.fresh);
        let mut bytes = MAGIC.to_vec();
        bytes.reserve(self.known.len() * ENTRY);
        for (state, hash) in self.known.iter().take(MAX_FILES) {
            for number in [
                state.device,
                state.inode,
                state.size,
                state.modified as u64,
                state.changed as u64,
            ] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(hash);
        }
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir).map_err(failed("create", dir))?;
        }
        Ok(store.replace_shared_file(&self.path, &bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::path::Path;

    use super::*;

    fn store() -> (tempfile::TempDir, Store, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let file = dir.path().join("file");
        (dir, store, file)
    }

    /// Hashes as if it were an hour after the file's last change; the second says whether the file was read.
    fn hash(hashes: &mut FileHashes, path: &Path) -> ([u8; 32], bool) {
        hash_after(hashes, path, Duration::from_secs(3600))
    }

    fn hash_after(hashes: &mut FileHashes, path: &Path, after: Duration) -> ([u8; 32], bool) {
        let mut was_read = false;
        let stat = rustix::fs::stat(path).unwrap();
        let changed = Duration::new(stat.st_ctime as u64, stat.st_ctime_nsec as u32);
        let open = || {
            was_read = true;
            fs::File::open(path).map(OwnedFd::from)
        };
        let hash = hashes
            .hash_at(UNIX_EPOCH + changed + after, &stat, open)
            .unwrap();
        (hash, was_read)
    }

    fn sha256(text: &str) -> [u8; 32] {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        digest.as_ref().try_into().unwrap()
    }

    #[test]
    fn an_unchanged_file_is_read_once_and_remembered_for_the_next_build() {
        let (_dir, store, file) = store();
        fs::write(&file, "one").unwrap();
        let mut hashes = FileHashes::new(&store);
        assert_eq!(hash(&mut hashes, &file), (sha256("one"), true));
        assert_eq!(hash(&mut hashes, &file), (sha256("one"), false));
        hashes.save(&store).unwrap();
        let mut hashes = FileHashes::new(&store);
        assert_eq!(hash(&mut hashes, &file), (sha256("one"), false));
        // Nothing new: nothing is written.
        fs::remove_file(store.cache_dir().join("files")).unwrap();
        hashes.save(&store).unwrap();
        assert!(!store.cache_dir().join("files").exists());
    }

    #[test]
    fn a_file_that_was_changed_just_now_is_not_remembered() {
        let (_dir, store, file) = store();
        fs::write(&file, "one").unwrap();
        let mut hashes = FileHashes::new(&store);
        for _ in 0..2 {
            let hashed = hash_after(&mut hashes, &file, Duration::ZERO);
            assert_eq!(hashed, (sha256("one"), true));
        }
        // Nor one of the future, where the clock was set back.
        let stat = rustix::fs::stat(&file).unwrap();
        let open = || fs::File::open(&file).map(OwnedFd::from);
        hashes.hash_at(UNIX_EPOCH, &stat, open).unwrap();
        assert!(hashes.fresh.is_empty());
    }

    #[test]
    fn the_change_time_tells_when_size_and_modification_time_do_not() {
        let (_dir, store, file) = store();
        fs::write(&file, "one").unwrap();
        let times = || fs::metadata(&file).unwrap().modified().unwrap();
        let modified = times();
        let mut hashes = FileHashes::new(&store);
        assert_eq!(hash(&mut hashes, &file).0, sha256("one"));
        let before = rustix::fs::stat(&file).unwrap();
        // Until the clock that files are stamped with has gone on.
        loop {
            fs::write(&file, "two").unwrap();
            let file = fs::File::options().write(true).open(&file).unwrap();
            file.set_times(FileTimes::new().set_modified(modified))
                .unwrap();
            let after = rustix::fs::fstat(&file).unwrap();
            if (after.st_ctime, after.st_ctime_nsec) != (before.st_ctime, before.st_ctime_nsec) {
                break;
            }
        }
        assert_eq!(times(), modified);
        assert_eq!(hash(&mut hashes, &file), (sha256("two"), true));
    }

    #[test]
    fn what_two_builds_found_out_is_kept() {
        let (dir, store, file) = store();
        let other = dir.path().join("other");
        fs::write(&file, "one").unwrap();
        fs::write(&other, "two").unwrap();
        let [mut one, mut two] = [FileHashes::new(&store), FileHashes::new(&store)];
        hash(&mut one, &file);
        hash(&mut two, &other);
        one.save(&store).unwrap();
        two.save(&store).unwrap();
        let mut hashes = FileHashes::new(&store);
        assert_eq!(hash(&mut hashes, &file), (sha256("one"), false));
        assert_eq!(hash(&mut hashes, &other), (sha256("two"), false));
    }

    #[test]
    fn a_damaged_memory_is_none() {
        let (_dir, store, file) = store();
        fs::write(&file, "one").unwrap();
        fs::create_dir_all(store.cache_dir()).unwrap();
        let path = store.cache_dir().join("files");
        for bytes in [&b""[..], b"ctr", b"ctrfile0", b"ctrfile1half an entry"] {
            fs::write(&path, bytes).unwrap();
            let mut hashes = FileHashes::new(&store);
            assert_eq!(hash(&mut hashes, &file), (sha256("one"), true));
        }
    }
}
