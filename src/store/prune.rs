//! Removing images that nobody uses, and content that nothing leads to.
//!
//! It goes in four steps, so that nothing is lost that somebody comes to rely on meanwhile, and hardly anybody has to wait:
//!
//! 1. mark what is in use;
//! 2. publish the list of the rest: see [`condemned`](super::condemned);
//! 3. mark again, and forget what has come into use: whoever names content either was seen by this second look, or finds it
//!    on the list, and waits for the next step;
//! 4. move what is still unwanted into one locked directory in `tmp/`, take the list back, and delete. What a crash leaves of
//!    that is garbage.
//!
//! Deleting needs the user's id map (`userns::enter`) where layers have owners of their own.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;

use crate::content::Digest;

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

impl Store {
    /// Removes references to images that no container uses: those without a tag, or `all`. Then everything that nothing
    /// leads to any more. An image goes only if `takes` says so of its ID, or of all its IDs.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Record`].
    pub fn prune_images(
        &self,
        all: bool,
        takes: impl Fn(&Digest) -> bool,
    ) -> Result<Pruned, Error> {
        let used = self.used_by_containers()?;
        let mut by_target: BTreeMap<Digest, Vec<RefEntry>> = BTreeMap::new();
        for entry in self.refs()? {
            by_target
                .entry(entry.target.clone())
                .or_default()
                .push(entry);
        }
        let mut pruned = Pruned::default();
        let is_tagged = |references: &[RefEntry]| {
            let mut references = references
                .iter()
                .filter_map(|entry| entry.reference.as_ref());
            references.any(|reference| reference.tag().is_some())
        };
        // An image may go by several manifests: what was pushed of one that was made here has another than the tag.
        let mut tagged = HashSet::new();
        for (target, references) in &by_target {
            if is_tagged(references) && !all {
                tagged.extend(Marks::of_image(self, target)?.blobs);
            }
        }
        for (target, references) in by_target {
            // As moby's `ImagesPrune`: a reference by digest alone does not keep an image.
            if is_tagged(&references) && !all {
                continue;
            }
            let content = Marks::of_image(self, &target)?;
            let is_config = |digest: &&Digest| content.configs.contains(*digest);
            let is_named = references.iter().any(|entry| entry.reference.is_some());
            let is_kept = is_named && tagged.iter().any(|blob| is_config(&blob));
            let is_taken = content.configs.iter().all(&takes);
            if is_kept || !is_taken || !content.blobs.is_disjoint(&used) {
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
        let garbage = self.unmarked(&Marks::collect(self)?)?;
        if garbage.is_empty() {
            return Ok(Pruned::default());
        }
        // Before the manifests are out of sight.
        let configs = self.configs_of(&garbage)?;
        let condemned = self.condemn(&garbage)?;
        let marks = Marks::collect(self)?;
        let mut taken = Taken::new(self)?;
        for (kind, digest) in garbage {
            if !marks.has(kind, &digest) {
                taken.take(kind, digest)?;
            }
        }
        drop(condemned);
        let mut pruned = Pruned::default();
        for object in taken.objects {
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
                && let Some(node) = read_node(self, digest)?
            {
                configs.extend(node.config().cloned());
            }
        }
        Ok(configs)
    }
}

/// A blob or layer that nobody finds any more.
struct Object {
    kind: Kind,
    digest: Digest,
    bytes: u64,
    path: PathBuf,
}

/// What one prune has taken, in a directory that goes when this is dropped.
struct Taken<'s> {
    store: &'s Store,
    dir: Staged,
    objects: Vec<Object>,
}

impl Taken<'_> {
    fn new(store: &Store) -> Result<Taken<'_>, Error> {
        let dir = Staged::directory(store, "prune")?;
        let objects = Vec::new();
        Ok(Taken {
            store,
            dir,
            objects,
        })
    }

    /// Takes one object out of its place.
    fn take(&mut self, kind: Kind, digest: Digest) -> Result<(), Error> {
        let from = self.store.object_path(kind, &digest);
        let path = self.dir.path().join(self.objects.len().to_string());
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
}

