//! `ctr history`. Spec: docker/cli, `cli/command/formatter/history.go`.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::create_flags;
use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::output::format::{Format, Headers, RowType, TableRow, parsing};
use crate::cli::output::{ellipsis, size, time};
use crate::cli::template::Object;
use crate::image::{self, HistoryLine};

/// What stands above each column.
const HEADERS: Headers = &[
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

/// Docker's word for the ID of a step, which it does not know.
const MISSING: &str = "<missing>";
/// What Docker shows where nobody knows.
const UNKNOWN: &str = "N/A";
/// Columns of the instruction that a table shows.
const CREATED_BY_WIDTH: usize = 45;

/// What rows are to templates.
static TYPE: RowType = RowType {
    name: "*formatter.historyContext",
    fields: &[
        "Comment",
        "CreatedAt",
        "CreatedBy",
        "CreatedSince",
        "ID",
        "Size",
    ],
    headers: HEADERS,
};

/// Show the history of an image
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Format output: table, "table TEMPLATE", json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Print sizes and dates in human readable format
    #[arg(short = 'H', long, default_value = "true")]
    human: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Choose the platform of a multi-platform image (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    /// Reference or ID
    #[arg(value_name = "IMAGE", hide = true)]
    image: String,
}

impl Command for History {
    const USAGE: &'static str = "[OPTIONS] IMAGE";
    const EXAMPLES: &'static [Example] = &[(
        "history --no-trunc --format '{{.CreatedBy}}' alpine",
        "The instructions an image was built by, newest first",
    )];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        let format = if self.quiet {
            Format::quiet("ID")?
        } else {
            let columns = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"];
            Format::parse(self.format.as_deref(), columns)?
        };
        format.uses(&TYPE).map_err(parsing)?;
        let platform = create_flags::platform(self.platform.as_deref())
            .map_err(|failure| failure.with_code(1))?;
        let store = context.store()?;
        let image = image::resolve(&store, &self.image, platform.as_ref())?;
        let now = time::now();
        let rows: Vec<Row> = image
            .history(&store)?
            .into_iter()
            .map(|line| Row {
                line,
                now,
                human: self.human,
                truncate: !self.no_trunc,
            })
            .collect();
        let objects = rows.iter().map(|row| row as &dyn Object);
        context.print_rows(format.render(objects, HEADERS))
    }
}

/// One line of `history`.
#[derive(Debug)]
struct Row {
    line: HistoryLine,
    now: Timestamp,
    /// Sizes with units, and ages in place of dates.
    human: bool,
    /// Short IDs, and long instructions cut.
    truncate: bool,
}

impl Row {
    fn created_at(&self) -> String {
        match &self.line.created {
            Some(created) => time::rfc3339(created),
            None => UNKNOWN.to_owned(),
        }
    }
}

impl TableRow for Row {
    const TYPE: &'static RowType = &TYPE;

    fn cell(&self, name: &str) -> Option<Json> {
        let line = &self.line;
        let text = match name {
            "ID" => match &line.id {
                Some(id) if self.truncate => id.short().to_owned(),
                Some(id) => id.to_string(),
                None => MISSING.to_owned(),
            },
            "CreatedSince" => match &line.created {
                Some(created) if self.human => time::ago(created, self.now),
                _ => self.created_at(),
            },
            "CreatedAt" => self.created_at(),
            "CreatedBy" => {
                let text = line.created_by.replace('\t', " ");
                if self.truncate {
                    ellipsis(&text, CREATED_BY_WIDTH)
                } else {
                    text
                }
            }
            "Size" if self.human => size::human(line.size),
            "Size" => line.size.to_string(),
            "Comment" => line.comment.clone(),
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn call(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}
