//! Removing what crashes left: whatever is half-done and held by nobody.

use std::fs;
use std::path::Path;

use super::build_dir;
use super::containers::REMOVED;
use super::files::{entries, exists, failed, found, private_file, tree_bytes};
use super::lock::{still_names, try_flock};
use super::prune::Pruned;
use super::removal::remove_tree;
use super::staging::fresh_path;
use super::{Error, Store};
use crate::content::is_full_id;

impl Store {
    /// Removes what crashes left: things in `tmp/` that nobody holds, containers without a record, names of containers
    /// that are gone.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn sweep_left_overs(&self) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        let mut first = Ok(());
        // First, because on a full disk the other steps need the room that this one makes.
        let tmp = self.root.join("tmp");
        for (name, _) in entries(&tmp)? {
            match sweep_staged(&tmp.join(&name)) {
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    pruned.left_overs += 1;
                    pruned.bytes += bytes;
                }
                Err(error) => first = first.and(Err(error)),
            }
        }
        pruned.left_overs += self.sweep_void()?;
        for id in self.containers()? {
            if let Some(bytes) = self.sweep_unfinished(&id)? {
                pruned.containers.push(id);
                pruned.bytes += bytes;
            }
        }
        for (name, id) in self.names()? {
            if self.is_leftover(&id)? {
                self.release_name(&name, &id)?;
            }
        }
        first.map(|()| pruned)
    }

    /// Removes a container that has no record and that nobody holds; returns its bytes if it was removed.
    fn sweep_unfinished(&self, id: &str) -> Result<Option<u64>, Error> {
        let container = self.container(id);
        if container.claims()?.is_some() {
            return Ok(None);
        }
        // Its creator may have died before the lock file was there.
        let lock = container.path().join("lock");
        let made = found(private_file().truncate(false).open(&lock));
        made.map_err(failed("create", &lock))?;
        let Some(_lock) = container.try_lock()? else {
            return Ok(None);
        };
        // Again, now that nobody can be about to write it.
        if container.claims()?.is_some() {
            return Ok(None);
        }
        // The name, which only the record knew, is found by its link.
        let aside = fresh_path(self, REMOVED)?;
        let moved = found(fs::rename(container.path(), &aside));
        if moved.map_err(failed("remove", container.path()))?.is_none() {
            return Ok(None);
        }
        let bytes = tree_bytes(&aside);
        remove_tree(&aside).map(|()| Some(bytes))
    }
}

/// Removes a thing in `tmp/` if nobody holds it; returns its bytes if it was removed.
fn sweep_staged(path: &Path) -> Result<Option<u64>, Error> {
    remove_unheld(path, || tree_bytes(path))
}

/// As [`sweep_staged`], without counting its bytes.
pub(super) fn drop_staged(path: &Path) -> Result<(), Error> {
    remove_unheld(path, || ()).map(drop)
}

/// Removes a thing in `tmp/` if nobody holds it; returns what `look` says of it if it was removed.
fn remove_unheld<T: Default>(path: &Path, look: impl Fn() -> T) -> Result<Option<T>, Error> {
    let Some(meta) = found(fs::symlink_metadata(path)).map_err(failed("read", path))? else {
        return Ok(None);
    };
    if !meta.is_dir() && !meta.is_file() {
        return remove_tree(path).map(|()| Some(T::default()));
    }
    let opened = match found(fs::File::open(path)) {
        // What cannot be opened cannot have been locked by anybody either: a container's directory of foreign ids.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let seen = look();
            return remove_tree(path).map(|()| Some(seen));
        }
        opened => opened.map_err(failed("open", path))?,
    };
    let Some(file) = opened else {
        return Ok(None);
    };
    let ours = try_flock(&file).map_err(failed("lock", path))?
        && still_names(path, &file).map_err(failed("check", path))?;
    if !ours {
        return Ok(None);
    }
    let seen = look();
    remove_tree(path).map(|()| Some(seen))
}

/// Removes directories of the run directory whose containers or builds are gone.
///
/// # Errors
///
/// [`Error::Io`].
pub fn sweep_run_dir(store: &Store, run_dir: &Path) -> Result<(), Error> {
    for (name, is_dir) in entries(run_dir)? {
        let Some(id) = name.to_str() else { continue };
        if is_dir && is_full_id(id) && !exists(store.container(id).path()) {
            remove_tree(&run_dir.join(id))?;
        }
        // Of a build, which holds it while it lives.
        if is_dir && id.starts_with(build_dir::PREFIX) {
            let path = run_dir.join(name);
            let opened = found(fs::File::open(&path)).map_err(failed("open", &path))?;
            if let Some(dir) = opened
                && try_flock(&dir).map_err(failed("lock", &path))?
            {
                remove_tree(&path)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::content::Digest;

    use super::*;

    #[test]
    fn secrets_that_nobody_holds_go() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let run_dir = dir.path().join("run");
        let [dead, live] = ["build-1", "build-2"].map(|name| run_dir.join(name));
        fs::create_dir_all(&dead).unwrap();
        fs::create_dir_all(&live).unwrap();
        let held = fs::File::open(&live).unwrap();
        assert!(try_flock(&held).unwrap());
        sweep_run_dir(&store, &run_dir).unwrap();
        assert!(!dead.exists() && live.exists());
        drop(held);
        sweep_run_dir(&store, &run_dir).unwrap();
        assert!(!live.exists());
    }

    #[test]
    fn left_overs_of_crashes_go_and_live_things_stay() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let digest = Digest::sha256_of(b"downloading");
        let mut live = store.stage_blob(&digest, 11).unwrap();
        live.write(b"down").unwrap();
        let layer = store.stage_layer().unwrap();
        let _lease = store.lease().unwrap();
        let tmp = store.root().join("tmp");
        fs::write(tmp.join("blob-sha256-00"), "dead").unwrap();
        fs::create_dir_all(tmp.join("layer-dead/diff")).unwrap();
        let (unfinished, lock) = store.create_container(&"2".repeat(64)).unwrap();
        store.claim_name("web", &"2".repeat(64)).unwrap();
        fs::create_dir(store.root().join("containers").join("3".repeat(64))).unwrap();

        let pruned = store.sweep_left_overs().unwrap();
        assert_eq!((pruned.left_overs, pruned.bytes), (2, 4));
        assert_eq!(pruned.containers, ["3".repeat(64)]);
        assert!(unfinished.path().exists());
        drop(lock);
        let pruned = store.sweep_left_overs().unwrap();
        assert_eq!(pruned.containers, ["2".repeat(64)]);
        assert_eq!(store.find_name("web").unwrap(), None);
        assert!(layer.dir().exists());
        live.write(b"loading").unwrap();
        live.commit().unwrap();
        assert_eq!(store.sweep_left_overs().unwrap(), Pruned::default());
    }
}
