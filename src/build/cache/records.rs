//! Results of steps.

use std::fs::{self, FileTimes};
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::build::error::{Error, failed};
use crate::content::Digest;
use crate::store::Store;

/// Bytes of a record's file.
const MAX_RECORD: u64 = 64 << 10;

/// What a step made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The layer; `None` where the step changed nothing.
    pub diff_id: Option<Digest>,
    /// Bytes of the layer's tar.
    pub tar_bytes: u64,
    /// When, RFC 3339.
    pub created: String,
    /// The instruction, for people.
    pub description: String,
}

/// A record of the cache, for those who list and remove them.
#[derive(Debug, Clone)]
pub struct CacheEntry {
    /// Its key's digits.
    pub key: String,
    /// What it says.
    pub record: Record,
    /// When it was made or found last.
    pub used: SystemTime,
}

/// The records of one store.
#[derive(Debug)]
pub struct Records<'a> {
    store: &'a Store,
    dir: PathBuf,
}

impl<'a> Records<'a> {
    /// Opens the records of `store`.
    pub fn new(store: &'a Store) -> Records<'a> {
        Records {
            store,
            dir: store.step_cache_dir(),
        }
    }

    /// Finds a result whose layer is still here, and notes that it was used.
    pub fn find(&self, key: &Digest) -> Option<Record> {
        let path = self.dir.join(key.hex());
        // What cannot be read or understood is as good as missing.
        let bytes = bounded::read_file(&path, MAX_RECORD).ok()??;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        if let Some(diff_id) = &record.diff_id
            && !self.store.has_layer(diff_id)
        {
            return None;
        }
        let now = FileTimes::new().set_modified(SystemTime::now());
        let _ = fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_times(now));
        Some(record)
    }

    /// Keeps a result.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn put(&self, key: &Digest, record: &Record) -> Result<(), Error> {
        fs::create_dir_all(&self.dir).map_err(failed("create", &self.dir))?;
        let bytes = serde_json::to_vec(record)
            .map_err(|error| Error::Invalid(format!("cannot write a cache record: {error}")))?;
        Ok((self.store).replace_shared_file(&self.dir.join(key.hex()), &bytes)?)
    }

    /// Lists all records, longest unused first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<CacheEntry>, Error> {
        let mut entries = Vec::new();
        let dir = match fs::read_dir(&self.dir) {
            Ok(dir) => dir,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(entries),
            Err(error) => return Err(failed("read", &self.dir)(error)),
        };
        for entry in dir {
            let entry = entry.map_err(failed("read", &self.dir))?;
            let Ok(Some(bytes)) = bounded::read_file(&entry.path(), MAX_RECORD) else {
                continue;
            };
            let (Ok(record), Ok(used)) = (
                serde_json::from_slice(&bytes),
                entry.metadata().and_then(|meta| meta.modified()),
            ) else {
                continue;
            };
            entries.push(CacheEntry {
                key: entry.file_name().to_string_lossy().into_owned(),
                record,
                used,
            });
        }
        entries.sort_by(|a, b| (a.used, &a.key).cmp(&(b.used, &b.key)));
        Ok(entries)
    }

    /// Forgets a result; its layer goes with the next prune unless something else names it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        let path = self.dir.join(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }
}
