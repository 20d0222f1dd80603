//! Objects whose bytes may not be on the disk yet.
//!
//! A build makes many layers one after the other, and each is used by the next at once: waiting for the disk every time would
//! cost more than the steps themselves. So what a build makes gets its name first, and a mark in `unsettled/` that holds the
//! `boot_id` of the running system. As long as that system runs, the page cache has what the disk may lack, and the object is
//! as good as any. [`Store::settle`] waits for the disk and takes the marks away, in the background.
//!
//! A mark of another boot says that the power went before that: such an object is not there for anybody, a later build or
//! pull replaces it, and prune removes it. The mark itself is written first and synced with nothing: where it was lost, so was
//! the object's name, which is younger.

use std::fs::{self, File};
use std::path::PathBuf;

use super::files::{create_private_dir, entries, exists, failed, found};
use super::left_overs::drop_staged;
use super::publish::Kind;
use super::removal::remove_tree;
use super::staging::SUPERSEDED;
use super::{Error, Store, Verified};
use crate::content::Digest;

/// Where the kernel tells one boot from another. See `random(4)`.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

impl Store {
    fn marks_dir(&self) -> PathBuf {
        self.root.join("unsettled")
    }

    fn mark(&self, kind: Kind, digest: &Digest) -> PathBuf {
        let kind = match kind {
            Kind::Blob => "blob",
            Kind::Layer => "layer",
        };
        self.marks_dir().join(format!("{kind}-{}", digest.hex()))
    }

    /// Whether the object, if it is there, is whole: it has no mark, or one of this boot.
    pub(super) fn holds(&self, kind: Kind, digest: &Digest) -> bool {
        match fs::read(self.mark(kind, digest)) {
            Ok(boot) => is_current(&boot),
            Err(_) => true,
        }
    }

    /// Gives what a build has made its names at once; see [`Store::settle`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: some of the set may then have their names, each of them whole.
    pub fn publish_unsettled(&self, set: Vec<Verified>) -> Result<(), Error> {
        // Where boots cannot be told apart nothing may be postponed.
        let Ok(boot) = fs::read(BOOT_ID) else {
            return self.publish(set);
        };
        let marks = self.marks_dir();
        create_private_dir(&marks).map_err(failed("create", &marks))?;
        for object in set {
            // What is there is settled, or about to be.
            if self.has(object.kind(), object.digest()) {
                // Deleting tens of thousands of files is not to be waited for either.
                if let Some(staged) = object.into_staged() {
                    staged.supersede(self)?;
                }
            } else if object.staged().is_some() {
                let mark = self.mark(object.kind(), object.digest());
                self.remove_void(object.kind(), object.digest())?;
                fs::write(&mark, &boot).map_err(failed("write", &mark))?;
                self.install(object)?;
            }
        }
        Ok(())
    }

    fn has(&self, kind: Kind, digest: &Digest) -> bool {
        match kind {
            Kind::Blob => self.has_blob(digest),
            Kind::Layer => self.has_layer(digest),
        }
    }

    /// Waits until everything that was published unsettled is on the disk, and takes the marks away. What was there already
    /// when it was published again is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn settle(&self) -> Result<(), Error> {
        self.sync_unsettled()?;
        let tmp = self.root.join("tmp");
        for (name, _) in entries(&tmp)? {
            let bytes = name.as_os_str().as_encoded_bytes();
            if bytes.starts_with(SUPERSEDED.as_bytes()) {
                drop_staged(&tmp.join(name))?;
            }
        }
        Ok(())
    }

    fn sync_unsettled(&self) -> Result<(), Error> {
        let dir = self.marks_dir();
        let mut marks = Vec::new();
        for (name, _) in entries(&dir)? {
            let mark = dir.join(name);
            if fs::read(&mark).is_ok_and(|boot| is_current(&boot)) {
                marks.push(mark);
            }
        }
        if marks.is_empty() {
            return Ok(());
        }
        let root = File::open(&self.root).map_err(failed("open", &self.root))?;
        rustix::fs::syncfs(&root).map_err(|errno| failed("write", &self.root)(errno.into()))?;
        for mark in marks {
            found(fs::remove_file(&mark)).map_err(failed("remove", &mark))?;
        }
        Ok(())
    }

    /// Removes an object that did not get to the disk before the power went, and its mark.
    pub(super) fn remove_void(&self, kind: Kind, digest: &Digest) -> Result<(), Error> {
        if self.holds(kind, digest) {
            return Ok(());
        }
        remove_tree(&self.object_path(kind, digest))?;
        let mark = self.mark(kind, digest);
        found(fs::remove_file(&mark)).map_err(failed("remove", &mark))?;
        Ok(())
    }

    /// Removes all that the power took; returns how many.
    pub(super) fn sweep_void(&self) -> Result<usize, Error> {
        let mut count = 0;
        for (kind, prefix) in [(Kind::Blob, "blob-"), (Kind::Layer, "layer-")] {
            for (name, _) in entries(&self.marks_dir())? {
                let Some(digest) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else {
                    continue;
                };
                let Ok(digest) = format!("sha256:{digest}").parse::<Digest>() else {
                    continue;
                };
                if !self.holds(kind, &digest) {
                    let was_there = exists(&self.object_path(kind, &digest));
                    self.remove_void(kind, &digest)?;
                    count += usize::from(was_there);
                }
            }
        }
        Ok(count)
    }
}

