//! Push: from an image of the store to a repository.
//!
//! 1. What is to be sent? The manifest that the name leads to; an index, where all of it is in the store.
//! 2. Every layer, several at once. Whether the repository has it already is asked first; then whether the registry has it in
//!    a repository that the store knows of, to be mounted from there; else it is uploaded.
//! 3. The config, the manifest, what is attested of it, and last the index.
//!
//! A layer that was pulled is pushed as the blob it came as, so that the image keeps its digest. A layer that was made here
//! has no blob: its tar is written anew from its directory, must hash to its diff_id, and is compressed on the way to a
//! scratch file. That blob is not kept: it can be made again, the same, at any time. What is kept is the manifest that was
//! pushed, under `repository@digest`, as Docker's RepoDigests: it says which blob each layer became, so the next push asks for
//! that blob first and mostly compresses nothing; and it goes with the image's names, so prune knows all about it.
//!
//! Call it inside the user's id map (`userns::enter`), from a process with one thread; it has one again afterwards.

mod error;
mod layer;

use std::num::NonZeroUsize;

pub use self::error::Error;
use self::layer::Context;
use super::attestation::Attested;
use super::compress::Packing;
use super::layer::Owners;
use super::outgoing::{self, Document, ImagePlan, Known, Plan};
use super::{Event, Platform, Progress};
use crate::content::{Digest, Reference};
use crate::registry::{Access, Credentials, Session, Timing};
use crate::settings::Settings;
use crate::store::Store;

/// How to push.
#[derive(Debug)]
pub struct PushOptions<'a> {
    /// What goes along; the index that names it is made, where there is none. Nothing else of what leaves changes.
    pub attested: &'a [Attested],
    /// Only the image for this platform.
    pub platform: Option<Platform>,
    /// For layers that have no blob yet and, where somebody asked for a format, for those whose blob has another one.
    pub packing: Option<Packing>,
    /// To be found with [`Credentials::find`] before the user namespace is entered.
    pub credentials: Credentials,
    /// Which owners the directories of layers can have; see [`UnpackOptions`](super::layer::UnpackOptions).
    pub owners: Owners,
    /// Threads that compress.
    pub workers: NonZeroUsize,
    /// Time-outs and retries.
    pub timing: Timing,
    /// Proxies, certificates.
    pub settings: &'a Settings,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Of the manifest or index.
    pub digest: Digest,
    /// Of the manifest or index, in bytes.
    pub size: u64,
}

/// Pushes the image or index `target` of the store as `reference`: under its tag, or under nothing but its digest where the
/// reference has no tag. The target need not have a name in the store.
///
/// # Errors
///
/// All of [`Error`].
pub fn push(
    store: &Store,
    target: &Digest,
    reference: &Reference,
    options: &PushOptions<'_>,
    progress: &dyn Progress,
) -> Result<Pushed, Error> {
    let mut lease = store.lease()?;
    lease.add(target)?;
    let plan = Plan::make(store, target, options.platform.as_ref())?;
    if let Some(left_out) = &plan.left_out {
        progress.event(Event::Partial {
            index: left_out,
            manifest: plan.target(),
        });
    }
    let session = Session::open(
        reference,
        Access::Push,
        options.credentials.clone(),
        options.settings,
        options.timing.clone(),
    )?;
    let known = Known::collect(store, Some(reference))?;
    let context = Context {
        store,
        session: &session,
        options,
        progress,
        known: &known,
    };
    let mut sent = Vec::new();
    for image in &plan.images {
        sent.push(send_image(&context, image)?);
    }
    let attachments = outgoing::attach(options.attested, &plan.images, &sent);
    let top = outgoing::top(&plan, &sent, &attachments)?;
    let top = top.ok_or_else(|| Error::Empty(target.clone()))?;
    for attachment in &attachments {
        for blob in &attachment.blobs {
            layer::send_bytes(&context, &blob.digest, &blob.bytes)?;
        }
    }
    // What the name leads to comes last.
    sent.retain(|document| document.digest != top.digest);
    let attached = attachments.iter().map(|attachment| &attachment.manifest);
    for document in sent.iter().chain(attached) {
        session.put_manifest(
            document.digest.as_str(),
            &document.media_type,
            &document.bytes,
        )?;
    }
    let name = reference.tag().unwrap_or(top.digest.as_str());
    session.put_manifest(name, &top.media_type, &top.bytes)?;
    record(store, reference, &top, &sent)?;
    progress.event(Event::Pushed);
    Ok(Pushed {
        digest: top.digest,
        size: top.bytes.len() as u64,
    })
}

/// Sends layers and config; returns the manifest that names them.
fn send_image(context: &Context<'_>, image: &ImagePlan) -> Result<Document, Error> {
    let layers = layer::send_all(context, image)?;
    layer::send_config(context, &image.image)?;
    if layers == image.image.manifest.layers {
        return Ok(Document {
            digest: image.image.manifest_digest.clone(),
            media_type: image.image.manifest.media_type.to_owned(),
            bytes: image.bytes.clone(),
        });
    }
    Ok(outgoing::manifest(
        &image.bytes,
        &image.image.manifest,
        &layers,
    )?)
}

/// Remembers what the image is there.
fn record(
    store: &Store,
    reference: &Reference,
    top: &Document,
    below: &[Document],
) -> Result<(), Error> {
    let mut set = Vec::new();
    for document in below.iter().chain([top]) {
        if !store.has_blob(&document.digest) {
            set.push(store.prepare_blob(&document.bytes)?.1);
        }
    }
    let mut lease = store.lease()?;
    for document in below.iter().chain([top]) {
        lease.add(&document.digest)?;
    }
    store.publish(set)?;
    let name = reference.with_digest(top.digest.clone());
    Ok(store.set_ref(Some(&name), &top.digest)?)
}
