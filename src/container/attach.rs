//! `attach`: a further client for a running container's streams.

use super::stream::Session;
use super::{AttachOptions, Container, Engine, Error};
use crate::monitor;

impl Engine {
    /// Connects to the streams of a running container. `window`: rows and columns of the client's terminal, where what the
    /// container's shows is to be drawn anew.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn attach(
        &self,
        container: &Container,
        options: AttachOptions,
        window: Option<(u16, u16)>,
    ) -> Result<Session, Error> {
        let id = &container.record.id;
        let not_running = |_| Error::NotRunning(id.clone());
        let socket = monitor::connect(&self.run_dir(id)).map_err(not_running)?;
        Session::join(socket, self.store.container(id), options, window)
    }
}
