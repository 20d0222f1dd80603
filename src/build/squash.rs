//! `--squash`, `--squash-all`: the layers of the result made one.
//!
//! What the Dockerfile's steps have made becomes one layer above the base image's, or all becomes one. The steps' own layers
//! stay in the cache, and so does the one that is made of them.
//!
//! History as buildah's: what has been squashed is an entry without a layer, but for the last one, which has them all; with
//! `--squash-all` the base image's history goes with its layers.

use std::io;

use super::apart;
use super::cache::{Key, Record, Records};
use super::error::{Error, words};
use super::event::{Event, StepId};
use super::layer::{self, Layer};
use super::message::{Inherited, StageResult};
use super::request::{CachePolicy, Request, Squash};
use crate::container::Engine;
use crate::content::limits;
use crate::image::layer::Error as LayerError;
use crate::image::layer::{Owners, UnpackOptions, unpack, write_merged};
use crate::store::Lease;
use crate::sys::signal;

/// Steps of instructions are counted from 1.
const STEP: usize = 0;

/// Squashes the layers of `result`, where that was asked for.
///
/// # Errors
///
/// [`Error::Invalid`] where they cannot be merged; [`Error::Store`], [`Error::Layer`].
pub(super) fn run(
    request: &Request,
    engine: &Engine,
    owners: Owners,
    result: &mut StageResult,
    lease: &mut Lease,
    tell: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let kept = match request.squash {
        None => return Ok(()),
        Some(Squash::New) => result.inherited,
        Some(Squash::All) => Inherited::default(),
    };
    if result.layers.len() > kept.layers + 1 {
        let step = StepId {
            stage: request.target,
            step: STEP,
        };
        let count = result.layers.len() - kept.layers;
        let platform = match request.is_one_of_several {
            true => format!("[{}] ", result.image.platform()),
            false => String::new(),
        };
        let name = format!("{platform}squashing {count} layers");
        tell(Event::Started { step, name });
        let squashed = squash(request, engine, owners, &result.layers, kept.layers, lease);
        let event = match &squashed {
            Ok((_, true)) => Event::Cached { step },
            other => Event::Ended {
                step,
                error: other.as_ref().err().map(|error| words(error)),
            },
        };
        tell(event);
        let (layer, _) = squashed?;
        result.layers.truncate(kept.layers);
        result.layers.push(layer);
    }
    rewrite_history(result, kept);
    Ok(())
}

/// Makes one layer of all but the lowest `kept` ones. Returns it, and whether the cache had it.
fn squash(
    request: &Request,
    engine: &Engine,
    owners: Owners,
    layers: &[Layer],
    kept: usize,
    lease: &mut Lease,
) -> Result<(Layer, bool), Error> {
    let store = &engine.store;
    let mut key = Key::new("squash");
    for (name, layers) in [("below", &layers[..kept]), ("layers", &layers[kept..])] {
        key.list(name, layers.iter().map(|layer| layer.diff_id.as_str()));
    }
    key.field("epoch", format!("{:?}", request.epoch));
    let key = key.finish();
    let records = Records::new(store);
    if request.cache != CachePolicy::Never
        && let Some(record) = records.find(&key)
        && let Some(diff_id) = &record.diff_id
    {
        // Named before it is used, and looked for again now that it is: see `store`.
        lease.add(diff_id)?;
        if store.has_layer(diff_id) {
            let dir = store.layer_dir(diff_id);
            return Ok((Layer::made(diff_id.clone(), record.tar_bytes, dir), true));
        }
    }
    let stage = store.stage_layer()?;
    let dirs: Vec<_> = layers.iter().map(|layer| layer.dir.clone()).collect();
    let (below, merged) = dirs.split_at(kept);
    apart::run(|| {
        signal::ignore_broken_pipes();
        let (from, to) = io::pipe().map_err(LayerError::Read)?;
        let options = UnpackOptions {
            owners,
            max_bytes: limits::MAX_LAYER_BYTES,
        };
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_merged(below, merged, owners, to));
            let unpacked = unpack(from, stage.dir(), &options);
            let gone = |_| Err(LayerError::Read(io::ErrorKind::BrokenPipe.into()));
            match (writer.join().unwrap_or_else(gone), unpacked) {
                // Nobody has read any more.
                (Err(LayerError::Read(_)), Err(error)) => Err(error),
                (Err(error), _) | (_, Err(error)) => Err(error),
                (Ok(_), Ok(_)) => Ok(()),
            }
        })
    })
    .map_err(|error| Error::Invalid(format!("cannot squash the layers: {error}")))?;
    let finished = layer::finish(stage.into(), owners, request.epoch)?;
    let mut layer = finished.layer;
    lease.add(&layer.diff_id)?;
    store.publish_unsettled(vec![finished.verified])?;
    layer.dir = store.layer_dir(&layer.diff_id);
    let record = Record {
        diff_id: Some(layer.diff_id.clone()),
        tar_bytes: layer.size,
        created: jiff::Timestamp::now().to_string(),
        made: None,
        description: format!("squash of {} layers", merged.len()),
        parent: layers.last().map(|layer| layer.diff_id.clone()),
        files: Default::default(),
    };
    records.put(&key, &record)?;
    Ok((layer, false))
}

