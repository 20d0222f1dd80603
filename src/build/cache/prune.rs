//! Removing what the cache holds: on demand, and after builds, when it has become too much.

use std::fs::{self, File, FileTimes};
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use super::filter::Filter;
use super::mounts;
use super::records::Records;
use super::usage::{Item, Kind, Usage, hashes_path, usage};
use crate::build::error::{Error, failed};
use crate::runtime;
use crate::store::Store;

/// How often builds look whether the cache has become too much.
const INTERVAL: Duration = Duration::from_secs(600);

/// Its time is when a build has looked last.
const LOOKED: &str = "looked";

const GB: u64 = 1_000_000_000;

/// How much may stay, in bytes. Without any of them nothing has to.
///
/// Reference: BuildKit, `cache/manager.go`, `calculateKeepBytes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// So much always stays.
    pub reserved: Option<u64>,
    /// More than that never does.
    pub max_used: Option<u64>,
    /// Items go until so much of the disk is free.
    pub min_free: Option<u64>,
}

/// Size of a disk, in bytes.
#[derive(Debug, Clone, Copy)]
struct Disk {
    total: u64,
    /// For this user.
    free: u64,
}

impl Disk {
    fn of(store: &Store) -> Result<Disk, Error> {
        let root = store.root();
        let stat = rustix::fs::statvfs(root).map_err(|errno| failed("read", root)(errno.into()))?;
        Ok(Disk {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}

impl Limits {
    /// What holds after builds: Docker's own (docs.docker.com, "Build garbage collection": the lower of each pair).
    fn of_disk(disk: Disk) -> Limits {
        let share = |percent: u64, most: u64| Some((disk.total / 100 * percent).min(most));
        Limits {
            reserved: share(10, 10 * GB),
            max_used: share(60, 100 * GB),
            min_free: share(20, 20 * GB),
        }
    }

    /// Returns the bytes that may stay of a cache of `bytes`.
    fn keep(&self, bytes: u64, disk: Disk) -> u64 {
        if *self == Limits::default() {
            return 0;
        }
        let mut keep = match (self.max_used, self.min_free) {
            (None, None) => 0,
            (max_used, _) => max_used.unwrap_or(u64::MAX),
        };
        if let Some(min_free) = self.min_free {
            let excess = min_free.saturating_sub(disk.free);
            if excess > 0 {
                keep = keep.min(bytes.saturating_sub(excess));
            }
        }
        keep.max(self.reserved.unwrap_or(0))
    }
}

/// What is to be removed.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Also what images and containers have layers of, and what only speeds up the cache itself.
    pub all: bool,
    /// All of them have to match.
    pub filters: Vec<Filter>,
    /// How much of it may stay; longest unused items go first.
    pub limits: Limits,
}

/// What was removed.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// Longest unused first. Bytes are those that its removal has freed.
    pub items: Vec<Item>,
    /// Bytes freed, those of nobody's layers included.
    pub bytes: u64,
}

/// Removes what `policy` says, but nothing that a build uses, and then all layers that nobody needs. Inside the user's id
/// map.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Store`].
pub fn prune(store: &Store, policy: &Policy) -> Result<Pruned, Error> {
    // What killed builds have left, first: on a full disk the rest needs the room.
    let left_overs = store.sweep_left_overs()?;
    runtime::sweep();
    let mut pruned = remove(store, policy, usage(store)?, Disk::of(store)?)?;
    pruned.bytes += left_overs.bytes + store.sweep_unreferenced()?.bytes;
    Ok(pruned)
}

/// Removes what has not been used longest, where the cache has become larger than its share of the disk: Docker's limits.
/// Looks for it every ten minutes at most. Inside the user's id map.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Store`].
pub fn keep_within_budget(store: &Store) -> Result<(), Error> {
    let disk = Disk::of(store)?;
    let limits = Limits::of_disk(disk);
    let used = disk.total.saturating_sub(disk.free);
    let is_within = limits.max_used.is_none_or(|most| used <= most)
        && limits.min_free.is_none_or(|least| disk.free >= least);
    if is_within || !is_time(store)? {
        return Ok(());
    }
    let policy = Policy {
        limits,
        ..Policy::default()
    };
    let removed = remove(store, &policy, usage(store)?, disk)?;
    if !removed.items.is_empty() {
        store.sweep_unreferenced()?;
    }
    Ok(())
}

/// Whether nobody has looked for a while; from now on somebody has.
fn is_time(store: &Store) -> Result<bool, Error> {
    let path = store.cache_dir().join(LOOKED);
    let last = fs::metadata(&path).and_then(|meta| meta.modified());
    let now = SystemTime::now();
    if last.is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age < INTERVAL)) {
        return Ok(false);
    }
    let looked = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .and_then(|file| file.set_times(FileTimes::new().set_modified(now)));
    match looked {
        // No build has made anything to keep.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        looked => looked.map(|()| true).map_err(failed("create", &path)),
    }
}

