//! The process that the user started: it begins the stages that are needed, side by side, and passes on what they tell.
//!
//! A stage that needs another one's result asks for it when it gets there, and waits. Since stages only use earlier ones,
//! nobody waits for himself. When one stage fails the others are ended.
//!
//! For several platforms the same Dockerfile is built several times, side by side like stages. A step that they have in
//! common is claimed before it is carried out, so that it is carried out once. Who holds a claim waits for nobody.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait as wait_any,
};
use serde::Serialize;

use super::cache::{Imported, Record, Used};
use super::dockerfile::Argument;
use super::error::{Error, failed};
use super::event::{Event, Observer};
use super::leftovers;
use super::message::{self, Report, StageResult, Turn};
use super::plan::{Plan, PlannedStage};
use super::provenance::Witness;
use super::request::{Isolation, Request};
use super::stage::{Task, Worker};
use crate::container::{Engine, Resources};
use crate::content::Digest;
use crate::image::layer::Owners;
use crate::patience::Patience;
use crate::runtime;
use crate::store::{Lease, sweep_run_dir};
use crate::sys::child::die_with;
use crate::sys::process::{Side, exit_now, fork, wait};

/// How often the observer is called while nothing happens.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// For what dies when stages are killed: it may wait for a busy disk.
const DYING: Patience = Patience::of_millis(30_000, 5);

/// A process that builds a stage.
struct Process {
    pid: u32,
    channel: UnixStream,
}

/// A stage for one of the platforms. In the order in which they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Unit {
    stage: usize,
    /// Which of the parts.
    part: usize,
}

/// What is built for one platform.
pub(super) struct Part<'a> {
    pub(super) request: &'a Request,
    pub(super) plan: &'a Plan,
    /// Keeps its result.
    pub(super) lease: Lease,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The target's.
    pub(super) result: StageResult,
    /// What all stages have used of the cache.
    pub(super) used: Used,
    /// What else each of them has used.
    pub(super) witnesses: BTreeMap<usize, Witness>,
}

/// What is known of the stages of a part that are built.
#[derive(Debug, Default)]
struct Gathered {
    used: Used,
    witnesses: BTreeMap<usize, Witness>,
    /// Bytes of the steps that they tell.
    told_bytes: usize,
}

/// A step that several stages may have.
#[derive(Debug)]
enum Claim {
    /// Somebody carries it out.
    Held {
        waiting: VecDeque<Unit>,
    },
    Done(Option<Record>),
}

struct Scheduler<'a, 'p> {
    parts: &'p mut [Part<'a>],
    engine: &'a Engine,
    owners: Owners,
    imported: &'p Imported,
    running: BTreeMap<Unit, Process>,
    results: BTreeMap<Unit, StageResult>,
    /// One per part.
    gathered: Vec<Gathered>,
    /// Who waits for a stage.
    waiting: BTreeMap<Unit, Vec<Unit>>,
    claims: BTreeMap<Digest, Claim>,
    /// Stages that have not begun, in the order of the Dockerfile.
    queue: VecDeque<Unit>,
}

/// How many numbers the stages of one part take: one is for what belongs to no stage.
pub(super) fn stride(request: &Request) -> usize {
    request.no_stage() + 1
}

