//! `exec`: a further process in a running container. The calling `ctr` is its parent; no monitor is involved.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::error::system;
use super::local::Local;
use super::record::{HostConfig, Record};
use super::security::Security;
use super::spec::{self, ProcessPlan};
use super::start::mount_points;
use super::stream::relay::relay;
use super::stream::{Outcome, RelayOptions, Streams as ClientStreams};
use super::user::{self, User};
use super::view::View;
use super::{Container, Engine, Error, ExecOptions, capabilities, environment, process};
use crate::monitor::{
    StartError, StartFailure, Stream, Streams, fork_apart, leave_standard_streams, null,
};
use crate::runtime::{self, Emulate, Exec, Stdio};
use crate::userns::Tier;

/// Bytes read at once.
const CHUNK: usize = 32 * 1024;

impl Engine {
    /// Runs a further process in a running container and relays its streams, as the parent of that process. With
    /// [`ExecOptions::detach`] it returns as soon as the process has started.
    ///
    /// The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`], [`Error::Runtime`] (126, 127: [`super::StartFailure::of`]).
    pub fn exec(
        &self,
        container: &Container,
        options: &ExecOptions,
        streams: ClientStreams<'_>,
        relay_options: &RelayOptions,
    ) -> Result<Outcome, Error> {
        let record = &container.record;
        let not_running = || Error::NotRunning(record.id.clone());
        let target_pidfd = self.open_process(container).ok_or_else(not_running)?;
        let pid = container.state.pid;
        // A root directory that is gone has gone with its process.
        let view = View::of_process(pid).map_err(|_| not_running())?;
        // What was opened by number was its own only if it still has that number.
        if process::wait_for_end(&target_pidfd, Some(Duration::ZERO)) {
            return Err(not_running());
        }
        let wanted = options.user.as_deref().unwrap_or(&record.config.user);
        // Docker counts an unknown user among what keeps a command from being invoked.
        let user = user::resolve(wanted, &view)
            .map_err(|error| StartError::from_error(StartFailure::NotExecutable, &error))?;

        let all = HostConfig {
            privileged: true,
            ..HostConfig::default()
        };
        let own = capabilities::granted(&record.host_config);
        let granted = match options.privileged {
            true => capabilities::granted(&all),
            false => own.clone(),
        };
        let security = Security::of(&record.host_config)?;
        let filter = security.filter(&own)?;
        let config = &record.config;
        // One that was started otherwise has another id.
        let emulated = self.is_emulated(&security) && has_root(pid);
        if !emulated {
            self.check_user(record, &user, &view)?;
        }
        let id_map = self.id_map_for(record, &user, emulated);
        let process = spec::process(ProcessPlan {
            args: options.command.clone(),
            env: environment::of_process(
                &config.hostname,
                options.tty,
                &config.env,
                &options.env,
                &user.home,
            ),
            cwd: options.workdir.as_deref().unwrap_or(&config.working_dir),
            user: &user,
            tty: options.tty,
            capabilities: &granted,
            security: &security,
            host: &record.host_config,
            id_map: id_map.as_ref(),
            emulated,
        })?;
        let points = match emulated {
            true => mount_points(record),
            false => Vec::new(),
        };
        let (stdio, pipes) = stdio(options).map_err(system("make pipes"))?;
        let running = runtime::exec(Exec {
            target: pid,
            target_pidfd,
            process: &process,
            settings: &self.settings,
            filter: filter.as_ref(),
            stdio,
            emulate: match emulated {
                true => Emulate::Container { mounts: &points },
                false => Emulate::Nothing,
            },
        })
        .map_err(cannot_invoke)?;
        // What the process leaves behind may outlive this one.
        if let Some(supervisor) = running.supervisor {
            supervisor.leave();
        }
        let master = running.terminal;
        if options.detach {
            master.map_or(Ok(()), |master| hold(master, &running.pidfd))?;
            return Ok(Outcome::Detached);
        }
        let ours = match &master {
            Some(master) => Streams::terminal(master, options.interactive),
            None => Ok(pipes),
        };
        let local = Local {
            pidfd: running
                .pidfd
                .try_clone()
                .map_err(system("copy a descriptor"))?,
            streams: ours.map_err(system("open the terminal"))?,
            chunk: vec![0; CHUNK],
        };
        let outcome = relay(local, streams, relay_options)?;
        if let (Outcome::Detached, Some(master)) = (outcome, master) {
            hold(master, &running.pidfd)?;
        }
        Ok(outcome)
    }

    /// With a single id, and nothing emulated, there is one user: the one the container was started as.
    fn check_user(&self, record: &Record, user: &User, view: &View) -> Result<(), Error> {
        if self.id_map.tier != Tier::Single {
            return Ok(());
        }
        let first = user::resolve(&record.config.user, view)?;
        if (first.uid, first.gid) == (user.uid, user.gid) {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "user {}:{} does not exist in this container: without subordinate IDs it has {}:{} only",
            user.uid, user.gid, first.uid, first.gid
        )))
    }
}

/// Whether there is a user 0 in the user namespace of a process.
fn has_root(pid: u32) -> bool {
    let map = std::fs::read_to_string(format!("/proc/{pid}/uid_map"));
    map.is_ok_and(|map| map.split_whitespace().next() == Some("0"))
}

/// Docker counts everything that keeps a process from starting, a working directory that is not there for one, among what
/// keeps a command from being invoked. Source: moby, daemon/exec.go.
fn cannot_invoke(error: runtime::Error) -> Error {
    match error {
        runtime::Error::Step { .. } => {
            StartError::from_error(StartFailure::NotExecutable, &error).into()
        }
        other => other.into(),
    }
}

/// Makes the streams of the process, and our end of them.
fn stdio(options: &ExecOptions) -> std::io::Result<(Stdio, Streams)> {
    if options.tty {
        let size = options.size;
        return Ok((Stdio::Terminal { size }, Streams::default()));
    }
    if options.detach {
        let (stdin, stdout, stderr) = (null()?, null()?, null()?);
        let stdio = Stdio::Streams {
            stdin,
            stdout,
            stderr,
        };
        return Ok((stdio, Streams::default()));
    }
    Streams::pipes(options.interactive)
}

/// Leaves a process behind that holds the terminal of a detached process and reads what it says, so that it is neither hung
/// up nor stuck.
fn hold(master: OwnedFd, pidfd: &OwnedFd) -> Result<(), Error> {
    fork_apart(&[master.as_raw_fd(), pidfd.as_raw_fd()], || {
        let _ = leave_standard_streams();
        let Ok(mut streams) = Streams::terminal(&master, false) else {
            return;
        };
        let mut chunk = vec![0; CHUNK];
        loop {
            while streams.read(Stream::Stdout, &mut chunk).is_some() {}
            let mut fds = vec![PollFd::new(pidfd, PollFlags::IN)];
            let output = streams.output(Stream::Stdout);
            fds.extend(output.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            if poll(&mut fds, None).is_err() || !fds[0].revents().is_empty() {
                return;
            }
        }
    })
    .map_err(system("fork"))
}
