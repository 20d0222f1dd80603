//! Statements about an image that leave the store with it, as BuildKit stores them.
//!
//! ```text
//! index
//! ├─ manifest               the image, as it would be without
//! └─ attestation manifest   platform unknown/unknown; its annotations name the image's manifest
//!    └─ layer               an in-toto statement, whose subject is the image's manifest
//! ```
//!
//! They are made when the image leaves: layers are compressed on the way to a registry, and only then is known what the
//! manifest there is called. The store itself keeps none.
//!
//! Spec: BuildKit, docs/attestations/attestation-storage.md (the form with `oci-artifact=false`, which every registry takes);
//! in-toto, spec/v1/statement.md; package-url, PURL-SPECIFICATION.rst.

use serde_json::{Value, json};

use super::Platform;
use crate::content::{Digest, Reference};

/// Media type of an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// What is said about an image, without what says which image it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Attestation {
    /// The statement's `_type`.
    pub statement_type: &'static str,
    /// What kind of predicate it is: a URI.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// Everything that is said about one image.
#[derive(Debug, Clone)]
pub struct Attested {
    /// The image's manifest in the store.
    pub manifest: Digest,
    /// What the image is called where it goes.
    pub names: Vec<Reference>,
    /// At least one.
    pub attestations: Vec<Attestation>,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// A package URL, a path, or `_` for what has no name.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

impl Attestation {
    /// Returns the statement about `subjects`.
    pub fn statement(&self, subjects: &[Subject]) -> Value {
        let subjects: Vec<Value> = subjects
            .iter()
            .map(|subject| json!({"name": subject.name, "digest": digest_set(&subject.digest)}))
            .collect();
        json!({
            "_type": self.statement_type,
            "predicateType": self.predicate_type,
            "subject": subjects,
            "predicate": self.predicate,
        })
    }
}

impl Attested {
    /// Returns the subjects of statements about the image, which is `manifest` where it goes.
    pub(super) fn subjects(&self, manifest: &Digest, platform: &Platform) -> Vec<Subject> {
        let names = self.names.iter();
        let mut names: Vec<String> = names
            .map(|name| package_url(PackageKind::Docker, name, platform))
            .collect();
        if names.is_empty() {
            names.push("_".to_owned());
        }
        let subject = |name| Subject {
            name,
            digest: manifest.clone(),
        };
        names.into_iter().map(subject).collect()
    }
}

/// Returns a digest as in-toto has it: `{"sha256": "…"}`.
pub fn digest_set(digest: &Digest) -> Value {
    json!({digest.algorithm().as_str(): digest.hex()})
}

/// Where a package URL says an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageKind {
    /// A registry.
    Docker,
    /// A directory.
    Oci,
}

/// Returns the package URL of an image: `pkg:docker/NAME@TAG?digest=…&platform=…`. Source: BuildKit, util/purl, `RefToPURL`.
pub fn package_url(kind: PackageKind, name: &Reference, platform: &Platform) -> String {
    let path: Vec<String> = (name.familiar_name().split('/')).map(escaped).collect();
    let kind = match kind {
        PackageKind::Docker => "docker",
        PackageKind::Oci => "oci",
    };
    let mut url = format!("pkg:{kind}/{}", path.join("/"));
    if let Some(tag) = name.tag() {
        url += "@";
        url += &escaped(tag);
    }
    let digest = name.digest().map(|digest| ("digest", digest.to_string()));
    let platform = ("platform", platform.to_string());
    let mut mark = '?';
    for (key, value) in digest.into_iter().chain([platform]) {
        url.push(mark);
        url += key;
        url += "=";
        url += &escaped(&value);
        mark = '&';
    }
    url
}

/// Escapes everything but what a package URL has as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                escaped.push(char::from(byte));
            }
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of BuildKit's own test, util/purl/image_test.go, and one with a port.
    #[test]
    fn package_urls() {
        let platform = Platform::new("linux", "amd64", None);
        let digest = "sha256:b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7";
        let of = |name: &Reference| package_url(PackageKind::Docker, name, &platform);
        for (name, url) in [
            ("alpine", "pkg:docker/alpine@latest"),
            ("alpine:3.15", "pkg:docker/alpine@3.15"),
            ("example.com/a/b", "pkg:docker/example.com/a/b@latest"),
            ("localhost:5000/a:v1", "pkg:docker/localhost:5000/a@v1"),
        ] {
            let name = name.parse::<Reference>().unwrap().with_default_tag();
            assert_eq!(of(&name), format!("{url}?platform=linux%2Famd64"));
        }
        let name: Reference = format!("alpine:latest@{digest}").parse().unwrap();
        assert_eq!(
            of(&name),
            format!("pkg:docker/alpine@latest?digest={digest}&platform=linux%2Famd64")
        );
    }

    #[test]
    fn statements_name_what_they_are_about() {
        let attested = Attested {
            manifest: Digest::sha256_of(b"here"),
            names: Vec::new(),
            attestations: Vec::new(),
        };
        let there = Digest::sha256_of(b"there");
        let platform = Platform::new("linux", "arm64", None);
        let subjects = attested.subjects(&there, &platform);
        let attestation = Attestation {
            statement_type: "T",
            predicate_type: "P".to_owned(),
            predicate: json!({"a": 1}),
        };
        assert_eq!(
            attestation.statement(&subjects),
            json!({
                "_type": "T", "predicateType": "P", "predicate": {"a": 1},
                "subject": [{"name": "_", "digest": {"sha256": there.hex()}}],
            })
        );
    }
}
