//! Which limits this user's containers can have, for `info`. Nothing is made; only looked at.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::files::read;
use super::place::{Hierarchies, Hierarchy};
use super::scope;
use crate::settings::Settings;

/// What can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// 1 or 2; of what is mounted.
    pub version: u8,
    /// Docker's name for the way: `systemd`, `cgroupfs` or `none`.
    pub driver: &'static str,
    /// The controllers that containers can have.
    pub controllers: Vec<String>,
}

/// Looks what there is.
pub fn available(settings: &Settings) -> Available {
    let places = Hierarchies::find().unwrap_or_default();
    let nothing = |version| Available {
        version,
        driver: "none",
        controllers: Vec::new(),
    };
    if !places.legacy.is_empty() {
        let can_write =
            |place: &&Hierarchy| place.dir(&place.own).is_some_and(|dir| is_writable(&dir));
        let controllers: Vec<String> = (places.legacy.iter().filter(can_write))
            .flat_map(|place| place.controllers.iter().cloned())
            .collect();
        return match controllers.is_empty() {
            true => nothing(1),
            false => Available {
                version: 1,
                driver: "cgroupfs",
                controllers,
            },
        };
    }
    let Some(unified) = places.unified else {
        return nothing(2);
    };
    let of = |dir: &Path| -> Vec<String> {
        let list = read(&dir.join("cgroup.controllers")).unwrap_or_default();
        list.split_whitespace().map(str::to_owned).collect()
    };
    if scope::is_offered(settings) {
        let manager = scope::manager(&unified, settings);
        return Available {
            version: 2,
            driver: "systemd",
            controllers: manager.map(|dir| of(&dir)).unwrap_or_default(),
        };
    }
    let dirs = unified.candidates().into_iter();
    let mut dirs = dirs.filter_map(|dir: PathBuf| unified.dir(&dir.to_string_lossy()));
    match dirs.find(|dir| is_writable(dir) && is_writable(&dir.join("cgroup.procs"))) {
        Some(dir) => Available {
            version: 2,
            driver: "cgroupfs",
            controllers: of(&dir),
        },
        None => nothing(2),
    }
}

fn is_writable(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}
