//! `ctr container prune`, `image prune`, `volume prune`, `system prune`.

use clap::Args;

use super::builder;
use super::confirm::confirm;
use super::prune_filter::PruneFilter;
use crate::build::cache::{self, Policy};
use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::size;
use crate::container::record::Status;
use crate::container::{Engine, RemoveOptions};
use crate::content::Digest;
use crate::image;
use crate::runtime;
use crate::store::{self, Store};
use crate::volume::{Volume, Volumes};

/// Remove all stopped containers
#[derive(Debug, Args)]
pub(crate) struct Containers {
    /// Provide filter values, e.g. until=24h, label=x, label!=y=z
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

impl Command for Containers {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[("container prune -f", "Remove what has ended")];

    fn run(self, context: &Context) -> Outcome {
        let filter = PruneFilter::parse(&self.filter, None, true)?;
        confirm(
            context,
            self.force,
            "This will remove all stopped containers.",
        )?;
        let (removed, bytes) = stopped_containers(&context.engine()?, &filter)?;
        let mut report = Report::default();
        report.section("Deleted Containers:", removed);
        report.print(context, bytes)
    }
}

/// Remove unused images
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
    /// Provide filter values, e.g. until=24h, label=x, label!=y=z
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

impl Command for Images {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[("image prune -af", "Keep only images of containers")];

    fn run(self, context: &Context) -> Outcome {
        let filter = PruneFilter::parse(&self.filter, Some("dangling"), true)?;
        let all = self.all || filter.all == Some(true);
        let warning = match all {
            true => {
                "This will remove all images without at least one container associated to them."
            }
            false => "This will remove all dangling images.",
        };
        confirm(context, self.force, warning)?;
        let (store, _) = context.store_for_content()?;
        let mut report = Report::default();
        let bytes = unused_images(&store, all, &filter, &mut report)?;
        report.print(context, bytes)
    }
}

/// Remove unused local volumes
#[derive(Debug, Args)]
pub(crate) struct UnusedVolumes {
    /// Remove all unused volumes, not just anonymous ones
    #[arg(short, long)]
    all: bool,
    /// Provide filter values, e.g. label=x, label!=y=z
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

impl Command for UnusedVolumes {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] =
        &[("volume prune -f", "Remove anonymous volumes nobody mounts")];

    fn run(self, context: &Context) -> Outcome {
        let filter = PruneFilter::parse(&self.filter, Some("all"), false)?;
        let all = self.all || filter.all == Some(true);
        let warning = match all {
            true => "This will remove all local volumes not used by at least one container.",
            false => "This will remove anonymous local volumes not used by at least one container.",
        };
        confirm(context, self.force, warning)?;
        let (store, _) = context.store_for_content()?;
        let pruned = Volumes::new(&store).prune(all, takes_volume(&filter))?;
        let mut report = Report::default();
        report.section("Deleted Volumes:", pruned.names);
        report.print(context, pruned.bytes)
    }
}

/// Remove unused data
#[derive(Debug, Args)]
pub(crate) struct System {
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
    /// Provide filter values, e.g. until=24h, label=x, label!=y=z
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
    /// Prune anonymous volumes
    #[arg(long)]
    volumes: bool,
}

impl Command for System {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[(
        "system prune -af --volumes",
        "Free all the space that is not in use",
    )];

