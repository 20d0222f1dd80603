//! The steps that make layers.

pub(super) mod archive;
pub(super) mod base;
pub(super) mod copy;
mod mounts;
mod remote;
pub(super) mod run;
mod volumes;
pub(super) mod workdir;
