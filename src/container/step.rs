//! A process in a root directory without a container around it: `RUN` of a build.
//!
//! It goes through the same door as a container's first process: a [`Record`] that is never written gives the runtime-spec
//! (see `spec`), and the runtime starts it. There is no monitor: the caller holds the process's streams and waits for it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxNamespaceType, Mount};
use rustix::fs::{Mode as FileMode, OFlags};
use serde_json::Map;

use super::error::{failed, system};
use super::etc_files::EtcFiles;
use super::hosts::Written;
use super::local::Local;
use super::options::CreateOptions;
use super::record::{RECORD_VERSION, Record};
use super::resources::Resources;
use super::security::Security;
use super::spec::{self, Ingredients};
use super::step_options::StepOptions;
use super::stream::{self, relay::relay};
use super::view::View;
use super::{Engine, Error, capabilities, clock, configure, devices, user};
use crate::image;
use crate::monitor::{StartError, StartFailure, Streams};
use crate::network::{self, Attached, Mode};
use crate::rootfs::Root;
use crate::runtime::{self, Emulate, Launch, Running, Stdio};
use crate::store::new_id;
use crate::userns::Tier;

/// Bytes of output taken at once from a step with a terminal.
const CHUNK: usize = 16 << 10;

/// What to run, and in what.
#[derive(Debug)]
pub struct Step<'a> {
    /// The root directory.
    pub root: &'a Root,
    /// A directory of the caller's own, where the files that are bound over `/etc` are put. Steps that follow each other share
    /// it.
    pub dir: &'a Path,
    /// Program and arguments; never empty.
    pub args: Vec<String>,
    /// `K=V`.
    pub env: Vec<String>,
    /// Absolute.
    pub cwd: String,
    /// `user[:group]`; empty is root.
    pub user: String,
    /// Host name inside.
    pub hostname: &'a str,
    /// Mounts beside the usual ones.
    pub mounts: Vec<Mount>,
    /// Where those of them are that show files of the host.
    pub host_places: Vec<PathBuf>,
    /// What all steps of the build get.
    pub options: &'a StepOptions,
    /// All capabilities, no seccomp filter, nothing masked (`RUN --security=insecure`).
    pub insecure: bool,
    /// Its pid, IPC and cgroup namespaces are the host's. Who starts it ends what it leaves behind.
    pub shares_host: bool,
    /// Where its streams come from.
    pub stdio: Stdio,
}

impl Step<'_> {
    /// Returns where something is mounted, and whether it is the host's.
    fn mount_points(&self) -> Vec<(PathBuf, bool)> {
        let point = |mount: &Mount| {
            let place = mount.destination().clone();
            let of_host = self.host_places.contains(&place);
            (place, of_host)
        };
        self.mounts.iter().map(point).collect()
    }
}

/// The network of the steps that follow each other: made for the first, joined by the others, ended when this is dropped.
#[derive(Debug)]
pub struct StepNetwork {
    mode: Mode,
    shared: Option<(OwnedFd, Attached)>,
    /// The files below `/etc` of the last step.
    written: BTreeMap<&'static str, Written>,
}

impl StepNetwork {
    /// Returns a network that is made when it is first needed.
    pub fn new(mode: Mode) -> StepNetwork {
        StepNetwork {
            mode,
            shared: None,
            written: BTreeMap::new(),
        }
    }
}

impl Drop for StepNetwork {
    fn drop(&mut self) {
        if let Some((_, attached)) = self.shared.take() {
            attached.detach();
        }
    }
}

/// A step that runs.
#[derive(Debug)]
pub struct StartedStep {
    /// The process.
    pub running: Running,
    /// One line each, for the user.
    pub warnings: Vec<String>,
}

impl StartedStep {
    /// Connects the step's terminal with the user's until it ends; there are no detach keys.
    ///
    /// # Errors
    ///
    /// [`Error::System`] for the terminal.
    pub fn relay(self, client: stream::Streams<'_>) -> Result<stream::Outcome, Error> {
        let mut supervisor = self.running.supervisor;
        if let Some(supervisor) = &mut supervisor {
            // Nobody waits for calls from here on.
            (supervisor.start()).map_err(system("start the supervisor of the system calls"))?;
        }
        let streams = match &self.running.terminal {
            Some(master) => Streams::terminal(master, true).map_err(system("open the terminal"))?,
            None => Streams::default(),
        };
        let local = Local {
            pidfd: self.running.pidfd,
            streams,
            chunk: vec![0; CHUNK],
        };
        let options = stream::RelayOptions {
            tty: true,
            detach_keys: stream::DetachKeys::parse("").unwrap_or_default(),
            sig_proxy: false,
        };
        relay(local, client, &options)
    }
}

