//! Removing images that nobody uses, and content that nothing leads to.
//!
//! It goes in four steps, so that nothing is lost that somebody comes to rely on meanwhile, and nobody has to wait:
//!
//! 1. mark what is in use;
//! 2. move the rest aside, into one locked directory in `tmp/`;
//! 3. mark again, and move back what has come into use: whoever names content before looking for it either was seen by
//!    this second look, or looked after step 2 and found nothing;
//! 4. delete what is still aside. A crash before that leaves a directory in `tmp/` that the next prune deletes.
//!
//! Deleting needs the user's id map (`userns::enter`) where layers have owners of their own.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::image::Digest;

use super::files::{failed, found, tree_bytes};
use super::marks::{Marks, read_node};
use super::publish::Kind;
use super::removal::remove_tree;
use super::staging::Staged;
use super::{Error, RefEntry, Store};

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// References that were removed first.
    pub untagged: Vec<RefEntry>,
    /// Image IDs (digests of configs).
    pub images: Vec<Digest>,
    /// Unpacked layers, by diff_id.
    pub layers: Vec<Digest>,
    /// IDs of containers that were never finished.
    pub containers: Vec<String>,
    /// Things in `tmp/` that nobody holds: interrupted downloads, half-unpacked layers, half-removed containers.
    pub left_overs: usize,
    /// Bytes of files.
    pub bytes: u64,
}

impl Pruned {
    /// Adds what another step removed.
    pub fn absorb(&mut self, other: Pruned) {
        self.untagged.extend(other.untagged);
        self.images.extend(other.images);
        self.layers.extend(other.layers);
        self.containers.extend(other.containers);
        self.left_overs += other.left_overs;
        self.bytes += other.bytes;
    }
}

/// A blob or layer that was moved aside.
struct Aside {
    kind: Kind,
    digest: Digest,
    path: PathBuf,
    bytes: u64,
}

impl Store {
    /// Removes references to images that no container uses: those without a tag, or `all`. Then everything that nothing
    /// leads to any more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Record`].
    pub fn prune_images(&self, all: bool) -> Result<Pruned, Error> {
        let used = self.used_by_containers()?;
        let mut by_target: BTreeMap<Digest, Vec<RefEntry>> = BTreeMap::new();
        for entry in self.refs()? {
            by_target
                .entry(entry.target.clone())
                .or_default()
                .push(entry);
        }
        let mut pruned = Pruned::default();
        for (target, references) in by_target {
            // As moby's `ImagesPrune`: a reference by digest alone does not keep an image.
            let tagged = references.iter().any(|entry| {
                let reference = entry.reference.as_ref();
                reference.is_some_and(|reference| reference.tag().is_some())
            });
            if tagged && !all {
                continue;
            }
            let content = Marks::of_image(self, &target)?;
            if !content.blobs.is_disjoint(&used) {
                continue;
            }
            for entry in references {
                if self.remove_ref(&entry)? {
                    pruned.untagged.push(entry);
                }
            }
        }
        pruned.absorb(self.sweep_unreferenced()?);
        Ok(pruned)
    }

    /// Manifests and configs that containers were made from.
    fn used_by_containers(&self) -> Result<HashSet<Digest>, Error> {
        let mut used = HashSet::new();
        for id in self.containers()? {
            if let Some(claims) = self.container(&id).claims()? {
                used.extend(claims.manifest.into_iter().chain(claims.image));
            }
        }
        Ok(used)
    }

    /// Removes every blob and layer that no reference, container or live lease leads to.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Record`].
    pub fn sweep_unreferenced(&self) -> Result<Pruned, Error> {
        let garbage = self.unmarked(&Marks::collect(self, None)?)?;
        if garbage.is_empty() {
            return Ok(Pruned::default());
        }
        // Before the manifests are out of sight.
        let configs = self.configs_of(&garbage)?;
        let holder = Staged::directory(self, "prune")?;
        let mut aside = Vec::new();
        for (kind, digest) in garbage {
            aside.extend(self.set_aside(kind, digest, holder.path())?);
        }
        let marks = Marks::collect(self, Some(holder.path()))?;
        let mut pruned = Pruned::default();
        for object in aside {
            let wanted = match object.kind {
                Kind::Blob => marks.blobs.contains(&object.digest),
                Kind::Layer => marks.layers.contains(&object.digest),
            };
            if wanted {
                self.put_back(&object)?;
                continue;
            }
            remove_tree(&object.path)?;
            pruned.bytes += object.bytes;
            match object.kind {
                Kind::Layer => pruned.layers.push(object.digest),
                Kind::Blob if configs.contains(&object.digest) => pruned.images.push(object.digest),
                Kind::Blob => {}
            }
        }
        Ok(pruned)
    }

