//! `ctr images`.

use clap::Args;

use super::images_list::{Selection, list};
use super::images_row::{HEADERS, Row, TYPE};
use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::output::format::{Format, parsing};
use crate::cli::output::time;
use crate::cli::template::Object;

/// List images
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Show all images, too those that others are built on (default: hidden)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Filter output based on conditions provided, e.g. dangling=true, label=x, reference=alpine*
    #[arg(short, long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    /// Format output: table, "table TEMPLATE", json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    /// Show only images of this repository, or this image
    #[arg(value_name = "REPOSITORY[:TAG]", hide = true)]
    repository: Option<String>,
}

impl Command for Images {
    const USAGE: &'static str = "[OPTIONS] [REPOSITORY[:TAG]]";
    const EXAMPLES: &'static [Example] = &[
        (
            "images --filter dangling=true -q",
            "IDs of images without a name",
        ),
        (
            "images --format '{{.Repository}}:{{.Tag}} {{.Size}}' alpine",
            "All tags of one repository",
        ),
    ];
    const UNBUILT: &'static [Flag] = &[Flag::switch("tree")];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        let format = if self.quiet {
            Format::quiet("ID")?
        } else {
            let digest = self.digests.then_some("Digest");
            let columns = ["Repository", "Tag"].into_iter().chain(digest);
            Format::parse(
                self.format.as_deref(),
                columns.chain(["ID", "CreatedSince", "Size"]),
            )?
        };
        format.uses(&TYPE).map_err(parsing)?;
        let store = context.store()?;
        // Images that others are built on have no names of their own here, so `-a` finds nothing more.
        let _ = self.all;
        let selection = Selection::parse(&self.filter, self.repository.as_deref(), &store)?;
        let by_digest = self.digests || format.shows("Digest");
        let now = time::now();
        let rows: Vec<Row> = list(&store, &selection, by_digest)?
            .into_iter()
            .map(|image| Row {
                image,
                now,
                truncate: !self.no_trunc,
            })
            .collect();
        let objects = rows.iter().map(|row| row as &dyn Object);
        context.print_rows(format.render(objects, HEADERS))
    }
}
