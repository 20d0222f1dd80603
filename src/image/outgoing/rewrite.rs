//! Manifests and indexes of what was packed anew. Everything they say beside the layers is kept.

use serde_json::{Value, json};

use super::Document;
use super::plan::ImagePlan;
use crate::content::Digest;
use crate::content::media_type::{
    DOCKER_CONFIG, DOCKER_INDEX, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST,
};
use crate::image::manifest::{Compression, Descriptor, Manifest, ManifestError};
use crate::image::{DocumentError, Error};

/// Returns the media type of a layer in the family of a manifest. Docker's has none for zstd.
pub(in crate::image) fn layer_type(manifest: &str, compression: Compression) -> String {
    if manifest == DOCKER_MANIFEST && compression == Compression::Gzip {
        return "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned();
    }
    let suffix = match compression {
        Compression::None => "",
        Compression::Gzip => "+gzip",
        Compression::Zstd => "+zstd",
    };
    format!("{OCI_LAYER}{suffix}")
}

/// Returns the manifest in `bytes` with these layers in place of its own.
pub(in crate::image) fn manifest(
    bytes: &[u8],
    parsed: &Manifest,
    layers: &[Descriptor],
) -> Result<Document, Error> {
    let mut value = parse(bytes)?;
    for (at, layer) in layers.iter().enumerate() {
        let entry = &mut value["layers"][at];
        entry["mediaType"] = json!(layer.media_type);
        entry["digest"] = json!(layer.digest);
        entry["size"] = json!(layer.size);
    }
    // A layer in an OCI format makes it an OCI manifest: no document may be of both families.
    let is_oci = |layer: &Descriptor| layer.media_type.starts_with(OCI_LAYER);
    let mut media_type = parsed.media_type;
    if media_type == DOCKER_MANIFEST && layers.iter().any(is_oci) {
        media_type = OCI_MANIFEST;
        if value["config"]["mediaType"] == DOCKER_CONFIG {
            value["config"]["mediaType"] = json!(OCI_CONFIG);
        }
        for (at, layer) in layers.iter().enumerate() {
            if let Ok(compression) = layer.compression() {
                value["layers"][at]["mediaType"] = json!(layer_type(media_type, compression));
            }
        }
    }
    value["mediaType"] = json!(media_type);
    Ok(Document::of(&value, media_type))
}

/// Returns `index` with what its images, which were `planned`, have become.
pub(super) fn index(
    index: &Document,
    planned: &[ImagePlan],
    sent: &[Document],
) -> Result<Document, Error> {
    let same =
        |(plan, document): (&ImagePlan, &Document)| plan.image.manifest_digest == document.digest;
    if planned.iter().zip(sent).all(same) {
        return Ok(index.clone());
    }
    let mut value = parse(&index.bytes)?;
    for (at, document) in sent.iter().enumerate() {
        let entry = &mut value["manifests"][at];
        entry["mediaType"] = json!(document.media_type);
        entry["digest"] = json!(document.digest);
        entry["size"] = json!(document.bytes.len());
    }
    let is_oci = sent
        .iter()
        .any(|document| document.media_type == OCI_MANIFEST);
    let media_type = match index.media_type.as_str() {
        DOCKER_INDEX if is_oci => OCI_INDEX,
        other => other,
    };
    value["mediaType"] = json!(media_type);
    Ok(Document::of(&value, media_type))
}

/// Returns what an index says of a document, whatever it is for.
pub(super) fn entry_of(document: &Document) -> Value {
    json!({
        "mediaType": document.media_type,
        "digest": document.digest,
        "size": document.bytes.len(),
    })
}

/// They have been parsed before, so this is about a disk that changes its mind.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes).map_err(|source| {
        Error::Document(DocumentError::Manifest {
            digest: Digest::sha256_of(bytes),
            source: ManifestError::Json(source),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::manifest::Document as Parsed;

    #[test]
    fn keeps_what_it_does_not_change() {
        let digest = Digest::sha256_of(b"x");
        let bytes = json!({
            "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "annotations": {"a": "b"},
            "config": {"mediaType": DOCKER_CONFIG, "digest": digest, "size": 1},
            "layers": [
                {"mediaType": layer_type(DOCKER_MANIFEST, Compression::Gzip), "digest": digest, "size": 1},
                {"mediaType": layer_type(DOCKER_MANIFEST, Compression::Gzip), "digest": digest, "size": 1},
            ],
        })
        .to_string()
        .into_bytes();
        let Ok(Parsed::Manifest(parsed)) = Parsed::parse(&bytes, None) else {
            panic!("a manifest");
        };
        let mut layers = parsed.layers.clone();
        layers[1].digest = Digest::sha256_of(b"y");
        let same_family = manifest(&bytes, &parsed, &layers).unwrap();
        assert_eq!(same_family.media_type, DOCKER_MANIFEST);
        layers[1].media_type = layer_type(DOCKER_MANIFEST, Compression::Zstd);
        let document = manifest(&bytes, &parsed, &layers).unwrap();
        assert_eq!(document.media_type, OCI_MANIFEST);
        let value: Value = serde_json::from_slice(&document.bytes).unwrap();
        assert_eq!(value["annotations"]["a"], "b");
        assert_eq!(value["config"]["mediaType"], OCI_CONFIG);
        assert_eq!(value["layers"][0]["mediaType"], format!("{OCI_LAYER}+gzip"));
        assert_eq!(value["layers"][1]["mediaType"], format!("{OCI_LAYER}+zstd"));
        assert_eq!(value["layers"][1]["digest"], json!(Digest::sha256_of(b"y")));
        assert!(Parsed::parse(&document.bytes, Some(OCI_MANIFEST)).is_ok());
    }
}
