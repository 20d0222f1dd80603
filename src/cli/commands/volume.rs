//! `ctr volume create`, `ls`, `rm`.

use clap::Args;
use serde_json::Value as Json;

use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::labels::label;
use crate::cli::output::format::{Format, Headers, RowType, TableRow, parsing};
use crate::cli::template::Object;
use crate::volume::{self, Volume, Volumes};

/// Create a volume
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Specify volume driver name: local
    #[arg(short, long, default_value = "local")]
    driver: String,
    /// Set meta data for a volume
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = label)]
    label: Vec<(String, String)>,
    /// Its name (default: a made-up one)
    #[arg(value_name = "VOLUME", hide = true)]
    volume: Option<String>,
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] [VOLUME]";
    const EXAMPLES: &'static [Example] =
        &[("volume create data", "A volume for \"run -v data:/data\"")];
    const UNBUILT: &'static [Flag] = &[Flag::value("opt").short('o'), Flag::value("name")];

    fn run(self, context: &Context) -> Outcome {
        if self.driver != "local" {
            return Err(Failure::message(format!(
                "create {}: error looking up volume plugin {driver}: plugin {driver:?} not found",
                self.volume.unwrap_or_default(),
                driver = self.driver
            )));
        }
        let store = context.store()?;
        let (volume, _) = Volumes::new(&store).create(self.volume.as_deref(), &self.label)?;
        context.println(&volume.name)?;
        Ok(0)
    }
}

/// List volumes
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Provide filter values, e.g. dangling=true, name=x, label=y
    #[arg(short, long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    /// Format output: table, "table TEMPLATE", json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Only display volume names
    #[arg(short, long)]
    quiet: bool,
}

const HEADERS: Headers = &[
    ("Driver", "DRIVER"),
    ("Name", "VOLUME NAME"),
    ("Scope", "SCOPE"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Labels", "LABELS"),
    ("Links", "LINKS"),
    ("Size", "SIZE"),
    ("Availability", "AVAILABILITY"),
    ("Group", "GROUP"),
    ("Status", "STATUS"),
];

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[(
        "volume ls -qf dangling=true",
        "Volumes that no container mounts",
    )];

    fn run(self, context: &Context) -> Outcome {
        let format = match self.quiet {
            true => Format::quiet("Name")?,
            false => Format::parse(self.format.as_deref(), ["Driver", "Name"])?,
        };
        format.uses(&TYPE).map_err(parsing)?;
        let store = context.store()?;
        let volumes = Volumes::new(&store);
        let mut rows: Vec<Row> = volumes.list()?.into_iter().map(Row).collect();
        for filter in &self.filter {
            self.keep(filter, &volumes, &mut rows)?;
        }
        let objects = rows.iter().map(|row| row as &dyn Object);
        context.print_rows(format.render(objects, HEADERS))
    }
}

impl List {
    fn keep(
        &self,
        filter: &str,
        volumes: &Volumes<'_>,
        rows: &mut Vec<Row>,
    ) -> Result<(), Failure> {
        let invalid = || Failure::message(format!("invalid filter '{filter}'"));
        let (name, value) = filter.split_once('=').ok_or_else(invalid)?;
        match name {
            "dangling" => {
                let dangling = match value {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err(invalid()),
                };
                let users = volumes.users()?;
                rows.retain(|row| users.contains_key(&row.0.name) != dangling);
            }
            "name" => rows.retain(|row| row.0.name.contains(value)),
            "driver" => rows.retain(|row| row.0.driver == value),
            "label" => rows.retain(|row| {
                let labels = row.0.labels.iter().flatten();
                let (key, wanted) = match value.split_once('=') {
                    Some((key, wanted)) => (key, Some(wanted)),
                    None => (value, None),
                };
                labels
                    .into_iter()
                    .any(|(k, v)| k == key && wanted.is_none_or(|wanted| wanted == v))
            }),
            _ => return Err(Failure::message(format!("invalid filter '{name}'"))),
        }
        Ok(())
    }
}

/// What rows are to templates.
static TYPE: RowType = RowType {
    name: "*formatter.volumeContext",
    fields: &[
        "Availability",
        "Driver",
        "Group",
        "Labels",
        "Links",
        "Mountpoint",
        "Name",
        "Scope",
        "Size",
        "Status",
    ],
    headers: HEADERS,
};

/// One line of `volume ls`. Spec: docker/cli, `cli/command/formatter/volume.go`.
#[derive(Debug)]
struct Row(Volume);

impl TableRow for Row {
    const TYPE: &'static RowType = &TYPE;

    fn cell(&self, name: &str) -> Option<Json> {
        let volume = &self.0;
        let text = match name {
            "Name" => volume.name.clone(),
            "Driver" => volume.driver.clone(),
            "Scope" => "local".to_owned(),
            "Mountpoint" => volume.mountpoint.clone(),
            "Labels" => volume
                .labels
                .iter()
                .flatten()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(","),
            // Of swarm, and of `system df`.
            "Links" | "Size" | "Availability" | "Group" | "Status" => "N/A".to_owned(),
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn call(&self, name: &str, argument: &str) -> Option<String> {
        let labels = self.0.labels.as_ref();
        (name == "Label").then(|| {
            labels
                .and_then(|labels| labels.get(argument))
                .cloned()
                .unwrap_or_default()
        })
    }
}

/// Remove one or more volumes
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Succeed for volumes that do not exist
    #[arg(short, long)]
    force: bool,
    /// Names
    #[arg(value_name = "VOLUME", required = true, hide = true)]
    volumes: Vec<String>,
}

impl Command for Remove {
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const EXAMPLES: &'static [Example] =
        &[("volume rm data", "Remove a volume and everything in it")];
    const NAMES: Names = Names::Volumes;

    fn run(self, context: &Context) -> Outcome {
        let (store, _) = context.store_for_content()?;
        let volumes = Volumes::new(&store);
        context.for_each(&self.volumes, |name| {
            match volumes.remove(name) {
                Err(volume::Error::NoSuchVolume(_)) if self.force => {}
                removed => removed?,
            }
            context.println(name)
        })
    }
}
