//! The rows of `system df`.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::images_list::NamedImage;
use super::{images_row, ps_row};
use crate::build::cache::Item;
use crate::cli::output::format::{Headers, RowType, TableRow};
use crate::cli::output::{ellipsis, escape, size, time};
use crate::cli::template::Object;
use crate::container::{Container, Sizes};
use crate::image::ImageUsage;

/// What stands above the columns of the overview.
pub(super) const HEADERS: Headers = &[
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
];

/// What stands above the columns of volumes.
pub(super) const VOLUME_HEADERS: Headers = &[
    ("Name", "VOLUME NAME"),
    ("Links", "LINKS"),
    ("Size", "SIZE"),
];

/// What stands above the columns of the build cache. Docker's has a column for BuildKit's types where the step stands here.
pub(super) const BUILD_HEADERS: Headers = &[
    ("ID", "CACHE ID"),
    ("Description", "STEP"),
    ("Size", "SIZE"),
    ("CreatedSince", "CREATED"),
    ("LastUsedSince", "LAST USED"),
];

/// Columns of a step that the table shows.
const STEP_WIDTH: usize = 45;
/// Digits of a cache key that are shown, as Docker has of its IDs.
const KEY_DIGITS: usize = 12;

/// What the rows of the overview are to templates.
pub(super) static TYPE: RowType = RowType {
    name: "*formatter.diskUsageImagesContext",
    fields: &["Active", "Reclaimable", "Size", "TotalCount", "Type"],
    headers: HEADERS,
};

/// One kind of thing.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) total: usize,
    pub(super) active: usize,
    pub(super) bytes: u64,
    pub(super) reclaimable: u64,
    /// Whether the share is shown beside what can be freed.
    pub(super) shares: bool,
}

impl TableRow for Row {
    const TYPE: &'static RowType = &TYPE;

    fn cell(&self, name: &str) -> Option<Json> {
        let reclaimable = || {
            let text = size::human4(self.reclaimable);
            // In wide arithmetic: a hundred times a disk may be more than a u64 holds.
            match u128::from(self.reclaimable) * 100 {
                hundredfold if self.shares && self.bytes > 0 => {
                    format!("{text} ({}%)", hundredfold / u128::from(self.bytes))
                }
                _ => text,
            }
        };
        let text = match name {
            "Type" => self.kind.to_owned(),
            "TotalCount" => self.total.to_string(),
            "Active" => self.active.to_string(),
            "Size" => size::human4(self.bytes),
            "Reclaimable" => reclaimable(),
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn call(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// An image: the row of `images`, and what that leaves open.
#[derive(Debug)]
pub(super) struct ImageRow {
    row: images_row::Row,
    shared: u64,
    unique: u64,
    containers: usize,
}

impl ImageRow {
    /// Shows the image under its first name, as Docker.
    pub(super) fn new(usage: ImageUsage, now: Timestamp) -> ImageRow {
        let first = usage.listed.tags().next();
        let image = NamedImage {
            repository: first.map(crate::content::Reference::familiar_name),
            tag: first.and_then(|name| name.tag().map(str::to_owned)),
            digest: None,
            size: usage.listed.size,
            image: usage.listed.image.clone(),
        };
        ImageRow {
            row: images_row::Row {
                image,
                now,
                truncate: true,
            },
            shared: usage.shared,
            unique: usage.unique,
            containers: usage.containers,
        }
    }
}

impl Object for ImageRow {
    fn type_name(&self) -> &'static str {
        self.row.type_name()
    }

    fn fields(&self) -> &'static [&'static str] {
        self.row.fields()
    }

    fn field(&self, name: &str) -> Option<Json> {
        let text = match name {
            "SharedSize" => size::human4(self.shared),
            "UniqueSize" => size::human4(self.unique),
            "Containers" => self.containers.to_string(),
            name => return self.row.field(name),
        };
        Some(Json::String(text))
    }

    fn method(&self, name: &str, argument: &str) -> Option<String> {
        self.row.method(name, argument)
    }
}

/// A container: the row of `ps`, without the size of its image.
#[derive(Debug)]
pub(super) struct ContainerRow {
    row: ps_row::Row,
    written: u64,
}

impl ContainerRow {
    pub(super) fn new(container: Container, sizes: Sizes, now: Timestamp) -> ContainerRow {
        ContainerRow {
            row: ps_row::Row {
                container,
                now,
                truncate: true,
                sizes: None,
            },
            written: sizes.writable,
        }
    }
}

impl Object for ContainerRow {
    fn type_name(&self) -> &'static str {
        self.row.type_name()
    }

    fn fields(&self) -> &'static [&'static str] {
        self.row.fields()
    }

    fn field(&self, name: &str) -> Option<Json> {
        match name {
            "Size" => Some(Json::String(size::human(self.written))),
            name => self.row.field(name),
        }
    }

    fn method(&self, name: &str, argument: &str) -> Option<String> {
        self.row.method(name, argument)
    }
}

/// A volume.
#[derive(Debug)]
pub(super) struct VolumeRow {
    pub(super) name: String,
    pub(super) links: usize,
    pub(super) bytes: u64,
}

impl Object for VolumeRow {
    fn type_name(&self) -> &'static str {
        "*formatter.volumeContext"
    }

    fn fields(&self) -> &'static [&'static str] {
        &["Links", "Name", "Size"]
    }

    fn field(&self, name: &str) -> Option<Json> {
        let text = match name {
            "Name" => self.name.clone(),
            "Links" => self.links.to_string(),
            "Size" => size::human4(self.bytes),
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn method(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// An item of the build cache.
#[derive(Debug)]
pub(super) struct BuildRow {
    pub(super) item: Item,
    pub(super) now: Timestamp,
}

impl Object for BuildRow {
    fn type_name(&self) -> &'static str {
        "*formatter.buildCacheContext"
    }

    fn fields(&self) -> &'static [&'static str] {
        &["CreatedSince", "Description", "ID", "LastUsedSince", "Size"]
    }

    fn field(&self, name: &str) -> Option<Json> {
        let item = &self.item;
        let text = match name {
            "ID" => item.id.chars().take(KEY_DIGITS).collect(),
            "Description" => ellipsis(
                &escape::line(&item.description.replace(['\t', '\n'], " ")),
                STEP_WIDTH,
            ),
            "Size" => size::human4(item.bytes),
            "CreatedSince" if item.created.is_empty() => String::new(),
            "CreatedSince" => time::ago(&item.created, self.now),
            "LastUsedSince" => match Timestamp::try_from(item.used) {
                Ok(used) => time::ago(&used.to_string(), self.now),
                Err(_) => String::new(),
            },
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn method(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}