    fn unmarked(&self, marks: &Marks) -> Result<Vec<(Kind, Digest)>, Error> {
        let blobs = self.blobs()?.into_iter();
        let blobs = blobs.filter(|digest| !marks.blobs.contains(digest));
        let layers = self.layers()?.into_iter();
        let layers = layers.filter(|digest| !marks.layers.contains(digest));
        Ok(blobs
            .map(|digest| (Kind::Blob, digest))
            .chain(layers.map(|digest| (Kind::Layer, digest)))
            .collect())
    }

    fn configs_of(&self, garbage: &[(Kind, Digest)]) -> Result<HashSet<Digest>, Error> {
        let mut configs = HashSet::new();
        for (kind, digest) in garbage {
            if *kind == Kind::Blob
                && let Some(node) = read_node(self, digest, None)?
            {
                configs.extend(node.config().cloned());
            }
        }
        Ok(configs)
    }

    /// Moves one object aside; `None` if another prune was faster.
    fn set_aside(&self, kind: Kind, digest: Digest, holder: &Path) -> Result<Option<Aside>, Error> {
        let (from, to) = match kind {
            Kind::Blob => (self.blob_path(&digest), holder.join(digest.as_str())),
            Kind::Layer => (
                self.layer_path(&digest),
                holder.join(format!("layer-{}", digest.hex())),
            ),
        };
        let bytes = match kind {
            Kind::Blob => tree_bytes(&from),
            Kind::Layer => match self.layer_size(&digest)? {
                Some(bytes) => bytes,
                None => tree_bytes(&from),
            },
        };
        let moved = found(fs::rename(&from, &to)).map_err(failed("remove", &from))?;
        Ok(moved.map(|()| Aside {
            kind,
            digest,
            path: to,
            bytes,
        }))
    }

