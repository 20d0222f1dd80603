//! Manifests and indexes, OCI's and Docker's, from bytes nobody vouches for.
//!
//! The two families have the same shape and differ in their media types only, so one type serves both. A document says
//! what it is by its own `mediaType`, by the `Content-Type` it came with, or by its fields; where these disagree it is
//! refused (CVE-2021-41190: one document that is a manifest to one reader and an index to another).
//!
//! Spec: image-spec, manifest.md, image-index.md, descriptor.md; distribution, "Image Manifest Version 2, Schema 2".

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Platform;
use crate::content::media_type::{
    ACCEPTED, DOCKER_CONFIG, DOCKER_INDEX, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST,
};
use crate::content::{Digest, limits};

/// Names content: image-spec's descriptor, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Bytes of the content.
    pub size: u64,
    /// In an index: what the manifest was made for.
    pub platform: Option<Platform>,
    /// Free-form notes.
    pub annotations: Map<String, Value>,
}

/// How a layer's tar is packed in its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// `gzip(1)`, possibly several members.
    Gzip,
    /// `zstd(1)`, possibly several frames.
    Zstd,
}

/// One image for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// One of [`OCI_MANIFEST`] and [`DOCKER_MANIFEST`](crate::content::media_type::DOCKER_MANIFEST).
    pub media_type: &'static str,
    /// The image config.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Free-form notes; what is no text is left out.
    pub annotations: BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// One of [`OCI_INDEX`] and [`DOCKER_INDEX`].
    pub media_type: &'static str,
    /// In the order of the document.
    pub manifests: Vec<Descriptor>,
}

/// What a reference can point to.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// One image.
    Manifest(Box<Manifest>),
    /// Several.
    Index(Index),
}

/// Why bytes are not a manifest or index.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// More than [`limits::MAX_MANIFEST_BYTES`].
    #[error("manifest of {0} bytes is larger than the {max} allowed", max = limits::MAX_MANIFEST_BYTES)]
    TooLarge(u64),
    /// Not JSON at all.
    #[error("invalid manifest")]
    Json(#[source] serde_json::Error),
    /// A field is missing or of the wrong shape.
    #[error("invalid {document}: {field} {problem}")]
    Field {
        /// `manifest` or `index`.
        document: &'static str,
        /// `layers[3].digest`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More entries than allowed.
    #[error("invalid {document}: {field} has {count} entries, more than the {limit} allowed")]
    TooMany {
        /// `manifest` or `index`.
        document: &'static str,
        /// `layers` or `manifests`.
        field: &'static str,
        /// As found.
        count: usize,
        /// As allowed.
        limit: usize,
    },
    /// Docker's first format, which no registry makes any more.
    #[error(
        "manifest schema version 1 is no longer supported: push the image again with a current tool"
    )]
    Schema1,
    /// Neither manifest nor index.
    #[error("unsupported manifest media type {0:?}")]
    MediaType(String),
    /// The document is one thing by one mark and another by the next.
    #[error("ambiguous manifest: {0}")]
    Ambiguous(String),
    /// A layer in a format nobody here can read.
    #[error("unsupported layer media type {0:?}")]
    Layer(String),
    /// A config that is not an image's, as artifacts have it.
    #[error("not a container image: its config has the media type {0:?}")]
    NotAnImage(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Manifest,
    Index,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Manifest => "manifest",
            Kind::Index => "index",
        }
    }
}

impl Document {
    /// Reads a manifest or index that came with the media type `content_type`, if it came with one.
    ///
    /// # Errors
    ///
    /// All of [`ManifestError`].
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Document, ManifestError> {
        if bytes.len() as u64 > limits::MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(bytes.len() as u64));
        }
        let value: Value = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
        let Value::Object(object) = &value else {
            return Err(field("manifest", "the document", "is not an object"));
        };
        let media_type = media_type(object, content_type)?;
        match media_type {
            OCI_INDEX | DOCKER_INDEX => Index::read(media_type, object).map(Document::Index),
            _ => Manifest::read(media_type, object).map(|read| Document::Manifest(Box::new(read))),
        }
    }
}

