//! The host's devices: those that were asked for, and all of them for a privileged container.
//!
//! Where the container has a user namespace its devices are the host's own nodes: those are left out that the user cannot
//! open anyway, as podman does. Source of what is skipped: opencontainers/cgroups, devices, `GetDevices`.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxDevice, LinuxDeviceBuilder, LinuxDeviceType};
use rustix::fs::{Access, AtFlags, CWD};

use super::Error;
use super::device_mapping::DeviceMapping;

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

/// A device that was asked for.
#[derive(Debug)]
pub(super) struct Mapped {
    /// As it is inside.
    pub(super) device: LinuxDevice,
    /// Where the host has it.
    pub(super) host: PathBuf,
}

/// Finds the devices of `--device`; of a directory all those in it, as Docker does (moby, daemon/oci_linux.go,
/// `withDevices`).
///
/// # Errors
///
/// [`Error::Device`] for a path that is no device.
pub(super) fn mapped(mappings: &[DeviceMapping]) -> Result<Vec<Mapped>, Error> {
    let mut list = Vec::new();
    for mapping in mappings {
        let path = Path::new(&mapping.path_on_host);
        let failed = |source| Error::Device {
            path: mapping.path_on_host.clone(),
            source,
        };
        // A link (`/dev/disk/by-id/…`) is followed.
        let path = path.canonicalize().map_err(failed)?;
        let meta = fs::metadata(&path).map_err(failed)?;
        let inside = Path::new(&mapping.path_in_container);
        let mut found = Vec::new();
        if meta.is_dir() {
            collect(&path, false, 0, &mut found)?;
        } else {
            found.extend(device(&path, &meta)?);
        }
        if found.is_empty() {
            return Err(failed(io::Error::other("not a device node")));
        }
        for mut device in found {
            let host = device.path().clone();
            let below = host.strip_prefix(&path).unwrap_or(&host);
            let inside = match below.as_os_str().is_empty() {
                true => inside.to_owned(),
                false => inside.join(below),
            };
            // The last of those for one place counts.
            list.retain(|other: &Mapped| *other.device.path() != inside);
            device.set_path(inside);
            list.push(Mapped { device, host });
        }
    }
    Ok(list)
}

/// Returns where the host has those that are elsewhere inside: path inside, path on the host.
pub(super) fn sources(mapped: &[Mapped]) -> Vec<(PathBuf, PathBuf)> {
    let pair = |mapped: &Mapped| (mapped.device.path().clone(), mapped.host.clone());
    let pairs = mapped.iter().map(pair);
    pairs.filter(|(inside, host)| inside != host).collect()
}

/// Returns the device at `path`, if that is what it is.
fn device(path: &Path, meta: &Metadata) -> Result<Option<LinuxDevice>, Error> {
    let kind = match meta.file_type() {
        kind if kind.is_char_device() => LinuxDeviceType::C,
        kind if kind.is_block_device() => LinuxDeviceType::B,
        _ => return Ok(None),
    };
    let device = LinuxDeviceBuilder::default()
        .path(path)
        .typ(kind)
        .major(i64::from(rustix::fs::major(meta.rdev())))
        .minor(i64::from(rustix::fs::minor(meta.rdev())))
        .file_mode(meta.mode() & 0o777)
        .uid(meta.uid())
        .gid(meta.gid())
        .build();
    let device = device.map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(Some(device))
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
        let Some(device) = device(&path, &meta)? else {
            continue;
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
        list.push(device);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_by_another_name() {
        let map = |text: &str| mapped(&[text.parse().unwrap()]);
        let found = map("/dev/zero:/dev/nought").unwrap();
        assert_eq!(found[0].host, Path::new("/dev/zero"));
        assert_eq!(found[0].device.path(), Path::new("/dev/nought"));
        assert_eq!((found[0].device.major(), found[0].device.minor()), (1, 5));
        let both = ["/dev/zero:/dev/x", "/dev/null:/dev/x"].map(|text| text.parse().unwrap());
        let both = mapped(&both).unwrap();
        assert_eq!(
            (both.len(), both[0].host.as_path()),
            (1, Path::new("/dev/null"))
        );
        for wrong in ["/dev/nonexistent", "/etc/passwd", "/etc"] {
            assert!(matches!(map(wrong), Err(Error::Device { .. })), "{wrong}");
        }
    }

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
