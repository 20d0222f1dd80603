//! One root directory from a stack of layers.
//!
//! A driver turns layer directories into a [`Root`], which is data: the runtime's child half mounts it inside the
//! container's namespaces, so nothing is ever mounted outside and nothing has to be unmounted after a crash.
//!
//! Layer directories hold overlayfs's own form: whiteouts as character devices 0:0, opaque directories as
//! `user.overlay.opaque=y` (the `userxattr` form, for root as well, so that one store serves every tier).
//!
//! | driver | needs | costs |
//! |---|---|---|
//! | [`Overlay`] | overlayfs in a user namespace (Linux 5.11) | two `mkdir`s |
//! | [`struct@Copy`] | nothing | a copy of the image, by reflink where the filesystem has it |
//!
//! A build's stages have a stack of layers that grows: [`Driver::stack`].
//!
//! [`select()`] tries the first once for each store and remembers what it found in `DATA/driver`; removing that file makes it
//! try again.

mod copy;
pub(crate) mod levels;
mod overlay;
mod select;
mod stack;
pub(crate) mod whiteout;

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::content::limits::MAX_PATH_BYTES;
use crate::content::whiteout::reserved;
use crate::errno;
use crate::settings::Settings;
use crate::store::{self, ContainerDir};
use crate::userns::IdMap;

pub use copy::Copy;
pub(crate) use copy::copy_tree;
pub use overlay::Overlay;
pub use select::select;
pub use stack::{Place, Stack, Upper};

/// Letters of a path that is too long.
const SHOWN: usize = 100;

/// Mode of a container's root directory, as in Docker.
const ROOT_MODE: u32 = 0o755;

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

/// A container's place and what it is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The container's directory, which exists.
    pub container: &'a ContainerDir,
    /// Layer directories, *lowest first*, as `diff_ids` are.
    pub layers: &'a [PathBuf],
    /// The ids that files can belong to.
    pub id_map: &'a IdMap,
    /// Helper programs, user names.
    pub settings: &'a Settings,
}

/// A way to make a root directory from layers.
pub trait Driver: fmt::Debug + Sync {
    /// Returns the name, as `info` shows it and `DATA/driver` keeps it.
    fn name(&self) -> &'static str;

    /// Makes what the container needs before it can be started; does nothing where that has been made. The calling process must have one
    /// thread, and is not inside the user's id map.
    ///
    /// # Errors
    ///
    /// All of [`Error`]; what was made goes with the container's directory.
    fn prepare(&self, plan: &Plan<'_>) -> Result<(), Error>;

    /// Returns the root of a prepared container. `volatile`: it is removed when it ends (`--rm`). Touches no file.
    fn root(&self, plan: &Plan<'_>, volatile: bool) -> Root;

    /// Returns the sum of the sizes of the files that the container has written, bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. Directories of the container that the user may not read count as empty.
    fn written_bytes(&self, container: &ContainerDir) -> Result<u64, Error>;

    /// Returns an empty stack for a build, which works in the empty directory `scratch`, on the filesystem of its layers. Touches
    /// no file yet; what it makes goes with that directory.
    fn stack(&self, scratch: PathBuf) -> Box<dyn Stack>;
}

/// Why there is no root directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `create`, `copy`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A command has made what no layer can have. The words are [`reserved`]'s.
    #[error("{0}")]
    Reserved(String),
    /// A command has left directories that nobody can name. The beginning of the path.
    #[error("the path of something in a layer is longer than {MAX_PATH_BYTES} bytes: /{0}…")]
    TooDeep(String),
    /// The copy of the image could not be made; the words come from another process.
    #[error("cannot copy the image's files: {0}")]
    Copy(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why a layer cannot be made of what a command has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Errno(rustix::io::Errno),
    /// Something is called what only a whiteout can be called.
    Reserved,
    /// Directories nest so deep that the path of something is longer than [`MAX_PATH_BYTES`].
    TooDeep,
}

impl From<rustix::io::Errno> for Fault {
    fn from(errno: rustix::io::Errno) -> Fault {
        Fault::Errno(errno)
    }
}

impl Fault {
    /// Returns the error, which came from doing `action` to what is called `below` in `dir`.
    fn at(self, action: &'static str, dir: &std::path::Path, below: &std::path::Path) -> Error {
        match self {
            Fault::Errno(errno) => failed(action, &dir.join(below))(errno::of_walk(errno)),
            Fault::TooDeep => Error::TooDeep(below.to_string_lossy().chars().take(SHOWN).collect()),
            Fault::Reserved => Error::Reserved(reserved(&below.to_string_lossy())),
        }
    }
}

fn failed<'a>(
    action: &'static str,
    path: &'a std::path::Path,
) -> impl FnOnce(io::Error) -> Error + use<'a> {
    move |source| Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
