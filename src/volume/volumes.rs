//! Volumes on disk: `volumes/<name>/_data/` and `volumes/<name>/volume.json`, beside each other from the first instant.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::store::{self, Store};

use super::Error;

/// What Docker marks volumes with that nobody named.
const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";

/// `volume.json` is ours; labels are bounded by the command line that brought them.
const MAX_VOLUME_JSON: u64 = 4 << 20;

/// Bytes of a name. See `NAME_MAX` in pathname(7).
pub(super) const MAX_NAME: usize = 255;

/// One volume, in the shape of Docker's `volume inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// RFC 3339, UTC; empty where it got lost.
    #[serde(default)]
    pub created_at: String,
    /// `local`.
    #[serde(default = "local")]
    pub driver: String,
    /// User's, and Docker's mark of anonymous ones.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// Directory of the content; not stored, so that a store can be moved.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mountpoint: String,
    /// As typed, or 64 hexadecimal digits.
    pub name: String,
    /// Of the driver; always none.
    #[serde(default)]
    pub options: Option<BTreeMap<String, String>>,
    /// `local`.
    #[serde(default = "local")]
    pub scope: String,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

fn local() -> String {
    "local".to_owned()
}

impl Volume {
    /// Returns whether nobody named it.
    pub fn is_anonymous(&self) -> bool {
        let labels = self.labels.as_ref();
        labels.is_some_and(|labels| labels.contains_key(ANONYMOUS_LABEL))
    }
}

/// What [`Volumes::prune`] removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PrunedVolumes {
    /// Their names.
    pub names: Vec<String>,
    /// Bytes of their files.
    pub bytes: u64,
}

/// The volumes of a store.
#[derive(Debug, Clone)]
pub struct Volumes<'s> {
    store: &'s Store,
}

impl<'s> Volumes<'s> {
    /// Returns the volumes of `store`.
    pub fn new(store: &'s Store) -> Volumes<'s> {
        Volumes { store }
    }

    /// Makes the volume `name`, or an anonymous one; fine if there is one of that name, which keeps its labels. Returns it,
    /// and whether it was made now.
    ///
    /// # Errors
    ///
    /// [`Error::Name`], [`Error::NameTooShort`], [`Error::NameTooLong`], [`Error::Store`].
    pub fn create(
        &self,
        name: Option<&str>,
        labels: &[(String, String)],
    ) -> Result<(Volume, bool), Error> {
        let mut labels: BTreeMap<String, String> = labels.iter().cloned().collect();
        let name = match name {
            Some(name) => {
                check_name(name)?;
                name.to_owned()
            }
            None => {
                labels.insert(ANONYMOUS_LABEL.to_owned(), String::new());
                store::new_id().map_err(|source| store::Error::Io {
                    action: "name a volume in",
                    path: self.store.root().join("volumes"),
                    source,
                })?
            }
        };
        if let Some(volume) = self.find(&name)? {
            return Ok((volume, false));
        }
        let now = jiff::Timestamp::now();
        let volume = Volume {
            created_at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            driver: local(),
            labels: Some(labels).filter(|labels| !labels.is_empty()),
            mountpoint: String::new(),
            name: name.clone(),
            options: None,
            scope: local(),
            extra: Map::new(),
        };
        let json = serde_json::to_vec(&volume).expect("strings and maps serialize");
        let made = self.store.create_volume_dir(&name, &json)?;
        Ok((self.get(&name)?, made))
    }

    /// Returns the volume `name`.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchVolume`], [`Error::Store`].
    pub fn get(&self, name: &str) -> Result<Volume, Error> {
        self.find(name)?
            .ok_or_else(|| Error::NoSuchVolume(name.to_owned()))
    }

    fn find(&self, name: &str) -> Result<Option<Volume>, Error> {
        // A name that is none is a volume that is not; above all it is no path.
        if check_name(name).is_err() || !self.store.has_volume(name) {
            return Ok(None);
        }
        let json = self.store.read_volume_json(name, MAX_VOLUME_JSON)?;
        // The data matters more than the label on it: a torn file reads as a volume without any.
        let parsed = json.and_then(|json| serde_json::from_slice::<Volume>(&json).ok());
        let mut volume = parsed.unwrap_or_else(|| Volume {
            created_at: String::new(),
            driver: local(),
            labels: None,
            mountpoint: String::new(),
            name: name.to_owned(),
            options: None,
            scope: local(),
            extra: Map::new(),
        });
        volume.mountpoint = self.data_dir(name).to_string_lossy().into_owned();
        Ok(Some(volume))
    }

    /// Returns the directory of the content of the volume `name`, or where it would be.
    pub fn data_dir(&self, name: &str) -> PathBuf {
        self.store.volume_dir(name).join("_data")
    }

    /// Returns the directory of the volume `name`, which holds its content and `volume.json`.
    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.store.volume_dir(name)
    }

