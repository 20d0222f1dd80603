//! A container as `inspect` shows it.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::cli::output::network;
use crate::container::record::{Config, HostConfig, NetworkState, PortBinding, State, Status};
use crate::container::{Container, Engine, Sizes};
use crate::monitor;
use crate::volume::Volumes;

/// Docker's `HostConfig` of a container that was made without flags.
const HOST_CONFIG: &str = include_str!("host_config.json");

/// Returns the container in the shape of `GET /containers/{id}/json`; with `sizes`, as `inspect -s`.
pub(crate) fn container(engine: &Engine, container: &Container, sizes: Option<Sizes>) -> Json {
    let (record, state) = (&container.record, &container.state);
    let directory = engine.store.container(&record.id);
    let file = |name: &str| text(&directory.path().join(name));
    let image = record.image.as_ref().map(ToString::to_string);
    let mut object = Map::new();
    let mut put = |name: &str, value: Json| object.insert(name.to_owned(), value);
    put("Id", json!(record.id));
    put("Created", json!(record.created));
    put("Path", json!(record.path));
    put("Args", json!(record.args));
    put("State", state_json(state));
    put("Image", json!(image.unwrap_or_default()));
    put("ResolvConfPath", file("resolv.conf"));
    put("HostnamePath", file("hostname"));
    put("HostsPath", file("hosts"));
    put("LogPath", log_path(container, &file));
    put("Name", json!(format!("/{}", record.name)));
    put("RestartCount", json!(0));
    put("Driver", json!(driver(engine, container)));
    put("Platform", json!(record.platform.split('/').next()));
    put("MountLabel", json!(""));
    put("ProcessLabel", json!(""));
    put("AppArmorProfile", json!(""));
    put("ExecIDs", Json::Null);
    put("HostConfig", host_config(&record.host_config));
    put("GraphDriver", graph_driver(engine, container));
    if let Some(sizes) = sizes {
        put("SizeRw", json!(sizes.writable));
        put("SizeRootFs", json!(sizes.virtual_size));
    }
    put("Mounts", mounts(engine, container));
    put("Config", config(&record.config));
    put("NetworkSettings", network_settings(container));
    Json::Object(object)
}

fn text(path: &Path) -> Json {
    Json::String(path.to_string_lossy().into_owned())
}

fn state_json(state: &State) -> Json {
    let word = match state.status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Exited => "exited",
    };
    let running = state.status == Status::Running;
    json!({
        "Status": word,
        "Running": running,
        "Paused": false,
        "Restarting": false,
        "OOMKilled": state.oom_killed,
        // A container that could not be removed; here it is gone from the list all the same.
        "Dead": false,
        "Pid": if running { state.pid } else { 0 },
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": state.started_at,
        "FinishedAt": state.finished_at,
    })
}

/// Empty where the log driver keeps no file.
fn log_path(container: &Container, file: &impl Fn(&str) -> Json) -> Json {
    match container.record.host_config.log_config.driver.as_str() {
        "json-file" => file(monitor::log::FILE_NAME),
        _ => json!(""),
    }
}

/// Docker's defaults in Docker's order, with what the record says in their places and what only it has behind them.
fn host_config(record: &HostConfig) -> Json {
    // A constant of this program: it parses, as a test shows.
    let mut all: Json = serde_json::from_str(HOST_CONFIG).unwrap_or_default();
    let own = serde_json::to_value(record).unwrap_or_default();
    if let (Json::Object(all), Json::Object(own)) = (&mut all, own) {
        all.extend(own);
    }
    all
}

/// As it is kept. Labels and the like are there even where they are empty.
fn config(record: &Config) -> Json {
    serde_json::to_value(record).unwrap_or_default()
}

/// The name Docker gives to the way the root directory is made.
fn driver(engine: &Engine, container: &Container) -> &'static str {
    if container.record.host_config.rootfs.is_some() {
        return "directory";
    }
    match engine
        .store
        .container(&container.record.id)
        .upper_path()
        .exists()
    {
        true => "overlay2",
        false => "copy",
    }
}

