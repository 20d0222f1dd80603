//! What scenarios are written with; see [`TestEnv`] for the words.

pub(crate) mod busybox;
mod command;
pub(crate) mod debian;
pub(crate) mod distribution;
mod env;
pub(crate) mod image;
mod needs;
pub(crate) mod pulling;
pub(crate) mod registry;
mod suite;
mod terminal;
mod users;

pub(crate) use command::{Finished, Invocation, Running};
pub(crate) use env::TestEnv;
pub(crate) use needs::{Need, outer_address};
pub(crate) use suite::{File, Scenario, once, run, scenario};
pub(crate) use users::Tier;
