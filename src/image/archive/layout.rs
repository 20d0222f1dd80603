//! The JSON files of an archive.
//!
//! Spec: image-spec, image-layout.md; moby `image/tarexport/tarexport.go`, `manifestItem`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::content::media_type::OCI_INDEX;
use crate::content::{Digest, Reference};

/// What `oci-layout` holds.
pub(super) const OCI_LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// Where the full name of an image stands. Spec: containerd, `core/images/annotations.go`.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// Where the tag stands, and for others than Docker the name. Spec: image-spec, annotations.md.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Returns the path of a blob.
pub(super) fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().as_str(), digest.hex())
}

/// `index.json`, as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TopIndex {
    schema_version: u32,
    media_type: &'static str,
    pub(super) manifests: Vec<TopEntry>,
}

impl TopIndex {
    pub(super) fn new() -> TopIndex {
        TopIndex {
            schema_version: 2,
            media_type: OCI_INDEX,
            manifests: Vec::new(),
        }
    }
}

/// One manifest or index under one of its names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TopEntry {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<&'static str, String>,
}

/// Returns the annotations that name an image.
pub(super) fn name_annotations(name: &Reference) -> BTreeMap<&'static str, String> {
    let tag = name.tag().unwrap_or_default().to_owned();
    BTreeMap::from([(IMAGE_NAME, name.to_string()), (REF_NAME, tag)])
}

/// Returns the tag, or whatever it is, that the annotations of a descriptor give.
pub(super) fn annotated_tag(annotations: &serde_json::Map<String, Value>) -> Option<&str> {
    annotations.get(REF_NAME).and_then(Value::as_str)
}

/// Returns the name that the annotations of a descriptor give, if one with a tag.
pub(super) fn annotated_name(annotations: &serde_json::Map<String, Value>) -> Option<Reference> {
    let text = |key: &str| annotations.get(key).and_then(Value::as_str);
    let full = text(IMAGE_NAME);
    // A word alone is a tag without a repository, or anything at all.
    let short = text(REF_NAME).filter(|text| text.contains([':', '/']));
    let name: Reference = full.or(short)?.parse().ok()?;
    tag_of(name)
}

/// Returns a name with a tag, without a digest.
pub(super) fn tag_of(name: Reference) -> Option<Reference> {
    let name = name.with_default_tag();
    let tag = name.tag()?.to_owned();
    name.tagged(&tag).ok()
}

/// One image of `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerImage {
    /// Path of the config.
    pub(super) config: String,
    /// Names with tags; `null` where there are none, as in Go.
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    /// Paths of the layers, lowest first.
    #[serde(default)]
    pub(super) layers: Option<Vec<String>>,
    /// What the layers are, by diff_id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) layer_sources: Option<BTreeMap<String, Value>>,
}

/// `repositories`: by repository and tag, the top layer. Nobody reads it any more but the oldest.
pub(super) type Repositories = BTreeMap<String, BTreeMap<String, String>>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_names_that_tools_write() {
        for (annotations, expected) in [
            // Docker 25 and newer, containerd, nerdctl
            (
                json!({IMAGE_NAME: "docker.io/library/a:1", REF_NAME: "1"}),
                Some("a:1"),
            ),
            // podman save --format oci-archive, skopeo copy … oci-archive:x.tar:a:1
            (json!({REF_NAME: "docker.io/library/a:1"}), Some("a:1")),
            (json!({REF_NAME: "a:1"}), Some("a:1")),
            (json!({REF_NAME: "localhost/a"}), Some("localhost/a:latest")),
            // buildkit without a name; skopeo copy … oci:dir:tag
            (json!({REF_NAME: "latest"}), None),
            (json!({REF_NAME: "../x:1"}), None),
            (json!({}), None),
        ] {
            let Value::Object(annotations) = annotations else {
                unreachable!("they are objects");
            };
            let name = annotated_name(&annotations).map(|name| name.familiar());
            assert_eq!(name.as_deref(), expected, "{annotations:?}");
        }
    }
}
