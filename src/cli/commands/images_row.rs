//! An image as `images` shows it. Spec: docker/cli, `cli/command/formatter/image.go`.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::images_list::NamedImage;
use crate::cli::output::format::{Headers, RowType, TableRow};
use crate::cli::output::{size, time};
use crate::container::record::ZERO_TIME;

/// What stands above each column.
pub(super) const HEADERS: Headers = &[
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Containers", "CONTAINERS"),
    ("VirtualSize", "SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
];

/// What Docker shows where there is nothing.
const NONE: &str = "<none>";
/// What Docker shows where nobody has counted.
const UNKNOWN: &str = "N/A";
/// What rows are to templates.
pub(super) static TYPE: RowType = RowType {
    name: "*formatter.imageContext",
    fields: &[
        "Containers",
        "CreatedAt",
        "CreatedSince",
        "Digest",
        "ID",
        "Repository",
        "SharedSize",
        "Size",
        "Tag",
        "UniqueSize",
        "VirtualSize",
    ],
    headers: HEADERS,
};

/// One line of `images`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) image: NamedImage,
    pub(super) now: Timestamp,
    /// Short IDs.
    pub(super) truncate: bool,
}

impl TableRow for Row {
    const TYPE: &'static RowType = &TYPE;

    fn cell(&self, name: &str) -> Option<Json> {
        let image = &self.image;
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
        let text = match name {
            "ID" if self.truncate => image.image.id.short().to_owned(),
            "ID" => image.image.id.to_string(),
            "Repository" => or_none(&image.repository),
            "Tag" => or_none(&image.tag),
            "Digest" => image
                .digest
                .as_ref()
                .map_or(NONE.to_owned(), ToString::to_string),
            "CreatedSince" => match image.image.created() {
                ZERO_TIME => UNKNOWN.to_owned(),
                created => time::ago(created, self.now),
            },
            "CreatedAt" => time::local(image.image.created()),
            "Size" => size::human(image.size),
            "VirtualSize" => size::human4(image.size),
            "Containers" | "SharedSize" | "UniqueSize" => UNKNOWN.to_owned(),
            _ => return None,
        };
        Some(Json::String(text))
    }

    fn call(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}
