//! Images as the image-spec has them: references, digests, platforms, manifests, configs, layers.

pub mod change;
pub mod compress;
pub mod config;
pub mod decompress;
mod digest;
mod document;
mod history;
mod import;
mod inspect;
pub mod layer;
pub mod limits;
mod list;
pub mod manifest;
mod platform;
pub mod pull;
pub mod push;
mod reference;
mod remove;
#[cfg(test)]
mod replay;
mod resolve;
#[cfg(test)]
mod tests;

pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use document::DocumentError;
pub use history::HistoryLine;
pub use import::{ImportError, ImportOptions, Imported, import};
pub use inspect::inspect;
pub use list::{Listed, Listing, list};
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError};
pub use remove::{Error as RemoveError, ImageUser, Removed, remove, tag};
use resolve::variants;
pub use resolve::{Error, Image, resolve, resolve_reference};