    fn run(self, context: &Context) -> Outcome {
        let filter = PruneFilter::parse(&self.filter, None, true)?;
        if self.volumes && filter.is_timed() {
            // docker/cli, command/system/prune.go; volumes have no age there.
            return Err(Failure::message(
                "ERROR: The \"until\" filter is not supported with \"--volumes\"",
            ));
        }
        let mut warning = "This will remove:\n  - all stopped containers\n".to_owned();
        if self.volumes {
            warning.push_str("  - all anonymous volumes not used by at least one container\n");
        }
        warning.push_str(match self.all {
            true => "  - all images without at least one container associated to them\n",
            false => "  - all dangling images\n",
        });
        warning.push_str(match self.all {
            true => "  - all build cache\n",
            false => "  - unused build cache\n",
        });
        warning.push_str("  - what interrupted commands left behind\n");
        confirm(context, self.force, &warning)?;
        let engine = context.engine()?;
        let (removed, mut bytes) = stopped_containers(&engine, &filter)?;
        let mut report = Report::default();
        report.section("Deleted Containers:", removed);
        let (store, _) = context.store_for_content()?;
        if self.volumes {
            let pruned = Volumes::new(&store).prune(false, takes_volume(&filter))?;
            report.section("Deleted Volumes:", pruned.names);
            bytes += pruned.bytes;
        }
        // First, because on a full disk the rest needs the room that this makes.
        let left_overs = store.sweep_left_overs()?;
        store::sweep_run_dir(&store, &context.settings.run_dir)?;
        runtime::sweep();
        bytes += unused_images(&store, self.all, &filter, &mut report)?;
        // After the images: what they have needed is unused now. It has no labels.
        if !self.filter.iter().any(|text| text.starts_with("label=")) {
            let timed = self.filter.iter().filter(|text| text.starts_with("until="));
            let policy = Policy {
                all: self.all,
                filters: builder::filters(timed)?,
                ..Policy::default()
            };
            let pruned = cache::prune(&store, &policy)?;
            let ids = pruned.items.into_iter().map(|item| item.id);
            report.section("Deleted build cache objects:", ids.collect());
            bytes += pruned.bytes;
        }
        report.section("Deleted Unfinished Containers:", left_overs.containers);
        bytes += left_overs.bytes;
        report.print(context, bytes)
    }
}

/// Removes containers that do not run; returns their IDs and the bytes they had written.
fn stopped_containers(
    engine: &Engine,
    filter: &PruneFilter,
) -> Result<(Vec<String>, u64), Failure> {
    let mut removed = Vec::new();
    let mut bytes = 0;
    for container in engine.list()? {
        let record = &container.record;
        let taken = filter.takes(&record.created, record.config.labels.iter());
        if container.state.status == Status::Running || !taken {
            continue;
        }
        // How much it was is worth less than that it goes.
        let written = engine.sizes(&container).map_or(0, |sizes| sizes.writable);
        let options = RemoveOptions::default();
        match engine.remove(&container, options) {
            Ok(()) => {
                bytes += written;
                removed.push(container.record.id);
            }
            // Started, or removed by somebody else, since it was listed.
            Err(crate::container::Error::Running(_) | crate::container::Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((removed, bytes))
}

fn takes_volume(filter: &PruneFilter) -> impl Fn(&Volume) -> bool + '_ {
    |volume| filter.takes(&volume.created_at, volume.labels.iter().flatten())
}

fn unused_images(
    store: &Store,
    all: bool,
    filter: &PruneFilter,
    report: &mut Report,
) -> Result<u64, Failure> {
    let takes = |config: &Digest| {
        filter.is_empty()
            || image::resolve(store, config.as_str(), None).is_ok_and(|image| {
                let labels = image.config.config.labels.iter().flatten();
                filter.takes(image.created(), labels)
            })
    };
    let pruned = store.prune_images(all, takes)?;
    let untagged = pruned
        .untagged
        .iter()
        .filter_map(|entry| entry.reference.as_ref());
    let mut lines: Vec<String> = untagged
        .map(|reference| format!("untagged: {}", reference.familiar()))
        .collect();
    let deleted = |digest: &Digest| format!("deleted: {digest}");
    lines.extend(pruned.images.iter().map(deleted));
    lines.extend(pruned.layers.iter().map(deleted));
    report.section("Deleted Images:", lines);
    Ok(pruned.bytes)
}

/// What a prune prints.
#[derive(Debug, Default)]
struct Report(String);

impl Report {
    fn section(&mut self, heading: &str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.0
                .push_str(&format!("{heading}\n{}\n\n", lines.join("\n")));
        }
    }

    fn print(self, context: &Context, bytes: u64) -> Outcome {
        let total = size::human4(bytes);
        context.print(&format!("{}Total reclaimed space: {total}\n", self.0))?;
        Ok(0)
    }
}
