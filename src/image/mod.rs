//! Images as the image-spec has them: platforms, manifests, configs, layers.

pub mod archive;
pub mod attestation;
pub mod change;
pub mod compress;
pub mod config;
pub mod decompress;
mod document;
mod expansion;
mod history;
mod import;
mod inspect;
pub mod layer;
mod list;
pub mod manifest;
mod outgoing;
mod platform;
mod progress;
pub mod pull;
pub mod push;
mod remove;
#[cfg(test)]
mod replay;
mod resolve;
#[cfg(test)]
mod tests;
mod usage;

pub use document::DocumentError;
pub use history::HistoryLine;
pub use import::{ImportError, ImportOptions, Imported, import};
pub use inspect::inspect;
pub use list::{Listed, Listing, list};
pub use platform::{Platform, PlatformError};
pub use progress::{Bytes, Event, LayerState, Progress, Silent};
pub use remove::{Error as RemoveError, ImageUser, Removed, remove, tag};
use resolve::variants;
pub use resolve::{Error, Image, read_document, resolve, resolve_base, resolve_reference};
pub use usage::{ImageUsage, Usage, usage};
