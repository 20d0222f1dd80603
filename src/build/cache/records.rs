//! Results of steps.

use std::collections::BTreeMap;
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
pub(crate) struct Record {
    /// The layer; `None` where the step changed nothing.
    pub(crate) diff_id: Option<Digest>,
    /// Bytes of the layer's tar.
    pub(crate) tar_bytes: u64,
    /// When, RFC 3339; with `SOURCE_DATE_EPOCH` what that says.
    pub(crate) created: String,
    /// When really, where `created` does not tell. No other machine is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made: Option<String>,
    /// The instruction, for people.
    pub(crate) description: String,
    /// The layer that this one was made upon, which nobody finds this record without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Digest>,
    /// The files that were fetched for it, by URL, without passwords.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) files: BTreeMap<String, Digest>,
}

impl Record {
    /// Returns when the step was carried out, as far as that is known.
    pub(crate) fn made_at(&self) -> Option<jiff::Timestamp> {
        let text = self.made.as_ref().unwrap_or(&self.created);
        text.parse().ok()
    }
}

/// A record's file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its key's digits.
    pub(super) key: String,
    /// What it says; `None` for what no builder would understand either.
    pub(super) record: Option<Record>,
    /// When it was made or found last.
    pub(super) used: SystemTime,
}

/// The records of one store.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    store: &'a Store,
    dir: PathBuf,
}

impl<'a> Records<'a> {
    /// Opens the records of `store`.
    pub(crate) fn new(store: &'a Store) -> Records<'a> {
        Records {
            store,
            dir: store.step_cache_dir(),
        }
    }

    /// Finds a result whose layer is still here, and notes that it was used.
    pub(crate) fn find(&self, key: &Digest) -> Option<Record> {
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
    pub(crate) fn put(&self, key: &Digest, record: &Record) -> Result<(), Error> {
        fs::create_dir_all(&self.dir).map_err(failed("create", &self.dir))?;
        let bytes = serde_json::to_vec(record)
            .map_err(|error| Error::Invalid(format!("cannot write a cache record: {error}")))?;
        Ok((self.store).replace_shared_file(&self.dir.join(key.hex()), &bytes)?)
    }

    /// Lists all records.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn list(&self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let dir = match fs::read_dir(&self.dir) {
            Ok(dir) => dir,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(entries),
            Err(error) => return Err(failed("read", &self.dir)(error)),
        };
        for entry in dir {
            let entry = entry.map_err(failed("read", &self.dir))?;
            let Ok(used) = entry.metadata().and_then(|meta| meta.modified()) else {
                // Removed meanwhile.
                continue;
            };
            let bytes = bounded::read_file(&entry.path(), MAX_RECORD).ok().flatten();
            entries.push(Entry {
                key: entry.file_name().to_string_lossy().into_owned(),
                record: bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
                used,
            });
        }
        Ok(entries)
    }

    /// Forgets a result; its layer goes with the next prune unless something else names it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn remove(&self, key: &str) -> Result<(), Error> {
        let path = self.dir.join(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(diff_id: Option<Digest>) -> Record {
        Record {
            diff_id,
            tar_bytes: 7,
            created: "2026-01-01T00:00:00Z".to_owned(),
            made: None,
            description: "RUN true".to_owned(),
            parent: None,
            files: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_kept_is_found_for_as_long_as_its_layer_is_here() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let records = Records::new(&store);
        let [plain, layered] = ["plain", "layered"].map(|key| Digest::sha256_of(key.as_bytes()));
        assert_eq!(records.find(&plain), None);
        assert!(records.list().unwrap().is_empty());
        records.put(&plain, &record(None)).unwrap();
        assert_eq!(records.find(&plain), Some(record(None)));

        let diff_id = Digest::sha256_of(b"tar");
        records
            .put(&layered, &record(Some(diff_id.clone())))
            .unwrap();
        assert_eq!(records.find(&layered), None, "its layer is not here");
        store.stage_layer().unwrap().commit(&diff_id, 0).unwrap();
        assert_eq!(records.find(&layered), Some(record(Some(diff_id))));

        records.remove(layered.hex()).unwrap();
        records.remove(layered.hex()).unwrap();
        assert_eq!(records.find(&layered), None);
        assert_eq!(records.list().unwrap().len(), 1);
    }

    #[test]
    fn finding_one_is_using_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let records = Records::new(&store);
        let key = Digest::sha256_of(b"key");
        records.put(&key, &record(None)).unwrap();
        let past = SystemTime::now() - Duration::from_secs(3600);
        let file = fs::File::options()
            .write(true)
            .open(store.step_cache_dir().join(key.hex()))
            .unwrap();
        file.set_times(FileTimes::new().set_modified(past)).unwrap();
        assert_eq!(records.list().unwrap()[0].used, past);
        records.find(&key).unwrap();
        assert!(records.list().unwrap()[0].used > past + Duration::from_secs(3000));
    }

    #[test]
    fn what_nobody_understands_is_void_and_listed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let records = Records::new(&store);
        let key = Digest::sha256_of(b"key");
        records.put(&key, &record(None)).unwrap();
        let path = store.step_cache_dir().join(key.hex());
        let long = " ".repeat(MAX_RECORD as usize + 1);
        for text in ["", "{", r#"{"diff_id":"sha256:xyz"}"#, long.as_str()] {
            fs::write(&path, text).unwrap();
            assert_eq!(records.find(&key), None);
            let list = records.list().unwrap();
            assert_eq!((list.len(), &list[0].record), (1, &None));
        }
    }
}
