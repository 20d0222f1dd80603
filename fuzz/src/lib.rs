//! What is fuzzed, as plain functions: they take any bytes and panic only where a promise is broken.
//!
//! The program's own unit tests include this file and run the functions over mutations of good input
//! (`src/image/replay.rs`), so that a promise is also kept by those who never start a fuzzer.

use std::num::NonZeroUsize;
use std::path::Path;

use ctr::content::{Digest, Reference};
use ctr::image::Platform;
use ctr::image::archive::{self, Format, Input, Item, LoadOptions, SaveOptions, Tar};
use ctr::image::config::ImageConfiguration;
use ctr::image::decompress::Decompress;
use ctr::image::layer::{self, Owners, UnpackOptions};
use ctr::image::manifest::Document;
use ctr::store::Store;

/// References, digests and platforms: what is accepted can be printed and read again, and stays the same.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
        assert_eq!(reference.familiar().parse(), Ok(reference.clone()));
        // References become paths in the store.
        let parts = reference.repository().split('/');
        assert!(
            parts
                .chain([reference.registry()])
                .all(|p| !matches!(p, "" | "." | ".."))
        );
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.as_str(), text);
    }
    if let Ok(platform) = text.parse::<Platform>() {
        assert_eq!(platform.to_string().parse(), Ok(platform));
    }
}

/// Manifests, indexes and configs: no panic, whatever the bytes are.
pub fn manifest(data: &[u8]) {
    match Document::parse(data, None) {
        Ok(Document::Manifest(manifest)) => drop(manifest.check_image()),
        Ok(Document::Index(index)) => {
            let host = Platform::new("linux", "arm64", None);
            assert!(index.for_host(&host).len() <= index.manifests.len());
            assert!(index.for_platform(&host).len() <= index.manifests.len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(config) = ImageConfiguration::parse(data) {
        config.platform();
        assert!(config.config.environment().all(|entry| entry.contains('=')));
        let again = config.to_json();
        assert_eq!(ImageConfiguration::parse(&again).ok(), Some(config));
    }
}

/// Layers, compressed or not: nothing outside the directory is touched, and what was unpacked can be written and unpacked
/// again, to the same digest.
pub fn layer(data: &[u8]) {
    let Ok(temp) = tempfile::tempdir() else {
        return;
    };
    std::fs::write(temp.path().join("canary"), "alive").expect("a writable directory");
    let options = UnpackOptions {
        owners: Owners::Single,
        max_bytes: 16 << 20,
    };
    let first = temp.path().join("first");
    std::fs::create_dir(&first).expect("a writable directory");
    let unpacked = Decompress::detect(data)
        .ok()
        .and_then(|tar| layer::unpack(tar, &first, &options).ok());
    if unpacked.is_some() {
        let mut tar = Vec::new();
        // A sparse file may be larger than what a test can write.
        if sparse_bytes(&first) < 64 << 20
            && let Ok(written) = layer::write(&first, Owners::Single, &mut tar)
        {
            let second = temp.path().join("second");
            std::fs::create_dir(&second).expect("a writable directory");
            let options = UnpackOptions {
                max_bytes: 256 << 20,
                ..options
            };
            layer::unpack(&*tar, &second, &options).expect("our own tar");
            let again = layer::write(&second, Owners::Single, std::io::sink()).expect("a layer");
            assert_eq!(again, written);
        }
    }
    let canary = std::fs::read(temp.path().join("canary")).expect("the canary");
    assert_eq!(canary, b"alive");
    let known = [
        "canary",
        "first",
        "second",
        "first.unapplied",
        "second.unapplied",
    ];
    for entry in std::fs::read_dir(temp.path())
        .expect("the directory")
        .flatten()
    {
        let name = entry.file_name();
        assert!(
            known.iter().any(|k| name == *k),
            "{name:?} was made beside the layer"
        );
    }
}

/// Archives of images: what is loaded is whole and can be saved again; what is refused leaves nothing half-done.
pub fn archive(data: &[u8]) {
    loads(data);
}

/// As [`archive`]; returns whether it was loaded.
pub fn loads(data: &[u8]) -> bool {
    let Ok(temp) = tempfile::tempdir() else {
        return false;
    };
    let store = Store::open(&temp.path().join("store")).expect("a writable directory");
    let options = LoadOptions {
        platform: None,
        unpack: UnpackOptions {
            owners: Owners::Single,
            max_bytes: 16 << 20,
        },
        workers: NonZeroUsize::MIN,
    };
    let loaded = archive::load(
        &store,
        Input::Stream(Box::new(data)),
        &options,
        &ctr::image::Silent,
    );
    assert_eq!(store.check().expect("a store"), []);
    let mut left = std::fs::read_dir(store.root().join("tmp")).expect("the directory");
    assert!(left.next().is_none(), "something is left half-done");
    let items: Vec<Item> = (store.refs().expect("a store").into_iter())
        .map(|entry| Item {
            target: entry.target,
            names: entry.reference.into_iter().collect(),
        })
        .collect();
    assert!(loaded.is_err() || !items.is_empty());
    let options = SaveOptions {
        attested: &[],
        format: Format::Docker,
        platform: None,
        owners: Owners::Single,
    };
    archive::save(&store, &items, &options, &mut Tar::new(std::io::sink()))
        .expect("what was loaded");
    loaded.is_ok()
}

fn sparse_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => sparse_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
