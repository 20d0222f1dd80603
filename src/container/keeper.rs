//! What happens to a container's records at the turns of its life. This code runs in the monitor.

use std::net::IpAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use super::etc_files::EtcFiles;
use super::record::{NetworkState, PortBinding, Record, State, Status, ZERO_TIME};
use super::{Engine, Error, clock, lookup, process};
use crate::monitor::{End, Keeper, StartError, StartFailure};
use crate::network::{Attached, Mode};
use crate::runtime::{Group, Running};
use crate::store::{ContainerDir, ContainerLock};
use crate::userns;

/// Why a container has ended whose calls were emulated.
const UNSUPERVISED: &str =
    "killed, because the process that emulates owners and users for it was killed";

/// Keeps the records of one container while it runs, and its lock: dropped, the container is free.
pub(super) struct Warden<'a> {
    engine: &'a Engine,
    record: &'a Record,
    dir: ContainerDir,
    network: Mode,
    state: State,
    lock: ContainerLock,
}

impl<'a> Warden<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        record: &'a Record,
        dir: &ContainerDir,
        lock: ContainerLock,
        network: &Mode,
    ) -> Warden<'a> {
        Warden {
            engine,
            record,
            dir: dir.clone(),
            network: network.clone(),
            state: State::created(),
            lock,
        }
    }

    fn write(&self) -> Result<(), StartError> {
        lookup::write_state(&self.dir, &self.state)
            .map_err(|error| StartError::from_error(StartFailure::Engine, &error))
    }

    /// Removes the container. `pid` is its dead process, whose user namespace can still be entered.
    fn remove(&self, pid: Option<u32>) {
        let record = self.record;
        let volumes = record.anonymous_volumes();
        let inside = |work: &dyn Fn() -> u8| match pid.and_then(user_namespace) {
            Some(namespace) => Ok(userns::run_joined(namespace.as_fd(), work)?),
            None => Err(Error::NotFound(record.id.clone())),
        };
        // Nobody is there to be told; what cannot be deleted is left for prune.
        let _ = (self.engine).remove_files_with(&record.id, &record.name, &volumes, inside);
    }
}

impl Keeper for Warden<'_> {
    fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    fn attached(&mut self, network: &Attached) -> Result<(), StartError> {
        let Some(address) = network.address else {
            return Ok(());
        };
        let dir = self.dir.path();
        let put = || -> Result<(), Error> {
            let files = EtcFiles::of(self.record, &self.network)?;
            files.put_address(dir, address)?;
            files.put_servers(dir, &network.dns)
        };
        put().map_err(|error| StartError::from_error(StartFailure::Engine, &error))
    }

    fn started(&mut self, running: &Running, network: &Attached) -> Result<(), StartError> {
        let pid = running.pid;
        let cgroups = running.group.iter().flat_map(Group::paths);
        self.state = State {
            status: Status::Running,
            pid,
            // A process that has ended already has a time as well: it has not been waited for.
            pid_start: process::start_time(pid).unwrap_or_default(),
            boot_id: process::boot_id(),
            started_at: clock::now(),
            network: Some(network_state(network)),
            cgroups: cgroups.map(Path::to_owned).collect(),
            ..State::created()
        };
        self.write()
    }

    fn failed(&mut self, error: &StartError) {
        if self.record.host_config.auto_remove {
            self.remove(None);
            return;
        }
        self.state = State::failed(error);
        let _ = self.write();
    }

    fn ended(&mut self, end: End) {
        if self.record.host_config.auto_remove && !end.keep {
            self.remove(Some(end.pid));
            return;
        }
        self.state.status = Status::Exited;
        self.state.forget_process();
        self.state.exit_code = end.exit_code;
        self.state.oom_killed = end.oom_killed;
        if end.unsupervised {
            UNSUPERVISED.clone_into(&mut self.state.error);
        }
        self.state.cgroups.clear();
        self.state.finished_at = clock::now();
        self.state.network = None;
        debug_assert_ne!(self.state.started_at, ZERO_TIME);
        let _ = self.write();
    }
}

/// Opens the user namespace of a process that has ended but has not been waited for.
fn user_namespace(pid: u32) -> Option<OwnedFd> {
    Some(
        std::fs::File::open(format!("/proc/{pid}/ns/user"))
            .ok()?
            .into(),
    )
}

fn network_state(network: &Attached) -> NetworkState {
    let text = |address: Option<IpAddr>| address.map_or(String::new(), |a| a.to_string());
    let mut state = NetworkState {
        driver: network.driver.to_owned(),
        ip_address: text(network.address),
        ip_prefix_len: network.prefix_len,
        gateway: text(network.gateway),
        ..NetworkState::default()
    };
    for port in &network.ports {
        state
            .ports
            .entry(port.container_key())
            .or_default()
            .push(PortBinding {
                host_ip: port.host_ip_text(),
                host_port: port.host_port_text(),
            });
    }
    state
}
