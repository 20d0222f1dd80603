//! From flags and image config to the two halves of a record's configuration.
//!
//! Nothing is made here: all that can be refused is refused before a container leaves any trace.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::failed;
use super::options::CreateOptions;
use super::record::{Config, HostConfig, PortBinding, RestartPolicy};
use super::{
    Container, Engine, Error, capabilities, environment, log_options, resources, security, signal,
    sysctls,
};
use crate::content::SHORT_ID;
use crate::image::{self, Image};
use crate::network::{self, Mode, PublishedPort};
use crate::volume;

/// Bytes of `/dev/shm`. Source: moby, daemon/config, `DefaultShmSize`.
const SHM_SIZE: i64 = 64 << 20;

/// The host's half, and what belongs to it.
#[derive(Debug)]
pub(super) struct HostPart {
    pub(super) config: HostConfig,
    pub(super) ports: Vec<PublishedPort>,
    /// Keys of `ExposedPorts`.
    pub(super) exposed: Vec<String>,
    /// The container whose network is joined.
    pub(super) joined: Option<Container>,
    /// One line each, for the user.
    pub(super) warnings: Vec<String>,
}

impl Engine {
    /// The host's half of the configuration, the ports, and warnings.
    pub(super) fn host_part(&self, options: &CreateOptions) -> Result<HostPart, Error> {
        let network = match options.network.as_str() {
            "" => Mode::User,
            text => Mode::parse(text)?,
        };
        let (network, joined) = match network {
            // By ID from now on: the other one may be renamed.
            Mode::Container(other) => {
                let other = self.find(&other)?;
                (Mode::Container(other.record.id.clone()), Some(other))
            }
            mode => (mode, None),
        };
        let mut ports = Vec::new();
        for text in &options.publish {
            ports.extend(PublishedPort::parse(text)?);
        }
        let mut exposed = Vec::new();
        for text in &options.expose {
            exposed.extend(network::parse_exposed(text)?);
        }
        let mut warnings = Vec::new();
        if !ports.is_empty() || options.publish_all {
            warnings.extend(network.check_ports()?.map(str::to_owned));
        }
        if !exposed.is_empty() && joined.is_some() {
            // moby, runconfig/errors.go.
            let words = "conflicting options: port exposing and the container type network mode";
            return Err(Error::Invalid(words.to_owned()));
        }
        if options.hostname.is_some() && joined.is_some() {
            // moby, runconfig/errors.go.
            let words = "conflicting options: hostname and the network mode";
            return Err(Error::Invalid(words.to_owned()));
        }
        if options.domainname.is_some() && joined.is_some() {
            // Docker takes the other container's instead, without a word.
            let words = "conflicting options: domainname and the network mode";
            return Err(Error::Invalid(words.to_owned()));
        }
        sysctls::check(options.sysctls.keys(), &network)?;
        warnings.extend(resources::check_oom_score(options.oom_score_adj)?);
        let mut limits = options.resources.clone();
        limits.settle()?;
        let log_config = options.log.clone().unwrap_or_default();
        log_options::target(&log_config, Path::new(""))?;
        let list = |values: Vec<String>| (!values.is_empty()).then_some(values);
        let names = &options.names;
        let dns = &names.dns;
        if joined.is_some() && !(names.extra_hosts.is_empty() && dns.is_empty()) {
            // moby, runconfig/hostconfig_unix.go, in the order of its errors.
            let flags = match dns.is_empty() {
                false => "dns and the network mode",
                true => "custom host-to-IP mapping and the network mode",
            };
            return Err(Error::Invalid(format!("conflicting options: {flags}")));
        }
        let mut rootfs = options.rootfs.clone();
        if let Some(rootfs) = &mut rootfs {
            let path = options.base_dir.join(&rootfs.path);
            let path = path.canonicalize().map_err(failed("open", &path))?;
            if rootfs.overlay {
                self.check_coverable(&path, options.privileged)?;
            }
            rootfs.path = path.to_string_lossy().into_owned();
        }
        let mut config = HostConfig {
            container_id_file: (options.cidfile.as_ref())
                .map_or(String::new(), |path| path.to_string_lossy().into_owned()),
            log_config,
            network_mode: network.to_string(),
            restart_policy: RestartPolicy::default(),
            auto_remove: options.auto_remove,
            cap_add: list(capabilities::normalize(&options.cap_add, "CapAdd")?),
            cap_drop: list(capabilities::normalize(&options.cap_drop, "CapDrop")?),
            devices: options.devices.clone(),
            dns: dns.servers.iter().map(ToString::to_string).collect(),
            dns_options: dns.options.clone(),
            dns_search: dns.search.clone(),
            extra_hosts: list(names.extra_hosts.iter().map(ToString::to_string).collect()),
            image_files: (names.image_files.iter().map(ToString::to_string)).collect(),
            ipc_mode: "private".to_owned(),
            privileged: options.privileged,
            publish_all_ports: options.publish_all,
            sysctls: (!options.sysctls.is_empty()).then(|| options.sysctls.clone()),
            readonly_rootfs: options.read_only,
            security_opt: list(options.security_opt.clone()),
            shm_size: options
                .shm_size
                .filter(|bytes| *bytes > 0)
                .map_or(SHM_SIZE, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            oom_score_adj: options.oom_score_adj,
            resources: limits,
            console_size: options
                .console_size
                .map_or([0, 0], |(rows, columns)| [rows, columns]),
            runtime: "ctr".to_owned(),
            cgroupns_mode: "private".to_owned(),
            init: options.init.then_some(true),
            rootfs,
            ..HostConfig::default()
        };
        security::settle(&mut config, &options.base_dir)?;
        Ok(HostPart {
            config,
            ports,
            exposed,
            joined,
            warnings,
        })
    }
}

/// The container's half of the configuration. Entrypoint and command are merged as moby's daemon/commit.go, `merge`.
pub(super) fn container_part(
    options: &CreateOptions,
    image: Option<&Image>,
    host: &HostPart,
    id: &str,
) -> Result<Config, Error> {
    let nothing = image::config::Config::default();
    let image = image.map_or(&nothing, |image| &image.config.config);
    let mut cmd = (!options.command.is_empty()).then(|| options.command.clone());
    let entrypoint = match &options.entrypoint {
        Some(word) => Some(vec![word.clone()]),
        None => {
            cmd = cmd.or_else(|| image.cmd.clone());
            image.entrypoint.clone()
        }
    };
    let working_dir = match &options.workdir {
        Some(dir) if !dir.starts_with('/') => {
            // moby, daemon/container.go, `verifyContainerSettings`.
            return Err(Error::Invalid(format!(
                "the working directory '{dir}' is invalid, it needs to be an absolute path"
            )));
        }
        Some(dir) => dir.clone(),
        None => image.working_dir.clone(),
    };
    let stop_signal = options.stop_signal.clone().or(image.stop_signal.clone());
    if let Some(name) = &options.stop_signal {
        signal::parse(name)?;
    }
    let network = host.config.network_mode.as_str();
    let (hostname, domainname) = match (&options.hostname, &host.joined) {
        (Some(name), _) => (name.clone(), String::new()),
        (None, Some(other)) => {
            let other = &other.record.config;
            (other.hostname.clone(), other.domainname.clone())
        }
        (None, None) if network == "host" => {
            let name = rustix::system::uname();
            (
                name.nodename().to_string_lossy().into_owned(),
                String::new(),
            )
        }
        (None, None) => (id[..SHORT_ID].to_owned(), String::new()),
    };
    let domainname = options.domainname.clone().unwrap_or(domainname);
    let mut labels = image.labels.clone().unwrap_or_default();
    labels.extend(options.labels.clone());
    Ok(Config {
        hostname,
        domainname,
        user: options.user.clone().unwrap_or_else(|| image.user.clone()),
        attach_stdin: options.attach_stdin,
        attach_stdout: options.attach_stdout,
        attach_stderr: options.attach_stderr,
        exposed_ports: image.exposed_ports.clone(),
        tty: options.tty,
        open_stdin: options.open_stdin,
        stdin_once: options.open_stdin && options.attach_stdin,
        env: environment::merge(&options.env, image.environment()),
        cmd,
        healthcheck: (image.healthcheck.as_ref())
            .and_then(|check| serde_json::to_value(check).ok()),
        image: options.image.clone(),
        volumes: image.volumes.clone(),
        working_dir,
        entrypoint,
        on_build: image.on_build.clone(),
        labels,
        stop_signal,
        stop_timeout: options.stop_timeout,
        shell: image.shell.clone(),
        ..Config::default()
    })
}

/// Returns the command's first word and the others. Source: moby, daemon/container.go, `getEntrypointAndArgs`.
pub(super) fn command(config: &Config) -> Result<(String, Vec<String>), Error> {
    let entrypoint = config.entrypoint.as_deref().unwrap_or_default();
    let entrypoint = match entrypoint {
        // `--entrypoint ""`.
        [word] if word.is_empty() => &[],
        words => words,
    };
    let cmd = config.cmd.as_deref().unwrap_or_default();
    let mut words = entrypoint.iter().chain(cmd).cloned();
    match words.next() {
        Some(path) if !path.is_empty() => Ok((path, words.collect())),
        _ => Err(Error::NoCommand),
    }
}

/// Records exposed and published ports, which are exposed as well.
pub(super) fn expose(config: &mut Config, host: &mut HostPart) {
    if !host.exposed.is_empty() {
        let pairs = (host.exposed.iter()).map(|key| (key.clone(), Value::Object(Map::new())));
        config.exposed_ports.get_or_insert_default().extend(pairs);
    }
    for port in &host.ports {
        let key = port.container_key();
        let object = Value::Object(Map::new());
        config
            .exposed_ports
            .get_or_insert_default()
            .insert(key.clone(), object);
        host.config
            .port_bindings
            .entry(key)
            .or_default()
            .push(PortBinding {
                host_ip: port.host_ip_text(),
                host_port: port.host_port_text(),
            });
    }
}

/// Parses the mounts of all flags.
pub(super) fn mount_requests(options: &CreateOptions) -> Result<Vec<volume::MountRequest>, Error> {
    let mut requests = Vec::new();
    for text in &options.volumes {
        requests.push(volume::parse_volume(text, &options.base_dir)?);
    }
    for text in &options.mounts {
        requests.push(volume::parse_mount(text, &options.base_dir)?);
    }
    for text in &options.tmpfs {
        requests.push(volume::parse_tmpfs(text)?);
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(entrypoint: Option<&[&str]>, cmd: Option<&[&str]>) -> Option<String> {
        let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        let config = Config {
            entrypoint: entrypoint.map(owned),
            cmd: cmd.map(owned),
            ..Config::default()
        };
        let (path, args) = command(&config).ok()?;
        Some(format!("{path} {}", args.join(" ")))
    }

    #[test]
    fn entrypoint_and_command() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(words(Some(&["e", "1"]), Some(&["c"])), some("e 1 c"));
        assert_eq!(words(None, Some(&["c", "d"])), some("c d"));
        assert_eq!(words(Some(&[""]), Some(&["c"])), some("c "));
        assert_eq!(words(Some(&[""]), None), None);
        assert_eq!(words(None, None), None);
    }
}
