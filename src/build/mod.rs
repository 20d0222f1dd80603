//! Building images from Dockerfiles.
//!
//! ```text
//! dockerfile   the language: text in, instructions out, every one with its place in the file
//! ignore       which files of the context the build sees
//! outline      what a target can be given
//! lint         BuildKit's rules about how a Dockerfile should be written
//! context      the files and the Dockerfile of a build
//! request      what is asked for
//! variables    ARG and ENV
//! plan         the stages that are needed, and what they need
//! schedule     one process for each, side by side; message is what they tell each other, event what the user sees of it
//! stage        one stage: instruction after instruction
//! squash       the layers of the result made one
//! config       instructions that only change the image config
//! steps        instructions that make layers: RUN, COPY, ADD, WORKDIR
//! leftovers    processes that nobody ends
//! inflate      compressed archives
//! agent        keys of ssh, for RUN
//! remote       files by URL, and git repositories
//! apart        work with threads, in a process of its own
//! tree         files: from contexts, stages and images into layers
//! layer        a directory that was written → a layer of the store
//! cache        results of steps by what they were made from
//! output       what becomes of the result: an image, files in a directory, a tar
//! provenance   how the result was made, as a statement
//! products     the results for several platforms as one
//! image        a stage's result → an image of the store
//! ```
//!
//! A layer is the upper directory of the root that it was written in (see [`crate::rootfs::Stack`]), named by the digest of
//! its tar, which nobody writes: see [`crate::image::layer::write`], and [`crate::image::layer::RunningDigest`] for what is
//! copied: a file's bytes are read once, for the copy, the digest and the cache's key. Nothing is compressed and nothing is
//! copied that the result does not need.

pub mod agent;
mod apart;
pub mod cache;
mod config;
pub mod context;
pub mod dockerfile;
mod error;
pub mod event;
pub mod ignore;
mod image;
mod inflate;
mod layer;
mod leftovers;
pub mod lint;
mod message;
mod mode;
pub mod outline;
mod output;
mod plan;
mod products;
pub mod provenance;
pub mod remote;
pub mod request;
mod schedule;
mod squash;
mod stage;
mod steps;
mod tree;
mod variables;

pub use error::{Error, Failure, NotFound};
pub use image::Built;
pub use output::Product;
pub use plan::Plan;
pub use products::Products;
pub use request::Request;
pub use variables::Globals;

use std::collections::BTreeMap;

use crate::container::Engine;
use crate::content::limits;
use crate::image::Platform;
use crate::image::layer::{Owners, UnpackOptions};
use crate::userns::IdMap;

use dockerfile::stages::Stages;
use dockerfile::suggest::did_you_mean;
use event::{Event, Observer, StepId};
use schedule::{Outcome, Part};

impl Request {
    /// The number, among those of stages, of what belongs to none.
    fn no_stage(&self) -> usize {
        self.stages.stages.len()
    }

    /// Finds out which stages are needed and what they use.
    ///
    /// # Errors
    ///
    /// Those of the FROM lines.
    pub fn plan(&self) -> Result<Plan, Error> {
        let globals = globals(
            &self.stages,
            self.target,
            &self.build_args,
            self.platform.as_ref(),
        );
        let named = |name: &str| self.contexts.contains_key(name);
        Ok(Plan::new(
            &self.stages,
            self.target,
            self.build_unused,
            globals,
            self.escape,
            &named,
        )?)
    }
}

/// The stage of `--target`.
///
/// # Errors
///
/// [`Error::Invalid`] where there is none, in BuildKit's words.
pub fn target_of(stages: &Stages, name: Option<&str>) -> Result<usize, Error> {
    stages.target(name).ok_or_else(|| {
        let name = name.unwrap_or_default();
        let hint = did_you_mean(stages.near_target(name));
        Error::Invalid(format!("target stage {name:?} could not be found{hint}"))
    })
}

/// The variables of FROM lines before any ARG.
fn globals(
    stages: &Stages,
    target: usize,
    build_args: &BTreeMap<String, String>,
    platform: Option<&Platform>,
) -> Globals {
    let host = Platform::host();
    let name = stages.stages[target].name.as_deref().unwrap_or_default();
    Globals::new(build_args, platform.unwrap_or(&host), &host, name)
}

