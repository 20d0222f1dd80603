//! `start`: from a record to a running process with a monitor beside it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oci_spec::runtime::LinuxNamespaceType;
use rustix::fs::{Mode as FileMode, OFlags};

use super::error::{failed, system};
use super::etc_files::EtcFiles;
use super::keeper::Warden;
use super::options::StartOptions;
use super::record::{PortBinding, Record, State, Status};
use super::security::Security;
use super::spec::{self, Ingredients};
use super::stream::{HeldSignals, Session};
use super::user::{self, User};
use super::view::View;
use super::{
    Container, Engine, Error, Obstacle, StartError, StartFailure, Started, capabilities, devices,
    log_attributes, log_options, lookup, process, signal,
};
use crate::monitor::{self, LogTarget, Plan, Watch};
use crate::network::{Mode, PublishedPort};
use crate::patience::Patience;
use crate::runtime::{Emulate, Launch, Stdio};
use crate::store::{ContainerDir, ContainerLock, ensure_run_dir, remove_tree};
use crate::userns::{IdMap, Tier};
use crate::volume::{MountPoint, Volumes, spec_mounts};

/// How long a container may be held by somebody without running (being made, started, or waited for) before it is given up
/// on, and how often it is looked at.
const HOLDING: Patience = Patience::of_millis(30_000, 2);

/// Who holds a container.
pub(super) enum Held {
    /// The caller, from now on.
    Ours(ContainerLock),
    /// Its monitor.
    Running(Box<Container>),
}

impl Engine {
    /// Starts the container: forks its monitor, and returns when its process runs.
    ///
    /// The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// [`Error::Start`]; with `--rm` the container is gone then. Starting a container that runs does nothing but attach.
    pub fn start(&self, container: &Container, options: StartOptions) -> Result<Started, Error> {
        let id = &container.record.id;
        loop {
            let running = match self.hold(id)? {
                Held::Ours(lock) => return self.start_free(container, lock, options),
                Held::Running(running) => running,
            };
            let held_signals = hold_signals(&options)?;
            let attach = |wants| self.attach(&running, wants, None);
            match options.attach.map(attach).transpose() {
                // It has ended between the two looks: then it is started after all.
                Err(Error::NotRunning(_)) if !self.is_running(id)? => {}
                session => {
                    return Ok(Started {
                        session: session?,
                        warnings: Vec::new(),
                        held_signals,
                    });
                }
            }
        }
    }

    fn is_running(&self, id: &str) -> Result<bool, Error> {
        let now = self.load(id)?;
        Ok(now.is_some_and(|now| now.state.status == Status::Running))
    }

    /// Starts a container that somebody else has made, perhaps not to the end.
    fn start_free(
        &self,
        container: &Container,
        lock: ContainerLock,
        options: StartOptions,
    ) -> Result<Started, Error> {
        let record = &container.record;
        if let Err(error) = self.finish_creation(record) {
            drop(lock);
            self.clean_up_unstarted(&self.store.container(&record.id), record, &error);
            return Err(error);
        }
        self.start_held(container, lock, options)
    }

    /// As [`Engine::start`], for a container that the caller holds: one that it has just created.
    ///
    /// # Errors
    ///
    /// [`Error::Start`]; with `--rm` the container is gone then.
    pub fn start_held(
        &self,
        container: &Container,
        lock: ContainerLock,
        options: StartOptions,
    ) -> Result<Started, Error> {
        let record = &container.record;
        let dir = self.store.container(&record.id);
        self.settle(&dir, record, &lock)?;
        let launched = self.launch(record, &dir, lock, options);
        let greeted = launched.and_then(|(session, held)| Ok((session.greeted()?, held)));
        let ((session, warnings), held_signals) = match greeted {
            Ok(greeted) => greeted,
            Err(error) => {
                // What the monitor reports it has cleaned up after itself.
                if !matches!(error, Error::Start(_)) {
                    self.clean_up_unstarted(&dir, record, &error);
                }
                return Err(self.explain(record, error));
            }
        };
        Ok(Started {
            session: options.attach.map(|_| session),
            warnings,
            held_signals,
        })
    }

    /// Says why a directory cannot be the root directory: whose it is, or what is mounted in it.
    fn explain(&self, record: &Record, error: Error) -> Error {
        let rootfs = record.host_config.rootfs.as_ref();
        if let Some(covered) = rootfs.filter(|rootfs| rootfs.overlay)
            && matches!(error, Error::Start(_))
            && let Err(reason) =
                self.check_coverable(Path::new(&covered.path), record.host_config.privileged)
        {
            return reason;
        }
        match (error, rootfs.filter(|rootfs| !rootfs.overlay)) {
            (Error::Start(source), Some(rootfs))
                if source.obstacle == Some(Obstacle::Permission)
                    && std::fs::metadata(&rootfs.path)
                        .is_ok_and(|meta| !IdMap::maps_host(&self.id_map.uids, meta.uid())) =>
            {
                let path = PathBuf::from(&rootfs.path);
                Error::ForeignRootfs { path, source }
            }
            (error, _) => error,
        }
    }

