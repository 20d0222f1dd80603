//! What Go's types behind the JSON are, for templates.

use serde_json::Value as Json;

use crate::cli::template::{Schema, Shape};

/// The types of what `inspect` prints.
#[derive(Debug)]
pub(crate) struct Inspected;

/// Fields whose type is a map.
const MAPS: [&str; 15] = [
    "Annotations",
    "Data",
    "DriverOpts",
    "ExposedPorts",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Sizes",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
    "annotations",
];

/// Fields whose type is a pointer, which is shown as `<nil>` where there is nothing; every other null is an empty list.
const POINTERS: [&str; 9] = [
    "ArgsEscaped",
    "Health",
    "Healthcheck",
    "IPAMConfig",
    "Init",
    "MemorySwappiness",
    "OomKillDisable",
    "PidsLimit",
    "StopTimeout",
];

/// Fields that Go leaves out of JSON where they are empty.
const OPTIONAL: [&str; 12] = [
    "Annotations",
    "ArgsEscaped",
    "ExposedPorts",
    "Health",
    "Healthcheck",
    "Init",
    "MacAddress",
    "Shell",
    "StopTimeout",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
];

impl Schema for Inspected {
    fn shape(&self, name: &str, value: &Json) -> Shape {
        if MAPS.contains(&name) {
            return Shape::Map;
        }
        match value {
            // The fields of Go's structs begin with a capital; what does not is a key (`LogConfig.Config`).
            Json::Object(map)
                if map
                    .keys()
                    .any(|key| !key.starts_with(|c: char| c.is_ascii_uppercase())) =>
            {
                Shape::Map
            }
            Json::Null if !POINTERS.contains(&name) => Shape::List,
            _ => Shape::Struct,
        }
    }

    fn is_optional(&self, name: &str) -> bool {
        OPTIONAL.contains(&name)
    }
}