fn is_current(boot: &[u8]) -> bool {
    fs::read(BOOT_ID).is_ok_and(|current| boot == current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_of_another_boot_is_not_there_and_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let diff_id = Digest::sha256_of(b"layer");
        let publish = |text: &str| {
            let stage = store.stage_layer().unwrap();
            fs::write(stage.dir().join("f"), text).unwrap();
            let layer = stage.finish(&diff_id, 1).unwrap();
            store.publish_unsettled(vec![layer]).unwrap();
        };
        publish("one");
        assert!(store.has_layer(&diff_id));
        let mark = store.mark(Kind::Layer, &diff_id);
        assert!(mark.exists());
        fs::write(&mark, "00000000-0000-0000-0000-000000000000\n").unwrap();
        assert!(!store.has_layer(&diff_id));
        // Not this boot's to settle.
        store.settle().unwrap();
        assert!(!store.has_layer(&diff_id));
        publish("two");
        assert!(store.has_layer(&diff_id));
        let text = fs::read_to_string(store.layer_dir(&diff_id).join("f")).unwrap();
        assert_eq!(text, "two");
        store.settle().unwrap();
        assert!(store.has_layer(&diff_id) && !mark.exists());
    }

    #[test]
    fn what_is_there_already_is_deleted_when_the_store_settles() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let diff_id = Digest::sha256_of(b"layer");
        for text in ["one", "two"] {
            let stage = store.stage_layer().unwrap();
            fs::write(stage.dir().join("f"), text).unwrap();
            let layer = stage.finish(&diff_id, 1).unwrap();
            store.publish_unsettled(vec![layer]).unwrap();
        }
        let left = || entries(&store.root.join("tmp")).unwrap().len();
        assert_eq!(left(), 1);
        store.settle().unwrap();
        assert_eq!(left(), 0);
        let text = fs::read_to_string(store.layer_dir(&diff_id).join("f")).unwrap();
        assert_eq!(text, "one");
    }

    #[test]
    fn a_blob_of_another_boot_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let (digest, blob) = store.prepare_blob(b"config").unwrap();
        store.publish_unsettled(vec![blob]).unwrap();
        assert_eq!(store.read_blob(&digest, 10).unwrap(), b"config");
        fs::write(store.mark(Kind::Blob, &digest), "other").unwrap();
        assert!(!store.has_blob(&digest));
        assert!(matches!(
            store.read_blob(&digest, 10),
            Err(Error::Missing(_))
        ));
        // Another writer, who waits for the disk, puts it right.
        store.put_blob(b"config").unwrap();
        assert_eq!(store.read_blob(&digest, 10).unwrap(), b"config");
    }

    #[test]
    fn prune_removes_what_the_power_cut_took() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let diff_id = Digest::sha256_of(b"layer");
        let stage = store.stage_layer().unwrap();
        let layer = stage.finish(&diff_id, 0).unwrap();
        store.publish_unsettled(vec![layer]).unwrap();
        store.sweep_left_overs().unwrap();
        assert!(store.has_layer(&diff_id));
        fs::write(store.mark(Kind::Layer, &diff_id), "other").unwrap();
        store.sweep_left_overs().unwrap();
        assert!(!store.layer_path(&diff_id).exists());
    }
}
