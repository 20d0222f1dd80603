//! The steps that make layers.

pub mod archive;
pub mod base;
pub mod copy;
mod mounts;
pub mod run;
pub mod workdir;
