//! Building one stage, in a process of its own: instruction after instruction, from its base to its result.

mod caption;
mod secrets;
mod sources;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::Path;

use self::sources::new_stack;
use super::cache::{FileHashes, Imported, Key, Record, Records, Used};
use super::config;
use super::dockerfile::instruction::Instruction;
use super::dockerfile::words::Expander;
use super::dockerfile::{Node, Problem, parse};
use super::error::{Error, Failure, failed, words};
use super::event::{Event, StepId};
use super::image::too_long;
use super::layer::{self, Layer, Made};
use super::message::{self, Inherited, Report, StageResult, Turn};
use super::plan::{Base, Plan, PlannedStage};
use super::provenance::{self, Mode, Witness};
use super::request::{NamedContext, Request};
use super::steps;
use super::variables::Scope;
use crate::container::{Engine, StepNetwork};
use crate::content::limits::{MAX_CONFIG_BYTES, MAX_HISTORY, MAX_LAYERS};
use crate::content::{Digest, Reference};
use crate::image::config::History;
use crate::image::layer::Owners;
use crate::image::{Image, Platform};
use crate::rootfs::Stack;
use crate::store::{BuildDir, Lease, ScratchDir, Verified};

/// What a stage is built from.
pub(super) struct Task<'a> {
    pub(super) request: &'a Request,
    pub(super) plan: &'a Plan,
    pub(super) stage: &'a PlannedStage,
    pub(super) engine: &'a Engine,
    /// Which owners can be given.
    pub(super) owners: Owners,
    /// Caches of elsewhere.
    pub(super) imported: &'a Imported,
}

/// A stage that is being built.
pub(super) struct Worker<'a> {
    pub(super) request: &'a Request,
    pub(super) plan: &'a Plan,
    pub(super) stage: &'a PlannedStage,
    pub(super) engine: &'a Engine,
    pub(super) owners: Owners,
    channel: UnixStream,
    /// Names what the build relies on. All its processes write to the one file.
    lease: &'a mut Lease,
    /// For this stage's own use, deleted with the build.
    pub(super) scratch: ScratchDir,
    pub(super) hashes: FileHashes,
    /// The caches of other machines.
    pub(super) imported: &'a Imported,
    /// What of the cache the stage comes from.
    pub(super) used: Used,
    /// What else it comes from.
    pub(super) witness: Witness,
    /// The files that the step has fetched, by URL.
    pub(super) fetched_files: BTreeMap<String, Digest>,
    /// The files of secrets, while there are any.
    secrets: RefCell<Option<BuildDir>>,
    pub(super) network: StepNetwork,
    /// The layers so far as a root directory.
    pub(super) stack: Box<dyn Stack>,
    /// As `stack`, for other stages and images that files have been taken from, by their layers.
    views: BTreeMap<Vec<Digest>, Box<dyn Stack>>,
    /// The image so far.
    pub(super) image: crate::image::config::ImageConfiguration,
    pub(super) layers: Vec<Layer>,
    /// What of both came with the base image.
    inherited: Inherited,
    /// Annotations of its manifest, where they are inherited.
    annotations: BTreeMap<String, String>,
    pub(super) scope: Scope,
    pub(super) platform: Platform,
    /// Results of other stages that have been asked for.
    others: BTreeMap<usize, StageResult>,
    /// Written but not yet in the store.
    unpublished: Vec<Verified>,
    cmd_set: bool,
    /// When the last layer was made.
    last_created: Option<String>,
    /// Bytes that this stage adds to the history.
    told: u64,
    /// The escape character of the Dockerfile.
    escape: char,
    pub(super) step: StepId,
    /// How many steps are shown.
    steps: usize,
    /// Whether the base image left the instruction behind (ONBUILD).
    is_triggered: bool,
}

/// What a step has come to.
pub(super) enum Outcome {
    /// A layer written just now.
    Layer(Made),
    /// The same, of something that is no longer what the step's key says.
    Unrepeatable(Made),
    /// Nothing that an image would have to hold.
    Nothing,
}