fn graph_driver(engine: &Engine, container: &Container) -> Json {
    let record = &container.record;
    let directory = engine.store.container(&record.id);
    let lower: Vec<String> = match &record.host_config.rootfs {
        Some(rootfs) => vec![rootfs.path.clone()],
        // The kernel's order: topmost first.
        None => record
            .layers
            .iter()
            .rev()
            .map(|layer| engine.store.layer_dir(layer).to_string_lossy().into_owned())
            .collect(),
    };
    // The mounts live inside the container; from outside its root is reached through its process.
    let merged = match container.state.status {
        Status::Running => format!("/proc/{}/root", container.state.pid),
        _ => directory
            .path()
            .join("merged")
            .to_string_lossy()
            .into_owned(),
    };
    json!({
        "Data": {
            "LowerDir": lower.join(":"),
            "MergedDir": merged,
            "UpperDir": text(&directory.upper_path()),
            "WorkDir": text(&directory.work_path()),
        },
        "Name": driver(engine, container),
    })
}

fn mounts(engine: &Engine, container: &Container) -> Json {
    let volumes = Volumes::new(&engine.store);
    let mounts = container.record.mounts.iter().map(|mount| {
        let mut shown = mount.clone();
        // A mark of our own.
        shown.anonymous = false;
        shown.no_copy = false;
        if shown.kind == "volume" && shown.source.is_empty() {
            shown.source = volumes.data_dir(&mount.name).to_string_lossy().into_owned();
        }
        serde_json::to_value(shown).unwrap_or_default()
    });
    Json::Array(mounts.collect())
}

fn network_settings(container: &Container) -> Json {
    let running = container.state.status == Status::Running;
    let none = NetworkState::default();
    let network_state = container.state.network.as_ref().filter(|_| running);
    let state = network_state.unwrap_or(&none);
    let record = &container.record;
    let mut ports = Map::new();
    let mode = record.host_config.network_mode.as_str();
    // Only a network of the container's own has ports to reach.
    if running && network(mode) == "bridge" {
        for (port, _) in record.config.exposed_ports.iter().flatten() {
            ports.insert(port.clone(), Json::Null);
        }
        for (port, bindings) in &state.ports {
            ports.insert(port.clone(), bindings_json(bindings));
        }
        ports.sort_keys();
    }
    let mut networks = Map::new();
    let name = network(mode);
    if !name.is_empty() {
        networks.insert(name.to_owned(), endpoint(state));
    }
    let sandbox = match running {
        true => format!("/proc/{}/ns/net", container.state.pid),
        false => String::new(),
    };
    json!({
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": sandbox,
        "Ports": ports,
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": "",
        "Gateway": state.gateway,
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": state.ip_address,
        "IPPrefixLen": state.ip_prefix_len,
        "IPv6Gateway": "",
        "MacAddress": "",
        "Networks": networks,
    })
}

fn bindings_json(bindings: &[PortBinding]) -> Json {
    let shown = (bindings.iter())
        .map(|binding| json!({"HostIp": binding.address(), "HostPort": binding.host_port}));
    Json::Array(shown.collect())
}

fn endpoint(state: &NetworkState) -> Json {
    json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "MacAddress": "",
        "DriverOpts": null,
        "GwPriority": 0,
        "NetworkID": "",
        "EndpointID": "",
        "Gateway": state.gateway,
        "IPAddress": state.ip_address,
        "IPPrefixLen": state.ip_prefix_len,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_config_keeps_dockers_order() {
        let record = HostConfig {
            network_mode: "none".to_owned(),
            init: Some(true),
            ..HostConfig::default()
        };
        let shown = host_config(&record);
        let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
        assert_eq!(
            keys[..4],
            ["Binds", "ContainerIDFile", "LogConfig", "NetworkMode"]
        );
        assert_eq!(shown["NetworkMode"], "none");
        assert_eq!(shown["Init"], true);
        assert_eq!(shown["MemorySwappiness"], Json::Null);
    }
}