/// Decides what a document is, and refuses one that claims to be two things.
fn media_type(
    object: &Map<String, Value>,
    content_type: Option<&str>,
) -> Result<&'static str, ManifestError> {
    // Parameters (`; charset=utf-8`) say nothing here; the two generic types are what plain web servers send.
    let content_type = content_type
        .map(|t| t.split(';').next().unwrap_or("").trim())
        .filter(|t| {
            !matches!(
                *t,
                "" | "application/json" | "application/octet-stream" | "text/plain"
            )
        });
    let own = match object.get("mediaType") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => return Err(field("manifest", "mediaType", "is not a string")),
    };
    let schema = object.get("schemaVersion").and_then(Value::as_u64);
    let schema1 =
        |t: Option<&str>| t.is_some_and(|t| t.contains("docker.distribution.manifest.v1"));
    if schema == Some(1) || schema1(own) || schema1(content_type) {
        return Err(ManifestError::Schema1);
    }
    if schema != Some(2) {
        return Err(field("manifest", "schemaVersion", "is not 2"));
    }
    let known = |t: &str| {
        ACCEPTED
            .into_iter()
            .find(|k| *k == t)
            .ok_or_else(|| ManifestError::MediaType(quote(t)))
    };
    let declared = match (own, content_type) {
        (Some(own), Some(sent)) if own != sent => {
            return Err(ManifestError::Ambiguous(format!(
                "it came as {:?} and calls itself {:?}",
                quote(sent),
                quote(own)
            )));
        }
        (Some(t), _) | (None, Some(t)) => Some(known(t)?),
        (None, None) => None,
    };
    let has = |name: &str| object.get(name).is_some_and(|v| !v.is_null());
    let (one, many) = (has("config") || has("layers"), has("manifests"));
    if one && many {
        return Err(ManifestError::Ambiguous(
            "it has both \"manifests\" and \"config\" or \"layers\"".to_owned(),
        ));
    }
    match declared {
        Some(media_type) => Ok(media_type),
        None if many => Ok(OCI_INDEX),
        None => Ok(OCI_MANIFEST),
    }
}

impl Manifest {
    fn read(media_type: &'static str, object: &Map<String, Value>) -> Result<Self, ManifestError> {
        let config = object
            .get("config")
            .ok_or_else(|| field("manifest", "config", "is missing"))?;
        let config = Descriptor::read(config, Kind::Manifest, || "config".to_owned())?;
        if config.size > limits::MAX_CONFIG_BYTES {
            let problem = format!(
                "is {}, more than the {} allowed",
                config.size,
                limits::MAX_CONFIG_BYTES
            );
            return Err(field("manifest", "config.size", &problem));
        }
        let layers = list(object, "layers", Kind::Manifest, limits::MAX_LAYERS)?;
        let annotations = object.get("annotations").and_then(Value::as_object);
        let text =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Ok(Manifest {
            media_type,
            config,
            layers,
            annotations: annotations.into_iter().flatten().filter_map(text).collect(),
        })
    }

    /// Checks that this is a container image whose layers can all be read, before anything is downloaded.
    ///
    /// # Errors
    ///
    /// [`ManifestError::NotAnImage`], [`ManifestError::Layer`].
    pub fn check_image(&self) -> Result<(), ManifestError> {
        // Old registries and tools send the config as octet-stream; its content is checked when it is parsed.
        let config = self.config.media_type.as_str();
        if !matches!(
            config,
            OCI_CONFIG | DOCKER_CONFIG | "application/octet-stream" | ""
        ) {
            return Err(ManifestError::NotAnImage(quote(config)));
        }
        self.layers
            .iter()
            .try_for_each(|layer| layer.compression().map(drop))
    }
}

impl Index {
    fn read(media_type: &'static str, object: &Map<String, Value>) -> Result<Self, ManifestError> {
        let manifests = list(object, "manifests", Kind::Index, limits::MAX_INDEX_ENTRIES)?;
        Ok(Index {
            media_type,
            manifests,
        })
    }

