//! Unpacked layers: `layers/<diff_id hex>/diff/`, and the number of their bytes in `layers/<…>/size`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::content::Digest;

use super::files::{create_private_dir, entries, exists, failed, read_bounded};
use super::publish::{Kind, Verified};
use super::staging::{Staged, supersede_path};
use super::{Error, Store};

/// A `u64` in decimal and a line end.
const MAX_SIZE_FILE: u64 = 21;

/// Beside a layer's `diff/` while it is the upper directory of an overlay.
const WORK: &str = "work";

/// A layer being unpacked; see [`Store::stage_layer`]. Dropped before it was committed, it is removed.
#[derive(Debug)]
pub struct LayerStage {
    store: Store,
    staged: Staged,
    diff: PathBuf,
}

impl Store {
    /// Returns the directory of an unpacked layer (its `diff/`), or where it would be.
    pub fn layer_dir(&self, diff_id: &Digest) -> PathBuf {
        self.layer_path(diff_id).join("diff")
    }

    pub(super) fn layer_path(&self, diff_id: &Digest) -> PathBuf {
        self.root.join("layers").join(diff_id.hex())
    }

    pub(super) fn object_path(&self, kind: Kind, digest: &Digest) -> PathBuf {
        match kind {
            Kind::Blob => self.blob_path(digest),
            Kind::Layer => self.layer_path(digest),
        }
    }

    /// Returns whether the layer is unpacked, whole.
    pub fn has_layer(&self, diff_id: &Digest) -> bool {
        exists(&self.layer_path(diff_id)) && self.holds(Kind::Layer, diff_id)
    }

    /// Returns the sum of the bytes of the layer's files; `None` where there is no such layer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn layer_size(&self, diff_id: &Digest) -> Result<Option<u64>, Error> {
        let text = read_bounded(&self.layer_path(diff_id).join("size"), MAX_SIZE_FILE)?;
        Ok(text.and_then(|text| std::str::from_utf8(&text).ok()?.trim().parse().ok()))
    }

    /// Returns the diff_ids of all unpacked layers, in no order.
    pub(super) fn layers(&self) -> Result<Vec<Digest>, Error> {
        let list = entries(&self.root.join("layers"))?;
        Ok(list
            .into_iter()
            .filter_map(|(hex, _)| {
                // The length tells the algorithm: the directory's name is the hexadecimal half alone.
                let hex = hex.to_str()?;
                let algorithm = if hex.len() == 128 { "sha512" } else { "sha256" };
                format!("{algorithm}:{hex}").parse().ok()
            })
            .collect())
    }

    /// Makes a fresh directory in `tmp/` to unpack a layer into.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn stage_layer(&self) -> Result<LayerStage, Error> {
        let staged = Staged::directory(self, "layer")?;
        let diff = staged.path().join("diff");
        create_private_dir(&diff).map_err(failed("create", &diff))?;
        // The root directory of a layer that does not name it, whatever the user's umask says.
        fs::set_permissions(&diff, fs::Permissions::from_mode(0o755))
            .map_err(failed("create", &diff))?;
        Ok(LayerStage {
            store: self.clone(),
            staged,
            diff,
        })
    }
}

impl LayerStage {
    /// The empty directory to unpack into.
    pub fn dir(&self) -> &Path {
        &self.diff
    }

    /// Makes overlayfs's scratch directory beside it, for a layer that is written as an upper directory. It goes when the
    /// layer is finished.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn work_dir(&self) -> Result<PathBuf, Error> {
        let work = self.staged.path().join(WORK);
        create_private_dir(&work).map_err(failed("create", &work))?;
        Ok(work)
    }

    /// Gives the layer its name, waiting for the disk. `size` is the sum of its files' bytes. Somebody else's identical
    /// layer wins silently. Several at once are cheaper with [`LayerStage::finish`] and [`Store::publish`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn commit(self, diff_id: &Digest, size: u64) -> Result<(), Error> {
        let store = self.store.clone();
        store.publish(vec![self.finish(diff_id, size)?])
    }

    /// Ends the unpacking; the layer gets its name with the others of its set, by [`Store::publish`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn finish(self, diff_id: &Digest, size: u64) -> Result<Verified, Error> {
        // What the kernel has left there, which nobody waits for.
        supersede_path(&self.store, &self.staged.path().join(WORK))?;
        let path = self.staged.path().join("size");
        fs::write(&path, format!("{size}\n")).map_err(failed("write", &path))?;
        Ok(Verified::new(
            Kind::Layer,
            diff_id.clone(),
            Some(self.staged),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_and_the_first_wins() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let diff_id = Digest::sha256_of(b"layer");
        let (one, two) = (store.stage_layer().unwrap(), store.stage_layer().unwrap());
        fs::write(one.dir().join("who"), "one").unwrap();
        fs::write(two.dir().join("who"), "two").unwrap();
        assert!(!store.has_layer(&diff_id));
        one.commit(&diff_id, 3).unwrap();
        two.commit(&diff_id, 3).unwrap();
        assert!(store.has_layer(&diff_id));
        assert_eq!(store.layer_size(&diff_id).unwrap(), Some(3));
        let who = fs::read(store.layer_dir(&diff_id).join("who")).unwrap();
        assert_eq!(who, b"one");
        drop(store.stage_layer().unwrap());
        assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    }
}
