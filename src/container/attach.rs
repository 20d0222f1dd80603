//! `attach`: a further client for a running container's streams.

use super::stream::Session;
use super::{AttachOptions, Container, Engine, Error};
use crate::monitor;

impl Engine {
    /// Connects to the streams of a running container.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn attach(&self, container: &Container, options: AttachOptions) -> Result<Session, Error> {
        let id = &container.record.id;
        let not_running = |_| Error::NotRunning(id.clone());
        let socket = monitor::connect(&self.run_dir(id)).map_err(not_running)?;
        Session::join(socket, options)
    }
}
