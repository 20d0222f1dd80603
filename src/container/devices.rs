//! The host's devices, all of which a privileged container gets.
//!
//! Where the container has a user namespace its devices are the host's own nodes: those are left out that the user cannot
//! open anyway, as podman does. Source of what is skipped: opencontainers/cgroups, devices, `GetDevices`.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use oci_spec::runtime::{LinuxDevice, LinuxDeviceBuilder, LinuxDeviceType};
use rustix::fs::{Access, AtFlags, CWD};

use super::Error;

/// Directories whose devices are the container's own business.
const SKIPPED_DIRECTORIES: [&str; 7] =
    ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"];

/// Devices at most, and depth of directories.
const MAX_DEVICES: usize = 4096;
const MAX_DEPTH: usize = 16;

/// Returns the host's devices; with `only_usable`, those that the user can read and write.
///
/// # Errors
///
/// [`Error::Invalid`] where the specification's own types refuse one. Directories that cannot be read are left out.
pub(super) fn of_host(only_usable: bool) -> Result<Vec<LinuxDevice>, Error> {
    let mut list = Vec::new();
    collect(Path::new("/dev"), only_usable, 0, &mut list)?;
    Ok(list)
}

fn collect(
    dir: &Path,
    only_usable: bool,
    depth: usize,
    list: &mut Vec<LinuxDevice>,
) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        let kind = meta.file_type();
        if kind.is_dir() {
            let skipped = SKIPPED_DIRECTORIES.iter().any(|skipped| name == *skipped);
            if !skipped && depth < MAX_DEPTH {
                collect(&path, only_usable, depth + 1, list)?;
            }
            continue;
        }
        let kind = match kind {
            kind if kind.is_char_device() => LinuxDeviceType::C,
            kind if kind.is_block_device() => LinuxDeviceType::B,
            _ => continue,
        };
        let wanted = Access::READ_OK | Access::WRITE_OK;
        let usable = || rustix::fs::accessat(CWD, &path, wanted, AtFlags::EACCESS).is_ok();
        // A terminal of the host's: the container has a console of its own, or none. 0:0 is overlayfs's whiteout.
        if name == "console" || meta.rdev() == 0 || (only_usable && !usable()) {
            continue;
        }
        if list.len() == MAX_DEVICES {
            break;
        }
        let device = LinuxDeviceBuilder::default()
            .path(path)
            .typ(kind)
            .major(i64::from(rustix::fs::major(meta.rdev())))
            .minor(i64::from(rustix::fs::minor(meta.rdev())))
            .file_mode(meta.mode() & 0o777)
            .uid(meta.uid())
            .gid(meta.gid())
            .build();
        list.push(device.map_err(|error| Error::Invalid(error.to_string()))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_there_and_terminals_are_not() {
        let devices = of_host(true).unwrap();
        let has = |name: &str| {
            devices
                .iter()
                .any(|device| device.path() == Path::new(name))
        };
        assert!(has("/dev/null"));
        assert!(!has("/dev/console"));
        assert!(
            !devices
                .iter()
                .any(|device| device.path().starts_with("/dev/pts"))
        );
    }
}
