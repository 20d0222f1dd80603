//! `ctr buildx ls`.

use clap::Args;
use serde_json::{Value as Json, json};

use super::names::{DEFAULT, Named, Names};
use super::{BUILDKIT_VERSION, TIMEOUT, platforms};
use crate::cli::command::{Command, Example, Flag, Outcome};
use crate::cli::context::Context;
use crate::cli::output::format::{Format, Headers, RowType, TableRow, parsing};
use crate::cli::output::go;
use crate::cli::template::Object;

/// Platforms that a table shows.
const MAX_PLATFORMS: usize = 4;

/// List builders
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Format output: table, "table TEMPLATE", json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Do not truncate output
    #[arg(long)]
    no_trunc: bool,
}

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[("buildx ls", "The builder by all its names")];
    const IGNORED: &'static [Flag] = &[TIMEOUT, Flag::value("builder")];

    fn run(self, context: &Context) -> Outcome {
        let format = Format::parse(self.format.as_deref(), COLUMNS)?;
        format.uses(&TYPE).map_err(parsing)?;
        let names = Names::read(context)?;
        let platforms = platforms::runnable();
        let current = names.current();
        let builders: Vec<Json> = (names.all())
            .map(|(name, named)| builder(name, &named, name == current, &platforms))
            .collect();
        if let Format::Json = format {
            let lines: Vec<String> = builders.iter().map(go::json).collect();
            context.print(&(lines.join("\n") + "\n"))?;
            return Ok(0);
        }
        let table = matches!(format, Format::Columns(_) | Format::Table(_));
        let row = |builder, node| Row {
            builder,
            node,
            table,
            cut: table && !self.no_trunc,
        };
        let rows: Vec<Row<'_>> = (builders.iter())
            .flat_map(|builder| [row(builder, None), row(builder, Some(&builder["Nodes"][0]))])
            .collect();
        let objects = rows.iter().map(|row| row as &dyn Object);
        context.print_rows(format.render(objects, HEADERS))
    }
}

/// A builder as buildx's JSON has it.
fn builder(name: &str, named: &Named, is_current: bool, platforms: &[String]) -> Json {
    json!({
        "Current": is_current,
        "Driver": named.driver,
        "Dynamic": false,
        "LastActivity": "0001-01-01T00:00:00Z",
        "Name": name,
        "Nodes": [{
            "Name": named.node,
            "Endpoint": DEFAULT,
            "Status": "running",
            "Version": format!("{BUILDKIT_VERSION}+ctr"),
            "Platforms": platforms,
        }],
    })
}

const COLUMNS: [&str; 5] = ["Name", "DriverEndpoint", "Status", "Buildkit", "Platforms"];

const HEADERS: Headers = &[
    ("Name", "NAME/NODE"),
    ("DriverEndpoint", "DRIVER/ENDPOINT"),
    ("Status", "STATUS"),
    ("LastActivity", "LAST ACTIVITY"),
    ("Buildkit", "BUILDKIT"),
    ("Platforms", "PLATFORMS"),
    ("Error", "ERROR"),
    ("Builder", "BUILDER"),
];

static TYPE: RowType = RowType {
    name: "*commands.lsContext",
    fields: &["Builder"],
    headers: HEADERS,
};

/// A builder, or its node below it.
#[derive(Debug)]
struct Row<'a> {
    builder: &'a Json,
    node: Option<&'a Json>,
    /// Whether it is shown as a table.
    table: bool,
    /// Whether there are at most so many platforms.
    cut: bool,
}

impl TableRow for Row<'_> {
    const TYPE: &'static RowType = &TYPE;

    fn cell(&self, name: &str) -> Option<Json> {
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let below = |value: &Json| match self.table {
            true => format!(" \\_ {}", text(value)),
            false => text(value),
        };
        let value = match (name, self.node) {
            ("Builder", _) => return Some(self.builder.clone()),
            ("Name", None) if self.table && self.builder["Current"] == true => {
                text(&self.builder["Name"]) + "*"
            }
            ("Name", None) => text(&self.builder["Name"]),
            ("Name", Some(node)) => below(&node["Name"]),
            ("DriverEndpoint", None) => text(&self.builder["Driver"]),
            ("DriverEndpoint", Some(node)) => below(&node["Endpoint"]),
            ("Status", Some(node)) => text(&node["Status"]),
            ("Buildkit", Some(node)) => text(&node["Version"]),
            ("Platforms", Some(node)) => self.platforms(node),
            ("Status" | "Buildkit" | "Platforms", None) | ("LastActivity" | "Error", _) => {
                String::new()
            }
            _ => return None,
        };
        Some(Json::String(value))
    }

    fn call(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

impl Row<'_> {
    fn platforms(&self, node: &Json) -> String {
        let all = node["Platforms"].as_array().map_or(&[][..], Vec::as_slice);
        let shown = match self.cut {
            true => &all[..all.len().min(MAX_PLATFORMS)],
            false => all,
        };
        let mut words: Vec<String> = (shown.iter().filter_map(Json::as_str))
            .map(str::to_owned)
            .collect();
        if shown.len() < all.len() {
            words.push(format!("({} more)", all.len() - shown.len()));
        }
        words.join(", ")
    }
}
