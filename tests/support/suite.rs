//! From scenarios to trials: one per kind of user, ignored with a reason where it cannot run.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::env::{Engine, TestEnv};
use super::needs::Need;
use super::users::Tier;

/// A file of scenarios: its name, and what is in it.
pub(crate) type File = (&'static str, fn() -> Vec<Scenario>);

/// Something that must hold, for every kind of user unless it says otherwise.
#[derive(Clone)]
pub(crate) struct Scenario {
    name: &'static str,
    body: Body,
    needs: Vec<Need>,
    tiers: Vec<Tier>,
    docker: bool,
}

#[derive(Clone, Copy)]
enum Body {
    PerUser(fn(&TestEnv)),
    PerCase(fn(&TestEnv, &str)),
    Once(fn()),
}

/// A scenario of a function over a [`TestEnv`], named after it.
macro_rules! scenario {
    ($function:ident) => {
        $crate::support::Scenario::per_user(stringify!($function), $function)
    };
}

/// A check that has no user.
macro_rules! once {
    ($function:ident) => {
        $crate::support::Scenario::once(stringify!($function), $function)
    };
}

pub(crate) use {once, scenario};

#[allow(
    dead_code,
    reason = "the words are there before the first scenario that says them"
)]
impl Scenario {
    pub(crate) fn per_user(name: &'static str, function: fn(&TestEnv)) -> Scenario {
        Scenario {
            name,
            body: Body::PerUser(function),
            needs: Vec::new(),
            tiers: Tier::ALL.to_vec(),
            docker: false,
        }
    }

    /// One of many that only differ in what they read: `function` gets the name.
    pub(crate) fn per_case(name: String, function: fn(&TestEnv, &str)) -> Scenario {
        Scenario {
            // The list is made once in a run.
            name: name.leak(),
            body: Body::PerCase(function),
            needs: Vec::new(),
            tiers: Tier::ALL.to_vec(),
            docker: false,
        }
    }

    pub(crate) fn once(name: &'static str, function: fn()) -> Scenario {
        Scenario {
            name,
            body: Body::Once(function),
            needs: Vec::new(),
            tiers: Vec::new(),
            docker: false,
        }
    }

    /// Ignored where `need` is missing.
    pub(crate) fn needs(mut self, need: Need) -> Scenario {
        self.needs.push(need);
        self
    }

    /// Only has a meaning for these users.
    pub(crate) fn only(mut self, tiers: &[Tier]) -> Scenario {
        self.tiers = tiers.to_vec();
        self
    }

    /// Claims that Docker does the same; so it also runs against a peer (`CTR_TEST_ENGINE`). The `source` of the claim is
    /// for the reader: a page of the documentation, or the version it was measured on.
    pub(crate) fn claimed_of_docker(mut self, source: &str) -> Scenario {
        assert!(!source.is_empty(), "{}: a claim needs a source", self.name);
        self.docker = true;
        self
    }

    fn trials(self, file: &str) -> Vec<Trial> {
        let name = self.name;
        match self.body {
            Body::Once(check) => vec![Trial::test(format!("{file}::{name}"), move || {
                catch_unwind(check).map_err(|panic| Failed::from(words(&*panic)))
            })],
            body @ (Body::PerUser(_) | Body::PerCase(_)) => (self.tiers.iter())
                .map(|&tier| {
                    let (needs, docker) = (self.needs.clone(), self.docker);
                    let function = move |env: &TestEnv| match body {
                        Body::PerUser(function) => function(env),
                        Body::PerCase(function) => function(env, name),
                        Body::Once(check) => check(),
                    };
                    Trial::ignorable_test(format!("{}::{file}::{name}", tier.name()), move || {
                        run_as(tier, &needs, docker, function)
                    })
                })
                .collect(),
        }
    }
}

fn run_as(
    tier: Tier,
    needs: &[Need],
    docker: bool,
    function: impl Fn(&TestEnv),
) -> Result<Completion, Failed> {
    let engine = Engine::from_env();
    if engine.is_peer() && !docker {
        return Ok(Completion::ignored_with("claims nothing about Docker"));
    }
    let user = match tier.user() {
        Ok(user) => user,
        Err(reason) => return Ok(Completion::ignored_with(reason)),
    };
    if let Some(reason) = needs.iter().find_map(|need| need.check(user).err()) {
        return Ok(Completion::ignored_with(reason));
    }
    let env = TestEnv::new(user, engine)?;
    let result = catch_unwind(AssertUnwindSafe(|| function(&env)));
    if result.is_err() && std::env::var_os("CTR_TEST_KEEP").is_some() {
        let kept = env.keep();
        return result.map(|()| Completion::Completed).map_err(|panic| {
            format!(
                "{}
kept: {}",
                words(&*panic),
                kept.display()
            )
            .into()
        });
    }
    let closed = env.close();
    result.map_err(|panic| words(&*panic))?;
    closed?;
    Ok(Completion::Completed)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    let location = PANICKED_AT.take().unwrap_or_default();
    format!("{location}: {}", text.unwrap_or("a panic without words"))
}

thread_local! {
    /// Where this thread has panicked last; the payload only has the words.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Nothing of how the suite was started matters to what it tests: modes of files, signals that a shell's background job or
/// `nohup` ignores.
fn forget_the_caller() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    ctr::sys::signal::reset_dispositions(ctr::sys::signal::ignored());
    // A command that does not read its input is no reason to die.
    ctr::sys::signal::ignore_broken_pipes();
}

/// Keeps what libtest-mimic prints at the end from being printed twice, with a stack of the harness.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        PANICKED_AT.with_borrow_mut(|kept| *kept = location);
    }));
}

/// Runs the scenarios of all files as the command line asks.
pub(crate) fn run(files: &[File]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    forget_the_caller();
    if !arguments.list {
        super::env::shared();
    }
    // As many as there are cores: most of the work is the kernel's, and more only makes time-outs meaningless.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(cores);
    let trials = files
        .iter()
        .flat_map(|(file, scenarios)| scenarios().into_iter().flat_map(|s| s.trials(file)))
        .collect();
    // Only from now on: what has failed so far nobody else would tell.
    keep_panics_quiet();
    let conclusion = libtest_mimic::run(&arguments, trials);
    super::env::remove_shared_files();
    conclusion.exit_code()
}