/// Builds what the target of each part needs, and returns what came of them, in order. The calling process has one thread and
/// is inside the user's id map.
///
/// # Errors
///
/// The first failure; [`Error::Interrupted`].
pub(super) fn run<'a>(
    parts: &mut [Part<'a>],
    engine: &'a Engine,
    owners: Owners,
    imported: &Imported,
    observer: &mut dyn Observer,
) -> Result<Vec<Outcome>, Error> {
    let mut queue = Vec::new();
    for (part, Part { plan, .. }) in parts.iter().enumerate() {
        let stages = plan.stages.iter().flatten().map(|stage| stage.number);
        queue.extend(stages.map(|stage| Unit { stage, part }));
    }
    queue.sort_unstable();
    let mut scheduler = Scheduler {
        engine,
        owners,
        imported,
        gathered: parts.iter().map(|_| Gathered::default()).collect(),
        parts,
        running: BTreeMap::new(),
        results: BTreeMap::new(),
        waiting: BTreeMap::new(),
        claims: BTreeMap::new(),
        queue: queue.into(),
    };
    // What a stage that is killed has started comes to us. Where that cannot be had its end is not waited for.
    let _ = set_child_subreaper(Some(getpid()));
    let result = scheduler.run(observer);
    scheduler.end_all();
    let gathered = std::mem::take(&mut scheduler.gathered);
    // What is still to do waits for disks, pipes and registries, and leaves nothing that the next command does not remove.
    observer.release_signals();
    let results = result?;
    let parts = parts.iter().zip(&results);
    let mut unused = parts.map(|(part, result)| unused_args(part, result));
    let mut in_all = unused.next().unwrap_or_default();
    for other in unused {
        in_all.retain(|name| other.contains(name));
    }
    if !in_all.is_empty() {
        // The words of docker's first builder and of buildah; BuildKit says nothing.
        let in_all = in_all.join(" ");
        let text = format!("One or more build-args [{in_all}] were not consumed");
        observer.event(&Event::Warning { text });
    }
    let outcome = |(result, gathered)| {
        let Gathered {
            used, witnesses, ..
        } = gathered;
        Outcome {
            result,
            used,
            witnesses,
        }
    };
    Ok(results.into_iter().zip(gathered).map(outcome).collect())
}

/// Returns the `--build-arg`s that nothing declares.
fn unused_args<'a>(part: &Part<'a>, result: &StageResult) -> Vec<&'a str> {
    let plan: &'a Plan = part.plan;
    (plan.globals).unused(|name| declares(part.request, result, name))
}

/// Whether an ARG of any stage, or of a base image's triggers, declares `name`.
fn declares(request: &Request, result: &StageResult, name: &str) -> bool {
    let is_it = |line: &str| {
        let words = line.strip_prefix("ARG ").unwrap_or_default();
        words.split([' ', '=']).any(|word| word == name)
    };
    let nodes = request.stages.stages.iter().flat_map(|stage| &stage.nodes);
    let in_stages = nodes
        .filter_map(|node| match &node.argument {
            Argument::Declarations(list) => Some(list),
            _ => None,
        })
        .flatten()
        .any(|(declared, _)| declared == name || declared.contains('$'));
    let history = result.image.history.iter();
    in_stages
        || history
            .filter_map(|entry| entry.created_by.as_deref())
            .any(is_it)
}

impl Scheduler<'_, '_> {
    fn run(&mut self, observer: &mut dyn Observer) -> Result<Vec<StageResult>, Error> {
        let targets: Vec<Unit> = (self.parts.iter().enumerate())
            .map(|(part, Part { request, .. })| Unit {
                stage: request.target,
                part,
            })
            .collect();
        loop {
            self.begin_more()?;
            if self.running.is_empty() {
                let results = targets.iter().filter_map(|unit| self.results.remove(unit));
                let results: Vec<StageResult> = results.collect();
                if results.len() == targets.len() {
                    return Ok(results);
                }
            }
            let ready = self.wait(observer)?;
            for unit in ready {
                self.hear(unit, observer)?;
            }
        }
    }

    /// Begins stages until as many are at work as may be. Those that wait for others do not count: with one at a time
    /// they would wait forever.
    fn begin_more(&mut self) -> Result<(), Error> {
        let jobs = self.parts.iter().map(|part| part.request.jobs).max();
        loop {
            let for_stages: usize = self.waiting.values().map(Vec::len).sum();
            let for_steps = self.claims.values().map(|claim| match claim {
                Claim::Held { waiting } => waiting.len(),
                Claim::Done(_) => 0,
            });
            let waiting = for_stages + for_steps.sum::<usize>();
            if self.running.len() - waiting >= jobs.unwrap_or(1) {
                return Ok(());
            }
            match self.queue.pop_front() {
                Some(unit) => self.begin(unit)?,
                None => return Ok(()),
            }
        }
    }

