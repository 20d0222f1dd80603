//! `ctr builder du`, `ctr builder prune`: the build cache.
//!
//! Reference: docker/buildx, `commands/diskusage.go`, `commands/prune.go`.

use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::Value as Json;

use super::buildx;
use super::confirm::confirm;
use crate::build::cache::{self, Filter, Item, Limits, Policy, Usage};
use crate::cli::command::{Command, Example, Flag, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::format::{Format, Headers, RowType, TableRow, parsing};
use crate::cli::output::{escape, size, time};
use crate::cli::template::Object;
use crate::units;

/// buildx's flags that are about its builders' machines.
const IGNORED: &[Flag] = &[Flag::value("timeout")];

/// Show the disk usage of the build cache
#[derive(Debug, Args)]
pub(crate) struct DiskUsage {
    /// Name the builder: default, or what "buildx create" has made
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Provide filter values, e.g. type=exec.cachemount, until=24h, id=ID
    #[arg(long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    /// Format output: table, "table TEMPLATE", json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show everything that is known of each item
    #[arg(long)]
    verbose: bool,
}

impl Command for DiskUsage {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        (
            "builder du",
            "What the build cache holds and how much that is",
        ),
        (
            "builder du --verbose --filter type=exec.cachemount",
            "What RUN --mount=type=cache keeps",
        ),
    ];
    const IGNORED: &'static [Flag] = IGNORED;

    fn run(self, context: &Context) -> Outcome {
        buildx::check_chosen(context, self.builder.as_deref())?;
        if self.verbose && self.format.is_some() {
            return Err(Failure::message(
                "--format and --verbose cannot be used together",
            ));
        }
        let format = Format::parse(self.format.as_deref(), COLUMNS)?;
        format.uses(&TYPE).map_err(parsing)?;
        let filters = filters(&self.filter)?;
        // Cache mounts may hold files that only their owners can look at.
        let (store, _) = context.store_for_content()?;
        let mut usage = cache::usage(&store)?;
        let matches = |item: &Item| filters.iter().all(|filter| filter.matches(item));
        usage.items.retain(matches);
        if self.verbose {
            for item in &usage.items {
                context.print(&format!("{}\n", details(item)))?;
            }
        } else {
            print_table(context, &format, &usage.items)?;
        }
        if matches!(format, Format::Columns(_)) {
            context.print(&summary(&usage))?;
        }
        Ok(0)
    }
}

/// Remove build cache
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Also remove what images share and the hashes of files
    #[arg(short, long)]
    all: bool,
    /// Name the builder: default, or what "buildx create" has made
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Provide filter values, e.g. until=24h, id=ID, type=exec.cachemount
    #[arg(long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
    /// Amount of disk space to keep for the cache: an older name of --reserved-space
    #[arg(long, value_name = "BYTES")]
    keep_storage: Option<String>,
    /// Maximum amount of disk space for the cache
    #[arg(long, value_name = "BYTES")]
    max_used_space: Option<String>,
    /// Target amount of free disk space
    #[arg(long, value_name = "BYTES")]
    min_free_space: Option<String>,
    /// Amount of disk space that the cache always keeps
    #[arg(long, value_name = "BYTES")]
    reserved_space: Option<String>,
    /// Show everything that is known of each item
    #[arg(long)]
    verbose: bool,
}

impl Command for Prune {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        ("builder prune -f", "Remove what no image has layers of"),
        (
            "builder prune -af --filter until=24h",
            "Remove everything that no build has used for a day",
        ),
        (
            "builder prune -f --max-used-space 10g",
            "Remove what was not used for longest, until 10 GiB are left",
        ),
    ];
    const IGNORED: &'static [Flag] = IGNORED;

    fn run(self, context: &Context) -> Outcome {
        buildx::check_chosen(context, self.builder.as_deref())?;
        let reserved = self
            .reserved_space
            .as_deref()
            .or(self.keep_storage.as_deref());
        let policy = Policy {
            all: self.all,
            filters: filters(&self.filter)?,
            limits: Limits {
                reserved: bytes("reserved-space", reserved)?,
                max_used: bytes("max-used-space", self.max_used_space.as_deref())?,
                min_free: bytes("min-free-space", self.min_free_space.as_deref())?,
            },
        };
        let warning = match self.all {
            true => "This will remove all build cache.",
            false => "This will remove all dangling build cache.",
        };
        confirm(context, self.force, warning)?;
        let (store, _) = context.store_for_content()?;
        let pruned = cache::prune(&store, &policy)?;
        if self.verbose {
            for item in &pruned.items {
                context.print(&format!("{}\n", details(item)))?;
            }
        } else if !pruned.items.is_empty() {
            let format = Format::parse(None, COLUMNS)?;
            print_table(context, &format, &pruned.items)?;
        }
        context.print(&format!("Total:\t{}\n", size::human4(pruned.bytes)))?;
        Ok(0)
    }
}

