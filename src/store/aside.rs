//! Content that a prune has moved out of sight, and moves back unless it is still unwanted at a second look.
//!
//! It lies in one locked directory `tmp/prune-…`. Whatever goes wrong, nothing is deleted that has not been looked at twice:
//! dropped half-way, everything goes back to its place, and what a crash leaves is put back by the next prune.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::content::Digest;

use super::files::{entries, failed, found, tree_bytes};
use super::publish::Kind;
use super::removal::remove_tree;
use super::staging::Staged;
use super::{Error, Store};

/// What the names of such directories begin with.
pub(super) const ASIDE: &str = "prune";

/// What the name of a layer begins with in there; a blob has its digest.
const LAYER: &str = "layer-";

/// A blob or layer that was moved aside.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    path: PathBuf,
}

/// Everything that one prune has moved aside.
#[derive(Debug)]
pub(super) struct Aside {
    store: Store,
    /// `None` once its directory is not to be deleted with it.
    holder: Option<Staged>,
    path: PathBuf,
    objects: Vec<Object>,
}

impl Aside {
    pub(super) fn new(store: &Store) -> Result<Aside, Error> {
        let holder = Staged::directory(store, ASIDE)?;
        Ok(Aside {
            store: store.clone(),
            path: holder.path().to_owned(),
            holder: Some(holder),
            objects: Vec::new(),
        })
    }

    /// The directory, in which the second look finds what was moved.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves one object aside, unless another prune was faster.
    pub(super) fn take(&mut self, kind: Kind, digest: Digest) -> Result<(), Error> {
        let from = self.store.object_path(kind, &digest);
        let path = self.path.join(match kind {
            Kind::Blob => digest.as_str().to_owned(),
            Kind::Layer => format!("{LAYER}{}", digest.hex()),
        });
        let bytes = match kind {
            Kind::Layer => self.store.layer_size(&digest)?,
            Kind::Blob => None,
        };
        let bytes = bytes.unwrap_or_else(|| tree_bytes(&from));
        let moved = found(fs::rename(&from, &path)).map_err(failed("remove", &from))?;
        if moved.is_some() {
            self.objects.push(Object {
                kind,
                digest,
                bytes,
                path,
            });
        }
        Ok(())
    }

    /// Moves back what is wanted after all, then deletes the rest and hands each to `removed`.
    pub(super) fn settle(
        mut self,
        wanted: impl Fn(&Object) -> bool,
        mut removed: impl FnMut(Object),
    ) -> Result<(), Error> {
        let (back, gone): (Vec<_>, Vec<_>) = self.objects.drain(..).partition(wanted);
        self.objects = gone;
        for object in back {
            let to = self.store.object_path(object.kind, &object.digest);
            if let Err(error) = put_back(&object.path, &to) {
                self.objects.push(object);
                return Err(error);
            }
        }
        while let Some(object) = self.objects.pop() {
            // Half-deleted it must not go back, so it is off the list first; what is left of it goes with the directory.
            remove_tree(&object.path)?;
            removed(object);
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let back = self.objects.drain(..).all(|object| {
            let to = self.store.object_path(object.kind, &object.digest);
            put_back(&object.path, &to).is_ok()
        });
        if !back && let Some(holder) = self.holder.take() {
            // For the next prune to try again.
            holder.leave();
        }
    }
}

/// Moves one object to its place; somebody may have brought the same again meanwhile, which is as good.
fn put_back(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::rename(from, to) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
            ) =>
        {
            remove_tree(from)
        }
        moved => moved.map_err(failed("put back", to)),
    }
}

/// Puts back what a killed prune left in `dir`, which the caller has locked.
pub(super) fn put_all_back(store: &Store, dir: &Path) -> Result<(), Error> {
    for (name, _) in entries(dir)? {
        let Some(text) = name.to_str() else { continue };
        let to = match text.strip_prefix(LAYER) {
            Some(hex) => store.root().join("layers").join(hex),
            None => match text.parse() {
                Ok(digest) => store.blob_path(&digest),
                Err(_) => continue,
            },
        };
        put_back(&dir.join(&name), &to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (tempfile::TempDir, Store, Digest, Digest) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let blob = store.put_blob(b"blob").unwrap();
        let layer = Digest::sha256_of(b"layer");
        store.stage_layer().unwrap().commit(&layer, 0).unwrap();
        (dir, store, blob, layer)
    }

    #[test]
    fn dropped_half_way_everything_is_back() {
        let (_dir, store, blob, layer) = filled();
        let mut aside = Aside::new(&store).unwrap();
        aside.take(Kind::Blob, blob.clone()).unwrap();
        aside.take(Kind::Layer, layer.clone()).unwrap();
        assert!(!store.has_blob(&blob) && !store.has_layer(&layer));
        drop(aside);
        assert!(store.has_blob(&blob) && store.has_layer(&layer));
        assert_eq!(entries(&store.root().join("tmp")).unwrap().len(), 0);
    }

    #[test]
    fn what_a_killed_prune_left_is_put_back() {
        let (_dir, store, blob, layer) = filled();
        let mut aside = Aside::new(&store).unwrap();
        aside.take(Kind::Blob, blob.clone()).unwrap();
        aside.take(Kind::Layer, layer.clone()).unwrap();
        // As after a SIGKILL: no destructor runs, and the lock is free.
        aside.objects.clear();
        aside.holder.take().unwrap().leave();
        drop(aside);
        store.sweep_left_overs().unwrap();
        assert!(store.has_blob(&blob) && store.has_layer(&layer));
        assert_eq!(entries(&store.root().join("tmp")).unwrap().len(), 0);
    }

    #[test]
    fn the_second_look_decides() {
        let (_dir, store, blob, layer) = filled();
        let mut aside = Aside::new(&store).unwrap();
        aside.take(Kind::Blob, blob.clone()).unwrap();
        aside.take(Kind::Layer, layer.clone()).unwrap();
        let mut removed = Vec::new();
        aside
            .settle(
                |object| object.kind == Kind::Layer,
                |object| removed.push(object.digest),
            )
            .unwrap();
        assert!(!store.has_blob(&blob) && store.has_layer(&layer));
        assert_eq!(removed, [blob]);
    }
}
