//! The run directory: sockets and process ids, gone after a reboot.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Error;
use super::files::{create_private_dir, ensure_private_dir, failed};

/// Makes the run directory, mode 0700, and checks that it is the user's and nobody else can enter it: below `/tmp`
/// anybody could have made it first. Cheap when it exists.
///
/// # Errors
///
/// [`Error::Owner`], [`Error::NotPrivate`], [`Error::Io`].
pub fn ensure_run_dir(path: &Path) -> Result<(), Error> {
    // Not followed: a link that somebody else made is not ours.
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                ensure_private_dir(parent)?;
            }
            create_private_dir(path).map_err(failed("create", path))?;
            fs::symlink_metadata(path).map_err(failed("open", path))?
        }
        meta => meta.map_err(failed("open", path))?,
    };
    let expected = rustix::process::geteuid().as_raw();
    if meta.uid() != expected {
        return Err(Error::Owner {
            path: path.to_owned(),
            owner: meta.uid(),
            expected,
        });
    }
    if !meta.is_dir() || meta.mode() & 0o077 != 0 {
        return Err(Error::NotPrivate {
            path: path.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_a_private_directory_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/run");
        ensure_run_dir(&path).unwrap();
        ensure_run_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            ensure_run_dir(&path),
            Err(Error::NotPrivate { .. })
        ));
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert!(matches!(
            ensure_run_dir(&link),
            Err(Error::NotPrivate { .. })
        ));
    }
}
