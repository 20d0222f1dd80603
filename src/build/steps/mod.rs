//! The steps that make layers.

pub(super) mod archive;
pub(super) mod base;
pub(super) mod copy;
mod mounts;
pub(super) mod run;
pub(super) mod workdir;
