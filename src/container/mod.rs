//! The container record and its life.
//!
//! [`Engine`] is what `cli` talks to. One file per turn of a container's life; each adds its functions to [`Engine`].
//!
//! Whether a container runs is said by its lock alone: the monitor beside it holds `containers/<id>/lock` for as long as it
//! lives, and takes the container with it when it dies. What `state.json` says counts once that lock is free.

mod error;
pub mod hosts;
mod options;
pub mod record;
pub mod stream;

use std::io::Write;

use crate::settings::Settings;
use crate::store::Store;
use crate::userns::IdMap;

pub use error::{Cause, Error, StartError, StartFailure, words};
pub use options::{
    AttachOptions, CreateOptions, ExecOptions, LogOptions, RemoveOptions, StartOptions,
};
use record::{Record, State};
use stream::{Outcome, RelayOptions, Session, Streams};

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
}

/// A container that has just been started.
#[derive(Debug)]
pub struct Started {
    /// The connection to its streams, where one was asked for.
    pub session: Option<Session>,
    /// One line each, for the user.
    pub warnings: Vec<String>,
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
        &self.record.id[..12]
    }
}

impl Engine {
    /// Makes a container, which is not started.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] with [`crate::image::Error::NotFound`] where the image is missing: `cli` pulls it and asks again.
    /// [`Error::NameInUse`], [`Error::CidFileExists`], [`Error::Invalid`], … Nothing is left behind.
    pub fn create(&self, options: CreateOptions) -> Result<CreatedContainer, Error> {
        let _ = options;
        todo!("container: create")
    }

    /// Finds the container that `query` names: a name (with or without a leading slash), an ID, or the beginning of one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub fn find(&self, query: &str) -> Result<Container, Error> {
        let _ = query;
        todo!("container: find")
    }

    /// Returns all containers, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. Records that cannot be read are left out.
    pub fn list(&self) -> Result<Vec<Container>, Error> {
        todo!("container: list")
    }

    /// Starts the container: forks its monitor, and returns when its process runs.
    ///
    /// The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// [`Error::Start`]; with `--rm` the container is gone then. Starting a container that runs does nothing but attach.
    pub fn start(&self, container: &Container, options: StartOptions) -> Result<Started, Error> {
        let _ = (container, options);
        todo!("container: start")
    }

    /// Connects to the streams of a running container.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn attach(&self, container: &Container, options: AttachOptions) -> Result<Session, Error> {
        let _ = (container, options);
        todo!("container: attach")
    }

    /// Asks the process to end, and kills it after `timeout` seconds (-1: never; `None`: the container's own, else 10).
    /// Returns when it has ended. A container that does not run is stopped already.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a signal that is none; [`Error::Io`].
    pub fn stop(
        &self,
        container: &Container,
        timeout: Option<i64>,
        signal: Option<&str>,
    ) -> Result<(), Error> {
        let _ = (container, timeout, signal);
        todo!("container: stop")
    }

    /// Sends a signal: a name with or without `SIG`, or a number.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`], [`Error::Invalid`].
    pub fn kill(&self, container: &Container, signal: &str) -> Result<(), Error> {
        let _ = (container, signal);
        todo!("container: kill")
    }

    /// Stops and starts.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::stop`] and [`Engine::start`].
    pub fn restart(
        &self,
        container: &Container,
        timeout: Option<i64>,
        signal: Option<&str>,
    ) -> Result<(), Error> {
        let _ = (container, timeout, signal);
        todo!("container: restart")
    }

    /// Returns the exit code when the container has ended, at once if it does not run.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn wait(&self, container: &Container) -> Result<i32, Error> {
        let _ = container;
        todo!("container: wait")
    }

    /// Runs a further process in a running container and relays its streams, as the parent of that process. With
    /// [`ExecOptions::detach`] it returns as soon as the process has started.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`], [`Error::Runtime`] (126, 127: [`StartFailure::of`]).
    pub fn exec(
        &self,
        container: &Container,
        options: &ExecOptions,
        streams: Streams<'_>,
        relay: &RelayOptions,
    ) -> Result<Outcome, Error> {
        let _ = (container, options, streams, relay);
        todo!("container: exec")
    }

    /// Writes the container's log to `stdout` and `stderr`, each line to where it came from.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with Docker's words where the log driver keeps nothing; [`Error::System`] for a failed write.
    pub fn logs(
        &self,
        container: &Container,
        options: LogOptions,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> Result<(), Error> {
        let _ = (container, options, stdout, stderr);
        todo!("container: logs")
    }

    /// Removes the container.
    ///
    /// # Errors
    ///
    /// [`Error::Running`] without `force`.
    pub fn remove(&self, container: &Container, options: RemoveOptions) -> Result<(), Error> {
        let _ = (container, options);
        todo!("container: remove")
    }

    /// Measures the container's files.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn sizes(&self, container: &Container) -> Result<Sizes, Error> {
        let _ = container;
        todo!("container: sizes")
    }
}
