//! Everything that is tested through the built program: one binary, one file per command or area.
//!
//! A scenario is written once, as a function over a [`TestEnv`](support::TestEnv), and becomes one trial per kind of user: `root::run::…`,
//! `subids::run::…` and `nosubids::run::…`. Run as root, the suite makes the two unprivileged users it needs
//! (`ctr-test`, `ctr-test-nosub`); run by anybody else, the trials of that user run and the others are reported as
//! ignored with the reason.
//!
//! ```text
//! cargo test --test all                          everything
//! cargo test --test all -- nosubids::run         one area as one kind of user
//! CTR_TEST_BINARY=/usr/bin/ctr cargo test …      another build of the program
//! CTR_TEST_ENGINE=podman cargo test …            the scenarios that claim Docker's behaviour, against a peer
//! CTR_TEST_KEEP=1 cargo test …                   leave the directories of failed scenarios behind
//! ```
//!
//! A new file goes into [`FILES`], and as a `mod` above it; `layout` fails when one is forgotten.

mod archive;
mod build;
mod build_call;
mod build_contexts;
mod build_crash;
mod build_flags;
mod build_hostile;
mod build_isolation;
mod build_output;
mod build_platform;
mod build_progress;
mod build_provenance;
mod build_remote;
mod build_reproducible;
mod build_run_flags;
mod build_sources;
mod build_squash;
mod build_ssh;
mod buildx;
mod cache;
mod corpus;
mod crash;
mod df;
mod distribution;
mod emulation;
mod escapes;
mod examples;
mod exec;
mod harness;
mod images;
mod inspect;
mod layout;
mod life;
mod limits;
mod login;
mod logs;
mod monitor;
mod network;
mod prune;
mod ps;
mod pull;
mod pull_auth;
mod pull_faults;
mod push;
mod push_faults;
mod registry_flags;
mod run;
mod run_emulated;
mod run_inside;
mod run_mounts;
mod run_refused;
mod support;
mod terminal;
mod usage;
mod volume;

use std::process::ExitCode;

use support::File;

/// The scenarios of each file.
const FILES: &[File] = &[
    ("archive", archive::scenarios),
    ("build", build::scenarios),
    ("build_call", build_call::scenarios),
    ("build_contexts", build_contexts::scenarios),
    ("build_crash", build_crash::scenarios),
    ("cache", cache::scenarios),
    ("build_flags", build_flags::scenarios),
    ("build_hostile", build_hostile::scenarios),
    ("build_isolation", build_isolation::scenarios),
    ("build_output", build_output::scenarios),
    ("build_platform", build_platform::scenarios),
    ("build_progress", build_progress::scenarios),
    ("build_provenance", build_provenance::scenarios),
    ("build_remote", build_remote::scenarios),
    ("build_ssh", build_ssh::scenarios),
    ("build_sources", build_sources::scenarios),
    ("build_squash", build_squash::scenarios),
    ("buildx", buildx::scenarios),
    ("build_reproducible", build_reproducible::scenarios),
    ("build_run_flags", build_run_flags::scenarios),
    ("corpus", corpus::scenarios),
    ("crash", crash::scenarios),
    ("distribution", distribution::scenarios),
    ("df", df::scenarios),
    ("emulation", emulation::scenarios),
    ("escapes", escapes::scenarios),
    ("examples", examples::scenarios),
    ("exec", exec::scenarios),
    ("harness", harness::scenarios),
    ("images", images::scenarios),
    ("inspect", inspect::scenarios),
    ("layout", layout::scenarios),
    ("life", life::scenarios),
    ("limits", limits::scenarios),
    ("login", login::scenarios),
    ("logs", logs::scenarios),
    ("monitor", monitor::scenarios),
    ("network", network::scenarios),
    ("prune", prune::scenarios),
    ("ps", ps::scenarios),
    ("pull", pull::scenarios),
    ("pull_auth", pull_auth::scenarios),
    ("pull_faults", pull_faults::scenarios),
    ("push", push::scenarios),
    ("push_faults", push_faults::scenarios),
    ("registry_flags", registry_flags::scenarios),
    ("run", run::scenarios),
    ("run_emulated", run_emulated::scenarios),
    ("run_inside", run_inside::scenarios),
    ("run_mounts", run_mounts::scenarios),
    ("run_refused", run_refused::scenarios),
    ("terminal", terminal::scenarios),
    ("usage", usage::scenarios),
    ("volume", volume::scenarios),
];

fn main() -> ExitCode {
    support::run(FILES)
}
