//! What is kept of a container: `record.json`, written once, and `state.json`, rewritten at each turn of its life.
//!
//! The shapes are those of Docker's Engine API (`GET /containers/{id}/json`), so that `inspect` prints what is stored.
//! Unknown fields are kept, so that an older program does not lose what a newer one wrote. No absolute path of the store
//! is in here: a store can be moved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::device_mapping::DeviceMapping;
pub use super::resources::{Resources, Ulimit};
use crate::content::Digest;
pub use crate::volume::MountPoint;

/// Version of the record's format.
pub const RECORD_VERSION: u32 = 1;

/// Everything about a container that does not change after `create` (but for its name).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Record {
    /// Format of this file.
    pub version: u32,
    /// 64 hexadecimal digits.
    pub id: String,
    /// Without Docker's leading slash.
    pub name: String,
    /// RFC 3339 with nanoseconds, UTC.
    pub created: String,
    /// The command's first word.
    pub path: String,
    /// The command's other words.
    pub args: Vec<String>,
    /// Image ID (digest of the image config); `None` with `--rootfs`.
    pub image: Option<Digest>,
    /// Digest of the manifest it was made from, which keeps the image from being pruned.
    pub image_manifest: Option<Digest>,
    /// Layers, lowest first, as diff_ids.
    pub layers: Vec<Digest>,
    /// `os/architecture[/variant]`.
    pub platform: String,
    /// The container's half of the configuration.
    pub config: Config,
    /// The host's half.
    pub host_config: HostConfig,
    /// Every volume and bind mount, resolved.
    pub mounts: Vec<MountPoint>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Record {
    /// Returns the names of the volumes that go with the container.
    pub(super) fn anonymous_volumes(&self) -> Vec<String> {
        (self.mounts.iter())
            .filter(|mount| mount.anonymous)
            .map(|mount| mount.name.clone())
            .collect()
    }
}

