//! Directories of cgroups: made with their limits, told apart from left-overs, removed.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::controllers::Setting;
use super::error::Error;
use super::files::{enter, read, write};
use super::place::{Hierarchies, Hierarchy};
use super::scope;
use super::sweep::{OWN, remove, remove_if_free, sweep_dir};
use super::wish::{Wanted, Wish};
use crate::settings::Settings;

/// The directory below a scope where the container is.
const INNER: &str = "container";

/// Times that making a cgroup begins anew when a sweep comes between.
const TRIES: u32 = 64;

/// The cgroup of one container, held. Dropped, it is removed.
#[derive(Debug)]
pub struct Group {
    /// One, with version 2; with version 1 one in each hierarchy.
    leaves: Vec<Leaf>,
    /// Version 1: where the maker belongs, for each leaf.
    homes: Vec<PathBuf>,
}

/// A directory and the lock on it. Dropped, it is removed.
#[derive(Debug)]
struct Leaf {
    path: PathBuf,
    dir: File,
}

impl Group {
    /// Version 2: what `clone3(2)` is given.
    pub(in crate::runtime) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        match &self.leaves[..] {
            [leaf] if self.homes.is_empty() => Some(leaf.dir.as_fd()),
            _ => None,
        }
    }

    /// Version 1: moves the calling process there until the result is dropped. With version 2 it does nothing.
    pub(in crate::runtime) fn visit(&self) -> Result<Visit<'_>, Error> {
        let visit = Visit(&self.homes);
        for leaf in self.leaves.iter().filter(|_| !self.homes.is_empty()) {
            enter(&leaf.path)?;
        }
        Ok(visit)
    }

    /// Its directories, for [`remove_left_over`](super::remove_left_over).
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.leaves.iter().map(|leaf| leaf.path.as_path())
    }

    /// Whether the kernel has killed a process in it for want of memory.
    pub fn has_run_out_of_memory(&self) -> bool {
        let files = self.leaves.iter().flat_map(|leaf| {
            // Version 2 and version 1.
            ["memory.events", "memory.oom_control"].map(|name| leaf.path.join(name))
        });
        files
            .filter_map(|file| read(&file).ok())
            .any(|text| oom_kills(&text) > 0)
    }
}

/// While the maker is in a cgroup that it has made.
#[derive(Debug)]
#[must_use]
pub(in crate::runtime) struct Visit<'g>(&'g [PathBuf]);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        for home in self.0 {
            // It came from there a moment ago. If it has gone, the maker stays where it is.
            let _ = enter(home);
        }
    }
}