    /// Returns the entries that a machine of platform `host` can run, best first; entries of equal worth keep the index's
    /// order. Entries without a platform come last, as in containerd: their config will tell.
    pub fn for_host(&self, host: &Platform) -> Vec<&Descriptor> {
        let worst = host.runnable().len();
        let mut ranked: Vec<(usize, &Descriptor)> = self
            .images()
            .filter_map(|entry| match &entry.platform {
                Some(platform) => host.rank(platform).map(|rank| (rank, entry)),
                None => Some((worst, entry)),
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Returns the entries for exactly the platform somebody asked for; entries without a platform last.
    pub fn for_platform(&self, wanted: &Platform) -> Vec<&Descriptor> {
        let exact = self
            .images()
            .filter(|entry| entry.platform.as_ref().is_some_and(|p| wanted.accepts(p)));
        let silent = self.images().filter(|entry| entry.platform.is_none());
        exact.chain(silent).collect()
    }

    /// The entries that are images or indexes: not BuildKit's attestations, whose platform is `unknown/unknown`.
    fn images(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().filter(|entry| {
            ACCEPTED.contains(&entry.media_type.as_str())
                && !entry
                    .annotations
                    .contains_key("vnd.docker.reference.digest")
        })
    }
}

impl Descriptor {
    fn read(value: &Value, kind: Kind, name: impl Fn() -> String) -> Result<Self, ManifestError> {
        let wrong =
            |part: &str, problem: &str| field(kind.word(), &format!("{}{part}", name()), problem);
        let Value::Object(object) = value else {
            return Err(wrong("", "is not an object"));
        };
        let media_type = match object.get("mediaType") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => return Err(wrong(".mediaType", "is not a string")),
        };
        let digest = match object.get("digest") {
            None | Some(Value::Null) => return Err(wrong(".digest", "is missing")),
            Some(Value::String(text)) => text
                .parse::<Digest>()
                .map_err(|error| wrong(".digest", &format!("is wrong: {error}")))?,
            Some(_) => return Err(wrong(".digest", "is not a string")),
        };
        let size = match object.get("size") {
            None | Some(Value::Null) => return Err(wrong(".size", "is missing")),
            Some(value) => value
                .as_u64()
                .filter(|size| i64::try_from(*size).is_ok())
                .ok_or_else(|| wrong(".size", "is not a number of bytes"))?,
        };
        let platform = match object.get("platform") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                serde_json::from_value::<Platform>(value.clone())
                    .map_err(|error| wrong(".platform", &format!("is wrong: {error}")))?,
            )
            .filter(|platform| !platform.architecture.is_empty()),
        };
        let annotations = match object.get("annotations") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(map)) => map.clone(),
            Some(_) => return Err(wrong(".annotations", "is not an object")),
        };
        Ok(Descriptor {
            media_type,
            digest,
            size,
            platform,
            annotations,
        })
    }

    /// Returns how the layer this names is packed.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Layer`] for a media type that is not a layer's.
    pub fn compression(&self) -> Result<Compression, ManifestError> {
        let base = self
            .media_type
            .strip_prefix("application/vnd.oci.image.layer.v1.tar")
            .or_else(|| {
                self.media_type
                    .strip_prefix("application/vnd.oci.image.layer.nondistributable.v1.tar")
            })
            .or_else(|| {
                self.media_type
                    .strip_prefix("application/vnd.docker.image.rootfs.diff.tar")
            })
            .or_else(|| {
                self.media_type
                    .strip_prefix("application/vnd.docker.image.rootfs.foreign.diff.tar")
            });
        match base {
            Some("") => Ok(Compression::None),
            Some(".gzip" | "+gzip") => Ok(Compression::Gzip),
            Some("+zstd" | ".zstd") => Ok(Compression::Zstd),
            _ => Err(ManifestError::Layer(quote(&self.media_type))),
        }
    }
}

fn list(
    object: &Map<String, Value>,
    name: &'static str,
    kind: Kind,
    limit: usize,
) -> Result<Vec<Descriptor>, ManifestError> {
    let entries = match object.get(name) {
        Some(Value::Array(entries)) => entries,
        // Go writes an empty list as null.
        Some(Value::Null) => return Ok(Vec::new()),
        None => return Err(field(kind.word(), name, "is missing")),
        Some(_) => return Err(field(kind.word(), name, "is not a list")),
    };
    if entries.len() > limit {
        return Err(ManifestError::TooMany {
            document: kind.word(),
            field: name,
            count: entries.len(),
            limit,
        });
    }
    entries
        .iter()
        .enumerate()
        .map(|(at, entry)| Descriptor::read(entry, kind, || format!("{name}[{at}]")))
        .collect()
}

