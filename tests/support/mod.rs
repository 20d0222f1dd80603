//! What scenarios are written with; see [`TestEnv`] for the words.

#![allow(
    dead_code,
    unused_imports,
    reason = "words of the harness that no scenario uses yet"
)]

pub(crate) mod busybox;
mod command;
mod env;
pub(crate) mod image;
mod needs;
pub(crate) mod pulling;
pub(crate) mod registry;
mod suite;
mod terminal;
mod users;

pub(crate) use command::{Finished, IntoArgs, Invocation, Running};
pub(crate) use env::TestEnv;
pub(crate) use needs::{Need, outer_address};
pub(crate) use suite::{Scenario, once, run, scenario};
pub(crate) use terminal::Terminal;
pub(crate) use users::{Tier, User};
