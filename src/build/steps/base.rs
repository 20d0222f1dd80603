//! Images that a Dockerfile names: found in the store, or pulled.

use std::collections::BTreeMap;

use crate::build::apart;
use crate::build::error::{Error, words};
use crate::build::event::Event;
use crate::build::plan::{Base, Plan};
use crate::build::request::{NamedContext, PullPolicy, Request};
use crate::build::stage::Worker;
use crate::container::Engine;
use crate::content::{Reference, limits};
use crate::image::Silent;
use crate::image::archive::LayoutImage;
use crate::image::layer::{Owners, UnpackOptions};
use crate::image::manifest::Document;
use crate::image::pull::{self, PullOptions};
use crate::image::{self, Image, Platform};
use crate::registry::{Credentials, Timing};

/// Finds an image for the stage's platform.
///
/// # Errors
///
/// [`Error::Image`].
pub(crate) fn find(worker: &Worker<'_>, name: &str) -> Result<Image, Error> {
    let store = &worker.engine.store;
    let platform = wanted(worker);
    let policy = worker.request.pull;
    let mut here = false;
    if policy != PullPolicy::Always {
        match image::resolve_base(store, name, platform) {
            Ok(_) if policy == PullPolicy::Newer => here = true,
            Ok(image) => return Ok(image),
            Err(image::Error::NotFound(_) | image::Error::Platform { .. }) => {}
            Err(error) => return Err(failure(name)(error)),
        }
    }
    let fetched = match policy {
        PullPolicy::Never => Err(not_asked_for(name)),
        _ => fetch(worker.request, worker.engine, worker.owners, name, platform),
    };
    let fetched = match fetched {
        Err(error) if here => {
            let text = format!("{name} is taken as it is here: {}", words(&error));
            worker.send(Event::Warning { text })?;
            Ok(())
        }
        fetched => fetched,
    };
    match image::resolve_base(store, name, platform) {
        Err(image::Error::Platform { reference, wanted }) => {
            // As with BuildKit, an image for one platform alone is taken as it is, and the linter tells.
            let other = image::resolve_base(store, name, None).map_err(failure(name))?;
            if other.target == other.manifest_digest {
                return Ok(other);
            }
            fetched?;
            Err(failure(name)(image::Error::Platform { reference, wanted }))
        }
        resolved => {
            fetched?;
            resolved.map_err(failure(name))
        }
    }
}

/// Takes an image of a layout for the stage's platform.
///
/// # Errors
///
/// [`Error::Image`].
pub(crate) fn take(worker: &mut Worker<'_>, layout: &LayoutImage) -> Result<Image, Error> {
    let (engine, unpack) = (worker.engine, unpack(worker.owners));
    let platform = wanted(worker).cloned();
    let taken = layout.take(&engine.store, worker.lease_mut(), platform.as_ref(), unpack);
    taken.map_err(failure(&layout.to_string()))
}

/// Returns the annotations of an image's manifest.
///
/// # Errors
///
/// [`Error::Image`].
pub(crate) fn annotations(
    worker: &Worker<'_>,
    image: &Image,
) -> Result<BTreeMap<String, String>, Error> {
    let manifest = &image.manifest_digest;
    match image::read_document(&worker.engine.store, manifest)
        .map_err(failure(manifest.as_str()))?
    {
        Document::Manifest(manifest) => Ok(manifest.annotations),
        Document::Index(_) => Ok(BTreeMap::new()),
    }
}

fn unpack(owners: Owners) -> UnpackOptions {
    UnpackOptions {
        owners,
        max_bytes: limits::MAX_LAYER_BYTES,
    }
}

/// The platform, where the user or the Dockerfile has asked for one.
fn wanted<'w>(worker: &'w Worker<'_>) -> Option<&'w Platform> {
    let asked = worker.stage.platform.is_some() || worker.request.platform.is_some();
    asked.then_some(&worker.platform)
}

