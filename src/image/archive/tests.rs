//! Archives that are wrong, in every way that somebody might think of, and the bounds that hold then.

use std::io::Write;
use std::num::NonZeroUsize;

use serde_json::{Value, json};

use super::*;
use crate::content::media_type::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use crate::content::{Digest, limits};
use crate::image::Silent;
use crate::image::layer::{Owners, UnpackOptions};
use crate::image::list;
use crate::store::Store;

fn store() -> (tempfile::TempDir, Store) {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(&temp.path().join("store")).unwrap();
    (temp, store)
}

/// An archive under construction; later files replace earlier ones of their name.
#[derive(Default, Clone)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((path.to_owned(), bytes.into()));
    }

    fn blob(&mut self, bytes: impl Into<Vec<u8>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256_of(&bytes);
        self.put(&format!("blobs/sha256/{}", digest.hex()), bytes);
        digest
    }

    fn document(&mut self, media_type: &str, value: &Value) -> Value {
        let bytes = value.to_string();
        let size = bytes.len();
        let digest = self.blob(bytes);
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    fn index(&mut self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        self.put("index.json", index.to_string());
    }

    fn tar(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes) in &self.0 {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, &bytes[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }
}

/// A layer of one file.
fn layer(content: &str) -> Vec<u8> {
    let mut files = Files::default();
    files.put("file", content);
    files.tar()
}

fn config(diff_ids: &[Digest]) -> Value {
    json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
}

/// A whole image of one layer; returns its manifest's descriptor, and the manifest.
fn image(files: &mut Files, content: &str) -> (Value, Value) {
    let tar = layer(content);
    let size = tar.len();
    let diff_id = files.blob(tar);
    let config = files.document(OCI_CONFIG, &config(std::slice::from_ref(&diff_id)));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config,
        "layers": [{"mediaType": OCI_LAYER, "digest": diff_id, "size": size}],
    });
    (files.document(OCI_MANIFEST, &manifest), manifest)
}

fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({"io.containerd.image.name": name});
    descriptor
}

fn load_bytes(store: &Store, tar: &[u8]) -> Result<Vec<Loaded>, Error> {
    let options = LoadOptions {
        platform: None,
        unpack: UnpackOptions {
            owners: Owners::Single,
            max_bytes: limits::MAX_LAYER_BYTES,
        },
        workers: NonZeroUsize::new(2).unwrap(),
    };
    load(store, Input::Stream(Box::new(tar)), &options, &Silent)
}

/// Loads it, and makes sure that nothing is left where it fails.
fn refused(files: &Files) -> Error {
    let (_temp, store) = store();
    let error = load_bytes(&store, &files.tar()).unwrap_err();
    assert!(list(&store).unwrap().images.is_empty());
    let left = std::fs::read_dir(store.root().join("tmp")).unwrap().count();
    assert_eq!(left, 0, "something is left of {error}");
    error
}

#[test]
fn comes_back_as_it_went() {
    let (_temp, from) = store();
    let mut files = Files::default();
    let (descriptor, _) = image(&mut files, "one");
    let (other, _) = image(&mut files, "two");
    files.index(&[
        named(descriptor.clone(), "docker.io/library/a:1"),
        named(descriptor, "docker.io/library/a:2"),
        other,
    ]);
    let loaded = load_bytes(&from, &files.tar()).unwrap();
    let names: Vec<Vec<String>> = loaded
        .iter()
        .map(|one| one.names.iter().map(|name| name.familiar()).collect())
        .collect();
    assert_eq!(names, [vec!["a:1", "a:2"], vec![]]);

    let items: Vec<Item> = loaded
        .iter()
        .map(|one| Item {
            target: crate::image::resolve(&from, one.id.as_str(), None)
                .unwrap()
                .target,
            names: one.names.clone(),
        })
        .collect();
    let options = |format| SaveOptions {
        attested: &[],
        format,
        platform: None,
        owners: Owners::Single,
    };
    for format in [Format::Docker, Format::Oci] {
        let save_to = |store: &Store| {
            let mut out = Vec::new();
            save(store, &items, &options(format), &mut Tar::new(&mut out)).unwrap();
            out
        };
        let first = save_to(&from);
        let (_temp, to) = store();
        assert_eq!(load_bytes(&to, &first).unwrap(), loaded);
        assert!(save_to(&to) == first, "another archive of the same images");
        // Once more changes nothing.
        assert_eq!(load_bytes(&to, &first).unwrap(), loaded);
        assert!(to.check().unwrap().is_empty());
        // Packed, it is the same.
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&first).unwrap();
        let (_temp, to) = store();
        assert_eq!(load_bytes(&to, &packed.finish().unwrap()).unwrap(), loaded);
    }
}