/// Docker's `Config`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// Host name inside; the short ID by default.
    pub hostname: String,
    /// NIS domain name.
    pub domainname: String,
    /// `user[:group]`, names or numbers.
    pub user: String,
    /// Streams that `run` and `start` attach to.
    pub attach_stdin: bool,
    /// See `attach_stdin`.
    pub attach_stdout: bool,
    /// See `attach_stdin`.
    pub attach_stderr: bool,
    /// `{"80/tcp": {}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<BTreeMap<String, Value>>,
    /// `-t`.
    pub tty: bool,
    /// `-i`.
    pub open_stdin: bool,
    /// End stdin with the first client.
    pub stdin_once: bool,
    /// `K=V`, image's and user's merged.
    pub env: Vec<String>,
    /// Arguments, or the command where there is no entrypoint.
    pub cmd: Option<Vec<String>>,
    /// `HEALTHCHECK` of the image, as it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Value>,
    /// The reference as typed.
    pub image: String,
    /// `VOLUME` and anonymous volumes: `{"/data": {}}`.
    pub volumes: Option<BTreeMap<String, Value>>,
    /// Working directory.
    pub working_dir: String,
    /// Entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Triggers of the image.
    pub on_build: Option<Vec<String>>,
    /// Labels, image's and user's merged.
    pub labels: BTreeMap<String, String>,
    /// Signal that asks the process to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Seconds until it is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// `SHELL` of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Docker's `HostConfig`: the fields that flags of this version can set, and those that readers look for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// `SRC:DST[:opts]` as typed.
    pub binds: Option<Vec<String>>,
    /// `--cidfile`.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    /// Log driver and its options.
    pub log_config: LogConfig,
    /// `none`, `host`, `container:ID`, `bridge`.
    pub network_mode: String,
    /// `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`.
    pub port_bindings: BTreeMap<String, Vec<PortBinding>>,
    /// Restart policy; always `no` in this version.
    pub restart_policy: RestartPolicy,
    /// `--rm`.
    pub auto_remove: bool,
    /// `--cap-add`.
    pub cap_add: Option<Vec<String>>,
    /// `--cap-drop`.
    pub cap_drop: Option<Vec<String>>,
    /// `--dns`: addresses.
    pub dns: Vec<String>,
    /// `--dns-option`.
    pub dns_options: Vec<String>,
    /// `--dns-search`.
    pub dns_search: Vec<String>,
    /// `--add-host`: `name:address`.
    pub extra_hosts: Option<Vec<String>>,
    /// `--device`.
    pub devices: Vec<DeviceMapping>,
    /// Which of `hosts`, `hostname` and `resolv.conf` stay as the image has them (`--no-hosts`, `--no-hostname`,
    /// `--dns none`). Not Docker's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_files: Vec<String>,
    /// `private`.
    pub ipc_mode: String,
    /// Empty for a private namespace.
    pub pid_mode: String,
    /// `--privileged`.
    pub privileged: bool,
    /// `-P`: exposed ports without a binding are published at ports of the system's choice, with every start.
    pub publish_all_ports: bool,
    /// `--read-only`.
    pub readonly_rootfs: bool,
    /// `--security-opt`.
    pub security_opt: Option<Vec<String>>,
    /// `--sysctl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctls: Option<BTreeMap<String, String>>,
    /// `--tmpfs`: path → options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<BTreeMap<String, String>>,
    /// Empty for a private namespace.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// Empty for the automatic choice.
    pub userns_mode: String,
    /// Preference for the out-of-memory killer.
    pub oom_score_adj: i32,
    /// Bytes of `/dev/shm`.
    pub shm_size: i64,
    /// Rows and columns of the terminal it was created from.
    pub console_size: [u16; 2],
    /// Name of the runtime.
    pub runtime: String,
    /// `private`.
    pub cgroupns_mode: String,
    /// `--init`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// `--rootfs`: the directory, and whether writes are kept out of it (`:O`). Not Docker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<ExternalRootfs>,
    /// What it may use.
    #[serde(flatten)]
    pub resources: Resources,
    /// Paths that are hidden.
    pub masked_paths: Vec<String>,
    /// Paths that cannot be written.
    pub readonly_paths: Vec<String>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `--rootfs DIR[:O]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExternalRootfs {
    /// Absolute path of the directory.
    pub path: String,
    /// Writes go to an overlay above it.
    pub overlay: bool,
}

/// Docker's `LogConfig`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogConfig {
    /// `json-file`.
    #[serde(rename = "Type")]
    pub driver: String,
    /// `max-size`, `max-file`.
    pub config: BTreeMap<String, String>,
}

impl Default for LogConfig {
    /// 10 MB × 3: Docker's own default never rotates, and fills disks.
    fn default() -> Self {
        let config =
            [("max-file", "3"), ("max-size", "10m")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        LogConfig {
            driver: "json-file".to_owned(),
            config: config.into(),
        }
    }
}

/// Docker's `RestartPolicy`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// `no`.
    pub name: String,
    /// Only for `on-failure`.
    pub maximum_retry_count: u32,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy {
            name: "no".to_owned(),
            maximum_retry_count: 0,
        }
    }
}

/// Docker's `PortBinding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortBinding {
    /// Empty for all addresses.
    pub host_ip: String,
    /// Decimal; empty until one is chosen.
    pub host_port: String,
}

impl PortBinding {
    /// The address on the host, which Docker names even where nobody chose one.
    pub fn address(&self) -> &str {
        match self.host_ip.as_str() {
            "" => "0.0.0.0",
            address => address,
        }
    }
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, never started.
    Created,
    /// A monitor holds its lock.
    Running,
    /// Its process has ended.
    Exited,
}

/// What changes: `state.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct State {
    /// As last written; the lock has the last word on whether it runs.
    pub status: Status,
    /// Process 1 as the host sees it, 0 when not running.
    pub pid: u32,
    /// Start time of `pid` in clock ticks after boot (`/proc/PID/stat` field 22), against reuse of the number.
    #[serde(default)]
    pub pid_start: u64,
    /// Of which boot `pid` and `pid_start` are: the kernel's `boot_id`. Empty where it was not to be had.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot_id: String,
    /// Of the last run.
    pub exit_code: i32,
    /// Why it could not be started.
    pub error: String,
    /// Ended by the kernel for want of memory.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// RFC 3339, or Docker's zero time `0001-01-01T00:00:00Z`.
    pub started_at: String,
    /// RFC 3339, or Docker's zero time.
    pub finished_at: String,
    /// Directories of its cgroup, while it runs and has one of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cgroups: Vec<PathBuf>,
    /// Network as attached at the last start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkState>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How the network was attached.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkState {
    /// `pasta`, `slirp4netns`, `none`, `host`.
    pub driver: String,
    /// Address inside, empty if none.
    pub ip_address: String,
    /// Its prefix length.
    pub ip_prefix_len: u8,
    /// Gateway inside.
    pub gateway: String,
    /// Ports as published, with the host ports that were chosen.
    pub ports: BTreeMap<String, Vec<PortBinding>>,
}

/// Docker's word for "never".
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";
