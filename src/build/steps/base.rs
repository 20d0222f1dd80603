//! Images that a Dockerfile names: found in the store, or pulled.

use crate::build::apart;
use crate::build::error::Error;
use crate::build::stage::Worker;
use crate::content::{Reference, limits};
use crate::image::Silent;
use crate::image::archive::LayoutImage;
use crate::image::layer::UnpackOptions;
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
    if !worker.request.pull {
        match image::resolve(store, name, platform) {
            Ok(image) => return Ok(image),
            Err(image::Error::NotFound(_) | image::Error::Platform { .. }) => {}
            Err(error) => return Err(failure(name)(error)),
        }
    }
    let fetched = fetch(worker, name);
    match image::resolve(store, name, platform) {
        Err(image::Error::Platform { reference, wanted }) => {
            // As with BuildKit, an image for one platform alone is taken as it is, and the linter tells.
            let other = image::resolve(store, name, None).map_err(failure(name))?;
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
    let (engine, unpack) = (worker.engine, unpack(worker));
    let platform = wanted(worker).cloned();
    let taken = layout.take(&engine.store, worker.lease_mut(), platform.as_ref(), unpack);
    taken.map_err(failure(&layout.to_string()))
}

fn unpack(worker: &Worker<'_>) -> UnpackOptions {
    UnpackOptions {
        owners: worker.owners,
        max_bytes: limits::MAX_LAYER_BYTES,
    }
}

/// The platform, where the user or the Dockerfile has asked for one.
fn wanted<'w>(worker: &'w Worker<'_>) -> Option<&'w Platform> {
    let asked = worker.stage.platform.is_some() || worker.request.platform.is_some();
    asked.then_some(&worker.platform)
}

/// Pulls in a process of its own, whose threads end with it.
fn fetch(worker: &Worker<'_>, name: &str) -> Result<(), Error> {
    let reference: Reference = name.parse().map_err(failure(name))?;
    let reference = reference.with_default_tag();
    let known = worker
        .request
        .logins
        .iter()
        .find(|(other, _)| *other == reference);
    let credentials = match known {
        Some((_, credentials)) => credentials.clone(),
        None => Credentials::find(&worker.engine.settings, &reference).map_err(failure(name))?,
    };
    let pulled = apart::run(|| {
        let options = PullOptions {
            platform: wanted(worker).cloned(),
            credentials,
            unpack: unpack(worker),
            timing: Timing::of(&worker.engine.settings),
            settings: &worker.engine.settings,
        };
        let store = &worker.engine.store;
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
        source,
    })
}

fn failure<E: std::error::Error + Send + Sync + 'static>(name: &str) -> impl FnOnce(E) -> Error {
    let image = name.to_owned();
    move |error| Error::Image {
        image,
        source: Box::new(error),
    }
}