#[test]
fn a_directory_holds_the_same() {
    let (temp, store) = store();
    let mut files = Files::default();
    let (descriptor, _) = image(&mut files, "one");
    files.index(&[named(descriptor, "docker.io/library/a:1")]);
    let loaded = load_bytes(&store, &files.tar()).unwrap();
    let items = [Item {
        target: crate::image::resolve(&store, "a:1", None).unwrap().target,
        names: loaded[0].names.clone(),
    }];
    let options = SaveOptions {
        attested: &[],
        format: Format::Oci,
        platform: None,
        owners: Owners::Single,
    };
    let path = temp.path().join("layout");
    save(
        &store,
        &items,
        &options,
        &mut Directory::create(&path).unwrap(),
    )
    .unwrap();
    let index: Value =
        serde_json::from_slice(&std::fs::read(path.join("index.json")).unwrap()).unwrap();
    assert_eq!(
        index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"],
        "1"
    );
    assert_eq!(
        std::fs::read_dir(path.join("blobs/sha256"))
            .unwrap()
            .count(),
        3
    );
    assert!(matches!(Directory::create(&path), Err(Error::NotEmpty(_))));
}

/// As Docker wrote them until version 24: no layout, layers as `ID/layer.tar`, shared ones as links.
#[test]
fn reads_what_old_dockers_wrote() {
    let tar = layer("old");
    let diff_id = Digest::sha256_of(&tar);
    let config = config(&[diff_id.clone(), diff_id]).to_string();
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, bytes).unwrap();
    };
    add("one/layer.tar", &tar);
    add("cfg.json", config.as_bytes());
    let manifest = json!([{
        "Config": "cfg.json", "RepoTags": ["old:1", "not a name"],
        "Layers": ["one/layer.tar", "two/layer.tar"],
    }]);
    add("manifest.json", manifest.to_string().as_bytes());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "two/layer.tar", "../one/layer.tar")
        .unwrap();
    let archive = builder.into_inner().unwrap();
    let (_temp, store) = store();
    let loaded = load_bytes(&store, &archive).unwrap();
    assert_eq!(loaded[0].id, Digest::sha256_of(config.as_bytes()));
    let names: Vec<String> = loaded[0].names.iter().map(|n| n.familiar()).collect();
    assert_eq!(names, ["old:1"]);
    assert!(store.check().unwrap().is_empty());
}

#[test]
fn content_is_what_its_name_says() {
    let mut files = Files::default();
    let (descriptor, manifest) = image(&mut files, "x");
    files.index(&[descriptor]);
    let blob_of = |digest: &Value| {
        let hex = digest.as_str().unwrap().trim_start_matches("sha256:");
        format!("blobs/sha256/{hex}")
    };
    // A layer with a flipped bit, of the same length.
    let mut wrong = files.clone();
    let mut tar = layer("x");
    tar[512] ^= 1;
    wrong.put(&blob_of(&manifest["layers"][0]["digest"]), tar);
    assert!(matches!(
        refused(&wrong),
        Error::DiffId { .. } | Error::Digest { .. }
    ));
    // One that is longer than it should be.
    let mut wrong = files.clone();
    let mut tar = layer("x");
    tar.extend([0; 512]);
    wrong.put(&blob_of(&manifest["layers"][0]["digest"]), tar);
    assert!(matches!(refused(&wrong), Error::Size { .. }));
    // Another config.
    let mut wrong = files.clone();
    let size = manifest["config"]["size"].as_u64().unwrap() as usize;
    wrong.put(&blob_of(&manifest["config"]["digest"]), vec![b' '; size]);
    assert!(matches!(refused(&wrong), Error::Digest { .. }));
    // Nothing at all.
    for part in [
        &manifest["config"]["digest"],
        &manifest["layers"][0]["digest"],
    ] {
        let mut wrong = files.clone();
        wrong.0.retain(|(path, _)| *path != blob_of(part));
        assert!(matches!(refused(&wrong), Error::Missing(_)));
    }
}

#[test]
fn a_layer_is_what_the_config_says() {
    let mut files = Files::default();
    let (_, mut manifest) = image(&mut files, "x");
    let other = Digest::sha256_of(b"another tar");
    manifest["config"] = files.document(OCI_CONFIG, &config(&[other]));
    let descriptor = files.document(OCI_MANIFEST, &manifest);
    files.index(&[descriptor]);
    assert!(matches!(refused(&files), Error::DiffId { .. }));
    // One blob cannot be two layers.
    let mut files = Files::default();
    let (_, mut manifest) = image(&mut files, "x");
    let diff_id: Digest = serde_json::from_value(manifest["layers"][0]["digest"].clone()).unwrap();
    let other = Digest::sha256_of(b"another tar");
    manifest["config"] = files.document(OCI_CONFIG, &config(&[diff_id, other]));
    let twice = manifest["layers"][0].clone();
    manifest["layers"] = json!([twice, twice]);
    let descriptor = files.document(OCI_MANIFEST, &manifest);
    files.index(&[descriptor]);
    assert!(matches!(refused(&files), Error::DiffId { .. }));
    // More layers than the config has.
    let docker = json!([{"Config": "c", "Layers": ["a", "b"]}]);
    let mut files = Files::default();
    files.put("c", config(&[]).to_string());
    files.put("manifest.json", docker.to_string());
    assert!(matches!(refused(&files), Error::Document(_)));
}

