//! From the record to the runtime-spec: what Docker gives every container, what its flags change.
//!
//! The one door: whatever runs a container runs what comes out of here. Sources of the defaults: moby,
//! daemon/pkg/oci/defaults.go and daemon/oci_linux.go.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{
    LinuxBuilder, LinuxDevice, LinuxIdMapping, LinuxIdMappingBuilder, LinuxNamespace,
    LinuxNamespaceBuilder, LinuxNamespaceType, Mount, MountBuilder, Process, ProcessBuilder,
    RootBuilder, Spec, SpecBuilder, UserBuilder,
};
use rustix::process::{Resource, getrlimit};

use super::devices::Mapped;
use super::record::{HostConfig, Record};
use super::security::Security;
use super::user::User;
use super::{Error, capabilities, devices, environment, etc_files};
use crate::network::Mode;
use crate::userns::{Extent, IdMap, Tier};

/// The sysctl that says which ports are for root. Where it cannot be set, these are not for others.
pub(super) const UNPRIVILEGED_PORTS: &str = "net.ipv4.ip_unprivileged_port_start";

/// The version of the runtime-spec that is followed.
const VERSION: &str = "1.2.0";

/// Open files per process: what dockerd's unit file gives it, as far as the user's hard limit goes.
const OPEN_FILES: u64 = 1_048_576;

/// What the spec is made from, beside the record.
#[derive(Debug)]
pub(super) struct Ingredients<'a> {
    pub(super) record: &'a Record,
    pub(super) user: &'a User,
    pub(super) security: &'a Security,
    /// The ids of the container's own user namespace; `None` where it has none.
    pub(super) id_map: Option<&'a IdMap>,
    /// More ids than there are in the map are emulated.
    pub(super) emulated: bool,
    pub(super) network: &'a Mode,
    /// Where the files that are bound over `/etc` are.
    pub(super) etc_dir: &'a Path,
    /// The root directory, for other runtimes.
    pub(super) root: &'a Path,
    /// Devices that were asked for.
    pub(super) devices: &'a [Mapped],
    /// Volumes, binds and tmpfs of the user.
    pub(super) volumes: Vec<Mount>,
}

/// What a process is made from.
#[derive(Debug)]
pub(super) struct ProcessPlan<'a> {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) cwd: &'a str,
    pub(super) user: &'a User,
    pub(super) tty: bool,
    pub(super) capabilities: &'a [&'a str],
    pub(super) security: &'a Security,
    pub(super) host: &'a HostConfig,
    pub(super) id_map: Option<&'a IdMap>,
    /// As for [`Ingredients`].
    pub(super) emulated: bool,
}

/// Builds the spec of a container.
///
/// # Errors
///
/// [`Error::Invalid`] where the specification's own types refuse something.
pub(super) fn build(from: Ingredients<'_>) -> Result<Spec, Error> {
    let Record {
        config,
        host_config: host,
        path,
        args,
        ..
    } = from.record;
    let granted = capabilities::granted(host);
    let mut command = vec![path.clone()];
    command.extend(args.iter().cloned());
    let process = process(ProcessPlan {
        args: command,
        env: environment::of_process(
            &config.hostname,
            config.tty,
            &config.env,
            &[],
            &from.user.home,
        ),
        cwd: &config.working_dir,
        user: from.user,
        tty: config.tty,
        capabilities: &granted,
        security: from.security,
        host,
        id_map: from.id_map,
        emulated: from.emulated,
    })?;
    let root = RootBuilder::default()
        .path(from.root)
        .readonly(host.readonly_rootfs)
        .build()
        .map_err(refused)?;
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces(&from)?)
        .masked_paths(host.masked_paths.clone())
        .readonly_paths(host.readonly_paths.clone())
        .rootfs_propagation("rprivate");
    if let Some(map) = from.id_map {
        linux = linux
            .uid_mappings(mappings(&map.uids)?)
            .gid_mappings(mappings(&map.gids)?);
    }
    let mut all: Vec<LinuxDevice> = (from.devices.iter())
        .map(|mapped| mapped.device.clone())
        .collect();
    if host.privileged {
        let others = devices::of_host(from.id_map.is_some())?;
        all.extend(others.into_iter().filter(|other| {
            let is_it = |mapped: &Mapped| mapped.device.path() == other.path();
            !from.devices.iter().any(is_it)
        }));
    }
    if host.privileged || !all.is_empty() {
        linux = linux.devices(all);
    }
    let mut sysctls = HashMap::new();
    if from.network.is_private() {
        // Since Docker 20.10: ports below 1024 are nothing special in a network of one's own.
        sysctls.insert(UNPRIVILEGED_PORTS.to_owned(), "0".to_owned());
    }
    sysctls.extend(host.sysctls.clone().unwrap_or_default());
    if !sysctls.is_empty() {
        linux = linux.sysctl(sysctls);
    }
    let limits = host.resources.limits()?;
    if limits.is_some() || !host.resources.cgroup_parent.is_empty() {
        linux = linux.cgroups_path(host.resources.cgroups_path(&from.record.id));
    }
    if let Some(limits) = limits {
        linux = linux.resources(limits);
    }
    let mut spec = SpecBuilder::default()
        .version(VERSION)
        .root(root)
        .process(process)
        .hostname(config.hostname.clone())
        .mounts(mounts(from)?)
        .linux(linux.build().map_err(refused)?)
        .build()
        .map_err(refused)?;
    if !config.domainname.is_empty() {
        spec.set_domainname(Some(config.domainname.clone()));
    }
    Ok(spec)
}

