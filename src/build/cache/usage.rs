//! What the cache holds.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use super::mounts;
use super::records::Records;
use crate::build::error::Error;
use crate::content::Digest;
use crate::store::{Store, tree_bytes};

/// Digits of an item's ID: as many characters as BuildKit's have.
const ID_DIGITS: usize = 25;

/// What an item is, in BuildKit's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The result of a step.
    Regular,
    /// What a `RUN --mount=type=cache` keeps.
    CacheMount,
    /// The hashes of contexts' files.
    Source,
}

impl Kind {
    /// Returns `regular`, `exec.cachemount`, `source.local`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Regular => "regular",
            Kind::CacheMount => "exec.cachemount",
            Kind::Source => "source.local",
        }
    }
}

/// One thing that the cache holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Unique among the items, hexadecimal digits.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The instruction, or what a cache mount is called.
    pub description: String,
    /// When it was made, RFC 3339; empty where nobody knows.
    pub created: String,
    /// When a build used it last.
    pub used: SystemTime,
    /// Bytes of its files.
    pub bytes: u64,
    /// IDs of the steps whose layer it was made upon.
    pub parents: Vec<String>,
    /// Whether a build uses it at this moment.
    pub in_use: bool,
    /// Whether an image, a container or another item has the same layer, so that removing it frees nothing.
    pub shared: bool,
    /// Whether that is an image or a container.
    pub(super) named: bool,
    /// Whether no build can use it: its layer has gone, or its record cannot be understood.
    pub(super) void: bool,
    /// File name in its directory.
    pub(super) name: String,
}

impl Item {
    /// Returns whether its content changes.
    pub fn is_mutable(&self) -> bool {
        self.kind != Kind::Regular
    }
}

/// All that the cache holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Those used last first; what an item was made upon comes before it.
    pub items: Vec<Item>,
}

impl Usage {
    /// Returns the bytes of all items, of a layer that several have once.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.bytes).sum()
    }

    /// Returns the bytes that images and containers need, too.
    pub fn shared_bytes(&self) -> u64 {
        let shared = self.items.iter().filter(|item| item.named);
        shared.map(|item| item.bytes).sum()
    }

    /// Returns the bytes that nobody else needs.
    pub fn own_bytes(&self) -> u64 {
        self.bytes() - self.shared_bytes()
    }

    /// Returns the bytes that removing everything would free.
    pub fn reclaimable_bytes(&self) -> u64 {
        let idle = self.items.iter().filter(|item| !item.in_use && !item.named);
        idle.map(|item| item.bytes).sum()
    }
}

/// Tells what the cache of `store` holds.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Store`].
pub fn usage(store: &Store) -> Result<Usage, Error> {
    let users = store.layer_users()?;
    let mut items = Vec::new();
    let mut layers: Vec<(Option<Digest>, Option<Digest>)> = Vec::new();
    for entry in Records::new(store).list()? {
        let record = entry.record.as_ref();
        let diff_id = record.and_then(|record| record.diff_id.clone());
        let size = match &diff_id {
            Some(diff_id) => store.layer_size(diff_id)?,
            None => Some(0),
        };
        let has = |set: &HashSet<Digest>| diff_id.as_ref().is_some_and(|id| set.contains(id));
        let named = has(&users.named);
        items.push(Item {
            id: id_of(&entry.key),
            kind: Kind::Regular,
            description: record.map_or_else(String::new, |record| record.description.clone()),
            created: record.map_or_else(String::new, |record| record.created.clone()),
            used: entry.used,
            bytes: size.unwrap_or(0),
            parents: Vec::new(),
            in_use: has(&users.leased),
            shared: named,
            named,
            void: record.is_none() || size.is_none(),
            name: entry.key,
        });
        layers.push((diff_id, entry.record.and_then(|record| record.parent)));
    }
    relate(&mut items, &layers);
    for mount in mounts::list(store)? {
        items.push(Item {
            id: id_of(&mount.name),
            kind: Kind::CacheMount,
            description: format!("cached mount {}", mount.id),
            created: mount.created,
            used: mount.used,
            bytes: tree_bytes(&mounts::root(store).join(&mount.name)),
            parents: Vec::new(),
            in_use: mount.in_use,
            shared: false,
            named: false,
            void: false,
            name: mount.name,
        });
    }
    items.extend(hashes(store));
    Ok(Usage { items })
}

/// Where the hashes of files are.
pub(super) fn hashes_path(store: &Store) -> PathBuf {
    store.cache_dir().join("files")
}

fn hashes(store: &Store) -> Option<Item> {
    let meta = fs::metadata(hashes_path(store)).ok()?;
    let name = Digest::sha256_of(b"files").hex().to_owned();
    Some(Item {
        id: id_of(&name),
        kind: Kind::Source,
        description: "hashes of the files of build contexts".to_owned(),
        created: String::new(),
        used: meta.modified().ok()?,
        bytes: meta.len(),
        parents: Vec::new(),
        in_use: false,
        shared: false,
        named: false,
        void: false,
        name,
    })
}

