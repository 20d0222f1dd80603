//! Removing what nobody needs: content that nothing leads to, and what crashes left.
//!
//! Content goes in four steps, so that nothing is lost that somebody comes to rely on meanwhile, and nobody has to wait:
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

use super::containers::REMOVED;
use super::files::{entries, exists, failed, found, private_file, remove_tree, tree_bytes};
use super::lock::{still_names, try_flock};
use super::marks::{Marks, read_node};
use super::publish::Kind;
use super::staging::{Staged, fresh_path};
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

    /// Returns the digests of all blobs, in no order.
    pub(super) fn blobs(&self) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::new();
        let top = self.root.join("blobs");
        for (algorithm, is_dir) in entries(&top)? {
            if !is_dir {
                continue;
            }
            for (hex, _) in entries(&top.join(&algorithm))? {
                let name = format!("{}:{}", algorithm.display(), hex.display());
                digests.extend(name.parse::<Digest>());
            }
        }
        Ok(digests)
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
}

/// Removes a thing in `tmp/` if nobody holds it; returns its bytes if it was removed.
fn sweep_staged(path: &Path) -> Result<Option<u64>, Error> {
    let Some(meta) = found(fs::symlink_metadata(path)).map_err(failed("read", path))? else {
        return Ok(None);
    };
    let bytes = || tree_bytes(path);
    if !meta.is_dir() && !meta.is_file() {
        return remove_tree(path).map(|()| Some(0));
    }
    let opened = match found(fs::File::open(path)) {
        // What cannot be opened cannot have been locked by anybody either: a container's directory of foreign ids.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let bytes = bytes();
            return remove_tree(path).map(|()| Some(bytes));
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
    let bytes = bytes();
    remove_tree(path).map(|()| Some(bytes))
}

/// Removes directories of the run directory whose containers are gone.
///
/// # Errors
///
/// [`Error::Io`].
pub fn sweep_run_dir(store: &Store, run_dir: &Path) -> Result<(), Error> {
    for (name, is_dir) in entries(run_dir)? {
        let Some(id) = name.to_str() else { continue };
        let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
        if is_dir && is_id && !exists(store.container(id).path()) {
            remove_tree(&run_dir.join(id))?;
        }
    }
    Ok(())
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
    fn left_overs_of_crashes_go_and_live_things_stay() {
        let (_dir, store) = store();
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
