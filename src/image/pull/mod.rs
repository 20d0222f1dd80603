//! Pull: from a reference to an image of the store.
//!
//! 1. What does the reference mean now? A digest, asked for with HEAD where the store has an image of that name.
//! 2. Index → the manifest for the platform → config. All three are checked before anything large is asked for.
//! 3. All layers that are missing, in parallel, largest first (see `layer`).
//! 4. What is ready is synced and gets its name, layer and blob, while the others come; then config, manifest, index; the
//!    references last.
//!
//! A lease names all of it before the store is asked what it has. Two pulls of the same layer share the work: who comes
//! second leaves the layer to the first, gets on with the others, and waits at the end. Whoever holds a blob is getting or
//! publishing it and waits for nobody, so two pulls never wait for each other.
//!
//! Call it inside the user's id map (`userns::enter`), from a process with one thread; it has one again afterwards.

mod documents;
mod error;
mod layer;
mod layers;

pub use error::Error;

use self::layer::Context;
use super::layer::UnpackOptions;
use super::{Event, Image, Platform, Progress};
use crate::content::{Digest, Reference};
use crate::registry::{Access, Credentials, Session, Timing};
use crate::settings::Settings;
use crate::store::Store;

/// How to pull.
#[derive(Debug)]
pub struct PullOptions<'a> {
    /// For which platform; the best for this machine where nobody said.
    pub platform: Option<Platform>,
    /// To be found with [`Credentials::find`] before the user namespace is entered.
    pub credentials: Credentials,
    /// Which owners can be given.
    pub unpack: UnpackOptions,
    /// Time-outs and retries.
    pub timing: Timing,
    /// Proxies, certificates.
    pub settings: &'a Settings,
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// What the reference means: digest of the index or manifest.
    pub target: Digest,
    /// Digest of the config.
    pub image_id: Digest,
    /// Whether something had to be fetched.
    pub is_newer: bool,
}

/// Pulls `reference` into `store`.
///
/// # Errors
///
/// All of [`Error`]. The store has then no new reference; partial downloads stay for the next try.
pub fn pull(
    store: &Store,
    reference: &Reference,
    options: &PullOptions<'_>,
    progress: &dyn Progress,
) -> Result<Pulled, Error> {
    let reference = name_of(reference);
    let session = Session::open(
        &reference,
        Access::Pull,
        options.credentials.clone(),
        options.settings,
        options.timing.clone(),
    )?;
    if let Some(pulled) = up_to_date(store, &session, &reference, options)? {
        announce(progress, &reference);
        conclude(progress, &reference, &pulled);
        return Ok(pulled);
    }
    let remote = documents::fetch(&session, &reference, options.platform.as_ref())?;
    let mut lease = store.lease()?;
    for digest in remote.digests() {
        lease.add(digest)?;
    }
    let jobs = layers::jobs(&remote);
    for job in &jobs {
        lease.add(&job.digest)?;
        lease.add(&job.diff_id)?;
    }
    announce(progress, &reference);
    let context = Context {
        store,
        options,
        progress,
    };
    // As moby's `pullTag`: what was pushed from here is the same image under another manifest, and nothing new.
    let image_id = remote.manifest.config.digest.clone();
    let before = store.get_ref(&reference)?;
    let before = before.and_then(|old| whole_image(store, &old, options.platform.as_ref()));
    let is_newer = before.is_none_or(|before| before != image_id);
    layers::fetch(&context, &session, &jobs, &remote)?;

    let target = remote.target().clone();
    if reference.tag().is_some() {
        store.set_ref(Some(&reference), &target)?;
    }
    store.set_ref(Some(&reference.with_digest(target.clone())), &target)?;
    let pulled = Pulled {
        target,
        image_id,
        is_newer,
    };
    conclude(progress, &reference, &pulled);
    Ok(pulled)
}

/// The name to pull by: a digest makes the tag beside it meaningless, as for Docker.
fn name_of(reference: &Reference) -> Reference {
    match reference.digest() {
        Some(digest) => reference.with_digest(digest.clone()),
        None => reference.clone().with_default_tag(),
    }
}

/// What is asked of the registry: the digest or the tag.
fn asked(reference: &Reference) -> &str {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.as_str(),
        (None, tag) => tag.unwrap_or("latest"),
    }
}

fn announce(progress: &dyn Progress, reference: &Reference) {
    progress.event(Event::Pulling {
        tag: asked(reference),
        repository: reference.repository(),
    });
}

fn conclude(progress: &dyn Progress, reference: &Reference, pulled: &Pulled) {
    progress.event(Event::Digest(&pulled.target));
    progress.event(Event::Status {
        reference: &reference.familiar(),
        is_newer: pulled.is_newer,
    });
}

/// Whether the store has what the registry would send.
fn up_to_date(
    store: &Store,
    session: &Session,
    reference: &Reference,
    options: &PullOptions<'_>,
) -> Result<Option<Pulled>, Error> {
    let Some(target) = store.get_ref(reference)? else {
        return Ok(None);
    };
    let Some(image_id) = whole_image(store, &target, options.platform.as_ref()) else {
        return Ok(None);
    };
    // Content cannot change under its digest, so nobody needs to be asked about one.
    if reference.digest().is_none() && session.resolve(asked(reference))? != Some(target.clone()) {
        return Ok(None);
    }
    Ok(Some(Pulled {
        target,
        image_id,
        is_newer: false,
    }))
}

/// Returns the ID of the image that `target` means for the platform, if all of it is in the store.
fn whole_image(store: &Store, target: &Digest, platform: Option<&Platform>) -> Option<Digest> {
    // What cannot be read is pulled again.
    let image = Image::load(store, target, platform).ok()?;
    let is_index = image.manifest_digest != image.target;
    let fits = platform.is_some()
        || !is_index
        || Platform::host().rank(&image.config.platform()).is_some();
    let whole = image.layers().iter().all(|layer| store.has_layer(layer));
    (fits && whole).then_some(image.id)
}
