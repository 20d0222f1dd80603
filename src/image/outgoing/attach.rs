//! The documents that carry attestations: see [`crate::image::attestation`].

use serde_json::{Value, json};

use super::plan::{ImagePlan, Plan};
use super::rewrite::{entry_of, parse};
use super::{Blob, Document, rewrite};
use crate::content::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use crate::image::Error;
use crate::image::attestation::{Attested, IN_TOTO};

/// The attestations of one image on their way out.
#[derive(Debug)]
pub(in crate::image) struct Attachment {
    /// Names the blobs.
    pub(in crate::image) manifest: Document,
    /// The config and the statements.
    pub(in crate::image) blobs: Vec<Blob>,
    /// The entry of the index.
    entry: Value,
}

/// Makes the attestations of `images`, which have become the manifests `sent`.
pub(in crate::image) fn attach(
    attested: &[Attested],
    images: &[ImagePlan],
    sent: &[Document],
) -> Vec<Attachment> {
    let mut attachments = Vec::new();
    for (image, document) in images.iter().zip(sent) {
        let manifest = &image.image.manifest_digest;
        let mut about = attested.iter();
        if let Some(attested) = about.find(|attested| attested.manifest == *manifest) {
            attachments.push(attachment(attested, image, document));
        }
    }
    attachments
}

fn attachment(attested: &Attested, image: &ImagePlan, document: &Document) -> Attachment {
    let subjects = attested.subjects(&document.digest, &image.image.config.platform());
    let mut blobs = Vec::new();
    let mut layers = Vec::new();
    for attestation in &attested.attestations {
        let blob = Blob::of(&attestation.statement(&subjects));
        layers.push(json!({
            "mediaType": IN_TOTO,
            "digest": blob.digest,
            "size": blob.bytes.len(),
            "annotations": {"in-toto.io/predicate-type": attestation.predicate_type},
        }));
        blobs.push(blob);
    }
    // Nobody runs it: it is there for registries that know nothing but images.
    let diff_ids: Vec<_> = blobs.iter().map(|blob| blob.digest.clone()).collect();
    let config = Blob::of(&json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }));
    let manifest = Document::of(
        &json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": config.digest, "size": config.bytes.len()},
            "layers": layers,
        }),
        OCI_MANIFEST,
    );
    blobs.insert(0, config);
    let mut entry = entry_of(&manifest);
    entry["annotations"] = json!({
        "vnd.docker.reference.digest": document.digest,
        "vnd.docker.reference.type": "attestation-manifest",
    });
    entry["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    Attachment {
        manifest,
        blobs,
        entry,
    }
}

/// Returns what the name leads to there: the image, or an index of the images and of what is attested of them. `None` where
/// nothing leaves.
pub(in crate::image) fn top(
    plan: &Plan,
    sent: &[Document],
    attachments: &[Attachment],
) -> Result<Option<Document>, Error> {
    let index = (plan.index.as_ref()).map(|index| rewrite::index(index, &plan.images, sent));
    let index = index.transpose()?;
    match (index, attachments) {
        (None, []) => Ok(sent.first().cloned()),
        (Some(index), []) => Ok(Some(index)),
        (index, _) => index_with(index, plan, sent, attachments).map(Some),
    }
}

/// Adds the attestations to the end of `index`; where the images have none, it is made.
fn index_with(
    index: Option<Document>,
    plan: &Plan,
    sent: &[Document],
    attachments: &[Attachment],
) -> Result<Document, Error> {
    let image_entry = |(image, document): (&ImagePlan, &Document)| {
        let mut entry = entry_of(document);
        entry["platform"] = json!(image.image.config.platform());
        entry
    };
    let mut value = match &index {
        Some(index) => parse(&index.bytes)?,
        None => json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": plan.images.iter().zip(sent).map(image_entry).collect::<Vec<_>>(),
        }),
    };
    if let Some(Value::Array(entries)) = value.get_mut("manifests") {
        entries.extend(
            attachments
                .iter()
                .map(|attachment| attachment.entry.clone()),
        );
    }
    let media_type = index.map_or(OCI_INDEX.to_owned(), |index| index.media_type);
    Ok(Document::of(&value, &media_type))
}