    /// Moves one object back; somebody may have brought the same again meanwhile, which is as good.
    fn put_back(&self, object: &Aside) -> Result<(), Error> {
        let to = match object.kind {
            Kind::Blob => self.blob_path(&object.digest),
            Kind::Layer => self.layer_path(&object.digest),
        };
        match fs::rename(&object.path, &to) {
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::AlreadyExists
                ) =>
            {
                remove_tree(&object.path)
            }
            moved => moved.map_err(failed("put back", &to)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::image::Reference;

    use super::*;

    struct Image {
        manifest: Digest,
        config: Digest,
        blob: Digest,
        diff_id: Digest,
    }

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        (dir, store)
    }

    /// An image of one layer, whose content is `text`.
    fn add_image(store: &Store, text: &str) -> Image {
        let blob = store.put_blob(text.as_bytes()).unwrap();
        let diff_id = Digest::sha256_of(format!("tar of {text}").as_bytes());
        let stage = store.stage_layer().unwrap();
        fs::write(stage.dir().join("file"), text).unwrap();
        stage.commit(&diff_id, text.len() as u64).unwrap();
        let config = format!(
            r#"{{"config":{{"Cmd":["{text}"]}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
        );
        let config = store.put_blob(config.as_bytes()).unwrap();
        let manifest =
            format!(r#"{{"config":{{"digest":"{config}"}},"layers":[{{"digest":"{blob}"}}]}}"#);
        let manifest = store.put_blob(manifest.as_bytes()).unwrap();
        Image {
            manifest,
            config,
            blob,
            diff_id,
        }
    }

    fn is_whole(store: &Store, image: &Image) -> bool {
        let here = [&image.manifest, &image.config, &image.blob].map(|blob| store.has_blob(blob));
        let all = here.iter().all(|here| *here) && store.has_layer(&image.diff_id);
        let none = !here.iter().any(|here| *here) && !store.has_layer(&image.diff_id);
        assert!(all || none, "half an image");
        all
    }

    fn tag(store: &Store, name: &str, target: &Digest) {
        let reference: Reference = name.parse().unwrap();
        store.set_ref(Some(&reference), target).unwrap();
    }

    #[test]
    fn what_is_named_stays() {
        let (_dir, store) = store();
        let [tagged, indexed, used, leased, nameless, lost] =
            ["tagged", "indexed", "used", "leased", "nameless", "lost"]
                .map(|text| add_image(&store, text));
        tag(&store, "a:1", &tagged.manifest);
        let index = format!(r#"{{"manifests":[{{"digest":"{}"}}]}}"#, indexed.manifest);
        let index = store.put_blob(index.as_bytes()).unwrap();
        tag(&store, "a:2", &index);
        let (container, _lock) = store.create_container(&"1".repeat(64)).unwrap();
        let record = format!(
            r#"{{"Image":"{}","ImageManifest":"{}","Layers":["{}"]}}"#,
            used.config, used.manifest, used.diff_id
        );
        fs::write(container.record_path(), record).unwrap();
        let mut lease = store.lease().unwrap();
        lease.add(&leased.manifest).unwrap();
        store.set_ref(None, &nameless.manifest).unwrap();

        let pruned = store.prune_images(false).unwrap();
        assert_eq!(pruned.untagged.len(), 1);
        let mut gone = pruned.images.clone();
        gone.sort();
        let mut expected = [nameless.config.clone(), lost.config.clone()];
        expected.sort();
        assert_eq!(gone, expected);
        for (image, stays) in [
            (&tagged, true),
            (&indexed, true),
            (&used, true),
            (&leased, true),
            (&nameless, false),
            (&lost, false),
        ] {
            assert_eq!(is_whole(&store, image), stays);
        }

        drop(lease);
        let pruned = store.prune_images(true).unwrap();
        assert_eq!(pruned.untagged.len(), 2);
        assert!(is_whole(&store, &used));
        assert!(!is_whole(&store, &tagged) && !is_whole(&store, &leased));
        assert!(!store.has_blob(&index));
        assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn shared_content_outlives_one_of_its_images() {
        let (_dir, store) = store();
        let (one, two) = (add_image(&store, "one"), add_image(&store, "two"));
        let both = format!(
            r#"{{"config":{{"digest":"{}"}},"layers":[{{"digest":"{}"}},{{"digest":"{}"}}]}}"#,
            two.config, one.blob, two.blob
        );
        let both = store.put_blob(both.as_bytes()).unwrap();
        tag(&store, "both:1", &both);
        let pruned = store.sweep_unreferenced().unwrap();
        assert_eq!(pruned.images, [one.config]);
        assert_eq!(pruned.layers, [one.diff_id]);
        assert!(store.has_blob(&one.blob) && !store.has_blob(&one.manifest));
        assert!(store.has_blob(&both) && store.has_layer(&two.diff_id));
    }

    #[test]
    fn a_lease_taken_in_between_brings_content_back() {
        let (_dir, store) = store();
        let image = add_image(&store, "wanted");
        let holder = Staged::directory(&store, "prune").unwrap();
        let blob = store
            .set_aside(Kind::Blob, image.manifest.clone(), holder.path())
            .unwrap()
            .unwrap();
        let layer = store
            .set_aside(Kind::Layer, image.diff_id.clone(), holder.path())
            .unwrap()
            .unwrap();
        let mut lease = store.lease().unwrap();
        lease.add(&image.manifest).unwrap();
        let marks = Marks::collect(&store, Some(holder.path())).unwrap();
        assert!(
            marks.blobs.contains(&image.config),
            "seen through the aside"
        );
        assert!(marks.layers.contains(&image.diff_id));
        store.put_back(&blob).unwrap();
        store.put_back(&layer).unwrap();
        assert!(is_whole(&store, &image));
        assert_eq!(layer.bytes, 6);
    }

    #[test]
    fn a_record_that_cannot_be_understood_stops_it() {
        let (_dir, store) = store();
        let image = add_image(&store, "x");
        let (container, lock) = store.create_container(&"1".repeat(64)).unwrap();
        drop(lock);
        fs::write(
            container.record_path(),
            r#"{"Layers":"of a later version"}"#,
        )
        .unwrap();
        assert!(matches!(
            store.prune_images(true),
            Err(Error::Record { .. })
        ));
        assert!(is_whole(&store, &image));
        assert!(store.sweep_left_overs().is_err());
        // A torn one is what a power cut leaves of a container that was being made.
        fs::write(container.record_path(), r#"{"Layers":["#).unwrap();
        assert!(!container.is_complete() || store.sweep_left_overs().is_ok());
        store.prune_images(true).unwrap();
        assert!(!is_whole(&store, &image));
    }
}