impl Engine {
    /// Starts a step. The calling process has one thread.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchUser`] and what else is wrong with the user; [`Error::Start`] where the process cannot be started.
    pub fn start_step(
        &self,
        step: Step<'_>,
        network: &mut StepNetwork,
    ) -> Result<StartedStep, Error> {
        let record = self.step_record(&step, &network.mode)?;
        let view =
            View::of_root(step.root).map_err(failed("open the root directory of", step.dir))?;
        let user = user::resolve(&step.user, &view)?;
        let host = &record.host_config;
        let security = Security::of(host)?;
        let emulated = security.emulates_for_layers();
        let id_map = match self.id_map.tier {
            Tier::Identity if step.options.shares_users => None,
            _ => self.id_map_for(&record, &user, emulated),
        };
        let join = match &network.shared {
            Some((namespace, _)) => vec![(
                LinuxNamespaceType::Network,
                namespace.try_clone().map_err(failed("join", step.dir))?,
            )],
            None => Vec::new(),
        };
        // The spec of one who joins asks for nothing that only the maker of a network may do.
        let mode = match join.is_empty() {
            true => network.mode.clone(),
            false => Mode::Container(String::new()),
        };
        let dns = network
            .shared
            .as_ref()
            .map(|(_, attached)| attached.dns.as_slice());
        let files = EtcFiles::of(&record, &network.mode)?;
        let servers = dns.unwrap_or_default();
        files.write_changed(step.dir, servers, &mut network.written)?;
        let granted = capabilities::granted(host);
        let devices = devices::mapped(&host.devices)?;
        let spec = spec::build(Ingredients {
            record: &record,
            user: &user,
            security: &security,
            id_map: id_map.as_ref(),
            emulated,
            network: &mode,
            etc_dir: step.dir,
            root: Path::new("rootfs"),
            devices: &devices,
            volumes: step.mounts.clone(),
        })?;
        let filter = security.filter(&granted)?;
        let points = step.mount_points();
        let launch = Launch {
            spec: &spec,
            bundle: step.dir,
            root: step.root,
            id_map: id_map.as_ref(),
            filter: filter.as_ref(),
            stdio: step.stdio,
            emulate: match emulated {
                true => Emulate::Layer { mounts: &points },
                false => Emulate::Nothing,
            },
            device_sources: &devices::sources(&devices),
            dispensable_sysctls: &[spec::UNPRIVILEGED_PORTS],
            init: false,
            join,
            settings: &self.settings,
        };
        let runtime = |error: runtime::Error| Error::Start(StartError::from_runtime(&error));
        let created = runtime::create(launch).map_err(runtime)?;
        let mut warnings = Vec::new();
        if network.mode.is_user_mode() && network.shared.is_none() {
            let attached = network::attach(&network.mode, created.pid(), &[], &self.settings)
                .map_err(|error| {
                    Error::Start(StartError::from_error(StartFailure::Engine, &error))
                })?;
            warnings.extend(attached.warning.clone());
            files.put_servers(step.dir, &attached.dns)?;
            let path = PathBuf::from(format!("/proc/{}/ns/net", created.pid()));
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let namespace = rustix::fs::open(&path, flags, FileMode::empty())
                .map_err(|error| failed("open", &path)(error.into()))?;
            network.shared = Some((namespace, attached));
        }
        let running = created.start().map_err(runtime)?;
        Ok(StartedStep { running, warnings })
    }

    /// The record that the step's spec is made from.
    fn step_record(&self, step: &Step<'_>, network: &Mode) -> Result<Record, Error> {
        let options = CreateOptions {
            command: step.args.clone(),
            env: step.env.clone(),
            workdir: Some(step.cwd.clone()),
            user: Some(step.user.clone()),
            hostname: Some(step.hostname.to_owned()),
            privileged: step.insecure,
            ..step.options.as_flags(network)
        };
        let mut host = self.host_part(&options)?;
        if step.shares_host {
            for mode in [
                &mut host.config.pid_mode,
                &mut host.config.ipc_mode,
                &mut host.config.cgroupns_mode,
            ] {
                "host".clone_into(mode);
            }
        }
        // Only the name of a cgroup is made from it.
        let id = match host.config.resources == Resources::default() {
            true => String::new(),
            false => format!("build-{}", new_id().map_err(system("draw random numbers"))?),
        };
        let mut config = configure::container_part(&options, None, &host, "")?;
        // In the order of the Dockerfile, duplicates and all.
        config.env = step.env.clone();
        let (path, args) = configure::command(&config)?;
        Ok(Record {
            version: RECORD_VERSION,
            id,
            name: String::new(),
            created: clock::now(),
            path,
            args,
            image: None,
            image_manifest: None,
            layers: Vec::new(),
            platform: image::Platform::host().to_string(),
            config,
            host_config: host.config,
            mounts: Vec::new(),
            extra: Map::new(),
        })
    }
}

/// Resolves `user[:group]` of COPY's `--chown` in a stack of layers, lowest first. A user alone brings her own group; where
/// she is a number without an entry, the group has the same number.
///
/// # Errors
///
/// [`Error::NoSuchUser`], [`Error::Invalid`], [`Error::Io`].
pub fn find_owner(layers: &[PathBuf], wanted: &str) -> Result<(u32, u32), Error> {
    let (name, group) = match wanted.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (wanted, None),
    };
    let number = |text: &str| text.parse::<u32>().ok();
    // BuildKit, frontend/dockerfile/dockerfile2llb: numbers are not looked up.
    if let (Some(uid), Some(gid)) = (number(name), number(group.unwrap_or(name))) {
        return Ok((uid, gid));
    }
    let view =
        View::of_layers(layers).map_err(failed("open the layers of", Path::new("the image")))?;
    let user = user::resolve(wanted, &view)?;
    Ok((user.uid, user.gid))
}