    fn begin(&mut self, unit: Unit) -> Result<(), Error> {
        let Part { request, plan, .. } = self.parts[unit.part];
        let stage = match &plan.stages[unit.stage] {
            Some(stage) => stage.clone(),
            // What triggers of a base image need shows when that is there.
            None => {
                let named = |name: &str| request.contexts.contains_key(name);
                plan.later(&request.stages, unit.stage, request.escape, &named)?
            }
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed("connect to", "a stage"))?;
        let coordinator = getpid();
        match fork().map_err(failed("start", "a stage"))? {
            Side::Parent(pid) => {
                let channel = ours;
                self.running.insert(unit, Process { pid, channel });
                Ok(())
            }
            Side::Child => {
                drop(ours);
                // Whoever holds our end of another stage's channel would keep that from noticing that we are gone.
                self.running.clear();
                exit_now(self.child(coordinator, theirs, unit.part, &stage))
            }
        }
    }

    /// In the new process: builds the stage.
    fn child(
        &mut self,
        coordinator: Pid,
        channel: UnixStream,
        part: usize,
        stage: &PlannedStage,
    ) -> u8 {
        let (Ok(()), Ok(report)) = (die_with(coordinator), channel.try_clone()) else {
            return 1;
        };
        let Part {
            request,
            plan,
            lease,
        } = &mut self.parts[part];
        let task = Task {
            request,
            plan,
            stage,
            engine: self.engine,
            owners: self.owners,
            imported: self.imported,
        };
        let built = Worker::build(task, channel, lease);
        let message = match built {
            Ok(result) => Report::Done(Box::new(result)),
            Err(failure) => Report::Failed(failure),
        };
        u8::from(message::send(&report, &message).is_err())
    }