impl<'a> Worker<'a> {
    /// Builds the stage and returns its result.
    ///
    /// # Errors
    ///
    /// The failure, with its place. What was finished before it is kept for the next build.
    pub(super) fn build(
        task: Task<'a>,
        channel: UnixStream,
        lease: &'a mut Lease,
    ) -> Result<StageResult, Failure> {
        let Task {
            request,
            plan,
            stage,
            engine,
            owners,
            imported,
        } = task;
        // As with BuildKit, FROM is a step where there is something to fetch.
        let first = usize::from(matches!(stage.base, Base::Image(_)));
        let setup = || -> Result<Worker<'a>, Error> {
            let scratch = engine.store.scratch_dir("build")?;
            let stack = new_stack(engine, &scratch, "stack")?;
            Ok(Worker {
                request,
                plan,
                stage,
                engine,
                owners,
                channel,
                lease,
                scratch,
                hashes: FileHashes::new(&engine.store),
                imported,
                used: Used::default(),
                fetched_files: BTreeMap::new(),
                witness: Witness::new(is_asked_for_steps(request)),
                secrets: RefCell::default(),
                stack,
                views: BTreeMap::new(),
                network: StepNetwork::new(request.network.clone()),
                image: config::scratch(&Platform::host()),
                layers: Vec::new(),
                inherited: Inherited::default(),
                annotations: BTreeMap::new(),
                scope: plan.globals.stage(&[]),
                platform: Platform::host(),
                others: BTreeMap::new(),
                unpublished: Vec::new(),
                cmd_set: false,
                last_created: None,
                told: 0,
                escape: request.escape,
                step: StepId {
                    stage: stage.number,
                    step: first,
                },
                steps: first,
                is_triggered: false,
            })
        };
        let mut worker = setup().map_err(|error| Failure::of(&error, None))?;
        let built = worker.run();
        let published = worker.publish();
        let saved = std::mem::replace(&mut worker.hashes, FileHashes::new(&engine.store))
            .save(&engine.store);
        built?;
        published
            .and(saved)
            .and(worker.witness.count(&mut 0))
            .map_err(|error| Failure::of(&error, None))?;
        for layer in &mut worker.layers {
            layer.dir = engine.store.layer_dir(&layer.diff_id);
        }
        let arguments = worker.scope.arguments();
        Ok(StageResult {
            image: worker.image.clone(),
            arguments: arguments
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            layers: std::mem::take(&mut worker.layers),
            inherited: worker.inherited,
            annotations: std::mem::take(&mut worker.annotations),
            used: std::mem::take(&mut worker.used),
            witness: std::mem::take(&mut worker.witness),
        })
    }

    fn run(&mut self) -> Result<(), Failure> {
        let stage = &self.request.stages.stages[self.stage.number];
        let nodes = &stage.nodes;
        self.witness.begin(Some(stage.from.span));
        self.steps += nodes.iter().filter(|node| makes_step(node)).count();
        let place = Some(stage.from.span);
        let triggers = self.begin().map_err(|error| Failure::of(&error, place))?;
        self.is_triggered = true;
        for node in &triggers {
            self.instruction(node)
                .map_err(|error| Failure::of(&error, place))?;
        }
        self.is_triggered = false;
        for node in nodes {
            (self.instruction(node)).map_err(|error| Failure::of(&error, Some(node.span)))?;
        }
        Ok(())
    }

    /// FROM. Returns the instructions that the base image has left for those who build on it.
    fn begin(&mut self) -> Result<Vec<Node>, Error> {
        self.platform = (self.stage.platform.clone())
            .or_else(|| self.request.platform.clone())
            .unwrap_or_else(Platform::host);
        let mut inherited = Vec::new();
        match self.stage.base.clone() {
            Base::Scratch => self.image = config::scratch(&self.platform),
            Base::Stage(number) => {
                let result = self.other_stage(number)?.clone();
                self.witness.stage(number, &result.witness);
                self.used = result.used;
                self.image = result.image;
                self.layers = result.layers;
                self.inherited = result.inherited;
                self.annotations = result.annotations;
                inherited = result.arguments;
            }
            Base::Image(image) => match self.request.contexts.get(&image) {
                Some(NamedContext::Files(_)) => {
                    return Err(Error::Invalid(format!(
                        "the build context {image} is no image to build from"
                    )));
                }
                Some(NamedContext::Image(other)) => self.begin_with(other)?,
                Some(NamedContext::Layout(layout)) => {
                    let find = |worker: &mut Self| worker.take_image(&image, layout);
                    self.begin_as(&layout.to_string(), find)?;
                }
                None => self.begin_with(&image)?,
            },
        }
        self.witness.base();
        config::ensure_path(&mut self.image);
        if !self.request.inherits_labels {
            self.image.config.labels = None;
        }
        let env = self.image.config.env.clone().unwrap_or_default();
        self.scope = self.plan.globals.stage(&env);
        self.scope.inherit(&inherited);
        self.last_created = self.image.created.clone();
        let mut nodes = Vec::new();
        for line in self.image.config.on_build.take().unwrap_or_default() {
            nodes.extend(parse(line.as_bytes())?.nodes);
        }
        self.steps += nodes.iter().filter(|node| makes_step(node)).count();
        Ok(nodes)
    }

    fn begin_with(&mut self, image: &str) -> Result<(), Error> {
        // With its registry and tag: what is looked for, rather than what is written.
        let full = image.parse::<Reference>();
        let full = full.map_or_else(
            |_| image.to_owned(),
            |name| name.with_default_tag().to_string(),
        );
        self.begin_as(&full, |worker| worker.find_image(image))
    }

    fn begin_as(
        &mut self,
        name: &str,
        find: impl FnOnce(&mut Self) -> Result<Image, Error>,
    ) -> Result<(), Error> {
        let mut key = Key::new("base");
        key.field("name", name);
        key.field("platform", self.platform.to_string());
        let key = Some(key.finish());
        let image = match self.claim(key.as_ref())? {
            // It is here now, and told of.
            Turn::Done(_) => find(self)?,
            Turn::Yours => {
                self.send(Event::Started {
                    step: self.step,
                    name: self.caption_of(&format!("FROM {name}")),
                })?;
                let image = find(self);
                let error = image.as_ref().err().map(|error| words(error));
                self.send(Event::Ended {
                    step: self.step,
                    error,
                })?;
                let image = image?;
                self.settle(key, Turn::Done(None))?;
                image
            }
        };
        if self.request.inherits_annotations {
            self.annotations = steps::base::annotations(self, &image)?;
        }
        self.layers = self.layers_of(&image);
        self.image = image.config;
        self.inherited = Inherited {
            layers: self.layers.len(),
            history: self.image.history.len(),
        };
        Ok(())
    }

    fn instruction(&mut self, node: &Node) -> Result<(), Error> {
        let expander = Expander::new(&self.scope, self.escape);
        let instruction = Instruction::of(node, &expander)?;
        // The lines of a base image's are in another file.
        self.witness
            .begin(Some(node.span).filter(|_| !self.is_triggered));
        match &instruction {
            Instruction::From { .. } => return Ok(()),
            Instruction::Arg(list) => {
                for (name, default) in list {
                    let taken = self.scope.declare(name, default.clone());
                    taken.map_err(|problem| problem.at(node.span))?;
                }
                return self.remember(node.text.clone(), None);
            }
            Instruction::Env(pairs) => {
                for (name, value) in pairs {
                    let taken = self.scope.set(name, value);
                    taken.map_err(|problem| problem.at(node.span))?;
                }
            }
            Instruction::Run(run) => {
                self.step.step += 1;
                let description = steps::run::history_line(self, run);
                let prepared = steps::run::prepare(self, run);
                let prepared = self.or_failed(node, prepared)?;
                let cacheable = prepared.is_cacheable;
                let key = Some(prepared.key.clone());
                return self.layer(node, description, cacheable, key, |worker| {
                    steps::run::execute(worker, prepared)
                });
            }
            Instruction::Copy(copy) => {
                self.step.step += 1;
                let prepared = steps::copy::prepare(self, copy);
                let prepared = self.or_failed(node, prepared)?;
                let key = prepared.key().cloned();
                let line = config::history_line(node, &instruction, &self.image);
                return self.layer(node, line, true, key, |worker| {
                    steps::copy::execute(worker, prepared)
                });
            }
            Instruction::Workdir(_) => {
                self.step.step += 1;
                self.apply(node, &instruction)?;
                let line = config::history_line(node, &instruction, &self.image);
                let key = Some(steps::workdir::key(self));
                let path = &self.image.config.working_dir;
                (self.witness).step(|inputs| provenance::workdir(path, inputs));
                return self.layer(node, line, true, key, steps::workdir::execute);
            }
            _ => {}
        }
        self.apply(node, &instruction)?;
        let line = config::history_line(node, &instruction, &self.image);
        self.remember(line, None)
    }

    fn apply(&mut self, node: &Node, instruction: &Instruction) -> Result<(), Error> {
        config::apply(&mut self.image, instruction, &mut self.cmd_set)
            .map_err(|words| Error::Dockerfile(Problem::Other(words).at(node.span)))
    }

    /// Shows a step that fails before it can begin.
    fn or_failed<T>(&self, node: &Node, prepared: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &prepared
            && !matches!(error, Error::Interrupted(_))
        {
            let (step, name) = (self.step, self.caption(node));
            let error = Some(words(error));
            self.send(Event::Started { step, name })?;
            self.send(Event::Ended { step, error })?;
        }
        prepared
    }

    /// Returns whether the stage's steps may be found in the cache.
    pub(super) fn asks_cache(&self) -> bool {
        self.request.cache.allows(&self.stage.label)
    }

    /// Carries out a step that makes a layer, unless the cache has it. Without a `key` it is not asked.
    fn layer(
        &mut self,
        node: &Node,
        description: String,
        cacheable: bool,
        mut key: Option<Digest>,
        work: impl FnOnce(&mut Self) -> Result<Outcome, Error>,
    ) -> Result<(), Error> {
        if self.layers.len() >= MAX_LAYERS {
            // moby, layer/layer_store.go, `ErrMaxDepthExceeded`.
            return Err(Error::Invalid("max depth exceeded".to_owned()));
        }
        let claimed = key.clone().filter(|_| cacheable);
        if let (Some(key), Turn::Done(Some(record))) = (&claimed, self.claim(claimed.as_ref())?)
            && self.take(&record)?
        {
            // Another stage has told of it.
            self.used.keys.push(key.clone());
            return self.remember(
                description,
                Some((record.diff_id.is_some(), record.created)),
            );
        }
        let name = self.caption(node);
        let step = self.step;
        self.send(Event::Started { step, name })?;
        if cacheable
            && self.asks_cache()
            && let Some(key) = &key
            && let Some(record) = self.find_result(key)?
            && self.take(&record)?
        {
            self.send(Event::Cached { step })?;
            self.settle(claimed, Turn::Done(Some(record.clone())))?;
            return self.remember(
                description,
                Some((record.diff_id.is_some(), record.created)),
            );
        }
        self.fetched_files.clear();
        let outcome = work(self);
        for (url, digest) in &self.fetched_files {
            self.witness.identify(url, digest);
        }
        if let Ok(Outcome::Layer(made)) = &outcome {
            key = made.key.clone().or(key);
        }
        let cacheable = cacheable && !matches!(outcome, Ok(Outcome::Unrepeatable(_)));
        let outcome = outcome.and_then(|outcome| self.finish(outcome));
        let error = outcome.as_ref().err().map(|error| words(error));
        self.send(Event::Ended { step, error })?;
        let layer = outcome?;
        let created = self.now();
        let record = Record {
            diff_id: layer.as_ref().map(|layer| layer.diff_id.clone()),
            tar_bytes: layer.as_ref().map_or(0, |layer| layer.size),
            created: created.clone(),
            made: (self.request.epoch).map(|_| jiff::Timestamp::now().to_string()),
            description: description.clone(),
            parent: self.layers.last().map(|layer| layer.diff_id.clone()),
            files: std::mem::take(&mut self.fetched_files),
        };
        let made = layer.is_some();
        self.layers.extend(layer);
        self.publish()?;
        if cacheable && let Some(key) = key {
            // A record whose layer never gets its name is found to be void.
            Records::new(&self.engine.store).put(&key, &record)?;
            self.used.keys.push(key);
        }
        let turn = match cacheable {
            true => Turn::Done(Some(record)),
            false => Turn::Yours,
        };
        self.settle(claimed, turn)?;
        self.remember(description, Some((made, created)))
    }

    /// Asks whether to carry out a step that other stages may have as well.
    fn claim(&self, key: Option<&Digest>) -> Result<Turn, Error> {
        // Stages of one platform have none in common but those that the cache gives them.
        let Some(key) = key.filter(|_| self.request.is_one_of_several) else {
            return Ok(Turn::Yours);
        };
        message::send(&self.channel, &Report::Claim(key.clone())).map_err(gone())?;
        let turn = message::receive(&self.channel).map_err(gone())?;
        turn.ok_or(Error::Interrupted(libc::SIGHUP))
    }

    /// Tells what has come of a step that was claimed.
    fn settle(&self, key: Option<Digest>, turn: Turn) -> Result<(), Error> {
        let Some(key) = key.filter(|_| self.request.is_one_of_several) else {
            return Ok(());
        };
        message::send(&self.channel, &Report::Settled { key, turn }).map_err(gone())
    }

    /// Adds the layer of a result that is there. Returns `false` where it is not.
    fn take(&mut self, record: &Record) -> Result<bool, Error> {
        let Some(diff_id) = &record.diff_id else {
            return Ok(true);
        };
        // Named before it is used, and looked for again now that it is: see `store`.
        self.lease(diff_id)?;
        let store = &self.engine.store;
        if !store.has_layer(diff_id) {
            return Ok(false);
        }
        let dir = store.layer_dir(diff_id);
        self.layers
            .push(Layer::made(diff_id.clone(), record.tar_bytes, dir));
        for (url, digest) in &record.files {
            self.witness.identify(url, digest);
        }
        Ok(true)
    }

    /// Looks for a result in the cache, then in those of other machines.
    fn find_result(&mut self, key: &Digest) -> Result<Option<Record>, Error> {
        let mut found = Records::new(&self.engine.store).find(key);
        if found.is_none() {
            if let Some(diff_id) = self.imported.layer_of(key) {
                self.lease(&diff_id)?;
            }
            let mut warnings = Vec::new();
            let warn = &mut |text| warnings.push(text);
            found = self.imported.find(key, self.engine, self.owners, warn);
            for text in warnings {
                self.send(Event::Warning { text })?;
            }
        }
        let found = found.filter(|record| self.is_young(record));
        if found.is_some() {
            self.used.keys.push(key.clone());
        }
        Ok(found)
    }

    /// Returns whether `--cache-ttl` has nothing against a result.
    fn is_young(&self, record: &Record) -> bool {
        let Some(ttl) = self.request.cache_ttl else {
            return true;
        };
        let now = jiff::Timestamp::now();
        let age = record.made_at().map(|made| now.duration_since(made));
        age.is_some_and(|age| age.unsigned_abs() < ttl)
    }

    fn finish(&mut self, outcome: Outcome) -> Result<Option<Layer>, Error> {
        let (Outcome::Layer(made) | Outcome::Unrepeatable(made)) = outcome else {
            return Ok(None);
        };
        let finished = layer::finish(made, self.owners, self.request.epoch)?;
        self.lease(&finished.layer.diff_id)?;
        self.unpublished.push(finished.verified);
        Ok(Some(finished.layer))
    }

    /// Makes what has been built last.
    fn publish(&mut self) -> Result<(), Error> {
        let set = std::mem::take(&mut self.unpublished);
        if set.is_empty() {
            return Ok(());
        }
        self.engine.store.publish_unsettled(set)?;
        for layer in &mut self.layers {
            layer.dir = self.engine.store.layer_dir(&layer.diff_id);
        }
        Ok(())
    }

    /// Adds to the history: a layer with when it was made, or `None` for an instruction without.
    fn remember(&mut self, line: String, made: Option<(bool, String)>) -> Result<(), Error> {
        let is_layer = made.as_ref().is_some_and(|(is_layer, _)| *is_layer);
        if let Some((_, created)) = made {
            self.last_created = Some(created);
        }
        self.told += line.len() as u64;
        if self.image.history.len() >= MAX_HISTORY || self.told > MAX_CONFIG_BYTES {
            return Err(too_long());
        }
        self.image.history.push(History {
            created: self.last_created.clone(),
            created_by: Some(line),
            empty_layer: (!is_layer).then_some(true),
            ..History::default()
        });
        Ok(())
    }

    /// Returns the build's time: `SOURCE_DATE_EPOCH`, or now.
    fn now(&self) -> String {
        let now = match self.request.epoch {
            Some(seconds) => jiff::Timestamp::from_second(seconds).unwrap_or_default(),
            None => jiff::Timestamp::now(),
        };
        now.to_string()
    }

    /// Returns the key fields that all steps above the layers so far have.
    pub(super) fn key(&self, kind: &str) -> Key {
        let mut key = Key::new(kind);
        key.list(
            "layers",
            self.layers.iter().map(|layer| layer.diff_id.as_str()),
        );
        key.field("platform", self.platform.to_string());
        key.field("epoch", format!("{:?}", self.request.epoch));
        key
    }

    /// Returns what keeps content for the build.
    pub(super) fn lease_mut(&mut self) -> &mut Lease {
        self.lease
    }

    fn lease(&mut self, digest: &Digest) -> Result<(), Error> {
        Ok(self.lease.add(digest)?)
    }

    /// Tells the observer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the coordinator has gone.
    pub(super) fn send(&self, event: Event) -> Result<(), Error> {
        message::send(&self.channel, &Report::Event(event)).map_err(gone())
    }
}

/// Whether `--provenance` tells the steps.
fn is_asked_for_steps(request: &Request) -> bool {
    let asked = request.provenance.as_ref();
    asked.is_some_and(|asked| asked.options.mode == Mode::Max)
}

/// Whether an instruction is shown as a step.
fn makes_step(node: &Node) -> bool {
    matches!(node.instruction, "RUN" | "COPY" | "ADD" | "WORKDIR")
}

fn gone() -> impl FnOnce(std::io::Error) -> Error {
    failed("talk to", Path::new("the build's first process"))
}