/// The count of `oom_kill` in either file.
fn oom_kills(text: &str) -> u64 {
    let line = (text.lines()).find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// Makes a cgroup of version 2.
pub(super) fn unified(
    wanted: &Wanted<'_>,
    wish: &Wish,
    place: &Hierarchy,
    settings: &Settings,
) -> Result<Group, Error> {
    let asked = match wanted {
        Wanted::Slice(slice, name) => Some((Some(*slice), name.as_str())),
        Wanted::Name(name) => Some((None, *name)),
        Wanted::Path(_) => None,
    };
    if let Some((slice, name)) = asked
        && (slice.is_some() || scope::is_offered(settings))
    {
        let dir = scope::enter(slice, name, wish, place, settings)?;
        enable(&dir, wish)?;
        let leaf = leaf(&dir.join(INNER), &wish.settings)?;
        return Ok(Group {
            leaves: vec![leaf],
            homes: Vec::new(),
        });
    }
    let made = |cgroup: &Path| make_unified(cgroup, wish, place);
    let leaf = match wanted {
        Wanted::Path(path) => made(path),
        Wanted::Name(name) | Wanted::Slice(name, _) => {
            let mut result = Err(Error::Invalid("no cgroup is mounted".to_owned()));
            for parent in place.candidates() {
                result = made(&parent.join(OWN).join(name));
                match &result {
                    Err(error) if error.is_denied() => {}
                    _ => break,
                }
            }
            result
        }
    };
    let leaf = leaf.map_err(|error| match error.is_denied() {
        true => Error::Undelegated {
            attempt: wish.attempt(),
            source: Box::new(error),
        },
        false => error,
    })?;
    Ok(Group {
        leaves: vec![leaf],
        homes: Vec::new(),
    })
}

/// Makes the cgroup at `cgroup` and what is above it, from the top on.
fn make_unified(cgroup: &Path, wish: &Wish, place: &Hierarchy) -> Result<Leaf, Error> {
    let unseen = || Error::Invalid(format!("the cgroup {} cannot be seen", cgroup.display()));
    let path = place.dir(&cgroup.to_string_lossy()).ok_or_else(unseen)?;
    let parent = path.parent().ok_or_else(unseen)?;
    begin_anew(|| {
        let mut dir = place.mount.clone();
        enable(&dir, wish)?;
        for part in parent.strip_prefix(&place.mount).unwrap_or(Path::new("")) {
            dir.push(part);
            ensure_dir(&dir)?;
            enable(&dir, wish)?;
        }
        sweep_dir(parent);
        leaf(&path, &wish.settings)
    })
}

/// Makes a cgroup of version 1, in each hierarchy that is needed.
pub(super) fn legacy(
    wanted: &Wanted<'_>,
    wish: &Wish,
    places: &Hierarchies,
) -> Result<Group, Error> {
    let mut group = Group {
        leaves: Vec::new(),
        homes: Vec::new(),
    };
    for place in &places.legacy {
        let here = |name: &String| wish.needed.iter().any(|needed| needed == name);
        if !wish.needed.is_empty() && !place.controllers.iter().any(here) {
            continue;
        }
        let unseen = || Error::Invalid(format!("the cgroup {} cannot be seen", place.own));
        let home = place.dir(&place.own).ok_or_else(unseen)?;
        let path = match wanted {
            Wanted::Path(path) => place.dir(&path.to_string_lossy()).ok_or_else(unseen)?,
            Wanted::Name(name) => home.join(OWN).join(name),
            Wanted::Slice(slice, name) => home.join(slice).join(name),
        };
        let settings: Vec<&Setting> = (wish.settings.iter())
            .filter(|it| place.controllers.contains(&it.controller))
            .collect();
        let made = begin_anew(|| {
            let parent = path.parent().ok_or_else(unseen)?;
            let mut dir = place.mount.clone();
            for part in parent.strip_prefix(&place.mount).unwrap_or(Path::new("")) {
                dir.push(part);
                ensure_dir(&dir)?;
                fill_cpuset(&dir, place)?;
            }
            sweep_dir(parent);
            let leaf = Leaf::make(&path)?;
            fill_cpuset(&path, place)?;
            settings.iter().try_for_each(|it| put(it, &path))?;
            Ok(leaf)
        });
        let leaf = made.map_err(|error| match error.is_denied() {
            true => Error::Legacy {
                attempt: wish.attempt(),
                source: Box::new(error),
            },
            false => error,
        })?;
        group.leaves.push(leaf);
        group.homes.push(home);
    }
    Ok(group)
}

/// A new cgroup of version 1 has no CPUs and no memory until somebody says which.
fn fill_cpuset(dir: &Path, place: &Hierarchy) -> Result<(), Error> {
    let Some(parent) = dir.parent().filter(|_| dir != place.mount) else {
        return Ok(());
    };
    if !place.controllers.iter().any(|name| name == "cpuset") {
        return Ok(());
    }
    for name in ["cpuset.cpus", "cpuset.mems"] {
        if read(&dir.join(name))?.trim().is_empty() {
            let inherited = read(&parent.join(name))?;
            write(&dir.join(name), inherited.trim())?;
        }
    }
    Ok(())
}

/// Hands the needed controllers down from `dir`.
fn enable(dir: &Path, wish: &Wish) -> Result<(), Error> {
    let file = dir.join("cgroup.subtree_control");
    let enabled = read(&file)?;
    let has = |list: &str, name: &str| list.split_whitespace().any(|one| one == name);
    let missing: Vec<&String> = (wish.needed.iter())
        .filter(|name| !has(&enabled, name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let offered = read(&dir.join("cgroup.controllers"))?;
    if let Some(name) = missing.iter().find(|name| !has(&offered, name)) {
        return Err(Error::Controller {
            attempt: wish.attempt(),
            controller: (*name).clone(),
            dir: dir.to_owned(),
        });
    }
    let words: Vec<String> = missing.iter().map(|name| format!("+{name}")).collect();
    write(&file, &words.join(" ")).map_err(|error| match error {
        Error::Io { source, .. } if source.kind() == io::ErrorKind::ResourceBusy => {
            Error::Occupied {
                attempt: wish.attempt(),
                dir: dir.to_owned(),
            }
        }
        error => error,
    })
}

/// Calls `make` until no sweep of somebody else's has taken away what it had made so far.
fn begin_anew<T>(mut make: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match make() {
            Err(Error::Io { source, .. })
                if tries < TRIES
                    && matches!(
                        source.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::WouldBlock
                    ) => {}
            other => return other,
        }
    }
}

fn ensure_dir(dir: &Path) -> Result<(), Error> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !dir.is_dir() => {
            Err(Error::io("make the cgroup", dir)(error))
        }
        _ => Ok(()),
    }
}

fn leaf(path: &Path, settings: &[Setting]) -> Result<Leaf, Error> {
    let leaf = Leaf::make(path)?;
    settings.iter().try_for_each(|it| put(it, path))?;
    Ok(leaf)
}

impl Leaf {
    /// Makes the directory and takes its lock.
    fn make(path: &Path) -> Result<Leaf, Error> {
        let failed = |error| Error::io("make the cgroup", path)(error);
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Of the container's last run, which was killed.
                remove_if_free(path);
                fs::create_dir(path).map_err(failed)?;
            }
            other => other.map_err(failed)?,
        }
        let dir = File::open(path).map_err(failed)?;
        flock(&dir, FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| failed(errno.into()))?;
        Ok(Leaf {
            path: path.to_owned(),
            dir,
        })
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn put(setting: &Setting, dir: &Path) -> Result<(), Error> {
    let path = dir.join(&setting.file);
    match write(&path, &setting.value) {
        Err(Error::Io { source, .. })
            if setting.file.contains("swap") || setting.file.contains("memsw") =>
        {
            if source.kind() != io::ErrorKind::NotFound {
                return Err(Error::io(format!("write {} to", setting.value), path)(
                    source,
                ));
            }
            // The kernel counts no swap. Where there is none, the limit holds all the same.
            match read(Path::new("/proc/swaps"))?.lines().count() {
                    0..=1 => Ok(()),
                    _ => Err(Error::Invalid(
                        "cannot limit swap: the kernel does not account for it (boot it with swapaccount=1)".to_owned(),
                    )),
                }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn killed_for_want_of_memory() {
        assert_eq!(oom_kills("low 0\noom 3\noom_kill 2\noom_group_kill 0\n"), 2);
        assert_eq!(
            oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
            1
        );
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\n"), 0);
    }
}