    /// Returns the stages that have something to say.
    fn wait(&mut self, observer: &mut dyn Observer) -> Result<Vec<Unit>, Error> {
        loop {
            if let Some(signal) = observer.interruption() {
                return Err(Error::Interrupted(signal));
            }
            let mut fds: Vec<PollFd<'_>> = (self.running.values())
                .map(|process| PollFd::from_borrowed_fd(process.channel.as_fd(), PollFlags::IN))
                .collect();
            match poll(&mut fds, Some(&TICK)) {
                Ok(0) => observer.tick(),
                Ok(_) => {
                    let units = self.running.keys().zip(&fds);
                    let ready = units.filter(|(_, fd)| !fd.revents().is_empty());
                    return Ok(ready.map(|(unit, _)| *unit).collect());
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(failed("wait for", "a stage")(errno.into())),
            }
        }
    }

    /// Takes one message.
    fn hear(&mut self, unit: Unit, observer: &mut dyn Observer) -> Result<(), Error> {
        let Some(process) = self.running.get(&unit) else {
            return Ok(());
        };
        let report: Option<Report> =
            message::receive(&process.channel).map_err(failed("hear from", "a stage"))?;
        match report {
            Some(Report::Event(event)) => {
                let first = unit.part * stride(self.parts[unit.part].request);
                observer.event(&event.counted_from(first));
            }
            Some(Report::Need(stage)) => self.answer(unit, Unit { stage, ..unit })?,
            Some(Report::Claim(key)) => self.claim(unit, key)?,
            Some(Report::Settled { key, turn }) => self.settle(key, turn)?,
            Some(Report::Done(result)) => {
                let gathered = &mut self.gathered[unit.part];
                gathered.used.absorb(&result.used);
                result.witness.count(&mut gathered.told_bytes)?;
                (gathered.witnesses).insert(unit.stage, result.witness.clone());
                self.reap(unit);
                for waiting in self.waiting.remove(&unit).unwrap_or_default() {
                    self.give(waiting, &*result)?;
                }
                self.results.insert(unit, *result);
            }
            Some(Report::Failed(failure)) => return Err(Error::Step(failure)),
            None => {
                let code = self.reap(unit);
                if let Some(signal) = observer.interruption() {
                    return Err(Error::Interrupted(signal));
                }
                return Err(Error::Worker(code));
            }
        }
        Ok(())
    }

    fn answer(&mut self, asking: Unit, other: Unit) -> Result<(), Error> {
        if let Some(result) = self.results.get(&other) {
            return self.give(asking, result);
        }
        self.waiting.entry(other).or_default().push(asking);
        if !self.running.contains_key(&other) {
            self.queue.retain(|queued| *queued != other);
            self.begin(other)?;
        }
        Ok(())
    }

    /// Has whoever comes first carry the step out, and the others wait.
    fn claim(&mut self, unit: Unit, key: Digest) -> Result<(), Error> {
        match self.claims.get_mut(&key) {
            Some(Claim::Held { waiting }) => {
                waiting.push_back(unit);
                Ok(())
            }
            Some(Claim::Done(record)) => {
                let turn = Turn::Done(record.clone());
                self.give(unit, &turn)
            }
            None => {
                let waiting = VecDeque::new();
                self.claims.insert(key, Claim::Held { waiting });
                self.give(unit, &Turn::Yours)
            }
        }
    }

    /// Tells those who wait for a step.
    fn settle(&mut self, key: Digest, turn: Turn) -> Result<(), Error> {
        let Some(Claim::Held { mut waiting }) = self.claims.remove(&key) else {
            return Ok(());
        };
        match &turn {
            Turn::Done(record) => {
                self.claims.insert(key, Claim::Done(record.clone()));
                waiting.iter().try_for_each(|unit| self.give(*unit, &turn))
            }
            Turn::Yours => match waiting.pop_front() {
                Some(next) => {
                    self.claims.insert(key, Claim::Held { waiting });
                    self.give(next, &turn)
                }
                None => Ok(()),
            },
        }
    }

    fn give(&self, unit: Unit, answer: &impl Serialize) -> Result<(), Error> {
        match self.running.get(&unit) {
            Some(process) => {
                message::send(&process.channel, answer).map_err(failed("answer", "a stage"))
            }
            None => Ok(()),
        }
    }

    fn reap(&mut self, unit: Unit) -> u8 {
        match self.running.remove(&unit) {
            Some(process) => wait(process.pid).unwrap_or(u8::MAX),
            None => u8::MAX,
        }
    }

    /// Ends what still runs, and removes what it leaves behind.
    fn end_all(&mut self) {
        let had_to = !self.running.is_empty();
        for process in self.running.values() {
            if let Some(pid) = Pid::from_raw(process.pid as i32) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        for unit in self.running.keys().copied().collect::<Vec<_>>() {
            self.reap(unit);
        }
        if had_to {
            let requests = || self.parts.iter().map(|part| part.request);
            if requests().any(|request| request.isolation == Isolation::Chroot) {
                leftovers::end(None);
            }
            reap_orphans();
            // What cannot be removed now, prune finds.
            let _ = self.engine.store.sweep_left_overs();
            let _ = sweep_run_dir(&self.engine.store, &self.engine.settings.run_dir);
            if requests().any(|request| request.run.resources != Resources::default()) {
                runtime::sweep();
            }
        }
    }
}

/// Waits for the processes that killed stages had started: they die with those, but not at once, and until then hold what
/// they were given.
fn reap_orphans() {
    let wait = DYING.begin();
    loop {
        match wait_any(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) if wait.pause() => {}
            // Nobody is left, or it takes too long.
            Ok(None) | Err(_) => return,
        }
    }
}
