//! References: one small file each, replaced by rename. See the tree in [`super`].
//!
//! Writers of references hold a lock on `refs/`, because "which names does this image still have" spans several files;
//! readers do not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::content::{Digest, Reference};

use super::files::{ensure_private_dir, entries, failed, found, read_bounded};
use super::lock::flock_wait;
use super::staging::Staged;
use super::{Error, Store};

/// `sha512:`, 128 digits, a line end.
const MAX_REF: u64 = 136;

/// The directory of images without a name.
const NAMELESS: &str = "@";

/// Deepest nesting of a repository: names have at most 255 characters, so there cannot be more components.
const MAX_DEPTH: usize = 128;

/// One reference of the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefEntry {
    /// With tag or digest; `None` for an image without a name.
    pub reference: Option<Reference>,
    /// Digest of the index or manifest it points to.
    pub target: Digest,
}

impl Store {
    /// Returns what `reference` (with tag or digest; `latest` where it has neither) points to. A file that holds no
    /// digest, as a power cut may leave one, counts as none: pulling again repairs it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] other than "not found".
    pub fn get_ref(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        read_target(&self.ref_path(reference))
    }

    /// Points `reference` (`None`: no name) to `target`, by rename. An image that loses its last name this way keeps a
    /// nameless reference, as Docker's `<none>` images do; one that gains a name loses the nameless one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn set_ref(&self, reference: Option<&Reference>, target: &Digest) -> Result<(), Error> {
        let _lock = self.lock_refs()?;
        let Some(reference) = reference else {
            return self.write_ref(&self.nameless_path(target), target);
        };
        let path = self.ref_path(reference);
        let nameless = self.nameless_path(target);
        let before = read_target(&path)?;
        if before.as_ref() == Some(target) {
            return Ok(());
        }
        if let Some(before) = before {
            let others = self.refs()?.into_iter().filter(|entry| {
                entry.target == before && entry.reference.as_ref() != Some(reference)
            });
            if others.count() == 0 {
                self.write_ref(&self.nameless_path(&before), &before)?;
            }
        }
        self.write_ref(&path, target)?;
        found(fs::remove_file(&nameless)).map_err(failed("remove", &nameless))?;
        Ok(())
    }

    /// Points `reference` from `before` (`None`: it is no name yet) to `target`; `false` if it points elsewhere by now. What it
    /// was before gets no nameless reference: the new target takes its place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn replace_ref(
        &self,
        reference: &Reference,
        before: Option<&Digest>,
        target: &Digest,
    ) -> Result<bool, Error> {
        let _lock = self.lock_refs()?;
        let path = self.ref_path(reference);
        if read_target(&path)?.as_ref() != before {
            return Ok(false);
        }
        self.write_ref(&path, target)?;
        let nameless = self.nameless_path(target);
        found(fs::remove_file(&nameless)).map_err(failed("remove", &nameless))?;
        Ok(true)
    }

    /// Removes a reference; `false` if it was not there or points elsewhere by now. Blobs stay until prune.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn remove_ref(&self, entry: &RefEntry) -> Result<bool, Error> {
        let _lock = self.lock_refs()?;
        let path = match &entry.reference {
            Some(reference) => self.ref_path(reference),
            None => self.nameless_path(&entry.target),
        };
        if read_target(&path)?.as_ref() != Some(&entry.target) {
            return Ok(false);
        }
        let removed = found(fs::remove_file(&path)).map_err(failed("remove", &path))?;
        // Directories that have become empty go too; the first that is not ends it.
        let top = self.root.join("refs");
        for parent in path.ancestors().skip(1).take_while(|dir| *dir != top) {
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
        Ok(removed.is_some())
    }

    /// Returns every reference, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn refs(&self) -> Result<Vec<RefEntry>, Error> {
        let mut list = BTreeSet::new();
        let top = self.root.join("refs");
        for (name, is_dir) in entries(&top)? {
            if name.as_os_str() == NAMELESS {
                for (digest, _) in entries(&top.join(NAMELESS))? {
                    if let Some(target) = read_target(&top.join(NAMELESS).join(digest))? {
                        list.insert(RefEntry {
                            reference: None,
                            target,
                        });
                    }
                }
            } else if is_dir {
                collect(&top, &name, 0, &mut list)?;
            }
        }
        Ok(list.into_iter().collect())
    }

    fn lock_refs(&self) -> Result<File, Error> {
        let path = self.root.join("refs");
        let dir = File::open(&path).map_err(failed("open", &path))?;
        flock_wait(&dir).map_err(failed("lock", &path))?;
        Ok(dir)
    }

    fn write_ref(&self, path: &Path, target: &Digest) -> Result<(), Error> {
        if let Some(parent) = path.parent() {
            ensure_private_dir(parent)?;
        }
        let staged = Staged::write(self, "ref", format!("{target}\n").as_bytes())?;
        // Else a power cut could leave the name with nothing in it, in place of what it meant before.
        staged.sync()?;
        staged.place(path)
    }

    fn ref_path(&self, reference: &Reference) -> PathBuf {
        let leaf = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => format!("@{digest}"),
            (None, tag) => format!(":{}", tag.unwrap_or("latest")),
        };
        self.root
            .join("refs")
            .join(reference.registry())
            .join(reference.repository())
            .join(leaf)
    }

    fn nameless_path(&self, target: &Digest) -> PathBuf {
        self.root.join("refs").join(NAMELESS).join(target.as_str())
    }
}

