//! Files of a build: where they come from, where they go.
//!
//! ```text
//! glob     the wildcards of COPY and ADD
//! source   the files that COPY's sources mean
//! target   the layer that is being written, above the layers that are there
//! copy     the one into the other
//! ```

mod copy;
mod glob;
mod source;
mod target;

pub(crate) use copy::implicit;
pub(super) use copy::{CopyOptions, Manner, copy};
pub(super) use glob::literal;
pub(super) use source::{Item, LastLink, Source};
pub(super) use target::{Implicit, Target};
