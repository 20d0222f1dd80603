//! `--cache-from`.

use std::io::Read as _;
use std::path::Path;

use super::place::{Hashed, Open, parse};
use super::{Contents, Place, TransferError};
use crate::build::apart;
use crate::build::cache::{Record, Records};
use crate::build::error::words;
use crate::build::event::{Event, Observer, StepId};
use crate::build::request::Request;
use crate::container::Engine;
use crate::content::{Digest, Hasher, limits};
use crate::image::decompress::Decompress;
use crate::image::layer::{self, Owners, UnpackOptions};
use crate::registry::{Access, Credentials};

/// The caches of other machines.
#[derive(Debug, Default)]
pub(in crate::build) struct Imported(Vec<Origin>);

#[derive(Debug)]
struct Origin {
    place: Place,
    credentials: Credentials,
    contents: Contents,
}

impl Imported {
    /// Reads what the sources of `request` hold, as steps of no stage. One that cannot be read is told of, and left out.
    pub(in crate::build) fn load(
        request: &Request,
        engine: &Engine,
        observer: &mut dyn Observer,
    ) -> Imported {
        let mut imported = Imported::default();
        for (number, place) in request.cache_from.iter().enumerate() {
            let step = StepId {
                stage: request.no_stage(),
                step: 1 + number,
            };
            let name = format!("importing cache manifest from {place}");
            observer.event(&Event::Started { step, name });
            let loaded = Origin::load(place, request, engine);
            match loaded {
                Ok(origin) => {
                    imported.0.push(origin);
                    observer.event(&Event::Ended { step, error: None });
                }
                Err(problem) => {
                    let error = problem.clone();
                    observer.event(&Event::Missed { step, error });
                    let text = format!("cannot import the cache of {place}: {problem}");
                    observer.event(&Event::Warning { text });
                }
            }
        }
        imported
    }

    /// Returns the layer that a step's result has, if there is one.
    pub(in crate::build) fn layer_of(&self, key: &Digest) -> Option<Digest> {
        let record = self
            .0
            .iter()
            .find_map(|origin| origin.contents.records.get(key))?;
        record.diff_id.clone()
    }

    /// Looks for the result of a step and brings its layer here. Its failure is told of: the step is carried out then.
    pub(in crate::build) fn find(
        &self,
        key: &Digest,
        engine: &Engine,
        owners: Owners,
        warn: &mut dyn FnMut(String),
    ) -> Option<Record> {
        for origin in &self.0 {
            let Some(record) = origin.contents.records.get(key) else {
                continue;
            };
            match origin.fetch(key, record, engine, owners) {
                Ok(()) => return Some(record.clone()),
                Err(problem) => warn(format!(
                    "cannot use the cache of {}: {problem}",
                    origin.place
                )),
            }
        }
        None
    }

    /// Fills the fresh directory of a cache mount with what one of the sources has of it. Returns whether one had it.
    pub(in crate::build) fn fill_mount(
        &self,
        id: &str,
        dir: &Path,
        engine: &Engine,
        owners: Owners,
        warn: &mut dyn FnMut(String),
    ) -> bool {
        for origin in &self.0 {
            let Some(diff_id) = origin.contents.mounts.get(id) else {
                continue;
            };
            match origin.unpack(diff_id, dir, engine, owners) {
                Ok(_) => return true,
                Err(problem) => {
                    warn(format!(
                        "cannot use the cache mount of {}: {problem}",
                        origin.place
                    ));
                    // Nothing of it must show.
                    let _ = crate::store::remove_tree(dir);
                    let _ = std::fs::create_dir(dir);
                }
            }
        }
        false
    }
}

impl Origin {
    fn load(place: &Place, request: &Request, engine: &Engine) -> Result<Origin, String> {
        let credentials = credentials(place, request, engine).map_err(|error| words(&error))?;
        let read = || -> Result<(String, String), TransferError> {
            let open = Open::new(place, Access::Pull, &credentials, &engine.settings)?;
            let (manifest, config) = open.documents()?;
            let text = |bytes| {
                String::from_utf8(bytes).map_err(|_| TransferError::Invalid("it is no text".into()))
            };
            Ok((text(manifest)?, text(config)?))
        };
        let documents = match place {
            Place::Local(_) => read().map_err(|error| words(&error)),
            Place::Registry(_) => apart::run(read).map_err(|error| words(error.as_ref())),
        };
        let (manifest, config) = documents?;
        let contents = parse(manifest.as_bytes())
            .and_then(|manifest| Contents::read(&manifest, config.as_bytes()))
            .map_err(|error| words(&error))?;
        Ok(Origin {
            place: place.clone(),
            credentials,
            contents,
        })
    }

    /// Brings a layer into the store, and the record into the cache.
    fn fetch(
        &self,
        key: &Digest,
        record: &Record,
        engine: &Engine,
        owners: Owners,
    ) -> Result<(), String> {
        let store = &engine.store;
        if let Some(diff_id) = &record.diff_id
            && !store.has_layer(diff_id)
        {
            let stage = store.stage_layer().map_err(|error| words(&error))?;
            let bytes = self.unpack(diff_id, stage.dir(), engine, owners)?;
            let done = stage.finish(diff_id, bytes);
            done.and_then(|layer| store.publish_unsettled(vec![layer]))
                .map_err(|error| words(&error))?;
        }
        let kept = Records::new(store).put(key, record);
        kept.map_err(|error| words(&error))
    }

    /// Unpacks a layer, which must be what its diff_id says, into an empty directory. Returns the bytes of its files.
    fn unpack(
        &self,
        diff_id: &Digest,
        dir: &Path,
        engine: &Engine,
        owners: Owners,
    ) -> Result<u64, String> {
        let blob = self.contents.layers.get(diff_id);
        let blob = blob.ok_or_else(|| format!("layer {diff_id} is not in its manifest"))?;
        let unpack = || -> Result<u64, TransferError> {
            let open = Open::new(
                &self.place,
                Access::Pull,
                &self.credentials,
                &engine.settings,
            )?;
            let scratch = engine.store.scratch_dir("import")?;
            let file = open.open(blob, scratch.path())?;
            let options = UnpackOptions {
                owners,
                max_bytes: limits::MAX_LAYER_BYTES,
            };
            let mut tar = Hashed {
                inner: Decompress::detect(file.take(blob.size))?,
                hasher: Hasher::new(diff_id.algorithm()),
                bytes: 0,
            };
            let unpacked = layer::unpack(&mut tar, dir, &options.max_bytes_for_blob(blob.size))?;
            let actual = tar.hasher.finish();
            match actual == *diff_id {
                true => Ok(unpacked.size),
                false => Err(TransferError::WrongDigest {
                    expected: diff_id.clone(),
                    actual,
                }),
            }
        };
        match &self.place {
            Place::Local(_) => unpack().map_err(|error| words(&error)),
            Place::Registry(_) => apart::run(unpack).map_err(|error| words(error.as_ref())),
        }
    }
}

/// Returns the login that was found before the user namespace was entered.
pub(super) fn credentials(
    place: &Place,
    request: &Request,
    engine: &Engine,
) -> Result<Credentials, crate::registry::CredentialError> {
    let Place::Registry(reference) = place else {
        return Ok(Credentials::default());
    };
    let mut known = request.logins.iter();
    match known.find(|(other, _)| other == reference.as_ref()) {
        Some((_, credentials)) => Ok(credentials.clone()),
        None => Credentials::find(&engine.settings, reference),
    }
}
