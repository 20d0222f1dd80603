//! The process that the user started: it begins the stages that are needed, side by side, and passes on what they tell.
//!
//! A stage that needs another one's result asks for it when it gets there, and waits. Since stages only use earlier ones,
//! nobody waits for himself. When one stage fails the others are ended.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait as wait_any,
};

use super::cache::{Imported, Used};
use super::dockerfile::Argument;
use super::error::{Error, failed};
use super::event::{Event, Observer};
use super::leftovers;
use super::message::{self, Report, StageResult};
use super::plan::{Plan, PlannedStage};
use super::provenance::Witness;
use super::request::{Isolation, Request};
use super::stage::{Task, Worker};
use crate::container::{Engine, Resources};
use crate::image::layer::Owners;
use crate::patience::Patience;
use crate::runtime;
use crate::store::{Lease, sweep_run_dir};
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

struct Scheduler<'a> {
    request: &'a Request,
    plan: &'a Plan,
    engine: &'a Engine,
    owners: Owners,
    imported: &'a Imported,
    lease: &'a mut Lease,
    running: BTreeMap<usize, Process>,
    results: BTreeMap<usize, StageResult>,
    /// What of the cache all stages have used.
    used: Used,
    /// What else each has used.
    witnesses: BTreeMap<usize, Witness>,
    /// Bytes of the steps that they tell.
    told_bytes: usize,
    /// Who waits for a stage.
    waiting: BTreeMap<usize, Vec<usize>>,
    /// Stages that have not begun, in the order of the Dockerfile.
    queue: VecDeque<usize>,
}

/// What a build has come to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The target's.
    pub(super) result: StageResult,
    /// What all stages have used of the cache.
    pub(super) used: Used,
    /// What else each of them has used.
    pub(super) witnesses: BTreeMap<usize, Witness>,
}

