//! Images as the image-spec has them: references, digests, platforms, manifests, configs, layers.

pub mod config;
pub mod decompress;
mod digest;
pub mod layer;
pub mod limits;
pub mod manifest;
mod platform;
pub mod pull;
mod reference;
mod resolve;

pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError};
pub use resolve::{Error, Image, resolve, resolve_reference};