    /// Returns every volume, sorted by name.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn list(&self) -> Result<Vec<Volume>, Error> {
        let mut names = self.store.volume_names()?;
        names.sort();
        let mut volumes = Vec::with_capacity(names.len());
        for name in names {
            volumes.extend(self.find(&name)?);
        }
        Ok(volumes)
    }

    /// Returns the IDs of the containers that mount each volume in use.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn users(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in self.store.containers()? {
            let claims = self.store.container(&id).claims()?;
            for name in claims.into_iter().flat_map(|claims| claims.volumes) {
                users.entry(name).or_default().push(id.clone());
            }
        }
        Ok(users)
    }

    /// Removes the volume `name`. Inside the user namespace, where files in it may belong to other ids.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchVolume`], [`Error::InUse`], [`Error::Store`].
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.get(name)?;
        if let Some(users) = self.users()?.remove(name) {
            return Err(Error::InUse {
                name: name.to_owned(),
                users,
            });
        }
        self.store.remove_volume_dir(name)?;
        Ok(())
    }

    /// Removes the anonymous volumes among `names` that no container mounts any more: for `rm -v` and `--rm`, after the
    /// container is gone. Goes on after an error.
    ///
    /// # Errors
    ///
    /// The first [`Error::Store`].
    pub fn remove_unused(&self, names: &[String]) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        let users = self.users()?;
        let mut first = Ok(());
        for name in names.iter().filter(|name| !users.contains_key(*name)) {
            first = first.and(self.store.remove_volume_dir(name).map(drop));
        }
        Ok(first?)
    }

    /// Removes every volume that no container mounts and that `takes` accepts: the anonymous ones, or `all`.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn prune(
        &self,
        all: bool,
        takes: impl Fn(&Volume) -> bool,
    ) -> Result<PrunedVolumes, Error> {
        let users = self.users()?;
        let mut pruned = PrunedVolumes::default();
        for volume in self.list()? {
            if users.contains_key(&volume.name)
                || !(all || volume.is_anonymous())
                || !takes(&volume)
            {
                continue;
            }
            let bytes = store::tree_bytes(&self.data_dir(&volume.name));
            if self.store.remove_volume_dir(&volume.name)? {
                pruned.names.push(volume.name);
                pruned.bytes += bytes;
            }
        }
        Ok(pruned)
    }
}

/// Docker's rule: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, and what a directory's name can have.
fn check_name(name: &str) -> Result<(), Error> {
    let bytes = name.as_bytes();
    if bytes.len() > MAX_NAME {
        return Err(Error::NameTooLong(bytes.len()));
    }
    let word = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
    match bytes {
        [first] if first.is_ascii_alphanumeric() => Err(Error::NameTooShort(name.to_owned())),
        [first, rest @ ..] if first.is_ascii_alphanumeric() && rest.iter().all(word) => Ok(()),
        _ => Err(Error::Name(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lives() {
        let (_dir, store) = Store::for_test();
        let volumes = Volumes::new(&store);
        let labels = [("a".to_owned(), "b".to_owned())];
        let (made, new) = volumes.create(Some("data"), &labels).unwrap();
        assert!(new && !made.is_anonymous());
        assert!(made.mountpoint.ends_with("/volumes/data/_data"));
        let (again, new) = volumes.create(Some("data"), &[]).unwrap();
        assert!(!new);
        assert_eq!(again, made);
        let shown = serde_json::to_string(&made).unwrap();
        assert_eq!(shown.matches("Mountpoint").count(), 1, "{shown}");
        let stored = fs::read_to_string(store.root().join("volumes/data/volume.json")).unwrap();
        assert!(!stored.contains("Mountpoint"), "{stored}");
        let (anonymous, _) = volumes.create(None, &[]).unwrap();
        assert!(anonymous.is_anonymous());
        assert_eq!(anonymous.name.len(), 64);
        assert_eq!(volumes.list().unwrap().len(), 2);
        fs::write(volumes.data_dir(&anonymous.name).join("f"), "12345").unwrap();
        let pruned = volumes.prune(false, |_| true).unwrap();
        assert_eq!((pruned.names, pruned.bytes), (vec![anonymous.name], 5));
        volumes.remove("data").unwrap();
        let error = volumes.remove("data").unwrap_err();
        assert_eq!(error.to_string(), "get data: no such volume");
        assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_torn_label_does_not_lose_the_data() {
        let (_dir, store) = Store::for_test();
        let volumes = Volumes::new(&store);
        volumes.create(Some("data"), &[]).unwrap();
        fs::write(store.root().join("volumes/data/volume.json"), "").unwrap();
        assert_eq!(volumes.get("data").unwrap().name, "data");
    }

    #[test]
    fn used_volumes_stay() {
        let (_dir, store) = Store::for_test();
        let volumes = Volumes::new(&store);
        volumes.create(Some("data"), &[]).unwrap();
        let id = "1".repeat(64);
        let (container, _lock) = store.create_container(&id).unwrap();
        fs::write(
            container.record_path(),
            r#"{"Mounts":[{"Type":"volume","Name":"data"},{"Type":"bind"}]}"#,
        )
        .unwrap();
        let error = volumes.remove("data").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("remove data: volume is in use - [{id}]")
        );
        assert!(volumes.prune(true, |_| true).unwrap().names.is_empty());
        store.detach_container(&id, "x").unwrap();
        volumes.remove_unused(&["data".to_owned()]).unwrap();
        assert!(volumes.list().unwrap().is_empty());
    }

    #[test]
    fn names() {
        for good in ["ab", "a.b-c_d", "0x"] {
            check_name(good).unwrap();
        }
        for bad in ["", "a", ".a", "a/b", "..", "a b", "-a"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        let (_dir, store) = Store::for_test();
        assert!(Volumes::new(&store).get("../containers").is_err());
    }
}