/// Builds a process: a container's first, or a further one.
///
/// # Errors
///
/// As for [`build`].
pub(super) fn process(plan: ProcessPlan<'_>) -> Result<Process, Error> {
    let mut user = UserBuilder::default()
        .uid(plan.user.uid)
        .gid(plan.user.gid)
        .umask(0o022u32);
    // With one true id there are no groups to be in: setgroups(2) is denied. Otherwise as Docker since CVE-2022-36109: the
    // primary group is among the supplementary ones.
    if plan.emulated || plan.id_map.is_none_or(|map| map.tier != Tier::Single) {
        let mut groups = vec![plan.user.gid];
        groups.extend_from_slice(&plan.user.groups);
        user = user.additional_gids(groups);
    }
    let mut process = ProcessBuilder::default()
        .terminal(plan.tty)
        .user(user.build().map_err(refused)?)
        .args(plan.args)
        .env(plan.env)
        .cwd(if plan.cwd.is_empty() { "/" } else { plan.cwd })
        .capabilities(capabilities::sets(plan.capabilities))
        .rlimits(plan.host.resources.rlimits(open_files())?)
        .oom_score_adj(plan.host.oom_score_adj)
        .no_new_privileges(plan.security.no_new_privileges)
        .build()
        .map_err(refused)?;
    process.set_apparmor_profile(plan.security.apparmor.clone());
    Ok(process)
}

fn refused(error: oci_spec::OciSpecError) -> Error {
    Error::Invalid(error.to_string())
}

/// Open files where nobody says.
fn open_files() -> u64 {
    // `None` is "unlimited".
    let hard = getrlimit(Resource::Nofile).maximum;
    hard.map_or(OPEN_FILES, |hard| hard.min(OPEN_FILES))
}

fn namespaces(from: &Ingredients<'_>) -> Result<Vec<LinuxNamespace>, Error> {
    use LinuxNamespaceType as Type;
    let host = &from.record.host_config;
    let mut kinds = vec![Type::Mount, Type::Uts];
    for (kind, mode) in [
        (Type::Ipc, &host.ipc_mode),
        (Type::Pid, &host.pid_mode),
        (Type::Cgroup, &host.cgroupns_mode),
    ] {
        if mode != "host" {
            kinds.push(kind);
        }
    }
    if from.id_map.is_some() {
        kinds.push(Type::User);
    }
    // Another container's is joined by descriptor, but it is listed: the container's network is not the host's.
    if !matches!(from.network, Mode::Host) {
        kinds.push(Type::Network);
    }
    kinds
        .into_iter()
        .map(|kind| LinuxNamespaceBuilder::default().typ(kind).build())
        .collect::<Result<_, _>>()
        .map_err(refused)
}

fn mappings(extents: &[Extent]) -> Result<Vec<LinuxIdMapping>, Error> {
    extents
        .iter()
        .map(|extent| {
            LinuxIdMappingBuilder::default()
                .container_id(extent.container_id)
                .host_id(extent.host_id)
                .size(extent.size)
                .build()
        })
        .collect::<Result<_, _>>()
        .map_err(refused)
}

fn mount(kind: &str, source: &str, target: &str, options: &[&str]) -> Result<Mount, Error> {
    MountBuilder::default()
        .destination(target)
        .typ(kind)
        .source(source)
        .options(
            options
                .iter()
                .map(|option| (*option).to_owned())
                .collect::<Vec<_>>(),
        )
        .build()
        .map_err(refused)
}

fn mounts(from: Ingredients<'_>) -> Result<Vec<Mount>, Error> {
    let host = &from.record.host_config;
    // `--privileged` makes these two writable.
    let access = if host.privileged { "rw" } else { "ro" };
    // Group 5 is `tty` by convention; with a single id there is no such group.
    let has_tty_group = (from.id_map).is_none_or(|map| IdMap::id_limit(&map.gids) > 5);
    let mut pts = vec![
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
    ];
    if has_tty_group {
        pts.push("gid=5");
    }
    let shm_size = format!("size={}", host.shm_size);
    let mut list = vec![
        mount("proc", "proc", "/proc", &["nosuid", "noexec", "nodev"])?,
        mount(
            "tmpfs",
            "tmpfs",
            "/dev",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        )?,
        mount("devpts", "devpts", "/dev/pts", &pts)?,
        mount(
            "sysfs",
            "sysfs",
            "/sys",
            &["nosuid", "noexec", "nodev", access],
        )?,
        mount(
            "cgroup",
            "cgroup",
            "/sys/fs/cgroup",
            &["nosuid", "noexec", "nodev", "relatime", access],
        )?,
        mount(
            "mqueue",
            "mqueue",
            "/dev/mqueue",
            &["nosuid", "noexec", "nodev"],
        )?,
        mount(
            "tmpfs",
            "shm",
            "/dev/shm",
            &["nosuid", "noexec", "nodev", "mode=1777", &shm_size],
        )?,
    ];
    let covered = |target: &str, volumes: &[Mount]| {
        volumes
            .iter()
            .any(|mount| mount.destination() == Path::new(target))
    };
    // What the user mounts over one of ours replaces it, as in Docker.
    list.retain(|mount| {
        let target = mount.destination().to_string_lossy();
        !covered(&target, &from.volumes)
    });
    let mut further = from.volumes;
    for (name, target) in etc_files::bound(&host.image_files) {
        if !covered(target, &further) {
            let source: PathBuf = from.etc_dir.join(name);
            further.push(mount(
                "bind",
                &source.to_string_lossy(),
                target,
                &["rbind", "rprivate"],
            )?);
        }
    }
    // What lies below another mount comes after it, so that a volume at /etc does not hide these files: moby,
    // daemon/oci_linux.go, `withMounts`. Stable: side by side they stay in the order they were asked for.
    further.sort_by_key(|mount| mount.destination().components().count());
    list.extend(further);
    Ok(list)
}
