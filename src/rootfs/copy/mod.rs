//! A plain copy of the layers, for where no overlay can be mounted.
//!
//! Layers are applied lowest first: a whiteout removes what is there, an opaque directory empties it, everything else is
//! copied over, but for devices. Blocks are shared with the layer where the filesystem can (`FICLONE`), holes stay holes, hard links of a
//! layer stay hard links. The copy runs inside the user's id map, so owners stay what they are; its time of completion
//! (`DATA/containers/<id>/copied`) tells later what the container has written.

mod diff;
mod layers;
mod node;
mod noted;
mod places;
mod stack;

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::overlay::sum_sizes;
use super::stack::Stack;
use super::{Driver, Error, Plan, ROOT_MODE, Root, failed};
use crate::store::{ContainerDir, remove_tree};
use crate::sys::child::speaking_child;
use crate::userns;

pub(crate) use layers::copy_tree;
use node::drop_xattrs;

/// The copy, below the container's directory.
const ROOTFS: &str = "rootfs";
/// Its age is when the copy was complete.
const COPIED: &str = "copied";

/// Everything in one directory.
#[derive(Debug)]
pub struct Copy;

impl Driver for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn prepare(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let target = plan.container.path().join(ROOTFS);
        let copied = plan.container.path().join(COPIED);
        if fs::exists(&copied).map_err(failed("read", &copied))? {
            return Ok(());
        }
        let ended = speaking_child(|words| {
            let result = userns::enter(plan.id_map, plan.settings)
                .map_err(|error| error.to_string())
                // What an interrupted copy left.
                .and_then(|()| remove_tree(&target).map_err(|error| error.to_string()))
                .and_then(|()| copy_layers(plan.layers, &target));
            match result {
                Ok(()) => 0,
                Err(problem) => {
                    let _ = words.write_all(problem.as_bytes());
                    1
                }
            }
        })
        .map_err(failed("copy", &target))?;
        if ended.code != 0 {
            return Err(Error::Copy(ended.words));
        }
        fs::write(&copied, b"").map_err(failed("create", &copied))
    }

    fn root(&self, plan: &Plan<'_>, _volatile: bool) -> Root {
        Root::Directory(plan.container.path().join(ROOTFS))
    }

    fn written_bytes(&self, container: &ContainerDir) -> Result<u64, Error> {
        let copied = container.path().join(COPIED);
        let since = fs::metadata(&copied).map_err(failed("read", &copied))?;
        let since = (since.mtime(), since.mtime_nsec());
        // A container can set every time of a file but this one.
        sum_sizes(&container.path().join(ROOTFS), &|meta| {
            (meta.ctime(), meta.ctime_nsec()) > since
        })
    }

    fn stack(&self, scratch: PathBuf) -> Box<dyn Stack> {
        Box::new(stack::CopyStack::new(scratch))
    }
}

fn copy_layers(layers: &[PathBuf], target: &Path) -> Result<(), String> {
    let words = |path: &Path| {
        let path = path.display().to_string();
        move |errno: Errno| format!("{path}: {}", std::io::Error::from(errno))
    };
    rustix::fs::mkdir(target, Mode::from_raw_mode(ROOT_MODE)).map_err(words(target))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let to = rustix::fs::open(target, flags, Mode::empty()).map_err(words(target))?;
    let own = rustix::fs::fstat(&to).map_err(words(target))?;
    for layer in layers {
        let from = rustix::fs::open(layer, flags, Mode::empty()).map_err(words(layer))?;
        copy_tree(from.as_fd(), to.as_fd())
            .map_err(|(path, errno)| words(&layer.join(path))(errno))?;
    }
    // As the root directory of an overlay, which no layer describes.
    let (uid, gid) = (Uid::from_raw(own.st_uid), Gid::from_raw(own.st_gid));
    (drop_xattrs(to.as_fd()))
        .and_then(|()| rustix::fs::fchown(&to, Some(uid), Some(gid)))
        .and_then(|()| rustix::fs::fchmod(&to, Mode::from_raw_mode(ROOT_MODE)))
        .map_err(words(target))
}
