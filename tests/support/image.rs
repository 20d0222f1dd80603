//! Images made in memory, for [`super::registry::Registry`].

use std::io::Write as _;

use serde_json::{Value, json};

use super::busybox::{self, RootfsTar};

/// How a layer's tar is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Whose media types an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Oci,
    Docker,
}

/// Something with a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    pub(crate) fn digest(&self) -> String {
        digest(&self.bytes)
    }

    /// Its descriptor.
    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len() })
    }
}

/// `sha256:…` of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// An image for one platform. Every part can be replaced by something wrong before it is pushed.
#[derive(Debug, Clone)]
pub(crate) struct TestImage {
    pub(crate) family: Family,
    /// `os/architecture`.
    pub(crate) platform: String,
    /// Tars, lowest first.
    pub(crate) tars: Vec<Vec<u8>>,
    /// The blobs that hold them.
    pub(crate) layers: Vec<Content>,
    /// The `config` of the image config: `Cmd`, `Env`, …
    pub(crate) config: Value,
}

impl TestImage {
    /// An image without layers, for this machine.
    pub(crate) fn new(family: Family) -> TestImage {
        TestImage {
            family,
            platform: format!("linux/{}", host_architecture()),
            tars: Vec::new(),
            layers: Vec::new(),
            config: json!({ "Cmd": ["sh"], "Env": ["PATH=/bin"] }),
        }
    }

    /// The busybox root file system in one gzip layer; see [`busybox::make_rootfs_tar`].
    pub(crate) fn busybox() -> TestImage {
        let tar = busybox::rootfs_tar().unwrap_or_else(|reason| panic!("{reason}"));
        TestImage::new(Family::Oci).layer(tar, Packing::Gzip)
    }

    /// Adds a layer on top.
    pub(crate) fn layer(mut self, tar: &[u8], packing: Packing) -> TestImage {
        self.tars.push(tar.to_vec());
        self.layers.push(pack(tar, packing, self.family));
        self
    }

    /// Adds a layer of one file.
    pub(crate) fn file(self, path: &str, content: &[u8], packing: Packing) -> TestImage {
        let mut tar = RootfsTar::new();
        tar.add(path, tar::EntryType::Regular, 0o644, (0, 0), content);
        self.layer(&tar.finish(), packing)
    }

    /// Says it is for another platform.
    pub(crate) fn for_platform(mut self, platform: &str) -> TestImage {
        self.platform = platform.to_owned();
        self
    }

    /// The image config.
    pub(crate) fn config_blob(&self) -> Content {
        let (os, architecture) = self.platform.split_once('/').expect("os/architecture");
        let diff_ids: Vec<String> = self.tars.iter().map(|tar| digest(tar)).collect();
        let config = json!({
            "architecture": architecture,
            "os": os,
            "created": "2020-09-13T12:26:40Z",
            "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": [],
        });
        Content {
            media_type: match self.family {
                Family::Oci => "application/vnd.oci.image.config.v1+json",
                Family::Docker => "application/vnd.docker.container.image.v1+json",
            }
            .to_owned(),
            bytes: config.to_string().into_bytes(),
        }
    }

    /// The manifest.
    pub(crate) fn manifest(&self) -> Content {
        let media_type = match self.family {
            Family::Oci => "application/vnd.oci.image.manifest.v1+json",
            Family::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        };
        let layers: Vec<Value> = self.layers.iter().map(Content::descriptor).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": self.config_blob().descriptor(),
            "layers": layers,
        });
        Content {
            media_type: media_type.to_owned(),
            bytes: manifest.to_string().into_bytes(),
        }
    }
}

/// Go's name of this machine's processor.
pub(crate) fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// An architecture that this machine cannot run.
pub(crate) fn foreign_architecture() -> &'static str {
    if host_architecture() == "s390x" {
        "amd64"
    } else {
        "s390x"
    }
}

/// An index of images, in this order.
pub(crate) fn index(family: Family, images: &[&TestImage]) -> Content {
    let manifests: Vec<Value> = images
        .iter()
        .map(|image| {
            let mut descriptor = image.manifest().descriptor();
            let (os, architecture) = image.platform.split_once('/').expect("os/architecture");
            descriptor["platform"] = json!({ "os": os, "architecture": architecture });
            descriptor
        })
        .collect();
    let media_type = match family {
        Family::Oci => "application/vnd.oci.image.index.v1+json",
        Family::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
    };
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests });
    Content {
        media_type: media_type.to_owned(),
        bytes: index.to_string().into_bytes(),
    }
}

/// Packs a tar as a layer.
pub(crate) fn pack(tar: &[u8], packing: Packing, family: Family) -> Content {
    let bytes = match packing {
        Packing::Plain => tar.to_vec(),
        Packing::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(tar).expect("a buffer in memory");
            encoder.finish().expect("a buffer in memory")
        }
        Packing::Zstd => zstd::encode_all(tar, 1).expect("a buffer in memory"),
    };
    let media_type = match (family, packing) {
        (Family::Oci, Packing::Plain) => "application/vnd.oci.image.layer.v1.tar",
        (Family::Oci, Packing::Gzip) => "application/vnd.oci.image.layer.v1.tar+gzip",
        (_, Packing::Zstd) => "application/vnd.oci.image.layer.v1.tar+zstd",
        (Family::Docker, Packing::Plain) => "application/vnd.docker.image.rootfs.diff.tar",
        (Family::Docker, Packing::Gzip) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
    };
    Content {
        media_type: media_type.to_owned(),
        bytes,
    }
}

/// Bytes that do not compress, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    // xorshift64*, Vigna 2016.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
