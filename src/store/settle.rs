//! Layers whose bytes may not be on the disk yet.
//!
//! A build makes many layers one after the other, and each is used by the next at once: waiting for the disk every time would
//! cost more than the steps themselves. So a layer of a build gets its name first, with a file `unsettled` beside its `diff/`
//! that holds the `boot_id` of the running system. As long as that system runs, the page cache has what the disk may lack, and
//! the layer is as good as any. [`Store::settle`] waits for the disk and takes the marks away, in the background.
//!
//! A mark of another boot says that the power went before that: such a layer is not there for anybody, a later build or pull
//! replaces it, and prune removes it.

use std::fs::{self, File};
use std::path::Path;

use super::files::{entries, exists, failed, found};
use super::publish::Kind;
use super::removal::remove_tree;
use super::{Error, Store, Verified};

/// The mark.
const UNSETTLED: &str = "unsettled";

/// Where the kernel tells one boot from another. See `random(4)`.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Layers without a mark that is another boot's: whole, though perhaps only for as long as the system runs.
pub(super) fn holds(layer: &Path) -> bool {
    match fs::read(layer.join(UNSETTLED)) {
        Ok(boot) => fs::read(BOOT_ID).is_ok_and(|current| boot == current),
        // No mark, or no layer at all: that is for others to see.
        Err(_) => true,
    }
}

impl Store {
    /// Gives layers of a build their names at once; see [`Store::settle`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: some of the set may then have their names, each of them whole.
    pub fn publish_unsettled(&self, set: Vec<Verified>) -> Result<(), Error> {
        // Where boots cannot be told apart nothing may be postponed.
        let Ok(boot) = fs::read(BOOT_ID) else {
            return self.publish(set);
        };
        for object in &set {
            if let (Kind::Layer, Some(staged)) = (object.kind(), object.staged()) {
                let mark = staged.path().join(UNSETTLED);
                fs::write(&mark, &boot).map_err(failed("write", &mark))?;
            }
        }
        set.into_iter().try_for_each(|object| self.install(object))
    }

    /// Waits until everything that was published unsettled is on the disk, and takes the marks away.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn settle(&self) -> Result<(), Error> {
        let mut marks = Vec::new();
        let layers = self.root.join("layers");
        for (name, _) in entries(&layers)? {
            let layer = layers.join(name);
            let mark = layer.join(UNSETTLED);
            if exists(&mark) && holds(&layer) {
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

    /// Removes a layer that did not get to the disk before the power went; returns whether it was one.
    pub(super) fn remove_void_layer(&self, layer: &Path) -> Result<bool, Error> {
        if holds(layer) {
            return Ok(false);
        }
        remove_tree(layer)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Digest;

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
        let mark = store.layer_path(&diff_id).join(UNSETTLED);
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
    fn prune_removes_what_the_power_cut_took() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let diff_id = Digest::sha256_of(b"layer");
        let stage = store.stage_layer().unwrap();
        let layer = stage.finish(&diff_id, 0).unwrap();
        store.publish_unsettled(vec![layer]).unwrap();
        store.sweep_left_overs().unwrap();
        assert!(store.has_layer(&diff_id));
        fs::write(store.layer_path(&diff_id).join(UNSETTLED), "other").unwrap();
        store.sweep_left_overs().unwrap();
        assert!(!store.layer_path(&diff_id).exists());
    }
}
