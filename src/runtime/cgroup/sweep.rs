//! Removing cgroups: one whose container has ended, and those that killed processes have left.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::files::write;
use super::place::Hierarchies;
use crate::patience::Patience;

/// The directory in which cgroups are made where nobody says, and how the names of all of them begin.
pub(super) const OWN: &str = "ctr";
const PREFIX: &str = "ctr-";

/// How long the kernel may take to see that the last process of a cgroup has gone, and how often that is looked at.
const EMPTYING: Patience = Patience::of_millis(10_000, 1);

/// Cgroups within a container's that are removed with it.
const MAX_DEPTH: u32 = 64;

/// Removes the cgroup of a container whose monitor was killed: `path` is one of [`Group::paths`](super::Group::paths). What
/// somebody uses, or what is no cgroup of ours, stays.
pub fn remove_left_over(path: &Path) {
    let name = path.file_name().and_then(|name| name.to_str());
    // Those in a scope go with it.
    if name.is_some_and(|name| name.starts_with(PREFIX)) {
        remove_if_free(path);
    }
}

/// Removes all cgroups that killed processes have left where this user would make some.
pub fn sweep() {
    let Ok(places) = Hierarchies::find() else {
        return;
    };
    let unified = places.unified.iter().flat_map(|place| {
        let dirs = place.candidates();
        let dirs = dirs.iter().map(|dir| dir.join(OWN));
        dirs.filter_map(|dir| place.dir(&dir.to_string_lossy()))
            .collect::<Vec<_>>()
    });
    let legacy = (places.legacy.iter()).filter_map(|place| Some(place.dir(&place.own)?.join(OWN)));
    for dir in unified.chain(legacy) {
        sweep_dir(&dir);
        // Only if it is empty.
        let _ = fs::remove_dir(&dir);
    }
}

/// Removes what killed processes have left in `dir`.
pub(super) fn sweep_dir(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            remove_if_free(&entry.path());
        }
    }
}

/// Removes a cgroup that nobody holds.
pub(super) fn remove_if_free(path: &Path) {
    let Ok(dir) = File::open(path) else {
        return;
    };
    if flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok() {
        // Who is in there has lost its monitor. Version 1 has no such file; there the monitor's end has to be enough.
        let _ = write(&path.join("cgroup.kill"), "1");
        remove(path);
    }
}

/// Removes a cgroup, what is below it, and the directory above it if that is ours and empty. Best effort: one whose processes
/// do not end stays, and is found by the next sweep.
pub(super) fn remove(path: &Path) {
    EMPTYING.until(|| remove_tree(path, 0).then_some(()));
    if let Some(parent) = path.parent().filter(|parent| parent.ends_with(OWN)) {
        let _ = fs::remove_dir(parent);
    }
}

/// Returns whether it is gone.
fn remove_tree(path: &Path, depth: u32) -> bool {
    match fs::remove_dir(path) {
        Ok(()) => return true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
        Err(_) if depth >= MAX_DEPTH => return false,
        Err(_) => {}
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path(), depth + 1);
        }
    }
    fs::remove_dir(path).is_ok()
}