fn read_target(path: &Path) -> Result<Option<Digest>, Error> {
    // A repository may have the name of a registry's directory; no file of that name, no reference.
    let bytes = match read_bounded(path, MAX_REF) {
        Err(Error::Mismatch { .. }) => return Ok(None),
        read => read?,
    };
    Ok(bytes.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.trim_end().parse().ok()))
}

/// Collects the references below `top/name`, whose path is the name of a registry and part of a repository.
fn collect(
    top: &Path,
    name: &Path,
    depth: usize,
    list: &mut BTreeSet<RefEntry>,
) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for (entry, is_dir) in entries(&top.join(name))? {
        if is_dir {
            collect(top, &name.join(&entry), depth + 1, list)?;
            continue;
        }
        let separator = entry.as_os_str().as_bytes().first();
        let (Some(b':' | b'@'), Some(name_text), Some(leaf)) =
            (separator, name.to_str(), entry.to_str())
        else {
            continue;
        };
        let Ok(reference) = format!("{name_text}{leaf}").parse::<Reference>() else {
            continue;
        };
        if let Some(target) = read_target(&top.join(name).join(&entry))? {
            list.insert(RefEntry {
                reference: Some(reference),
                target,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(store: &Store) -> Vec<String> {
        let show = |entry: RefEntry| match entry.reference {
            Some(reference) => reference.familiar(),
            None => format!("<none>@{}", entry.target.short()),
        };
        store.refs().unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn tags_and_repositories_of_one_name_live_side_by_side() {
        let (_dir, store) = Store::for_test();
        let target = Digest::sha256_of(b"t");
        for text in [
            "a/b:c",
            "a/b/c:latest",
            "localhost:5000/a:1",
            "[::1]:5000/a/b:2",
            "alpine",
        ] {
            let reference = text.parse::<Reference>().unwrap().with_default_tag();
            store.set_ref(Some(&reference), &target).unwrap();
            assert_eq!(store.get_ref(&reference).unwrap(), Some(target.clone()));
        }
        let by_digest = "alpine".parse::<Reference>().unwrap();
        let by_digest = by_digest.with_digest(target.clone());
        store.set_ref(Some(&by_digest), &target).unwrap();
        assert_eq!(names(&store).len(), 6);
        for entry in store.refs().unwrap() {
            assert!(store.remove_ref(&entry).unwrap());
            assert!(!store.remove_ref(&entry).unwrap());
        }
        assert!(names(&store).is_empty());
        let left = fs::read_dir(store.root().join("refs")).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn the_last_name_leaves_a_nameless_image() {
        let (_dir, store) = Store::for_test();
        let (old, new) = (Digest::sha256_of(b"old"), Digest::sha256_of(b"new"));
        let tag: Reference = "x:1".parse().unwrap();
        store.set_ref(Some(&tag), &old).unwrap();
        store.set_ref(Some(&tag), &new).unwrap();
        assert_eq!(
            names(&store),
            [format!("<none>@{}", old.short()), "x:1".to_owned()]
        );
        // Naming it again takes the nameless one away.
        let other: Reference = "x:2".parse().unwrap();
        store.set_ref(Some(&other), &old).unwrap();
        assert_eq!(names(&store), ["x:1", "x:2"]);
        // One of two names is no loss.
        store.set_ref(Some(&tag), &old).unwrap();
        assert_eq!(names(&store).len(), 3, "new is nameless now");
        store.set_ref(Some(&tag), &new).unwrap();
        assert_eq!(names(&store), ["x:1", "x:2"]);
    }

    #[test]
    fn a_torn_reference_is_none() {
        let (_dir, store) = Store::for_test();
        let tag: Reference = "x:1".parse().unwrap();
        let target = Digest::sha256_of(b"t");
        store.set_ref(Some(&tag), &target).unwrap();
        for torn in ["", "sha256:12", &"x".repeat(500)] {
            fs::write(store.ref_path(&tag), torn).unwrap();
            assert_eq!(store.get_ref(&tag).unwrap(), None);
            assert!(names(&store).is_empty());
        }
        store.set_ref(Some(&tag), &target).unwrap();
        assert_eq!(names(&store), ["x:1"]);
    }
}