/// Has the history tell of one layer above those that are kept.
fn rewrite_history(result: &mut StageResult, kept: Inherited) {
    let history = &mut result.image.history;
    let has_layer = result.layers.len() > kept.layers;
    if kept == Inherited::default() {
        // At least one entry is left to have the layer.
        let dropped = result
            .inherited
            .history
            .min(history.len().saturating_sub(1));
        history.drain(..dropped);
    }
    let from = kept.history.min(history.len());
    for entry in &mut history[from..] {
        entry.empty_layer = Some(true);
    }
    if let Some(last) = history[from..].last_mut().filter(|_| has_layer) {
        last.empty_layer = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::config::{History, ImageConfiguration};

    fn result(inherited: Inherited, layers: usize, history: &[bool]) -> StageResult {
        let layer = Layer::made(crate::content::Digest::sha256_of(b"l"), 1, "/l".into());
        let entry = |is_layer: &bool| History {
            empty_layer: (!is_layer).then_some(true),
            ..History::default()
        };
        StageResult {
            image: ImageConfiguration {
                history: history.iter().map(entry).collect(),
                ..ImageConfiguration::default()
            },
            layers: vec![layer; layers],
            inherited,
            annotations: Default::default(),
            arguments: Vec::new(),
            used: Default::default(),
            witness: Default::default(),
        }
    }

    fn layers_of(result: &StageResult) -> Vec<bool> {
        let history = result.image.history.iter();
        history
            .map(|entry| entry.empty_layer != Some(true))
            .collect()
    }

    #[test]
    fn the_last_entry_has_the_layer() {
        let inherited = Inherited {
            layers: 1,
            history: 2,
        };
        let mut new = result(inherited, 2, &[true, false, true, false, true, false]);
        rewrite_history(&mut new, inherited);
        assert_eq!(layers_of(&new), [true, false, false, false, false, true]);
        let mut all = result(inherited, 1, &[true, false, true, false, true, false]);
        rewrite_history(&mut all, Inherited::default());
        assert_eq!(layers_of(&all), [false, false, false, true]);
    }

    #[test]
    fn no_layer_is_made_up_and_none_lost() {
        let inherited = Inherited {
            layers: 1,
            history: 1,
        };
        let mut no_new_ones = result(inherited, 1, &[true, false]);
        rewrite_history(&mut no_new_ones, inherited);
        assert_eq!(layers_of(&no_new_ones), [true, false]);
        let mut nothing_new = result(inherited, 1, &[true]);
        rewrite_history(&mut nothing_new, Inherited::default());
        assert_eq!(layers_of(&nothing_new), [true]);
        let mut empty = result(Inherited::default(), 0, &[false]);
        rewrite_history(&mut empty, Inherited::default());
        assert_eq!(layers_of(&empty), [false]);
    }
}
