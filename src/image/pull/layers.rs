//! All layers of an image: which are missing, who gets them, when they get their names.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Error;
use super::documents::Remote;
use super::layer::{Context, Job, Outcome};
use crate::content::Algorithm;
use crate::image::{Event, LayerState};
use crate::registry::{self, Feed, Session, Wanted};
use crate::store::{Store, Verified};

/// The layers of the image, each once, lowest first.
pub(super) fn jobs(remote: &Remote) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let diff_ids = &remote.config.rootfs.diff_ids;
    for (layer, diff_id) in remote.manifest.layers.iter().zip(diff_ids) {
        if jobs.iter().all(|job| job.diff_id != *diff_id) {
            jobs.push(Job {
                digest: layer.digest.clone(),
                size: layer.size,
                diff_id: diff_id.clone(),
            });
        }
    }
    jobs
}

/// What the publisher is handed.
struct Ready<'a> {
    set: Vec<Verified>,
    /// `None` for the documents, which come last.
    layer: Option<&'a Job>,
}

/// Gets the layers that are missing and gives them, and at the end the documents, their names.
///
/// First whatever nobody else is getting, then, waiting for them, the rest. What is ready goes to the publisher: the disk
/// works while the next layers come, and a pull that fails later need not begin from nothing.
///
/// # Errors
///
/// All of [`Error`].
pub(super) fn fetch(
    context: &Context<'_>,
    session: &Session,
    jobs: &[Job],
    remote: &Remote,
) -> Result<(), Error> {
    let mut missing: Vec<&Job> = Vec::new();
    for job in jobs {
        if context.store.has_layer(&job.diff_id) {
            context.report(job, LayerState::AlreadyExists);
        } else {
            context.report(job, LayerState::PullingFsLayer);
            missing.push(job);
        }
    }
    // The largest decides how long it takes, so it starts first.
    missing.sort_by_key(|job| Reverse(job.size));

    let warnings = Mutex::new(BTreeSet::new());
    let (ready, to_publish) = mpsc::channel();
    thread::scope(|scope| {
        let publisher = thread::Builder::new()
            .name("publisher".into())
            .spawn_scoped(scope, move || publish(context, &to_publish))
            .map_err(registry::Error::Thread)?;
        let fetched = fetch_all(context, session, &missing, &|job, feed, wait| {
            let mut outcome = context.get(job, feed, wait)?;
            if let Outcome::Ready(set, words) = &mut outcome {
                lock(&warnings).extend(words.drain(..));
                // A publisher that has failed takes nothing more, and says why at the end.
                let _ = ready.send(Ready {
                    set: std::mem::take(set),
                    layer: Some(job),
                });
            }
            Ok(outcome)
        })
        .and_then(|()| {
            let set = prepare(context.store, remote)?;
            let _ = ready.send(Ready { set, layer: None });
            Ok(())
        });
        drop(ready);
        let published = publisher.join();
        fetched.and(published.unwrap_or(Err(registry::Error::Cancelled.into())))
    })?;
    for warning in lock(&warnings).iter() {
        context.progress.event(Event::Warning(warning));
    }
    Ok(())
}

/// Calls `get` for every layer: first for those that nobody else is getting, then, waiting, for the others.
fn fetch_all<'a>(
    context: &Context<'_>,
    session: &Session,
    missing: &[&'a Job],
    get: &(dyn Fn(&'a Job, Feed, bool) -> Result<Outcome, Error> + Sync),
) -> Result<(), Error> {
    let busy = Mutex::new(Vec::new());
    download(session, missing, &|job, feed| {
        match get(job, feed, false)? {
            Outcome::Ready(..) => {}
            Outcome::Present => context.report(job, LayerState::AlreadyExists),
            Outcome::Busy => lock(&busy).push(job),
        }
        Ok(())
    })?;
    let busy = busy.into_inner().unwrap_or_else(PoisonError::into_inner);
    download(session, &busy, &|job, feed| {
        if let Outcome::Present = get(job, feed, true)? {
            context.report(job, LayerState::PullComplete);
        }
        Ok(())
    })
}

/// Publishes what is ready for as long as something comes, all that came meanwhile at once.
fn publish(context: &Context<'_>, ready: &Receiver<Ready<'_>>) -> Result<(), Error> {
    while let Ok(first) = ready.recv() {
        let (mut set, mut layers) = (Vec::new(), Vec::new());
        for object in [first].into_iter().chain(ready.try_iter()) {
            set.extend(object.set);
            layers.extend(object.layer);
        }
        context.store.publish(set)?;
        for job in layers {
            context.report(job, LayerState::PullComplete);
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn download<'a>(
    session: &Session,
    jobs: &[&'a Job],
    get: &(dyn Fn(&'a Job, Feed) -> Result<(), Error> + Sync),
) -> Result<(), Error> {
    let wanted: Vec<Wanted> = jobs
        .iter()
        .map(|job| Wanted {
            digest: job.digest.clone(),
            size: job.size,
        })
        .collect();
    session.download(&wanted, &|index, feed| get(jobs[index], feed))
}

/// Stages index, manifest and config, those first that others point to.
fn prepare(store: &Store, remote: &Remote) -> Result<Vec<Verified>, Error> {
    let config = (&remote.manifest.config.digest, &remote.config_bytes);
    let documents = remote.documents.iter().rev().map(|d| (&d.digest, &d.bytes));
    [config]
        .into_iter()
        .chain(documents)
        .map(|(digest, bytes)| {
            if digest.algorithm() == Algorithm::Sha256 {
                return Ok(store.prepare_blob(bytes)?.1);
            }
            let mut writer = store.stage_blob(digest, bytes.len() as u64)?;
            writer.restart()?;
            writer.write(bytes)?;
            Ok(writer.finish()?)
        })
        .collect()
}
