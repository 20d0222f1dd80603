//! `build --metadata-file`: what was made, in buildx's words (docs/reference/buildx_build.md, "Write build result metadata to
//! a file").

use std::path::Path;

use serde_json::json;

use super::build_output::Made;
use super::result_file;
use crate::cli::error::Failure;
use crate::content::limits;
use crate::image::manifest::Document;
use crate::store::Store;

/// Writes the file. What was pushed is described as the registry has it, with compressed layers.
pub(super) fn write(path: &Path, made: &Made, store: &Store) -> Result<(), Failure> {
    let digest = made.pushed.as_ref().unwrap_or(&made.built.manifest);
    let bytes = store.read_blob(digest, limits::MAX_MANIFEST_BYTES)?;
    let media_type = match Document::parse(&bytes, None).map_err(Failure::of)? {
        Document::Manifest(manifest) => manifest.media_type,
        Document::Index(index) => index.media_type,
    };
    let mut metadata = json!({
        "containerimage.descriptor": {
            "mediaType": media_type,
            "digest": digest,
            "size": bytes.len(),
        },
        "containerimage.digest": digest,
    });
    // An index has none.
    if made.built.id != made.built.manifest {
        metadata["containerimage.config.digest"] = json!(made.built.id);
    }
    if !made.names.is_empty() {
        let names: Vec<String> = made.names.iter().map(ToString::to_string).collect();
        metadata["image.name"] = json!(names.join(","));
    }
    result_file::write(path, &format!("{metadata:#}\n"))
}
