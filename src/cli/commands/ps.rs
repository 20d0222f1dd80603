//! `ctr ps`.

use clap::Args;

use super::ps_filter::Filters;
use super::ps_row::{HEADERS, Row, TYPE};
use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::format::Format;
use crate::cli::output::time;
use crate::cli::template::Object;

/// List containers
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Show all containers (default: those that run)
    #[arg(short, long)]
    all: bool,
    /// Filter output based on conditions provided, e.g. name=web, status=exited, label=x
    #[arg(short, long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    /// Format output: table, "table TEMPLATE", json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show the last created containers, in any state (default: -1, all)
    #[arg(
        short = 'n',
        long,
        value_name = "COUNT",
        default_value = "-1",
        hide_default_value = true
    )]
    last: i64,
    /// Show the latest created container, in any state
    #[arg(short, long)]
    latest: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only display container IDs
    #[arg(short, long)]
    quiet: bool,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
}

/// Docker's table.
const COLUMNS: [&str; 7] = [
    "ID",
    "Image",
    "Command",
    "RunningFor",
    "Status",
    "Ports",
    "Names",
];

impl Command for Ps {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        ("ps -a", "All containers, stopped ones too"),
        (
            "ps --filter status=exited --format '{{.Names}}: {{.Status}}'",
            "How things ended",
        ),
    ];

    fn run(self, context: &Context) -> Outcome {
        let size = self.size.then_some("Size");
        let format = Format::read(self.format.as_deref(), COLUMNS.into_iter().chain(size))
            .map_err(|error| Failure::plain(format!("failed to parse template: {error}")))?;
        let uses = format
            .uses(&TYPE)
            .map_err(|error| Failure::plain(format!("failed to execute template: {error}")))?;
        let sizes = self.size || (!self.quiet && uses.contains("Size"));
        let custom = self.format.as_deref().is_some_and(|text| !text.is_empty());
        if self.quiet && custom {
            context.eprintln(
                "WARNING: Ignoring custom format, because both --format and --quiet are set.",
            );
        }
        let format = match self.quiet {
            true => Format::quiet("ID")?,
            false => format,
        };
        let engine = context.engine()?;
        let filters = Filters::parse(&self.filter, &engine)?;
        let last = if self.latest { 1 } else { self.last };
        let all = self.all || last > 0 || filters.name_states();
        let limit = usize::try_from(last).ok().filter(|count| *count > 0);
        let now = time::now();
        let mut rows = Vec::new();
        let containers = match all {
            true => engine.list()?,
            false => engine.list_running()?,
        };
        for container in containers {
            if rows.len() == limit.unwrap_or(usize::MAX) {
                break;
            }
            if filters.accept(&container) {
                rows.push(Row {
                    container,
                    now,
                    truncate: !self.no_trunc,
                    sizes: None,
                });
            }
        }
        if sizes {
            for row in &mut rows {
                row.sizes = Some(engine.sizes(&row.container)?);
            }
        }
        let objects = rows.iter().map(|row| row as &dyn Object);
        context.print_rows(format.render(objects, HEADERS))
    }
}
