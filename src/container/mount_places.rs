//! Places for mounts in a directory of somebody else's (`--rootfs DIR:O` of an ordinary user).
//!
//! The overlay takes all writes, but it asks the directory that is written to for permission, and a directory that belongs
//! to an id outside the container gives none, not even to root inside: nothing can be made in it to be mounted on. So the
//! directories on the way to such places are made in the upper directory, where they belong to root inside.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::Mode;

use super::Error;
use super::error::failed;
use super::etc_files;
use super::record::Record;
use super::view::View;
use crate::rootfs::Root;
use crate::userns::{Extent, IdMap};

/// Makes in the upper directory of `root` what it takes to make the places of a container's mounts, and its working
/// directory. `uids` are the container's.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn make_room(root: &Root, record: &Record, uids: &[Extent]) -> Result<(), Error> {
    let Root::Overlay { upperdir, .. } = root else {
        return Ok(());
    };
    let host = &record.host_config;
    let mounts = record.mounts.iter().map(|mount| mount.destination.as_str());
    let tmpfs = host.tmpfs.iter().flat_map(|tmpfs| tmpfs.keys());
    let targets = etc_files::bound(&host.image_files)
        .map(|(_, place)| place)
        .chain(mounts)
        .chain(tmpfs.map(String::as_str))
        .chain([record.config.working_dir.as_str()]);
    for target in targets {
        // Anew for each: the last one may have made part of the way.
        let view = View::of_root(root).map_err(failed("open", upperdir))?;
        let way = view.way_to(target).map_err(failed("read", upperdir))?;
        let foreign = |owner| !IdMap::maps_host(uids, owner);
        if way.last().is_some_and(|last| foreign(last.owner)) {
            let mut path = upperdir.clone();
            for directory in way {
                path.push(directory.name);
                make_like(&path, directory.mode)?;
            }
        }
    }
    Ok(())
}

/// Makes a directory with this mode, whatever the umask; fine if there is one.
fn make_like(path: &Path, mode: u32) -> Result<(), Error> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => rustix::fs::chmod(path, Mode::from_raw_mode(mode))
            .map_err(|error| failed("change", path)(error.into())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("create", path)(error)),
    }
}