fn remove(store: &Store, policy: &Policy, usage: Usage, disk: Disk) -> Result<Pruned, Error> {
    // What images have anyway is no burden of the cache.
    let own = |item: &Item| if item.named { 0 } else { item.bytes };
    let mut bytes: u64 = usage.items.iter().map(own).sum();
    let keep = policy.limits.keep(bytes, disk);
    let mut pruned = Pruned::default();
    for mut item in oldest_first(usage) {
        let is_chosen = policy.all || policy.filters.iter().any(Filter::is_choice);
        // BuildKit's "dangling": neither shared with images nor internal.
        let may_go = is_chosen || !(item.named || item.kind == Kind::Source);
        let is_wanted = policy.filters.iter().all(|filter| filter.matches(&item));
        let is_too_much = bytes > keep || keep == 0;
        if item.in_use || !(item.void || may_go && is_wanted && is_too_much) {
            continue;
        }
        if discard(store, &item)? {
            item.bytes = own(&item);
            bytes -= item.bytes;
            if item.kind != Kind::Regular {
                pruned.bytes += item.bytes;
            }
            pruned.items.push(item);
        }
    }
    Ok(pruned)
}

/// The hashes of files go with what used them: last.
fn oldest_first(usage: Usage) -> Vec<Item> {
    let (mut others, mut steps): (Vec<Item>, Vec<Item>) =
        (usage.items.into_iter()).partition(|item| item.kind != Kind::Regular);
    steps.reverse();
    others.sort_by_key(|item| (item.kind == Kind::Source, item.used));
    // Both are in order; what goes next is the older one at the head of either.
    let mut merged = Vec::with_capacity(steps.len() + others.len());
    let mut others = others.into_iter().peekable();
    for step in steps {
        while let Some(other) =
            others.next_if(|other| other.kind != Kind::Source && other.used < step.used)
        {
            merged.push(other);
        }
        merged.push(step);
    }
    merged.extend(others);
    merged
}