/// Builds what the target needs. The calling process has one thread and is inside the user's id map.
///
/// # Errors
///
/// The first failure; [`Error::Interrupted`].
pub(super) fn run(
    request: &Request,
    plan: &Plan,
    engine: &Engine,
    owners: Owners,
    imported: &Imported,
    lease: &mut Lease,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let planned = plan.stages.iter().flatten().map(|stage| stage.number);
    let mut scheduler = Scheduler {
        request,
        plan,
        engine,
        owners,
        imported,
        used: Used::default(),
        witnesses: BTreeMap::new(),
        told_bytes: 0,
        lease,
        running: BTreeMap::new(),
        results: BTreeMap::new(),
        waiting: BTreeMap::new(),
        queue: planned.collect(),
    };
    // What a stage that is killed has started comes to us. Where that cannot be had its end is not waited for.
    let _ = set_child_subreaper(Some(getpid()));
    let result = scheduler.run(observer);
    scheduler.end_all();
    // What is still to do waits for disks, pipes and registries, and leaves nothing that the next command does not remove.
    observer.release_signals();
    if let Ok(result) = &result {
        let unused = (plan.globals).unused(|name| declares(request, result, name));
        if !unused.is_empty() {
            // The words of docker's first builder and of buildah; BuildKit says nothing.
            let unused = unused.join(" ");
            let text = format!("One or more build-args [{unused}] were not consumed");
            observer.event(&Event::Warning { text });
        }
    }
    let used = std::mem::take(&mut scheduler.used);
    let witnesses = std::mem::take(&mut scheduler.witnesses);
    result.map(|result| Outcome {
        result,
        used,
        witnesses,
    })
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

impl Scheduler<'_> {
    fn run(&mut self, observer: &mut dyn Observer) -> Result<StageResult, Error> {
        loop {
            self.begin_more()?;
            if self.running.is_empty()
                && let Some(result) = self.results.remove(&self.request.target)
            {
                return Ok(result);
            }
            let ready = self.wait(observer)?;
            for number in ready {
                self.hear(number, observer)?;
            }
        }
    }

    /// Begins stages until as many are at work as may be. Those that wait for others do not count: with one at a time
    /// they would wait forever.
    fn begin_more(&mut self) -> Result<(), Error> {
        loop {
            let waiting: usize = self.waiting.values().map(Vec::len).sum();
            if self.running.len() - waiting >= self.request.jobs {
                return Ok(());
            }
            match self.queue.pop_front() {
                Some(number) => self.begin(number)?,
                None => return Ok(()),
            }
        }
    }

    fn begin(&mut self, number: usize) -> Result<(), Error> {
        let request = self.request;
        let stage = match &self.plan.stages[number] {
            Some(stage) => stage.clone(),
            // What triggers of a base image need shows when that is there.
            None => {
                let named = |name: &str| request.contexts.contains_key(name);
                (self.plan).later(&request.stages, number, request.escape, &named)?
            }
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed("connect to", "a stage"))?;
        match fork().map_err(failed("start", "a stage"))? {
            Side::Parent(pid) => {
                let channel = ours;
                self.running.insert(number, Process { pid, channel });
                Ok(())
            }
            Side::Child => {
                drop(ours);
                // Whoever holds our end of another stage's channel would keep that from noticing that we are gone.
                self.running.clear();
                exit_now(self.child(theirs, &stage))
            }
        }
    }

    /// In the new process: builds the stage.
    fn child(&mut self, channel: UnixStream, stage: &PlannedStage) -> u8 {
        let parent_gone = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        let Ok(report) = channel.try_clone() else {
            return 1;
        };
        if parent_gone.is_err() {
            return 1;
        }
        let task = Task {
            request: self.request,
            plan: self.plan,
            stage,
            engine: self.engine,
            owners: self.owners,
            imported: self.imported,
        };
        let built = Worker::build(task, channel, self.lease);
        let message = match built {
            Ok(result) => Report::Done(Box::new(result)),
            Err(failure) => Report::Failed(failure),
        };
        u8::from(message::send(&report, &message).is_err())
    }

    /// Returns the stages that have something to say.
    fn wait(&mut self, observer: &mut dyn Observer) -> Result<Vec<usize>, Error> {
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
                    let numbers = self.running.keys().zip(&fds);
                    let ready = numbers.filter(|(_, fd)| !fd.revents().is_empty());
                    return Ok(ready.map(|(number, _)| *number).collect());
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(failed("wait for", "a stage")(errno.into())),
            }
        }
    }

    /// Takes one message.
    fn hear(&mut self, number: usize, observer: &mut dyn Observer) -> Result<(), Error> {
        let Some(process) = self.running.get(&number) else {
            return Ok(());
        };
        let report: Option<Report> =
            message::receive(&process.channel).map_err(failed("hear from", "a stage"))?;
        match report {
            Some(Report::Event(event)) => observer.event(&event),
            Some(Report::Need(other)) => self.answer(number, other)?,
            Some(Report::Done(result)) => {
                self.used.absorb(&result.used);
                result.witness.count(&mut self.told_bytes)?;
                self.witnesses.insert(number, result.witness.clone());
                self.reap(number);
                for waiting in self.waiting.remove(&number).unwrap_or_default() {
                    self.give(waiting, &result)?;
                }
                self.results.insert(number, *result);
            }
            Some(Report::Failed(failure)) => return Err(Error::Step(failure)),
            None => {
                let code = self.reap(number);
                if let Some(signal) = observer.interruption() {
                    return Err(Error::Interrupted(signal));
                }
                return Err(Error::Worker(code));
            }
        }
        Ok(())
    }

    fn answer(&mut self, asking: usize, other: usize) -> Result<(), Error> {
        if let Some(result) = self.results.get(&other).cloned() {
            return self.give(asking, &result);
        }
        self.waiting.entry(other).or_default().push(asking);
        if !self.running.contains_key(&other) {
            self.queue.retain(|queued| *queued != other);
            self.begin(other)?;
        }
        Ok(())
    }

    fn give(&self, number: usize, result: &StageResult) -> Result<(), Error> {
        match self.running.get(&number) {
            Some(process) => {
                message::send(&process.channel, result).map_err(failed("answer", "a stage"))
            }
            None => Ok(()),
        }
    }

    fn reap(&mut self, number: usize) -> u8 {
        match self.running.remove(&number) {
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
        for number in self.running.keys().copied().collect::<Vec<_>>() {
            self.reap(number);
        }
        if had_to {
            if self.request.isolation == Isolation::Chroot {
                leftovers::end(None);
            }
            reap_orphans();
            // What cannot be removed now, prune finds.
            let _ = self.engine.store.sweep_left_overs();
            let _ = sweep_run_dir(&self.engine.store, &self.engine.settings.run_dir);
            if self.request.run.resources != Resources::default() {
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
