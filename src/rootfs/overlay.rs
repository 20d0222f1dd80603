//! The kernel's overlayfs, with `userxattr`.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::{Driver, Error, Plan, Root, failed};
use crate::store::ContainerDir;

/// Layers below, the container's `upper/` and `work/` above.
#[derive(Debug)]
pub struct Overlay;

/// The lower directory of an image without layers, which overlayfs cannot do without.
const EMPTY: &str = "empty";

impl Driver for Overlay {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn prepare(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let upper = plan.container.upper_path();
        // A container that is started again; its root directory's mode is its own by now.
        if !make_dir(&upper)? {
            return Ok(());
        }
        // The root directory shows the mode of the topmost directory there is, and that is this one.
        let mode = match plan.layers.last().map(fs::symlink_metadata) {
            Some(Ok(top)) => top.mode() & 0o7777,
            _ => 0o755,
        };
        fs::set_permissions(&upper, fs::Permissions::from_mode(mode))
            .map_err(failed("create", &upper))?;
        if plan.layers.is_empty() {
            make_dir(&plan.container.path().join(EMPTY))?;
        }
        make_dir(&plan.container.work_path()).map(drop)
    }

    fn root(&self, plan: &Plan<'_>, volatile: bool) -> Root {
        let lowerdirs = match plan.layers {
            [] => vec![plan.container.path().join(EMPTY)],
            layers => layers.iter().rev().cloned().collect(),
        };
        Root::Overlay {
            lowerdirs,
            upperdir: plan.container.upper_path(),
            workdir: plan.container.work_path(),
            volatile,
        }
    }

    fn written_bytes(&self, container: &ContainerDir) -> Result<u64, Error> {
        sum_sizes(&container.upper_path(), &|_| true)
    }
}

/// Makes a directory; `false` if it was there.
fn make_dir(path: &Path) -> Result<bool, Error> {
    match DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("create", path)(error)),
    }
}

/// Sums the sizes of the regular files below `root` that `counts`. What vanishes meanwhile counts nothing, as does what
/// may not be read: foreign-owned directories, looked at from outside the id map.
pub(super) fn sum_sizes(root: &Path, counts: &dyn Fn(&fs::Metadata) -> bool) -> Result<u64, Error> {
    let mut sum = 0_u64;
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if is_unseen(&error) => continue,
            Err(error) => return Err(failed("read", &dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &dir))?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(error) if is_unseen(&error) => continue,
                Err(error) => return Err(failed("read", &entry.path())(error)),
            };
            if meta.is_dir() {
                todo.push(entry.path());
            } else if meta.is_file() && counts(&meta) {
                sum = sum.saturating_add(meta.len());
            }
        }
    }
    Ok(sum)
}

fn is_unseen(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    )
}
