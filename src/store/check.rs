//! Checking that the store is what it says: every blob hashes to its name, and what references and containers lead to is
//! here. Reads everything; the rest of the program trusts names.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;

use crate::content::limits::MAX_INDEX_DEPTH;
use crate::content::{Digest, Hasher};

use super::files::{exists, failed};
use super::marks::read_node;
use super::removal::remove_tree;
use super::{Error, Store};

/// How much of a blob is read at once.
const BUFFER: usize = 256 * 1024;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// A blob whose content has changed.
    CorruptBlob {
        /// Its name.
        digest: Digest,
        /// What it hashes to.
        actual: Digest,
    },
    /// A blob that should be here and is not.
    MissingBlob {
        /// Its name.
        digest: Digest,
        /// A reference, manifest or container.
        needed_by: String,
    },
    /// A layer that should be here and is not.
    MissingLayer {
        /// Its diff_id.
        diff_id: Digest,
        /// An image or container.
        needed_by: String,
    },
    /// A directory in `layers/` that holds no layer.
    BrokenLayer {
        /// Its diff_id.
        diff_id: Digest,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::CorruptBlob { digest, actual } => {
                write!(
                    f,
                    "blob {digest} is damaged: its content hashes to {actual}"
                )
            }
            Problem::MissingBlob { digest, needed_by } => {
                write!(f, "blob {digest} is missing, which {needed_by} needs")
            }
            Problem::MissingLayer { diff_id, needed_by } => {
                write!(f, "layer {diff_id} is missing, which {needed_by} needs")
            }
            Problem::BrokenLayer { diff_id } => write!(f, "layer {diff_id} has no files"),
        }
    }
}

impl Store {
    /// Checks everything and returns what is wrong, each once.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Record`].
    pub fn check(&self) -> Result<Vec<Problem>, Error> {
        let mut problems = BTreeSet::new();
        for digest in self.blobs()? {
            let actual = match self.hash_blob(&digest) {
                // Pruned while we looked.
                Err(Error::Missing(_)) => continue,
                actual => actual?,
            };
            if actual != digest {
                problems.insert(Problem::CorruptBlob { digest, actual });
            }
        }
        for diff_id in self.layers()? {
            let is_there = self.has_layer(&diff_id);
            if is_there && !exists(&self.layer_dir(&diff_id)) {
                problems.insert(Problem::BrokenLayer { diff_id });
            }
        }
        for entry in self.refs()? {
            let name = match &entry.reference {
                Some(reference) => reference.to_string(),
                None => "an image without a name".to_owned(),
            };
            self.check_image(&entry.target, &name, &mut problems)?;
        }
        for id in self.containers()? {
            let Some(claims) = self.container(&id).claims()? else {
                continue;
            };
            let needed_by = format!("container {id}");
            self.check_layers(&claims.layers, &needed_by, &mut problems);
        }
        Ok(problems.into_iter().collect())
    }