/// Reads `--filter`s.
pub(super) fn filters<'t>(
    texts: impl IntoIterator<Item = &'t String>,
) -> Result<Vec<Filter>, Failure> {
    let instant = |text: &str| {
        let nanoseconds = time::parse_instant(text, time::now()).ok()?;
        let nanoseconds = u64::try_from(nanoseconds).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds))
    };
    let parse = |text: &String| Filter::parse(text, instant);
    let filters: Result<Vec<Filter>, _> = texts.into_iter().map(parse).collect();
    filters.map_err(|error| Failure::message(error.to_string()))
}

fn bytes(flag: &str, text: Option<&str>) -> Result<Option<u64>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let bytes = units::parse_ram_bytes(text);
    let invalid = || Failure::message(format!("invalid size {text:?} for --{flag}"));
    bytes.map(Some).ok_or_else(invalid)
}

const COLUMNS: [&str; 4] = ["ID", "Reclaimable", "Size", "LastUsedAt"];

const HEADERS: Headers = &[
    ("ID", "ID"),
    ("Parents", "PARENTS"),
    ("CreatedAt", "CREATED AT"),
    ("Mutable", "MUTABLE"),
    ("Reclaimable", "RECLAIMABLE"),
    ("Shared", "SHARED"),
    ("Size", "SIZE"),
    ("Description", "DESCRIPTION"),
    ("LastUsedAt", "LAST ACCESSED"),
    ("Type", "TYPE"),
];

static TYPE: RowType = RowType {
    name: "*commands.diskusageContext",
    fields: &[
        "CreatedAt",
        "Description",
        "ID",
        "LastUsedAt",
        "Mutable",
        "Parents",
        "Reclaimable",
        "Shared",
        "Size",
        "Type",
    ],
    headers: HEADERS,
};

/// One line of `builder du`.
#[derive(Debug)]
struct Row<'a> {
    item: &'a Item,
    /// Whether asterisks say what is mutable and what is shared.
    marked: bool,
}

impl TableRow for Row<'_> {
    const TYPE: &'static RowType = &TYPE;

    fn cell(&self, name: &str) -> Option<Json> {
        let item = self.item;
        let mark = |text: String, marked: bool| match self.marked && marked {
            true => text + "*",
            false => text,
        };
        let text = match name {
            "ID" => mark(item.id.clone(), item.is_mutable()),
            "Parents" => item.parents.join(","),
            "CreatedAt" => escape::line(&item.created).into_owned(),
            "Mutable" => item.is_mutable().to_string(),
            "Reclaimable" => (!item.in_use).to_string(),
            "Shared" => item.shared.to_string(),
            "Size" => mark(size::human4(item.bytes), item.shared),
            "Description" => escape::line(&item.description).into_owned(),
            "LastUsedAt" => last_used(item),
            "Type" => item.kind.as_str().to_owned(),
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn call(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

fn last_used(item: &Item) -> String {
    let age = SystemTime::now()
        .duration_since(item.used)
        .unwrap_or_default();
    format!(
        "{} ago",
        time::human(age.as_secs().try_into().unwrap_or(i64::MAX))
    )
}

fn print_table(context: &Context, format: &Format, items: &[Item]) -> Result<(), Failure> {
    let marked = matches!(format, Format::Columns(_) | Format::Table(_));
    let rows: Vec<Row<'_>> = items.iter().map(|item| Row { item, marked }).collect();
    let objects = rows.iter().map(|row| row as &dyn Object);
    context
        .print_rows(format.render(objects, HEADERS))
        .map(drop)
}

/// What `--verbose` shows of an item.
fn details(item: &Item) -> String {
    let row = Row {
        item,
        marked: false,
    };
    let mut text = String::new();
    for (label, field) in [
        ("ID", "ID"),
        ("Parent", "Parents"),
        ("Created at", "CreatedAt"),
        ("Mutable", "Mutable"),
        ("Reclaimable", "Reclaimable"),
        ("Shared", "Shared"),
        ("Size", "Size"),
        ("Description", "Description"),
        ("Last used", "LastUsedAt"),
        ("Type", "Type"),
    ] {
        let value = row.field(field).unwrap_or_default();
        let value = value.as_str().unwrap_or_default();
        if !value.is_empty() {
            text += &format!("{label}:\t{value}\n");
        }
    }
    text
}

fn summary(usage: &Usage) -> String {
    let shared = usage.shared_bytes();
    let mut text = String::new();
    let mut line = |label: &str, bytes| text += &format!("{label}:\t{}\n", size::human4(bytes));
    if shared > 0 {
        line("Shared", shared);
        line("Private", usage.own_bytes());
    }
    line("Reclaimable", usage.reclaimable_bytes());
    line("Total", usage.bytes());
    text
}
