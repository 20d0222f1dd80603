//! Images that a Dockerfile names: found in the store, or pulled.

use crate::build::error::Error;
use crate::build::stage::Worker;
use crate::content::Reference;
use crate::image::layer::UnpackOptions;
use crate::image::pull::{self, PullOptions, Silent};
use crate::image::{self, Image, Platform};
use crate::registry::{Credentials, Timing};
use crate::sys::process::{Side, exit_now, fork, wait};

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
    fetch(worker, name)?;
    image::resolve(store, name, platform).map_err(failure(name))
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
    let (words, mut report) = std::io::pipe().map_err(failure(name))?;
    let child = match fork().map_err(failure(name))? {
        Side::Parent(child) => child,
        Side::Child => {
            drop(words);
            let options = PullOptions {
                platform: wanted(worker).cloned(),
                credentials,
                unpack: UnpackOptions {
                    owners: worker.owners,
                    max_bytes: crate::content::limits::MAX_LAYER_BYTES,
                },
                timing: Timing::default(),
                settings: &worker.engine.settings,
            };
            let pulled = pull::pull(&worker.engine.store, &reference, &options, &Silent);
            if let Err(error) = &pulled {
                let mut text = error.to_string();
                let mut cause = std::error::Error::source(error);
                while let Some(error) = cause {
                    text += &format!(": {error}");
                    cause = error.source();
                }
                let _ = std::io::Write::write_all(&mut report, text.as_bytes());
            }
            exit_now(u8::from(pulled.is_err()))
        }
    };
    drop(report);
    let mut text = String::new();
    let read = std::io::Read::read_to_string(&mut &words, &mut text);
    match wait(child).map_err(failure(name))? {
        0 => Ok(()),
        1 if read.is_ok() && !text.is_empty() => Err(failure(name)(std::io::Error::other(text))),
        code => Err(Error::Worker(code)),
    }
}

fn failure<E: std::error::Error + Send + Sync + 'static>(name: &str) -> impl FnOnce(E) -> Error {
    let image = name.to_owned();
    move |error| Error::Image {
        image,
        source: Box::new(error),
    }
}
