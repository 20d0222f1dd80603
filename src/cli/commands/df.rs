//! `ctr system df`. Spec: docker/cli, `cli/command/formatter/disk_usage.go`.

use clap::Args;
use jiff::Timestamp;

use super::df_rows::{
    BUILD_HEADERS, BuildRow, ContainerRow, HEADERS, ImageRow, Row, TYPE, VOLUME_HEADERS, VolumeRow,
};
use super::{images_row, ps_row};
use crate::build::cache;
use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::format::{Format, Headers, parsing};
use crate::cli::output::{size, time};
use crate::cli::template::Object;
use crate::container::record::Status;
use crate::container::{Container, Sizes};
use crate::image::{self, Usage};
use crate::store::tree_bytes;
use crate::volume::Volumes;

/// Show disk usage
#[derive(Debug, Args)]
pub(crate) struct DiskUsage {
    /// Format output: table, "table TEMPLATE", json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show detailed information on space usage
    #[arg(short, long)]
    verbose: bool,
}

impl Command for DiskUsage {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        ("system df", "What could be freed, and with which prune"),
        ("system df -v", "Which image, container or volume it is"),
    ];

    fn run(self, context: &Context) -> Outcome {
        if self.verbose && self.format.is_some() {
            return Err(Failure::message(
                "the verbose and the format options conflict",
            ));
        }
        let columns = ["Type", "TotalCount", "Active", "Size", "Reclaimable"];
        let format = Format::parse(self.format.as_deref(), columns)?;
        format.uses(&TYPE).map_err(parsing)?;
        let survey = Survey::take(context)?;
        if self.verbose {
            return survey.print(context);
        }
        let rows = survey.rows();
        let objects = rows.iter().map(|row| row as &dyn Object);
        context.print_rows(format.render(objects, HEADERS))
    }
}

/// A volume and its weight.
struct Weighed {
    name: String,
    links: usize,
    bytes: u64,
}

/// Everything that takes room.
struct Survey {
    now: Timestamp,
    images: Usage,
    containers: Vec<(Container, Sizes)>,
    volumes: Vec<Weighed>,
    cache: cache::Usage,
}

impl Survey {
    /// Weighs it all, from inside the user's id map: others may not look into what belongs to other ids.
    fn take(context: &Context) -> Result<Survey, Failure> {
        let engine = context.engine()?;
        let listed = engine.list()?;
        let (store, _) = context.store_for_content()?;
        let used: Vec<_> = listed
            .iter()
            .filter_map(|container| container.record.image.clone())
            .collect();
        let images = image::usage(&store, &used)?;
        let mut containers = Vec::new();
        for container in listed {
            // One that is being removed weighs nothing any more.
            let sizes = engine.sizes(&container).unwrap_or(Sizes {
                writable: 0,
                virtual_size: 0,
            });
            containers.push((container, sizes));
        }
        let volumes = Volumes::new(&store);
        let users = volumes.users()?;
        let weigh = |volume: crate::volume::Volume| Weighed {
            links: users.get(&volume.name).map_or(0, Vec::len),
            bytes: tree_bytes(&volumes.data_dir(&volume.name)),
            name: volume.name,
        };
        let volumes = volumes.list()?.into_iter().map(weigh).collect();
        let cache = cache::usage(&store)?;
        Ok(Survey {
            now: time::now(),
            images,
            containers,
            volumes,
            cache,
        })
    }

    /// One row for each kind.
    fn rows(&self) -> Vec<Row> {
        let is_active = |container: &Container| container.state.status == Status::Running;
        let written = |active: bool| -> u64 {
            let all = self.containers.iter();
            let wanted = all.filter(|(container, _)| active || !is_active(container));
            wanted.map(|(_, sizes)| sizes.writable).sum()
        };
        let held = |used: bool| -> u64 {
            let all = self.volumes.iter();
            let wanted = all.filter(|volume| used || volume.links == 0);
            wanted.map(|volume| volume.bytes).sum()
        };
        let active = self.containers.iter().filter(|(one, _)| is_active(one));
        vec![
            Row {
                kind: "Images",
                total: self.images.images.len(),
                active: self
                    .images
                    .images
                    .iter()
                    .filter(|one| one.containers > 0)
                    .count(),
                bytes: self.images.bytes,
                reclaimable: self.images.reclaimable,
                shares: true,
            },
            Row {
                kind: "Containers",
                total: self.containers.len(),
                active: active.count(),
                bytes: written(true),
                reclaimable: written(false),
                shares: true,
            },
            Row {
                kind: "Local Volumes",
                total: self.volumes.len(),
                active: self.volumes.iter().filter(|one| one.links > 0).count(),
                bytes: held(true),
                reclaimable: held(false),
                shares: true,
            },
            Row {
                kind: "Build Cache",
                total: self.cache.items.len(),
                active: self.cache.items.iter().filter(|item| item.in_use).count(),
                bytes: self.cache.own_bytes(),
                reclaimable: self.cache.reclaimable_bytes(),
                shares: false,
            },
        ]
    }

    /// A table for each kind.
    fn print(self, context: &Context) -> Outcome {
        let now = self.now;
        let mut text = "Images space usage:\n\n".to_owned();
        let images = self.images.images.into_iter();
        let images: Vec<ImageRow> = images.map(|usage| ImageRow::new(usage, now)).collect();
        let columns = [
            "Repository",
            "Tag",
            "ID",
            "CreatedSince",
            "Size",
            "SharedSize",
            "UniqueSize",
            "Containers",
        ];
        text.push_str(&table(&columns, &images, images_row::HEADERS)?);
        text.push_str("\nContainers space usage:\n\n");
        let containers = self.containers.into_iter();
        let containers: Vec<ContainerRow> = containers
            .map(|(container, sizes)| ContainerRow::new(container, sizes, now))
            .collect();
        let columns = [
            "ID",
            "Image",
            "Command",
            "LocalVolumes",
            "Size",
            "RunningFor",
            "Status",
            "Names",
        ];
        text.push_str(&table(&columns, &containers, ps_row::HEADERS)?);
        text.push_str("\nLocal Volumes space usage:\n\n");
        let volumes = self.volumes.into_iter();
        let volumes: Vec<VolumeRow> = volumes
            .map(|volume| VolumeRow {
                name: volume.name,
                links: volume.links,
                bytes: volume.bytes,
            })
            .collect();
        text.push_str(&table(
            &["Name", "Links", "Size"],
            &volumes,
            VOLUME_HEADERS,
        )?);
        let total = size::human4(self.cache.own_bytes());
        text.push_str(&format!("\nBuild cache usage: {total}\n\n"));
        let cache = self.cache.items.into_iter();
        let cache: Vec<BuildRow> = cache.map(|item| BuildRow { item, now }).collect();
        let columns = ["ID", "Description", "Size", "CreatedSince", "LastUsedSince"];
        text.push_str(&table(&columns, &cache, BUILD_HEADERS)?);
        context.print(&text)?;
        Ok(0)
    }
}

fn table(
    columns: &[&'static str],
    rows: &[impl Object],
    headers: Headers,
) -> Result<String, Failure> {
    let format = Format::parse(None, columns.iter().copied())?;
    let objects = rows.iter().map(|row| row as &dyn Object);
    format.render(objects, headers).map_err(|cut| cut.failure)
}
