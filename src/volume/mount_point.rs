//! What a container's record keeps of a mount.

use serde::{Deserialize, Serialize};

/// Docker's `MountPoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MountPoint {
    /// `bind`, `volume`, `tmpfs`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Name of the volume.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Host path of a bind mount; empty for a volume, whose place is known by its name.
    pub source: String,
    /// Absolute path inside.
    pub destination: String,
    /// `local` for volumes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Options as typed: `z`, `ro`, …
    pub mode: String,
    /// Whether it can be written.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// `rprivate`, …
    pub propagation: String,
    /// An anonymous volume, removed by `rm -v` and `--rm`. Not Docker's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// Not filled from the image: `nocopy`. Not Docker's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_copy: bool,
}
