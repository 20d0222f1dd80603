//! The container record and its life.
//!
//! [`Engine`] is what `cli` talks to. One file per turn of a container's life; each adds its functions to [`Engine`].
//!
//! Whether a container runs is said by its lock alone: the monitor beside it holds `containers/<id>/lock` for as long as it
//! lives, and takes the container with it when it dies. What `state.json` says counts once that lock is free.

mod attach;
mod capabilities;
mod cidfile;
mod clock;
mod configure;
mod create;
mod device_mapping;
mod devices;
mod environment;
mod error;
mod etc_files;
mod exec;
mod external_rootfs;
pub mod hosts;
mod keeper;
mod local;
mod log_attributes;
mod log_options;
mod logs;
mod lookup;
mod markers;
mod mount_places;
mod names;
mod options;
mod process;
pub mod record;
mod remove;
mod resources;
mod security;
pub mod signal;
mod sizes;
mod spec;
mod start;
mod step;
mod step_options;
mod stop;
pub mod stream;
pub mod sysctls;
mod top;
mod user;
mod view;

use crate::content::SHORT_ID;
use crate::settings::Settings;
use crate::store::{ContainerLock, Store};
use crate::userns::IdMap;

pub use crate::monitor::{Obstacle, StartError, StartFailure};
pub use device_mapping::DeviceMapping;
pub use error::Error;
pub use etc_files::Names;
pub use names::make_up as make_up_name;
pub use options::{
    AttachOptions, CreateOptions, ExecOptions, LogOptions, RemoveOptions, StartOptions,
};
use record::{Record, State};
pub use resources::{Resources, Ulimit};
pub use security::inline_profiles;
pub use step::{StartedStep, Step, StepNetwork, find_owner};
pub use step_options::StepOptions;
use stream::{HeldSignals, Session};
pub use top::Processes;

/// The containers of one store.
#[derive(Debug)]
pub struct Engine {
    /// Where things are.
    pub settings: Settings,
    /// Images and container directories.
    pub store: Store,
    /// The user's id map.
    pub id_map: IdMap,
}

/// A container as it stands now.
#[derive(Debug, Clone)]
pub struct Container {
    /// What does not change.
    pub record: Record,
    /// What does. Its `status` is the truth: the lock has been asked.
    pub state: State,
}

/// A container that has just been made.
#[derive(Debug)]
pub struct CreatedContainer {
    /// The container.
    pub container: Container,
    /// One line each, for the user.
    pub warnings: Vec<String>,
    /// Held until it is dropped or handed to [`Engine::start_held`]: no prune takes the container meanwhile.
    pub lock: ContainerLock,
}

/// A container that has just been started.
#[derive(Debug)]
pub struct Started {
    /// The connection to its streams, where one was asked for.
    pub session: Option<Session>,
    /// One line each, for the user.
    pub warnings: Vec<String>,
    /// Where the caller wanted it: to be dropped after the session's relay, since signals that nobody has passed on are the
    /// caller's then.
    pub held_signals: Option<HeldSignals>,
}

/// Bytes of a container's files, for `ps -s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Of what it wrote.
    pub writable: u64,
    /// Of that and its image.
    pub virtual_size: u64,
}

impl Container {
    /// Returns the first 12 digits of the ID.
    pub fn short_id(&self) -> &str {
        &self.record.id[..SHORT_ID]
    }
}

impl Engine {
    /// Opens the store and finds out which ids the user has.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Userns`].
    pub fn open(settings: Settings) -> Result<Engine, Error> {
        let store = Store::open(&settings.data_dir)?;
        let id_map = IdMap::detect(&settings)?;
        Ok(Engine {
            settings,
            store,
            id_map,
        })
    }
}
