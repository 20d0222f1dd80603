//! `stop`, `kill`, `restart`, `wait`.

use std::borrow::Cow;
use std::os::fd::AsFd as _;
use std::time::Duration;

use rustix::net::RecvFlags;

use super::error::system;
use super::options::StartOptions;
use super::record::Status;
use super::start::Held;
use super::{Container, Engine, Error, process, signal};
use crate::monitor;
use crate::monitor::protocol::{Inbox, Kind, Outbox, Received, Wants};
use crate::sys;

/// Seconds between the stop signal and SIGKILL where nobody says otherwise. Source: moby, `defaultStopTimeout`.
const STOP_TIMEOUT: i64 = 10;

impl Engine {
    /// Asks the process to end, and kills it after `timeout` seconds (-1: never; `None`: the container's own, else 10).
    /// Returns when it has ended. A container that does not run is stopped already.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a signal that is none; [`Error::System`].
    pub fn stop(
        &self,
        container: &Container,
        timeout: Option<i64>,
        signal: Option<&str>,
    ) -> Result<(), Error> {
        let config = &container.record.config;
        let number = match signal.or(config.stop_signal.as_deref()) {
            Some(name) => signal::parse(name)?,
            None => signal::DEFAULT_STOP_SIGNAL,
        };
        let Some(container) = self.running(container)? else {
            return Ok(());
        };
        let container = container.as_ref();
        let Some(running) = self.open_process(container) else {
            return self.wait_for_monitor(container);
        };
        let seconds = timeout.or(config.stop_timeout).unwrap_or(STOP_TIMEOUT);
        let patience = u64::try_from(seconds).ok().map(Duration::from_secs);
        send(&running, number)?;
        if !process::wait_for_end(&running, patience) {
            send(&running, libc::SIGKILL)?;
        }
        self.wait_for_monitor(container)
    }

    /// Sends a signal: a name with or without `SIG`, or a number.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`], [`Error::Invalid`].
    pub fn kill(&self, container: &Container, signal: &str) -> Result<(), Error> {
        let number = signal::parse(signal)?;
        let not_running = || Error::NotRunning(container.record.id.clone());
        let running = self.open_process(container).ok_or_else(not_running)?;
        send(&running, number)?;
        if number == libc::SIGKILL {
            // As Docker: what follows finds it stopped.
            self.wait_for_monitor(container)?;
        }
        Ok(())
    }

    /// Kills the process and waits until everything about it is over.
    pub(super) fn kill_and_wait(&self, container: &Container) -> Result<(), Error> {
        if let Some(running) = self.open_process(container) {
            send(&running, libc::SIGKILL)?;
        }
        self.wait_for_monitor(container)
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
        if container.record.host_config.auto_remove
            && let Some(container) = self.running(container)?
        {
            self.keep(&container);
        }
        self.stop(container, timeout, signal)?;
        self.start(container, StartOptions::default()).map(drop)
    }

    /// Asks the monitor not to remove the container when it ends this time.
    fn keep(&self, container: &Container) {
        let Ok(socket) = monitor::connect(&self.run_dir(&container.record.id)) else {
            return;
        };
        let mut outbox = Outbox::default();
        outbox.push_frame(Kind::Hello, &[Wants::default().to_byte()]);
        outbox.push_frame(Kind::Keep, &[]);
        if outbox.send(&socket).is_ok() {
            // Until it says that it has heard, or is gone.
            let (mut inbox, mut scratch) = (Inbox::default(), [0; 64]);
            while let Ok(Received::Bytes) = inbox.receive(&socket, RecvFlags::empty(), &mut scratch)
                && let Ok(None) = inbox.next_frame()
            {}
        }
    }

    /// Returns the exit code when the container has ended, at once if it does not run.
    ///
    /// # Errors
    ///
    /// [`Error::System`]; [`Error::NotFound`] if it was removed without anybody telling.
    pub fn wait(&self, container: &Container) -> Result<i32, Error> {
        let id = &container.record.id;
        if container.state.status == Status::Running
            && let Ok(socket) = monitor::connect(&self.run_dir(id))
        {
            let mut hello = Outbox::default();
            hello.push_frame(Kind::Hello, &[Wants::default().to_byte()]);
            // A monitor that is just ending hears no more; what it said last is received all the same.
            let _ = hello.send(&socket);
            let (mut inbox, mut scratch) = (Inbox::default(), [0; 64]);
            loop {
                let received = inbox.receive(&socket, RecvFlags::empty(), &mut scratch);
                if received.map_err(system("talk to the monitor"))? == Received::End {
                    break;
                }
                while let Ok(Some((kind, payload))) = inbox.next_frame() {
                    if let (Kind::Exit, Ok(code)) = (kind, payload.try_into()) {
                        return Ok(i32::from_le_bytes(code));
                    }
                }
            }
        }
        // It has ended meanwhile, or its monitor has.
        self.wait_for_monitor(container)?;
        let now = self.load(id)?;
        now.map(|container| container.state.exit_code)
            .ok_or_else(|| Error::NotFound(id.clone()))
    }

    /// Returns the container as it runs, `None` if it does not. One that is being started is waited for: it runs, or has
    /// failed to, before long.
    fn running<'c>(&self, container: &'c Container) -> Result<Option<Cow<'c, Container>>, Error> {
        if container.state.status == Status::Running {
            return Ok(Some(Cow::Borrowed(container)));
        }
        match self.hold(&container.record.id) {
            Ok(Held::Running(now)) => Ok(Some(Cow::Owned(*now))),
            Ok(Held::Ours(_)) | Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns a descriptor of process 1 of a running container.
    pub(super) fn open_process(&self, container: &Container) -> Option<std::os::fd::OwnedFd> {
        let state = &container.state;
        (state.status == Status::Running).then_some(())?;
        process::open(state.pid, state.pid_start)
    }

    /// Waits until the monitor has written how it ended, or is gone.
    fn wait_for_monitor(&self, container: &Container) -> Result<(), Error> {
        self.store.container(&container.record.id).lock()?;
        Ok(())
    }
}

fn send(process: &std::os::fd::OwnedFd, number: i32) -> Result<(), Error> {
    match sys::signal::send(process.as_fd(), number) {
        // It has ended by itself.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        sent => sent.map_err(system("send a signal")),
    }
}