    /// Removes the damaged blob or layer, if the problem is one, so that the next pull brings it again. Returns whether
    /// something was removed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn discard_damaged(&self, problem: &Problem) -> Result<bool, Error> {
        let path = match problem {
            Problem::CorruptBlob { digest, .. } => self.blob_path(digest),
            Problem::BrokenLayer { diff_id } => self.layer_path(diff_id),
            Problem::MissingBlob { .. } | Problem::MissingLayer { .. } => return Ok(false),
        };
        remove_tree(&path).map(|()| true)
    }

    /// Hashes the blob and removes it if it is damaged or cannot be read to its end. Returns whether it is to be had anew;
    /// also where somebody else was faster.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn discard_if_damaged(&self, digest: &Digest) -> Result<bool, Error> {
        match self.hash_blob(digest) {
            Ok(actual) if actual == *digest => Ok(false),
            Err(Error::Missing(_)) => Ok(true),
            Ok(_) | Err(Error::Io { action: "read", .. }) => {
                // Another pull may have put a good one in its place just now. Its layer is unpacked by then, so that
                // costs no more than a download when it is needed again.
                remove_tree(&self.blob_path(digest)).map(|()| true)
            }
            Err(error) => Err(error),
        }
    }

    fn hash_blob(&self, digest: &Digest) -> Result<Digest, Error> {
        let mut file = self.open_blob(digest)?;
        let path = self.blob_path(digest);
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer).map_err(failed("read", &path))? {
                0 => return Ok(hasher.finish()),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    /// Checks that an image can be run: of an index, the manifests that were pulled; of a manifest, config and layers.
    /// Layers as they were pulled may be missing, as those of imported images always are.
    fn check_image(
        &self,
        target: &Digest,
        name: &str,
        problems: &mut BTreeSet<Problem>,
    ) -> Result<(), Error> {
        let mut level = vec![target.clone()];
        for depth in 0..=MAX_INDEX_DEPTH {
            let mut below = Vec::new();
            for digest in level {
                match read_node(self, &digest)? {
                    Some(node) => {
                        below.extend(node.manifests().cloned());
                        if let Some(config) = node.config() {
                            self.check_config(config, name, problems)?;
                        }
                    }
                    None if depth == 0 => {
                        problems.insert(missing_blob(&digest, name));
                    }
                    // A platform that nobody asked for.
                    None => {}
                }
            }
            level = below;
        }
        Ok(())
    }

    fn check_config(
        &self,
        config: &Digest,
        name: &str,
        problems: &mut BTreeSet<Problem>,
    ) -> Result<(), Error> {
        match read_node(self, config)? {
            Some(node) => self.check_layers(node.diff_ids(), name, problems),
            None => {
                problems.insert(missing_blob(config, name));
            }
        }
        Ok(())
    }

    fn check_layers(&self, diff_ids: &[Digest], needed_by: &str, problems: &mut BTreeSet<Problem>) {
        for diff_id in diff_ids.iter().filter(|diff_id| !self.has_layer(diff_id)) {
            problems.insert(Problem::MissingLayer {
                diff_id: diff_id.clone(),
                needed_by: needed_by.to_owned(),
            });
        }
    }
}

fn missing_blob(digest: &Digest, needed_by: &str) -> Problem {
    Problem::MissingBlob {
        digest: digest.clone(),
        needed_by: needed_by.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn discards_only_what_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let blob = store.put_blob(b"content").unwrap();
        assert!(!store.discard_if_damaged(&blob).unwrap());
        assert!(store.has_blob(&blob));
        fs::write(store.blob_path(&blob), "c0ntent").unwrap();
        assert!(store.discard_if_damaged(&blob).unwrap());
        assert!(!store.has_blob(&blob));
        assert!(store.discard_if_damaged(&blob).unwrap());
    }

    #[test]
    fn finds_each_problem() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let diff_id = Digest::sha256_of(b"layer");
        let config = format!(r#"{{"config":{{}},"rootfs":{{"diff_ids":["{diff_id}"]}}}}"#);
        let config = store.put_blob(config.as_bytes()).unwrap();
        let manifest = format!(r#"{{"config":{{"digest":"{config}"}},"layers":[]}}"#);
        let manifest = store.put_blob(manifest.as_bytes()).unwrap();
        let other = Digest::sha256_of(b"another platform");
        let index =
            format!(r#"{{"manifests":[{{"digest":"{manifest}"}},{{"digest":"{other}"}}]}}"#);
        let index = store.put_blob(index.as_bytes()).unwrap();
        let tag = "x:1".parse().unwrap();
        store.set_ref(Some(&tag), &index).unwrap();

        let name = || "docker.io/library/x:1".to_owned();
        let missing = |needed_by| Problem::MissingLayer {
            diff_id: diff_id.clone(),
            needed_by,
        };
        assert_eq!(store.check().unwrap(), [missing(name())]);
        let stage = store.stage_layer().unwrap();
        stage.commit(&diff_id, 0).unwrap();
        assert_eq!(store.check().unwrap(), []);

        fs::remove_dir(store.layer_dir(&diff_id)).unwrap();
        fs::write(store.blob_path(&config), "{\"flipped\":1}").unwrap();
        let problems = store.check().unwrap();
        assert!(matches!(
            &problems[..],
            [Problem::CorruptBlob { digest, .. }, Problem::BrokenLayer { .. }] if *digest == config
        ));
        for problem in &problems {
            assert!(store.discard_damaged(problem).unwrap());
        }
        let problems = store.check().unwrap();
        assert_eq!(
            problems,
            [Problem::MissingBlob {
                digest: config,
                needed_by: name()
            }]
        );
        assert!(!store.discard_damaged(&problems[0]).unwrap());
    }
}
