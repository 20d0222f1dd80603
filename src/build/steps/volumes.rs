//! `--volume`: directories and files of the host that every RUN sees. They are no part of any layer.
//!
//! What is in them is not looked at: a step is found in the cache whatever they hold, as long as the same is mounted at the
//! same place. (buildah's cache does not even know of them.)

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount;

use super::mounts::mount;
use crate::build::cache::Key;
use crate::build::error::{Error, failed};
use crate::build::request::Volume;

/// Adds what a step's result may depend on.
pub(super) fn add_to(key: &mut Key, volumes: &[Volume]) {
    for volume in volumes {
        key.field("volume", volume.source.as_os_str().as_encoded_bytes())
            .field("target", &volume.target)
            .field("overlay", [u8::from(volume.is_overlay)])
            .list("options", &volume.options);
    }
}

/// Returns the mounts, for a step whose own directory is `dir`.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn mounts(volumes: &[Volume], dir: &Path) -> Result<Vec<Mount>, Error> {
    let one = |(number, volume): (usize, &Volume)| match volume.is_overlay {
        true => overlay(volume, &dir.join(format!("volume-{number}"))),
        false => mount(
            "bind",
            &volume.source,
            &volume.target,
            volume.options.clone(),
        ),
    };
    volumes.iter().enumerate().map(one).collect()
}

/// Returns where files of the host are that the command can change.
pub(super) fn places(volumes: &[Volume]) -> Vec<PathBuf> {
    let own = volumes.iter().filter(|volume| !volume.is_overlay);
    own.map(|volume| PathBuf::from(&volume.target)).collect()
}

/// `:O`: what the command changes goes with the step.
fn overlay(volume: &Volume, dir: &Path) -> Result<Mount, Error> {
    let (upper, work) = (dir.join("upper"), dir.join("work"));
    for dir in [&upper, &work] {
        fs::create_dir_all(dir).map_err(failed("create", dir))?;
    }
    // It shows the upper directory's own attributes.
    let like = fs::metadata(&volume.source).map_err(failed("read", &volume.source))?;
    let mode = fs::Permissions::from_mode(like.mode() & 0o7777);
    // An owner that does not exist here is not ours to give.
    let _ = chown(&upper, Some(like.uid()), Some(like.gid()));
    fs::set_permissions(&upper, mode).map_err(failed("change", &upper))?;
    let mut options = vec!["userxattr".to_owned()];
    for (name, path) in [
        ("lowerdir", &volume.source),
        ("upperdir", &upper),
        ("workdir", &work),
    ] {
        options.push(format!("{name}={}", path.display()));
    }
    let flags = volume.options.iter();
    options.extend(flags.filter(|flag| !flag.ends_with("bind")).cloned());
    mount("overlay", Path::new("overlay"), &volume.target, options)
}
