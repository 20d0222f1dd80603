//! All layers of an image: which are missing, who gets them, when they get their names.

use std::cmp::Reverse;
use std::sync::{Mutex, PoisonError};

use super::Error;
use super::documents::Remote;
use super::layer::{Context, Job, Outcome};
use super::progress::{Event, LayerState};
use crate::image::Algorithm;
use crate::registry::{Feed, Session, Wanted};
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

/// What the first round brings together.
#[derive(Default)]
struct Round<'a> {
    set: Vec<Verified>,
    ready: Vec<&'a Job>,
    busy: Vec<&'a Job>,
    warnings: Vec<String>,
}

/// Gets the layers that are missing and gives them, and the documents, their names.
///
/// First whatever nobody else is getting; then, with nothing in hand that somebody else could wait for, the rest.
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
    let store = context.store;
    let mut missing: Vec<&Job> = Vec::new();
    for job in jobs {
        if store.has_layer(&job.diff_id) {
            context.report(job, LayerState::AlreadyExists);
        } else {
            context.report(job, LayerState::PullingFsLayer);
            missing.push(job);
        }
    }
    // The largest decides how long it takes, so it starts first.
    missing.sort_by_key(|job| Reverse(job.size));

    let round = Mutex::new(Round::default());
    download(session, &missing, &|job, feed| {
        let outcome = context.get(job, feed, false)?;
        let mut round = round.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Outcome::Ready(set, warnings) => {
                round.set.extend(set);
                round.ready.push(job);
                round.warnings.extend(warnings);
            }
            Outcome::Present => context.report(job, LayerState::AlreadyExists),
            Outcome::Busy => round.busy.push(job),
        }
        Ok(())
    })?;
    let mut round = round.into_inner().unwrap_or_else(PoisonError::into_inner);

    let alone = round.busy.is_empty();
    let documents = prepare(store, remote)?;
    let later = if alone {
        round.set.extend(documents);
        Vec::new()
    } else {
        documents
    };
    store.publish(round.set)?;
    for job in round.ready {
        context.report(job, LayerState::PullComplete);
    }
    if !alone {
        let warnings = Mutex::new(&mut round.warnings);
        download(session, &round.busy, &|job, feed| {
            if let Outcome::Ready(set, words) = context.get(job, feed, true)? {
                store.publish(set)?;
                let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
                warnings.extend(words);
            }
            context.report(job, LayerState::PullComplete);
            Ok(())
        })?;
        store.publish(later)?;
    }
    round.warnings.sort();
    round.warnings.dedup();
    for warning in &round.warnings {
        context.progress.event(Event::Warning(warning));
    }
    Ok(())
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
