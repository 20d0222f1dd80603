//! One root directory from a stack of layers.
//!
//! A driver turns layer directories into a [`Root`], which is data: the runtime's child half mounts it inside the
//! container's namespaces, so nothing is ever mounted outside and nothing has to be unmounted after a crash.
//!
//! Layer directories hold overlayfs's own form: whiteouts as character devices 0:0, opaque directories as
//! `user.overlay.opaque=y` (the `userxattr` form, for root as well, so that one store serves every tier).

use std::path::PathBuf;

/// How the runtime gets the container's root directory. See `overlayfs(5)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A kernel overlay, mounted with `userxattr`.
    Overlay {
        /// Layer directories in the kernel's order: topmost first. Never empty.
        lowerdirs: Vec<PathBuf>,
        /// Where writes go.
        upperdir: PathBuf,
        /// overlayfs's scratch directory, on the same filesystem as `upperdir`.
        workdir: PathBuf,
        /// Skip every sync: the container is removed when it ends, so nobody will miss what a power cut takes.
        volatile: bool,
    },
    /// A ready directory: a copied tree, or `--rootfs DIR`.
    Directory(PathBuf),
}