/// Finds out which platforms all base images are there for, of stages whose FROM does not name one; what is not here is
/// pulled.
///
/// # Errors
///
/// [`Error::Image`]; [`Error::Invalid`] where they have none in common.
pub(crate) fn platforms(
    request: &Request,
    plan: &Plan,
    engine: &Engine,
    owners: Owners,
) -> Result<Vec<Platform>, Error> {
    let mut common: Option<Vec<Platform>> = None;
    for stage in plan.stages.iter().flatten() {
        let Base::Image(name) = &stage.base else {
            continue;
        };
        let image = match request.contexts.get(name) {
            None => name,
            Some(NamedContext::Image(image)) => image,
            Some(_) => continue,
        };
        if stage.platform.is_some() {
            continue;
        }
        let offered = offered(request, engine, owners, image)?;
        let is_offered = |platform: &Platform| offered.contains(platform);
        common = Some(match common {
            None => offered,
            Some(common) => common.into_iter().filter(is_offered).collect(),
        });
    }
    match common {
        Some(common) if common.is_empty() => Err(Error::Invalid(
            "the base images have no platform in common".to_owned(),
        )),
        common => Ok(common.unwrap_or_else(|| vec![Platform::host()])),
    }
}

/// Returns the platforms that an image is there for.
fn offered(
    request: &Request,
    engine: &Engine,
    owners: Owners,
    name: &str,
) -> Result<Vec<Platform>, Error> {
    let store = &engine.store;
    let here = image::resolve_base(store, name, None).is_ok();
    match (request.pull, here) {
        (PullPolicy::Never, false) => return Err(not_asked_for(name)),
        (PullPolicy::Never | PullPolicy::Missing, _) if here => {}
        (PullPolicy::Newer, true) => drop(fetch(request, engine, owners, name, None)),
        _ => fetch(request, engine, owners, name, None)?,
    }
    let image = image::resolve_base(store, name, None).map_err(failure(name))?;
    match image::read_document(store, &image.target).map_err(failure(name))? {
        Document::Manifest(_) => Ok(vec![image.config.platform()]),
        Document::Index(index) => Ok((index.manifests.into_iter())
            .filter_map(|entry| entry.platform)
            // BuildKit's attestations.
            .filter(|platform| platform.os != "unknown")
            .collect()),
    }
}

/// `--pull=never`.
fn not_asked_for(name: &str) -> Error {
    Error::Invalid(format!(
        "{name} is not here, and --pull=never keeps it from being pulled"
    ))
}

/// Pulls in a process of its own, whose threads end with it.
fn fetch(
    request: &Request,
    engine: &Engine,
    owners: Owners,
    name: &str,
    platform: Option<&Platform>,
) -> Result<(), Error> {
    let reference: Reference = name.parse().map_err(failure(name))?;
    let reference = reference.with_default_tag();
    let known = (request.logins.iter()).find(|(other, _)| *other == reference);
    let credentials = match known {
        Some((_, credentials)) => credentials.clone(),
        None => Credentials::find(&engine.settings, &reference).map_err(failure(name))?,
    };
    let pulled = apart::run(|| {
        let options = PullOptions {
            platform: platform.cloned(),
            credentials,
            unpack: unpack(owners),
            timing: Timing::of(&engine.settings),
            settings: &engine.settings,
        };
        let store = &engine.store;
        let pulled = pull::pull(store, &reference, &options, &Silent);
        if let Err(pull::Error::Platform { .. }) = pulled {
            // See `find`.
            let options = PullOptions {
                platform: None,
                ..options
            };
            return pull::pull(store, &reference, &options, &Silent).map(drop);
        }
        pulled.map(drop)
    });
    pulled.map_err(|source| Error::Image {
        image: name.to_owned(),
        near: None,
        source,
    })
}

fn failure<E: std::error::Error + Send + Sync + 'static>(name: &str) -> impl FnOnce(E) -> Error {
    let image = name.to_owned();
    move |error| Error::Image {
        image,
        near: None,
        source: Box::new(error),
    }
}
