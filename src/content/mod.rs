//! How content is named, and how much of it is taken: digests, references, media types, the marks of a layer, bounds.
//!
//! A leaf: what registries send, what the store keeps and what images are made of is named with these words, so all three
//! use this module and it uses none of them.
//!
//! Spec: image-spec, descriptor.md, media-types.md, layer.md; distribution/reference.

mod digest;
mod id;
pub mod limits;
pub mod media_type;
mod reference;
pub mod whiteout;

pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use id::{SHORT_ID, is_full_id, is_lower_hex};
pub use reference::{Reference, ReferenceError};