/// Removes one item; returns whether it was there and in nobody's use.
fn discard(store: &Store, item: &Item) -> Result<bool, Error> {
    match item.kind {
        Kind::Regular => {
            Records::new(store).remove(&item.name)?;
            Ok(true)
        }
        Kind::CacheMount => mounts::remove(store, &item.name),
        Kind::Source => {
            let path = hashes_path(store);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(failed("remove", &path)(error))
                }
                removed => Ok(removed.is_ok()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::tests::{keep, names};
    use super::*;
    use crate::content::Digest;

    const DISK: Disk = Disk {
        total: 1000 * GB,
        free: 500 * GB,
    };

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        keep(&store, "a1", "A1", None, 10, 1);
        keep(&store, "a2", "A2", Some("A1"), 20, 2);
        keep(&store, "b1", "B1", None, 30, 3);
        keep(&store, "b2", "B2", Some("B1"), 40, 4);
        (dir, store)
    }

    fn descriptions(pruned: &Pruned) -> Vec<&str> {
        pruned
            .items
            .iter()
            .map(|item| item.description.as_str())
            .collect()
    }

    #[test]
    fn limits_as_buildkit_has_them() {
        let limits = |reserved, max_used, min_free| Limits {
            reserved,
            max_used,
            min_free,
        };
        for (limits, bytes, expected) in [
            (limits(None, None, None), 70, 0),
            (limits(Some(50), None, None), 70, 50),
            (limits(None, Some(60), None), 70, 60),
            (limits(Some(50), Some(60), None), 70, 60),
            (limits(None, None, Some(100 * GB)), 70, u64::MAX),
            (limits(None, None, Some(500 * GB + 30)), 70, 40),
            (limits(Some(50), None, Some(500 * GB + 30)), 70, 50),
            (limits(None, None, Some(900 * GB)), 70, 0),
        ] {
            assert_eq!(limits.keep(bytes, DISK), expected, "{limits:?}");
        }
        assert_eq!(
            Limits::of_disk(DISK),
            limits(Some(10 * GB), Some(100 * GB), Some(20 * GB))
        );
    }

    #[test]
    fn the_longest_unused_go_first_and_from_the_top() {
        let (_dir, store) = store();
        let policy = |reserved| Policy {
            limits: Limits {
                reserved: Some(reserved),
                ..Limits::default()
            },
            ..Policy::default()
        };
        let pruned = prune(&store, &policy(85)).unwrap();
        assert_eq!(descriptions(&pruned), ["a2"]);
        assert_eq!(pruned.bytes, 20);
        let pruned = prune(&store, &policy(75)).unwrap();
        assert_eq!(descriptions(&pruned), ["a1"]);
        assert_eq!(names(&usage(&store).unwrap()), ["b1", "b2"]);
        assert!(!store.has_layer(&Digest::sha256_of(b"A1")));
        assert_eq!(prune(&store, &policy(70)).unwrap().items.len(), 0);
    }

    #[test]
    fn what_is_needed_stays() {
        let (_dir, store) = store();
        let [a1, b1] = ["A1", "B1"].map(|layer| Digest::sha256_of(layer.as_bytes()));
        let config = format!(r#"{{"rootfs":{{"type":"layers","diff_ids":["{a1}"]}}}}"#);
        let config = store.put_blob(config.as_bytes()).unwrap();
        let manifest = format!(r#"{{"config":{{"digest":"{config}"}},"layers":[]}}"#);
        let manifest = store.put_blob(manifest.as_bytes()).unwrap();
        store.set_ref(None, &manifest).unwrap();
        let mut lease = store.lease().unwrap();
        lease.add(&b1).unwrap();
        let listed = usage(&store).unwrap();
        assert_eq!(listed.shared_bytes(), 10);
        assert_eq!((listed.own_bytes(), listed.reclaimable_bytes()), (90, 60));

        let pruned = prune(&store, &Policy::default()).unwrap();
        assert_eq!(descriptions(&pruned), ["a2", "b2"]);
        let all = Policy {
            all: true,
            ..Policy::default()
        };
        let pruned = prune(&store, &all).unwrap();
        assert_eq!(descriptions(&pruned), ["a1"]);
        assert_eq!(pruned.bytes, 0, "the image has the layer");
        assert!(store.has_layer(&a1) && store.has_layer(&b1));
        drop(lease);
        assert_eq!(prune(&store, &all).unwrap().bytes, 30);
    }

    #[test]
    fn what_no_build_can_use_always_goes() {
        let (_dir, store) = store();
        fs::write(store.step_cache_dir().join("broken"), "{").unwrap();
        let gone = Digest::sha256_of(b"A2");
        fs::remove_dir_all(store.layer_dir(&gone).parent().unwrap()).unwrap();
        let nothing = Policy {
            limits: Limits {
                reserved: Some(GB),
                ..Limits::default()
            },
            ..Policy::default()
        };
        let pruned = prune(&store, &nothing).unwrap();
        assert_eq!(pruned.items.len(), 2);
        assert_eq!(names(&usage(&store).unwrap()), ["b1", "b2", "a1"]);
    }

    #[test]
    fn builds_look_now_and_then() {
        let dir = tempfile::tempdir().unwrap();
        let new = Store::open(&dir.path().join("s")).unwrap();
        let _ = fs::remove_dir_all(new.cache_dir());
        assert!(!is_time(&new).unwrap());
        let (_dir, store) = store();
        assert!(is_time(&store).unwrap());
        assert!(!is_time(&store).unwrap());
        let past = SystemTime::now() - 2 * INTERVAL;
        let file = File::options()
            .write(true)
            .open(store.cache_dir().join(LOOKED));
        let past = FileTimes::new().set_modified(past);
        file.unwrap().set_times(past).unwrap();
        assert!(is_time(&store).unwrap());
    }
}
