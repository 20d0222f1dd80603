//! A container as `ps` shows it. Spec: docker/cli, `cli/command/formatter/container.go`.

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::cli::output::format::{Headers, RowType, TableRow};
use crate::cli::output::network;
use crate::cli::output::{ellipsis, go, ports, size, time};
use crate::container::record::{Record, Status};
use crate::container::{Container, Sizes};
use crate::content::{SHORT_ID, is_full_id};

/// What stands above each column.
pub(super) const HEADERS: Headers = &[
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Ports", "PORTS"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("HealthStatus", "HEALTH"),
    ("Size", "SIZE"),
    ("Names", "NAMES"),
    ("Labels", "LABELS"),
    ("Mounts", "MOUNTS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Networks", "NETWORKS"),
    ("Platform", "PLATFORM"),
    ("IPAddresses", "IP ADDRESSES"),
];

/// What rows are to templates.
pub(super) static TYPE: RowType = RowType {
    name: "*formatter.ContainerContext",
    fields: &[
        "Command",
        "CreatedAt",
        "ID",
        "Image",
        "Labels",
        "LocalVolumes",
        "Mounts",
        "Names",
        "Networks",
        "Platform",
        "Ports",
        "RunningFor",
        "Size",
        "State",
        "Status",
    ],
    headers: HEADERS,
};

/// One line of `ps`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) container: Container,
    pub(super) now: Timestamp,
    /// Short IDs, and `…` in what is long.
    pub(super) truncate: bool,
    /// Where they are shown.
    pub(super) sizes: Option<Sizes>,
}

impl TableRow for Row {
    const TYPE: &'static RowType = &TYPE;

    fn cell(&self, name: &str) -> Option<Json> {
        let (record, state) = (&self.container.record, &self.container.state);
        let text = match name {
            "ID" if self.truncate => self.container.short_id().to_owned(),
            "ID" => record.id.clone(),
            "Image" => self.image(),
            "Command" => self.command(),
            "CreatedAt" => time::local(&record.created),
            "RunningFor" => time::ago(&record.created, self.now),
            "Ports" => ports(&self.container),
            "State" => state_word(state.status).to_owned(),
            "Status" => self.status(),
            "HealthStatus" => String::new(),
            "Size" => self.size(),
            "Names" => record.name.clone(),
            "Labels" => labels(record),
            "Mounts" => self.mounts(),
            "LocalVolumes" => record
                .mounts
                .iter()
                .filter(|mount| mount.driver == "local")
                .count()
                .to_string(),
            "Networks" => network(&record.host_config.network_mode).to_owned(),
            "IPAddresses" => self.addresses(),
            // Docker leaves it empty where the daemon does not say; so do we, for a host's own platform says nothing.
            "Platform" => return Some(Json::Null),
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn call(&self, name: &str, argument: &str) -> Option<String> {
        let labels = &self.container.record.config.labels;
        (name == "Label").then(|| labels.get(argument).cloned().unwrap_or_default())
    }
}

impl Row {
    /// The reference as typed; an ID in short.
    fn image(&self) -> String {
        let record = &self.container.record;
        let image = &record.config.image;
        if image.is_empty() {
            return record
                .host_config
                .rootfs
                .as_ref()
                .map_or("<no image>".to_owned(), |rootfs| rootfs.path.clone());
        }
        let hex = image.strip_prefix("sha256:").unwrap_or(image);
        if self.truncate && is_full_id(hex) {
            return hex[..SHORT_ID].to_owned();
        }
        image.clone()
    }

    /// Path and arguments in quotes. The inner quotes around arguments with spaces are the daemon's.
    fn command(&self) -> String {
        let record = &self.container.record;
        let mut command = record.path.clone();
        for argument in &record.args {
            command.push(' ');
            if argument.contains(' ') {
                command.push_str(&format!("'{argument}'"));
            } else {
                command.push_str(argument);
            }
        }
        if self.truncate {
            command = ellipsis(&command, 20);
        }
        go::quote(&command)
    }

    fn status(&self) -> String {
        let state = &self.container.state;
        match state.status {
            Status::Created => "Created".to_owned(),
            Status::Running => {
                format!(
                    "Up {}",
                    time::human(time::seconds_since(&state.started_at, self.now))
                )
            }
            Status::Exited => format!(
                "Exited ({}) {}",
                state.exit_code,
                time::ago(&state.finished_at, self.now)
            ),
        }
    }

    fn size(&self) -> String {
        match self.sizes {
            Some(sizes) if sizes.virtual_size > 0 => format!(
                "{} (virtual {})",
                size::human(sizes.writable),
                size::human(sizes.virtual_size)
            ),
            Some(sizes) => size::human(sizes.writable),
            None => "0B".to_owned(),
        }
    }

    fn mounts(&self) -> String {
        let mounts = self.container.record.mounts.iter().map(|mount| {
            let name = if mount.name.is_empty() {
                &mount.source
            } else {
                &mount.name
            };
            match self.truncate {
                true => ellipsis(name, 15),
                false => name.clone(),
            }
        });
        mounts.collect::<Vec<_>>().join(",")
    }

    fn addresses(&self) -> String {
        let mode = network(&self.container.record.host_config.network_mode);
        match &self.container.state.network {
            Some(network) if !network.ip_address.is_empty() => {
                format!("{mode}:{}", network.ip_address)
            }
            _ => String::new(),
        }
    }
}

fn labels(record: &Record) -> String {
    let labels = record.config.labels.iter();
    labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// Docker's word for a state.
pub(super) fn state_word(status: Status) -> &'static str {
    match status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Exited => "exited",
    }
}
