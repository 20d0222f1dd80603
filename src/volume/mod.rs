//! Volumes and mount arguments.
//!
//! ```text
//! -v, --mount, --tmpfs ──parse──► MountRequest ──resolve──► MountPoint ──spec──► runtime-spec mount
//!                                 image's VOLUMEs ────┘ └─► volumes made, copy-ups to do
//! ```
//!
//! A [`MountRequest`] is what was typed, checked as far as text can be. [`resolve`](resolve::resolve) makes the volumes that
//! are missing and says which of them are to be filled from the image ([`CopyUp`]); the record keeps the result without
//! any path of the store, and [`spec_mounts`] turns it into mounts at each start.
//!
//! The words of the errors are those of the Docker CLI (`opts/mount.go`, `cli/compose/loader/volume.go`) and of the
//! Engine (`volume/mounts/linux_parser.go`, `volume/service`), since scripts look for them.

mod bind_flag;
mod copy_up;
pub(crate) mod csv;
mod mount_flag;
mod mount_point;
mod resolve;
mod spec;
mod tmpfs;
mod volumes;

use std::path::{Component, Path, PathBuf};

use crate::store;

pub use bind_flag::parse_volume;
pub use copy_up::{CopyUp, copy_up, unfinished_copies};
pub use mount_flag::parse_mount;
pub use mount_point::MountPoint;
pub use resolve::{Resolved, resolve};
pub use spec::spec_mounts;
pub use tmpfs::parse_tmpfs;
pub use volumes::{PrunedVolumes, Volume, Volumes};

/// One mount that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountRequest {
    /// Clean absolute path inside the container; never `/`.
    pub target: String,
    /// Whether the container may not write.
    pub read_only: bool,
    /// What is mounted.
    pub kind: RequestKind,
    /// `SRC:DST[:opts]`, with a relative source made absolute: what Docker lists in `HostConfig.Binds`. `None` for other
    /// flags, and for a `-v` without a source.
    pub bind: Option<String>,
}

/// What a [`MountRequest`] mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// A file or directory of the host.
    Bind {
        /// Clean absolute path.
        source: PathBuf,
        /// Make a directory where `source` is missing (`-v`), or refuse (`--mount`).
        create_source: bool,
        /// `rprivate`, `rshared`, …
        propagation: String,
        /// What `MountPoint.mode` keeps.
        mode: String,
    },
    /// A volume.
    Volume {
        /// `None` for an anonymous one.
        name: Option<String>,
        /// Fill it from the image while it is empty.
        copy: bool,
        /// For a volume that has to be made.
        labels: Vec<(String, String)>,
        /// What `MountPoint.mode` keeps.
        mode: String,
    },
    /// Memory.
    Tmpfs {
        /// Comma-separated mount options beyond the defaults.
        options: String,
        /// From `--tmpfs`, which Docker keeps in `HostConfig.Tmpfs`, not among the mounts.
        short_form: bool,
    },
}

/// What is wrong with a mount or a volume.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `-v ''`.
    #[error("invalid empty volume spec")]
    EmptySpec,
    /// A `-v` whose colons do not make sense.
    #[error("invalid spec: {spec}: {problem}")]
    Colons {
        /// As typed.
        spec: String,
        /// `empty section between colons`, `too many colons`.
        problem: &'static str,
    },
    /// A `-v` that is no mount.
    #[error("invalid volume specification: '{0}'")]
    Spec(String),
    /// Unknown or doubled words after the second colon.
    #[error("invalid mode: {0}")]
    Mode(String),
    /// A mount that cannot be.
    #[error("{}invalid mount config for type \"{kind}\": {problem}", prefix(.spec))]
    Config {
        /// The `-v` as typed; `None` for `--mount`.
        spec: Option<String>,
        /// `bind`, `volume`, `tmpfs`.
        kind: String,
        /// Why.
        problem: String,
    },
    /// A `--mount` that cannot be read.
    #[error("{0}")]
    MountFlag(String),
    /// A `--tmpfs` option that the kernel does not have.
    #[error("invalid tmpfs option {0:?}")]
    TmpfsOption(String),
    /// A relative or root target of `--tmpfs`.
    #[error("invalid tmpfs mount {target:?}: {problem}")]
    TmpfsTarget {
        /// As typed.
        target: String,
        /// Why.
        problem: String,
    },
    /// Something Docker or podman has that this program does not, by name.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// Two mounts on one path.
    #[error("Duplicate mount point: {0}")]
    Duplicate(String),
    /// A name that is none.
    #[error(
        "create {0}: {0:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are \
         allowed. If you intended to pass a host directory, use absolute path"
    )]
    Name(String),
    /// A name of so many bytes.
    #[error("invalid volume name: the name has {0} bytes, and at most {max} are allowed", max = volumes::MAX_NAME)]
    NameTooLong(usize),
    /// A name of one character.
    #[error(
        "create {0}: volume name is too short, names should be at least two alphanumeric characters"
    )]
    NameTooShort(String),
    /// No such volume.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// A container mounts it.
    #[error("remove {name}: volume is in use - [{}]", users.join(", "))]
    InUse {
        /// The volume.
        name: String,
        /// IDs of the containers.
        users: Vec<String>,
    },
    /// Filling a volume from the image failed; the words of the process that did it.
    #[error("cannot fill the volume from the image: {0}")]
    CopyUp(String),
    /// The store, or a file operation.
    #[error(transparent)]
    Store(#[from] store::Error),
}

fn prefix(spec: &Option<String>) -> String {
    match spec {
        Some(spec) => format!("invalid volume specification: '{spec}': "),
        None => String::new(),
    }
}

/// The mount propagations that `mount(8)` knows, without `unbindable`, which Docker does not take either.
const PROPAGATIONS: [&str; 6] = [
    "private", "rprivate", "slave", "rslave", "shared", "rshared",
];

/// What a bind mount has by default.
const DEFAULT_PROPAGATION: &str = "rprivate";

/// Returns an absolute path without `.`, `..`, doubled and trailing slashes, lexically, as Docker cleans targets.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    format!("/{}", parts.join("/"))
}

/// Returns the clean target, or why it is none.
fn check_target(target: &str) -> Result<String, String> {
    if target.is_empty() {
        return Err("field Target must not be empty".to_owned());
    }
    if !target.starts_with('/') {
        return Err(format!(
            "invalid mount path: '{target}' mount path must be absolute"
        ));
    }
    match clean(target) {
        root if root == "/" => Err("invalid specification: destination can't be '/'".to_owned()),
        target => Ok(target),
    }
}

/// Makes a source that begins with a dot absolute, as Docker's client does.
fn absolute_source(source: &str, cwd: &Path) -> String {
    if source.starts_with('.') {
        clean(&cwd.join(source).to_string_lossy())
    } else {
        source.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_lexically() {
        for (path, cleaned) in [
            ("/a//b/./c/", "/a/b/c"),
            ("/a/../b", "/b"),
            ("/../..", "/"),
            ("/", "/"),
        ] {
            assert_eq!(clean(path), cleaned);
        }
        assert_eq!(absolute_source("./x", Path::new("/w/d")), "/w/d/x");
        assert_eq!(absolute_source("../x", Path::new("/w/d")), "/w/x");
        assert_eq!(absolute_source("name", Path::new("/w/d")), "name");
    }
}
