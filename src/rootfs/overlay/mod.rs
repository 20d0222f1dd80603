//! The kernel's overlayfs, with `userxattr`.

mod marks;
mod merged;
mod stack;

use std::collections::HashSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::stack::Stack;
use super::{Driver, Error, Plan, ROOT_MODE, Root, failed};
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
        // The root directory shows this one's mode, which is Docker's whatever the layers say of theirs (moby,
        // daemon/graphdriver/overlay2): an image made of somebody's private directory can be used by all its users.
        let mode = fs::Permissions::from_mode(ROOT_MODE);
        fs::set_permissions(&upper, mode).map_err(failed("create", &upper))?;
        if plan.layers.is_empty() {
            make_dir(&plan.container.path().join(EMPTY))?;
        }
        make_dir(&plan.container.work_path()).map(drop)
    }

    fn root(&self, plan: &Plan<'_>, volatile: bool) -> Root {
        let lowerdirs = match plan.layers {
            [] => vec![plan.container.path().join(EMPTY)],
            layers => topmost_once(layers),
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

    fn stack(&self, scratch: PathBuf) -> Box<dyn Stack> {
        Box::new(stack::OverlayStack::new(scratch))
    }
}

/// The layers in the kernel's order, each once: overlayfs refuses the same directory twice, and images do have the same
/// layer twice. The lower one adds nothing that the upper one does not show.
fn topmost_once(layers: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let topmost_first = layers.iter().rev();
    topmost_first
        .filter(|layer| seen.insert(*layer))
        .cloned()
        .collect()
}

/// Makes a directory; `false` if it was there.
fn make_dir(path: &Path) -> Result<bool, Error> {
    match DirBuilder::new().mode(ROOT_MODE).create(path) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_comes_twice_is_mounted_once() {
        let layers = ["/a", "/b", "/a", "/c"].map(PathBuf::from);
        assert_eq!(topmost_once(&layers), ["/c", "/a", "/b"].map(PathBuf::from));
    }
}