#[test]
fn nothing_is_read_without_end() {
    // No index leads to itself: it would have to hash to its own content. But it may name the same one often.
    let mut files = Files::default();
    let (descriptor, _) = image(&mut files, "x");
    let mut index = descriptor;
    for _ in 0..limits::MAX_INDEX_DEPTH {
        let manifests = vec![index; 60];
        index = files.document(
            OCI_INDEX,
            &json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}),
        );
    }
    files.index(&[index.clone()]);
    assert!(matches!(refused(&files), Error::TooMany(_)));
    let deeper = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [index]});
    let deeper = files.document(OCI_INDEX, &deeper);
    files.index(&[deeper]);
    assert!(matches!(
        refused(&files),
        Error::TooMany(_) | Error::Document(_)
    ));

    let mut files = Files::default();
    files.put(
        "manifest.json",
        vec![b' '; limits::MAX_MANIFEST_BYTES as usize + 1],
    );
    assert!(matches!(refused(&files), Error::TooLarge { .. }));

    let mut files = Files::default();
    let many = vec![json!({"Config": "c"}); limits::MAX_ARCHIVE_IMAGES + 1];
    files.put("manifest.json", Value::from(many).to_string());
    assert!(matches!(refused(&files), Error::TooMany(_)));
}

#[test]
fn links_lead_nowhere_else() {
    for (name, target) in [
        ("c", "/etc/passwd"),
        ("c", "../../../../etc/passwd"),
        ("c", "c"),
        ("c", "d"),
    ] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
        builder.append_link(&mut header, "d", "c").unwrap();
        let manifest = br#"[{"Config":"c","Layers":[]}]"#;
        let mut header = tar::Header::new_gnu();
        header.set_size(manifest.len() as u64);
        builder
            .append_data(&mut header, "manifest.json", &manifest[..])
            .unwrap();
        let (_temp, store) = store();
        let error = load_bytes(&store, &builder.into_inner().unwrap()).unwrap_err();
        assert!(matches!(error, Error::Missing(_)), "{target}: {error}");
    }
}

#[test]
fn says_what_is_no_archive() {
    let (_temp, store) = store();
    let error = load_bytes(&store, &layer("just a file")).unwrap_err();
    assert!(matches!(error, Error::NoImages), "{error}");
    assert!(load_bytes(&store, b"").is_err());
    assert!(load_bytes(&store, b"hello").is_err());
    let error = load_bytes(&store, b"BZh and so on").unwrap_err();
    let Error::Read(source) = error else {
        panic!("{error}");
    };
    assert!(source.to_string().contains("bzip2 -dc"), "{source}");
    let mut files = Files::default();
    files.index(&[]);
    assert!(matches!(refused(&files), Error::NoImages));
    files.put("index.json", "{");
    assert!(matches!(refused(&files), Error::Document(_)));
}

/// BuildKit's attestations, and platforms that were left out, do not stand in the way.
#[test]
fn takes_what_is_there_of_an_index() {
    let mut files = Files::default();
    let (mut ours, _) = image(&mut files, "x");
    ours["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let left_out = json!({
        "mediaType": OCI_MANIFEST, "digest": Digest::sha256_of(b"elsewhere"), "size": 9,
        "platform": {"os": "linux", "architecture": "arm64"},
    });
    let statement = files.document("application/vnd.in-toto+json", &json!({}));
    let mut attestation = files.document(
        OCI_MANIFEST,
        &json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [statement.clone()], "config": statement,
        }),
    );
    attestation["annotations"] = json!({"vnd.docker.reference.digest": ours["digest"]});
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [left_out, ours.clone(), ours, attestation],
    });
    let index = files.document(OCI_INDEX, &index);
    let target: Digest = serde_json::from_value(index["digest"].clone()).unwrap();
    files.index(&[named(index, "docker.io/library/a:1")]);
    let (_temp, store) = store();
    let loaded = load_bytes(&store, &files.tar()).unwrap();
    assert_eq!(loaded.len(), 1);
    let name = "a:1".parse().unwrap();
    assert_eq!(store.get_ref(&name).unwrap(), Some(target));
    assert!(store.check().unwrap().is_empty());
}