    /// Does what a monitor does when a container cannot be started, where there is none (any more), best effort. The lock
    /// went to it, or was dropped on the way, so it is taken again; a monitor that was killed has freed it, or is about to.
    fn clean_up_unstarted(&self, dir: &ContainerDir, record: &Record, error: &Error) {
        let Ok(Some(lock)) = dir.lock() else {
            return;
        };
        let Ok(settled) = self.settle(dir, record, &lock) else {
            return;
        };
        if record.host_config.auto_remove {
            let volumes = record.anonymous_volumes();
            let _ = self.remove_files(&record.id, &record.name, &volumes);
        } else if !matches!(error, Error::MonitorDied) || settled.status != Status::Exited {
            let error = StartError::from_error(StartFailure::Engine, error);
            let _ = lookup::write_state(dir, &State::failed(&error));
        }
    }

    /// Takes the container's lock, unless it runs.
    pub(super) fn hold(&self, id: &str) -> Result<Held, Error> {
        let dir = self.store.container(id);
        let wait = HOLDING.begin();
        loop {
            if let Some(lock) = dir.try_lock()? {
                return Ok(Held::Ours(lock));
            }
            match self.load(id)? {
                None => return Err(Error::NotFound(id.to_owned())),
                Some(container) if container.state.status == Status::Running => {
                    return Ok(Held::Running(Box::new(container)));
                }
                Some(_) if !wait.pause() => {
                    return Err(Error::Invalid(format!(
                        "container {id} is held by another process"
                    )));
                }
                Some(_) => {}
            }
        }
    }

    /// Builds the spec and forks the monitor. Until then signals are the caller's in any case: a long preparation can be
    /// interrupted.
    fn launch(
        &self,
        record: &Record,
        dir: &ContainerDir,
        lock: ContainerLock,
        options: StartOptions,
    ) -> Result<(Session, Option<HeldSignals>), Error> {
        let host = &record.host_config;
        let config = &record.config;
        if host.auto_remove && dir.state_path().exists() {
            // A second start of what is to be removed: overlayfs refuses the work directory of a volatile mount.
            let work = dir.work_path();
            remove_tree(&work)?;
            std::fs::create_dir(&work).map_err(failed("create", &work))?;
        }
        let root = self.root_of(dir, record, |driver, plan| driver.prepare(plan))?;
        let view =
            View::of_root(&root).map_err(failed("open the root directory of", dir.path()))?;
        let user = user::resolve(&config.user, &view)?;
        let security = Security::of(host)?;
        let emulated = self.is_emulated(&security);
        let id_map = self.id_map_for(record, &user, emulated);
        let network = network_mode(record)?;
        let (join, etc_dir) = self.joined(&network, dir)?;
        if join.is_empty() {
            EtcFiles::of(record, &network)?.write(&etc_dir, &[])?;
        }
        let volumes = spec_mounts(
            &Volumes::new(&self.store),
            &record.mounts,
            host.tmpfs.as_ref().unwrap_or(&Default::default()),
        )?;
        let root_path = match &root {
            crate::rootfs::Root::Directory(dir) => dir.clone(),
            // Where another runtime would have to mount it.
            crate::rootfs::Root::Overlay { .. } => PathBuf::from("rootfs"),
        };
        let devices = devices::mapped(&host.devices)?;
        let spec = spec::build(Ingredients {
            record,
            user: &user,
            security: &security,
            id_map: id_map.as_ref(),
            emulated,
            network: &network,
            etc_dir: &etc_dir,
            root: &root_path,
            devices: &devices,
            volumes,
        })?;
        write_config(dir, &spec)?;
        let filter = security.filter(&capabilities::granted(host))?;
        let (stdio, streams) = if config.tty {
            (
                Stdio::Terminal { size: options.size },
                monitor::Streams::default(),
            )
        } else {
            monitor::Streams::pipes(config.open_stdin).map_err(system("make pipes"))?
        };
        ensure_run_dir(&self.settings.run_dir)?;
        let points = match emulated {
            true => mount_points(record),
            false => Vec::new(),
        };
        let was_asked_for = |name| (host.sysctls.iter()).any(|sysctls| sysctls.contains_key(name));
        let stop_signal = config.stop_signal.as_deref().map(signal::parse);
        let plan = Plan {
            launch: Launch {
                spec: &spec,
                bundle: dir.path(),
                root: &root,
                id_map: id_map.as_ref(),
                filter: filter.as_ref(),
                stdio,
                emulate: match emulated {
                    true => Emulate::Container { mounts: &points },
                    false => Emulate::Nothing,
                },
                device_sources: &devices::sources(&devices),
                dispensable_sysctls: match was_asked_for(spec::UNPRIVILEGED_PORTS) {
                    true => &[],
                    false => &[spec::UNPRIVILEGED_PORTS],
                },
                init: host.init == Some(true),
                join,
                settings: &self.settings,
            },
            watch: Watch {
                streams,
                open_stdin: config.open_stdin,
                stdin_once: config.stdin_once,
                ports: ports(record)?,
                log: log_target(record, dir.path())?,
                run_dir: self.run_dir(&record.id),
                wants: options.attach.unwrap_or_default(),
                stop_signal: stop_signal
                    .transpose()
                    .unwrap_or_default()
                    .unwrap_or(signal::DEFAULT_STOP_SIGNAL),
                network,
            },
        };
        let warden = Warden::new(self, record, dir, lock, &plan.watch.network);
        let held_signals = hold_signals(&options)?;
        let socket = monitor::spawn(plan, warden).map_err(system("start the monitor"))?;
        Ok((Session::new(socket, dir.clone()), held_signals))
    }