/// Returns the platforms that the base images of a build have in common; see [`build()`] for where this may be called.
///
/// # Errors
///
/// [`Error::Image`], [`Error::Invalid`].
pub fn platforms_of_bases(
    request: &Request,
    plan: &Plan,
    engine: &Engine,
    map: &IdMap,
) -> Result<Vec<Platform>, Error> {
    steps::base::platforms(request, plan, engine, UnpackOptions::new(map).owners)
}

/// Builds for one platform or several, side by side, and returns the results in order. The process has one thread and is
/// inside the user's id map, which is `map`; `engine` was opened in there.
///
/// # Errors
///
/// All of [`Error`]. What was finished before is kept for the next build.
pub fn build<'a>(
    wanted: &'a [(Request, Plan)],
    engine: &'a Engine,
    map: &IdMap,
    observer: &mut dyn Observer,
) -> Result<Vec<Product<'a>>, Error> {
    let owners = UnpackOptions::new(map).owners;
    let started = jiff::Timestamp::now();
    let mut parts = Vec::new();
    for (request, plan) in wanted {
        let lease = engine.store.lease()?;
        parts.push(Part {
            request,
            plan,
            lease,
        });
    }
    let result = make(&mut parts, engine, owners, observer);
    observer.finish();
    match result {
        Ok(outcomes) => Ok((parts.into_iter().zip(outcomes))
            .map(|(part, outcome)| {
                Product::new(part.request, engine, owners, outcome, started, part.lease)
            })
            .collect()),
        Err(error) => {
            output::settle_in_background(engine);
            Err(error)
        }
    }
}

fn make<'a>(
    parts: &mut [Part<'a>],
    engine: &'a Engine,
    owners: Owners,
    observer: &mut dyn Observer,
) -> Result<Vec<Outcome>, Error> {
    let Some(first) = parts.first().map(|part| part.request) else {
        return Ok(Vec::new());
    };
    // All have the same.
    let imported = cache::Imported::load(first, engine, observer);
    let mut outcomes = schedule::run(parts, engine, owners, &imported, observer)?;
    for (number, (part, outcome)) in parts.iter_mut().zip(&mut outcomes).enumerate() {
        let Part { request, lease, .. } = part;
        let first = number * schedule::stride(request);
        squash::run(
            request,
            engine,
            owners,
            &mut outcome.result,
            lease,
            &mut |event| observer.event(&event.counted_from(first)),
        )?;
    }
    export(first, engine, owners, &outcomes, observer)?;
    Ok(outcomes)
}

/// `--cache-to`, but for what goes into the image itself.
fn export(
    request: &Request,
    engine: &Engine,
    owners: Owners,
    outcomes: &[Outcome],
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    let (mut of_all, mut of_results) = (cache::Used::default(), cache::Used::default());
    for outcome in outcomes {
        of_all.absorb(&outcome.used);
        of_results.absorb(&outcome.result.used);
    }
    for (number, target) in request.cache_to.iter().enumerate() {
        let Some(place) = &target.place else { continue };
        let exporter = cache::Exporter {
            request,
            engine,
            owners,
            used: match target.all_stages {
                true => &of_all,
                false => &of_results,
            },
        };
        let step = StepId {
            stage: request.no_stage(),
            step: EXPORTS + number,
        };
        let name = format!("exporting cache to {place}");
        observer.event(&Event::Started { step, name });
        let exported = exporter.run(target, place, &mut |text| {
            observer.event(&Event::Status { step, text });
        });
        let error = exported.as_ref().err().cloned();
        observer.event(&match error {
            Some(error) if target.ignore_error => Event::Missed { step, error },
            error => Event::Ended { step, error },
        });
        let warning = match exported {
            Ok(0) => continue,
            Ok(left_out) => format!(
                "the cache in {place} lacks {left_out} layers: it has room for {}",
                limits::MAX_LAYERS
            ),
            Err(problem) => {
                let text = format!("cannot export the cache to {place}: {problem}");
                if !target.ignore_error {
                    return Err(Error::Invalid(text));
                }
                text
            }
        };
        observer.event(&Event::Warning { text: warning });
    }
    Ok(())
}

/// The first step of no stage that exports a cache; those before import one.
const EXPORTS: usize = 1 << 16;