fn id_of(name: &str) -> String {
    // A private copy of a cache mount has its number behind a dot.
    let (digits, copy) = name.split_once('.').unwrap_or((name, ""));
    let digits = digits.get(..ID_DIGITS).unwrap_or(digits);
    match copy {
        "" => digits.to_owned(),
        copy => format!("{digits}.{copy}"),
    }
}

/// Finds out which steps were made upon which, and puts them in order: those used last first, but each behind what it was
/// made upon, which is of no less use. `layers` are each item's own layer and the one below it. A layer that several steps
/// have made counts for the first of them alone.
fn relate(items: &mut Vec<Item>, layers: &[(Option<Digest>, Option<Digest>)]) {
    let mut makers: HashMap<&Digest, Vec<usize>> = HashMap::new();
    for (at, (layer, _)) in layers.iter().enumerate() {
        if let Some(layer) = layer {
            makers.entry(layer).or_default().push(at);
        }
    }
    let below = |at: usize| -> &[usize] {
        let parent = layers[at].1.as_ref();
        parent
            .and_then(|parent| makers.get(parent))
            .map_or(&[], Vec::as_slice)
    };
    for at in 0..items.len() {
        items[at].parents = below(at).iter().map(|at| items[*at].id.clone()).collect();
    }
    let mut latest: Vec<usize> = (0..items.len()).collect();
    latest
        .sort_by(|a, b| (items[*b].used, &items[*a].name).cmp(&(items[*a].used, &items[*b].name)));
    let mut order = Vec::with_capacity(items.len());
    let mut seen = vec![false; items.len()];
    for first in latest {
        // Down to the lowest one that is not in order yet, then back up. `seen` ends circles, which only a forged cache has.
        let mut path = vec![(first, 0)];
        while let Some((at, next)) = path.pop() {
            if next == 0 && std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match below(at).get(next) {
                Some(lower) => path.extend([(at, next + 1), (*lower, 0)]),
                None => order.push(at),
            }
        }
    }
    let mut counted = HashSet::new();
    for at in &order {
        if let Some(layer) = &layers[*at].0 {
            items[*at].shared |= makers[layer].len() > 1;
            if !counted.insert(layer) {
                items[*at].bytes = 0;
            }
        }
    }
    let mut sorted: Vec<Option<Item>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| sorted[at].take()));
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs::FileTimes;
    use std::time::Duration;

    use super::super::records::Record;
    use super::*;

    /// Seconds after 1970 at which items of tests were used begin here.
    const START: u64 = 1_700_000_000;

    /// Keeps a record of a layer of `bytes`, upon another one; `used` is in seconds.
    pub(in super::super) fn keep(
        store: &Store,
        name: &str,
        layer: &str,
        parent: Option<&str>,
        bytes: u64,
        used: u64,
    ) {
        let diff_id = Digest::sha256_of(layer.as_bytes());
        store
            .stage_layer()
            .unwrap()
            .commit(&diff_id, bytes)
            .unwrap();
        let key = Digest::sha256_of(name.as_bytes());
        let record = Record {
            diff_id: Some(diff_id),
            tar_bytes: 0,
            created: "2026-01-01T00:00:00Z".to_owned(),
            made: None,
            description: name.to_owned(),
            parent: parent.map(|parent| Digest::sha256_of(parent.as_bytes())),
            files: Default::default(),
        };
        Records::new(store).put(&key, &record).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(START + used);
        let file = fs::File::options()
            .write(true)
            .open(store.step_cache_dir().join(key.hex()))
            .unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    pub(in super::super) fn names(usage: &Usage) -> Vec<&str> {
        usage
            .items
            .iter()
            .map(|item| item.description.as_str())
            .collect()
    }

    #[test]
    fn what_others_were_made_upon_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        // As a build leaves them: each used a little later than the one before it.
        keep(&store, "a1", "A1", None, 10, 1);
        keep(&store, "a2", "A2", Some("A1"), 20, 2);
        keep(&store, "b1", "B1", None, 30, 3);
        keep(&store, "b2", "B2", Some("B1"), 40, 4);
        keep(&store, "again", "A2", Some("B2"), 20, 0);
        let usage = usage(&store).unwrap();
        assert_eq!(names(&usage), ["b1", "b2", "a1", "a2", "again"]);
        assert_eq!(usage.items[1].parents, [usage.items[0].id.clone()]);
        // The layer that two have counts once.
        assert_eq!(usage.bytes(), 100);
        let shared = usage.items.iter().filter(|item| item.shared);
        assert_eq!(shared.count(), 2);
    }

    #[test]
    fn circles_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        keep(&store, "one", "1", Some("2"), 1, 1);
        keep(&store, "two", "2", Some("1"), 1, 2);
        keep(&store, "three", "3", Some("3"), 1, 3);
        assert_eq!(usage(&store).unwrap().items.len(), 3);
    }
}