    /// Whether more than the one id that there is is emulated.
    pub(super) fn is_emulated(&self, security: &Security) -> bool {
        self.id_map.tier == Tier::Single && security.emulates()
    }

    /// Returns the ids of the container's user namespace; `None` where it shares ours.
    pub(super) fn id_map_for(&self, record: &Record, user: &User, emulated: bool) -> Option<IdMap> {
        match self.id_map.tier {
            Tier::Identity if record.host_config.privileged => None,
            Tier::Identity | Tier::Subordinate => Some(self.id_map.clone()),
            // Root can do for others what they cannot do for themselves.
            Tier::Single if emulated => Some(IdMap::single(&self.settings, 0, 0)),
            // The one id there is belongs to the one who will run.
            Tier::Single => Some(IdMap::single(&self.settings, user.uid, user.gid)),
        }
    }

    /// Returns the namespaces of another container to join, and the directory whose files are bound over `/etc`.
    #[allow(clippy::type_complexity, reason = "the pairs are runtime::Launch's")]
    fn joined(
        &self,
        network: &Mode,
        dir: &ContainerDir,
    ) -> Result<(Vec<(LinuxNamespaceType, std::os::fd::OwnedFd)>, PathBuf), Error> {
        let Mode::Container(other) = network else {
            return Ok((Vec::new(), dir.path().to_owned()));
        };
        let other = self
            .load(other)?
            .ok_or_else(|| Error::NotFound(other.clone()))?;
        let running = self.open_process(&other);
        // moby, daemon/container_operations.go: "cannot join network of a non running container".
        let not_running = || {
            Error::Invalid(format!(
                "cannot join network of a non running container: {}",
                other.record.id
            ))
        };
        let process = running.ok_or_else(not_running)?;
        let path = format!("/proc/{}/ns/net", other.state.pid);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let net = rustix::fs::open(&path, flags, FileMode::empty())
            .map_err(|error| failed("open", Path::new(&path))(error.into()))?;
        // What was opened by number was its own only if it still has that number.
        if process::wait_for_end(&process, Some(Duration::ZERO)) {
            return Err(not_running());
        }
        let etc = self.store.container(&other.record.id).path().to_owned();
        Ok((vec![(LinuxNamespaceType::Network, net)], etc))
    }
}

/// Takes signals that are to be the process's.
fn hold_signals(options: &StartOptions) -> Result<Option<HeldSignals>, Error> {
    let held = options.hold_signals.then(HeldSignals::hold).transpose();
    held.map_err(system("take over signals"))
}

/// Returns the network of the record.
pub(super) fn network_mode(record: &Record) -> Result<Mode, Error> {
    Ok(Mode::parse(&record.host_config.network_mode)?)
}

/// Returns where something of the user's choice is mounted, and whether it is the host's.
pub(super) fn mount_points(record: &Record) -> Vec<(PathBuf, bool)> {
    let point = |point: &MountPoint| (PathBuf::from(&point.destination), point.kind == "bind");
    let tmpfs = record.host_config.tmpfs.iter().flat_map(BTreeMap::keys);
    (record.mounts.iter().map(point))
        .chain(tmpfs.map(|path| (PathBuf::from(path), false)))
        .collect()
}

fn ports(record: &Record) -> Result<Vec<PublishedPort>, Error> {
    let mut ports = Vec::new();
    for (key, bindings) in &record.host_config.port_bindings {
        for PortBinding { host_ip, host_port } in bindings {
            ports.push(PublishedPort::from_binding(key, host_ip, host_port)?);
        }
    }
    if record.host_config.publish_all_ports {
        let bindings = &record.host_config.port_bindings;
        let unbound = |key: &&String| bindings.get(*key).is_none_or(Vec::is_empty);
        let exposed = record.config.exposed_ports.iter().flat_map(BTreeMap::keys);
        for key in exposed.filter(unbound) {
            ports.push(PublishedPort::from_binding(key, "", "")?);
        }
    }
    Ok(ports)
}

/// Writes `config.json`.
fn write_config(dir: &ContainerDir, spec: &oci_spec::runtime::Spec) -> Result<(), Error> {
    let path = dir.config_path();
    let bytes = serde_json::to_vec(spec).map_err(|source| Error::Record {
        path: path.clone(),
        source,
    })?;
    std::fs::write(&path, bytes).map_err(failed("write", &path))
}

/// Returns where the container's output goes, and what is said of it there.
fn log_target(record: &Record, dir: &Path) -> Result<Option<LogTarget>, Error> {
    let mut target = log_options::target(&record.host_config.log_config, dir)?;
    if let Some(target) = &mut target {
        target.attributes = log_attributes::of(record)?;
    }
    Ok(target)
}
