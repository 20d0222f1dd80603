//! The build cache: results of steps by what they were made from.
//!
//! ```text
//! DATA/cache/steps/<key>       a step's result: the layer it made (JSON; its time is when it was last used)
//! DATA/cache/files             hashes of the contexts' files, by inode, size and times
//! DATA/cache/mounts/<name>     what RUN --mount=type=cache keeps
//! ```
//!
//! A [`Key`] is a hash over everything a step's result depends on: the layers below, the instruction as it is executed, and
//! the bytes and metadata of the files it reads. Nothing but the step's own input counts, so a change of CMD or LABEL costs
//! nothing later on, and a stage that comes out the same is not even noticed by those who use it.

//!
//! [`usage()`] tells what there is, [`prune()`] removes of it. A record goes first; its layer goes with the sweep that follows,
//! unless an image, a container or a build that runs needs it.

mod files;
mod filter;
mod key;
pub(super) mod mounts;
mod prune;
mod records;
mod transfer;
mod usage;

pub(super) use files::{FileHashes, State as FileState};
pub use filter::{Filter, FilterError};
pub(super) use key::Key;
pub use prune::{Limits, Policy, Pruned, keep_within_budget, prune};
pub(super) use records::{Record, Records};
pub use transfer::{CacheTarget, Place};
pub(super) use transfer::{Exporter, Imported, Used, inline};
pub use usage::{Item, Kind, Usage, usage};
