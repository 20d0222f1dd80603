//! Archives of images: `save` and `load`.
//!
//! ```text
//! oci-layout, index.json        an OCI image layout: what is in it, and its names
//! blobs/sha256/…                indexes, manifests, configs, layers
//! manifest.json, repositories   the same for Docker, podman and skopeo: configs, layers and names by path
//! ```
//!
//! An archive is written as Docker 25 and newer write it: both at once, each blob once, no times and no owners, so that the
//! same images make the same archive. Manifests and blobs are those of the store, so that a loaded image has the digest it had;
//! a layer that has no blob is written as the plain tar that its manifest names.
//!
//! Read are the same, archives with only one of the two (older Docker, podman, skopeo, BuildKit), packed with gzip, zstd, xz or
//! not at all. Nothing in them is believed: a path is only ever a name to look up, and everything is hashed.
//!
//! Spec: image-spec, image-layout.md; moby `image/tarexport`; containerd `core/images/archive`.

mod container;
mod error;
mod found;
mod incoming;
mod layout;
mod load;
mod one;
mod save;
mod sink;
#[cfg(test)]
mod tests;

pub use container::Input;
pub use error::Error;
pub use load::{LoadOptions, Loaded, load};
pub use one::LayoutImage;
pub use save::{Format, Item, SaveOptions, save};
pub use sink::{Directory, Fill, Sink, Tar};
