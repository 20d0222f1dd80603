//! Images as the image-spec has them: references, digests, platforms, configs, layers.

mod digest;
mod reference;

pub use digest::{Algorithm, Digest, DigestError};
pub use reference::{Reference, ReferenceError};
