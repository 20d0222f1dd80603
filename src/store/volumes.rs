//! Volumes' directories. What is in `volume.json` is `volume`'s business.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::files::{create_private_dir, entries, exists, failed, found, read_bounded};
use super::removal::remove_tree;
use super::staging::{Staged, fresh_path};
use super::{Error, Store};

impl Store {
    /// Returns the directory of a volume, or where it would be. The caller has checked the name.
    pub(crate) fn volume_dir(&self, name: &str) -> PathBuf {
        self.root.join("volumes").join(name)
    }

    /// Returns whether there is such a volume.
    pub(crate) fn has_volume(&self, name: &str) -> bool {
        exists(&self.volume_dir(name))
    }

    /// Returns the names of all volumes, in no order.
    pub(crate) fn volume_names(&self) -> Result<Vec<String>, Error> {
        let list = entries(&self.root.join("volumes"))?;
        Ok(list
            .into_iter()
            .filter_map(|(name, is_dir)| {
                name.into_os_string().into_string().ok().filter(|_| is_dir)
            })
            .collect())
    }

    /// Reads a volume's `volume.json`; `None` if it has none.
    pub(crate) fn read_volume_json(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        read_bounded(&self.volume_dir(name).join("volume.json"), limit)
    }

    /// Makes a volume with an empty content that everybody in a container can read; `false` if it is there already.
    pub(crate) fn create_volume_dir(&self, name: &str, json: &[u8]) -> Result<bool, Error> {
        let staged = Staged::directory(self, "volume")?;
        let data = staged.path().join("_data");
        create_private_dir(&data).map_err(failed("create", &data))?;
        fs::set_permissions(&data, Permissions::from_mode(0o755))
            .map_err(failed("create", &data))?;
        let label = staged.path().join("volume.json");
        fs::write(&label, json).map_err(failed("write", &label))?;
        staged.place_unless_taken(&self.volume_dir(name))
    }

    /// Removes a volume; `false` if there is none. Content that the user may not delete stays in `tmp/` for a prune inside
    /// the user namespace.
    pub(crate) fn remove_volume_dir(&self, name: &str) -> Result<bool, Error> {
        let path = self.volume_dir(name);
        let aside = fresh_path(self, "volume")?;
        match found(fs::rename(&path, &aside)).map_err(failed("remove", &path))? {
            None => Ok(false),
            Some(()) => match remove_tree(&aside) {
                Err(Error::Io { source, .. })
                    if source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    Ok(true)
                }
                removed => removed.map(|()| true),
            },
        }
    }
}