#[cfg(test)]
mod tests {
    use crate::content::Reference;

    use super::*;

    struct Image {
        manifest: Digest,
        config: Digest,
        blob: Digest,
        diff_id: Digest,
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
        let (_dir, store) = Store::for_test();
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

        let pruned = store.prune_images(false, |_| true).unwrap();
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
        let pruned = store.prune_images(true, |_| true).unwrap();
        assert_eq!(pruned.untagged.len(), 2);
        assert!(is_whole(&store, &used));
        assert!(!is_whole(&store, &tagged) && !is_whole(&store, &leased));
        assert!(!store.has_blob(&index));
        assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn shared_content_outlives_one_of_its_images() {
        let (_dir, store) = Store::for_test();
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
    fn what_is_leased_before_the_list_is_there_stays_in_its_place() {
        let (_dir, store) = Store::for_test();
        let image = add_image(&store, "wanted");
        let garbage = store.unmarked(&Marks::collect(&store).unwrap()).unwrap();
        assert_eq!(garbage.len(), 4);
        let mut lease = store.lease().unwrap();
        lease.add(&image.manifest).unwrap();
        // The list of a prune that looked before.
        let condemned = store.condemn(&garbage).unwrap();
        let marks = Marks::collect(&store).unwrap();
        let wanted = |(kind, digest): &(Kind, Digest)| marks.has(*kind, digest);
        assert!(garbage.iter().all(wanted) && is_whole(&store, &image));
        drop(condemned);
        assert_eq!(store.sweep_unreferenced().unwrap(), Pruned::default());
        drop(lease);
        assert_eq!(store.sweep_unreferenced().unwrap().images, [image.config]);
        assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_leased_later_is_waited_for() {
        let (_dir, store) = Store::for_test();
        let image = add_image(&store, "taken");
        let garbage = store.unmarked(&Marks::collect(&store).unwrap()).unwrap();
        let condemned = store.condemn(&garbage).unwrap();
        std::thread::scope(|scope| {
            let user = scope.spawn(|| {
                let mut lease = store.lease().unwrap();
                lease.add(&image.diff_id).unwrap();
                store.has_layer(&image.diff_id)
            });
            std::thread::sleep(std::time::Duration::from_millis(100));
            let mut taken = Taken::new(&store).unwrap();
            taken.take(Kind::Layer, image.diff_id.clone()).unwrap();
            drop(condemned);
            // It did not see what was about to go.
            assert!(!user.join().unwrap());
        });
    }

    #[test]
    fn a_record_that_cannot_be_understood_stops_it() {
        let (_dir, store) = Store::for_test();
        let image = add_image(&store, "x");
        let (container, lock) = store.create_container(&"1".repeat(64)).unwrap();
        drop(lock);
        fs::write(
            container.record_path(),
            r#"{"Layers":"of a later version"}"#,
        )
        .unwrap();
        assert!(matches!(
            store.prune_images(true, |_| true),
            Err(Error::Record { .. })
        ));
        assert!(is_whole(&store, &image));
        assert!(store.sweep_left_overs().is_err());
        // Nor one with a flipped byte: only a beginning of a record, or zeros, can be a power cut's.
        for damaged in [r#"{"Layers"x[]}"#, "rubbish"] {
            fs::write(container.record_path(), damaged).unwrap();
            assert!(matches!(
                store.prune_images(true, |_| true),
                Err(Error::Record { .. })
            ));
        }
        // A torn one is what a power cut leaves of a container that was being made.
        fs::write(container.record_path(), r#"{"Layers":["#).unwrap();
        store.sweep_left_overs().unwrap();
        assert!(!container.is_complete());
        store.prune_images(true, |_| true).unwrap();
        assert!(!is_whole(&store, &image));
    }
}