fn field(document: &'static str, field: &str, problem: &str) -> ManifestError {
    ManifestError::Field {
        document,
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}

/// Hostile input may be long; a message quotes only its beginning.
fn quote(text: &str) -> String {
    text.chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::media_type::OCI_LAYER;

    fn digest(c: char) -> String {
        format!("sha256:{}", c.to_string().repeat(64))
    }

    fn manifest(extra: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","digest":"{}","size":2}},"layers":[{{"mediaType":"{OCI_LAYER}+gzip","digest":"{}","size":3}}]{extra}}}"#,
            digest('a'),
            digest('b')
        )
    }

    fn error(text: &str) -> String {
        Document::parse(text.as_bytes(), None)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn reads_a_manifest() {
        let Document::Manifest(m) =
            Document::parse(manifest("").as_bytes(), Some(OCI_MANIFEST)).unwrap()
        else {
            panic!("a manifest")
        };
        m.check_image().unwrap();
        assert_eq!(m.config.size, 2);
        assert_eq!(m.layers[0].compression().unwrap(), Compression::Gzip);
    }

    #[test]
    fn says_which_field_of_what() {
        let good = manifest("");
        for (from, to, expected) in [
            (
                "\"size\":3",
                "\"size\":-3",
                "invalid manifest: layers[0].size is not a number of bytes",
            ),
            (
                "\"size\":3",
                "\"size\":\"3\"",
                "invalid manifest: layers[0].size is not a number of bytes",
            ),
            (
                "\"size\":2",
                "\"size\":9000000000",
                "invalid manifest: config.size is 9000000000, more than the 8388608 allowed",
            ),
            (
                digest('b').as_str(),
                "md5:aa",
                "invalid manifest: layers[0].digest is wrong: unsupported digest algorithm in \"md5:aa\"",
            ),
            (
                "\"schemaVersion\":2",
                "\"schemaVersion\":3",
                "invalid manifest: schemaVersion is not 2",
            ),
            (
                "\"config\":",
                "\"conf\":",
                "invalid manifest: config is missing",
            ),
            (
                OCI_MANIFEST,
                "text/html",
                "unsupported manifest media type \"text/html\"",
            ),
        ] {
            assert_eq!(error(&good.replace(from, to)), expected);
        }
    }

    #[test]
    fn refuses_two_meanings() {
        let both = manifest(",\"manifests\":[]");
        assert!(error(&both).starts_with("ambiguous manifest"));
        let sent = Document::parse(manifest("").as_bytes(), Some(OCI_INDEX)).unwrap_err();
        assert!(matches!(sent, ManifestError::Ambiguous(_)));
        assert!(matches!(
            Document::parse(br#"{"schemaVersion":1}"#, None).unwrap_err(),
            ManifestError::Schema1
        ));
    }

    #[test]
    fn refuses_ten_thousand_layers() {
        let layer = format!(
            r#"{{"mediaType":"{OCI_LAYER}","digest":"{}","size":1}}"#,
            digest('c')
        );
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{}","size":1}},"layers":[{}]}}"#,
            digest('a'),
            vec![layer; 10_000].join(",")
        );
        assert_eq!(
            error(&text),
            "invalid manifest: layers has 10000 entries, more than the 127 allowed"
        );
    }

    #[test]
    fn chooses_from_an_index() {
        let entry = |arch: &str, c: char, more: &str| {
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{}","size":1,"platform":{{"os":"linux","architecture":"{arch}"{more}}}}}"#,
                digest(c)
            )
        };
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{},{},{},{}]}}"#,
            entry("386", '1', ""),
            entry("arm", '2', r#","variant":"v6""#),
            entry("arm", '3', r#","variant":"v7""#),
            entry("amd64", '4', "")
        );
        let Document::Index(index) = Document::parse(text.as_bytes(), None).unwrap() else {
            panic!("an index")
        };
        let pick = |list: Vec<&Descriptor>| {
            list.iter()
                .map(|d| d.digest.hex()[..1].to_owned())
                .collect::<String>()
        };
        assert_eq!(pick(index.for_host(&"linux/amd64".parse().unwrap())), "41");
        assert_eq!(pick(index.for_host(&"linux/arm64".parse().unwrap())), "32");
        assert_eq!(pick(index.for_platform(&"linux/386".parse().unwrap())), "1");
        assert_eq!(
            pick(index.for_platform(&"linux/s390x".parse().unwrap())),
            ""
        );
    }
}
