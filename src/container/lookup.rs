//! Finding containers and reading how they stand.
//!
//! `state.json` is what its last writer knew. Where it says "running" and nobody holds the lock, the monitor was killed or
//! the machine went down; the first who notices kills what may be left of the process (by boot, number *and* start time)
//! and writes down that it is over, as exit code 137: a killed monitor takes its container with it by SIGKILL.

use super::error::failed;
use super::record::{Record, State, Status, ZERO_TIME};
use super::{Container, Engine, Error, clock};
use crate::bounded;
use crate::content::{is_full_id, is_lower_hex};
use crate::monitor::StartError;
use crate::runtime;
use crate::store::{ContainerDir, ContainerLock, replace_file};

/// What a container's exit code is when nobody saw it end.
const UNSEEN_EXIT_CODE: i32 = 137;

/// Bytes of a record or state. They hold what the command line and the image's config say, both of which have bounds.
const MAX_RECORD_BYTES: u64 = 32 << 20;

impl State {
    /// The state of a container that was never started.
    pub(super) fn created() -> State {
        State {
            status: Status::Created,
            pid: 0,
            pid_start: 0,
            boot_id: String::new(),
            exit_code: 0,
            error: String::new(),
            cgroups: Vec::new(),
            oom_killed: false,
            started_at: ZERO_TIME.to_owned(),
            finished_at: ZERO_TIME.to_owned(),
            network: None,
            extra: serde_json::Map::new(),
        }
    }

    /// The state of a container that could not be started. As in Docker it stays "created", with the reason.
    pub(super) fn failed(error: &StartError) -> State {
        State {
            exit_code: error.failure.exit_code(),
            error: error.in_full(),
            ..State::created()
        }
    }

    /// Forgets the process, which has ended.
    pub(super) fn forget_process(&mut self) {
        self.pid = 0;
        self.pid_start = 0;
        self.boot_id.clear();
    }

    /// The state of a container that was running when its state was lost: without a process that could be named.
    fn lost() -> State {
        State {
            status: Status::Running,
            ..State::created()
        }
    }
}

impl Engine {
    /// Finds the container that `query` names: a name (with or without a leading slash), an ID, or the beginning of one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub fn find(&self, query: &str) -> Result<Container, Error> {
        let id = self.find_id(query)?;
        self.load(&id)?
            .ok_or_else(|| Error::NotFound(query.to_owned()))
    }

    fn find_id(&self, query: &str) -> Result<String, Error> {
        let missing = || Error::NotFound(query.to_owned());
        let name = query.strip_prefix('/').unwrap_or(query);
        // A name is one path component; an ID, or the beginning of one, hexadecimal digits.
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(missing());
        }
        let is_hex = is_lower_hex(query);
        if is_full_id(query) && self.store.container(query).is_complete() {
            return Ok(query.to_owned());
        }
        if let Some(id) = self.store.find_name(name)?
            && self.store.container(&id).is_complete()
        {
            return Ok(id);
        }
        if !is_hex {
            return Err(missing());
        }
        let mut found = None;
        for id in self.store.containers()? {
            if id.starts_with(query) && self.store.container(&id).is_complete() {
                if found.is_some() {
                    return Err(Error::Ambiguous(query.to_owned()));
                }
                found = Some(id);
            }
        }
        found.ok_or_else(missing)
    }

    /// Returns all containers, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. Records that cannot be read are left out.
    pub fn list(&self) -> Result<Vec<Container>, Error> {
        self.list_where(|_| true)
    }

    /// Returns the containers that run, newest first, without reading the records of the others.
    ///
    /// # Errors
    ///
    /// As for [`Engine::list`].
    pub fn list_running(&self) -> Result<Vec<Container>, Error> {
        let is_running = |state: &State| state.status == Status::Running;
        let said_to = |id: &str| {
            let state = read_state(&self.store.container(id));
            state.is_ok_and(|state| is_running(&state))
        };
        let mut list = self.list_where(said_to)?;
        list.retain(|container| is_running(&container.state));
        Ok(list)
    }

    fn list_where(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Container>, Error> {
        let mut list: Vec<Container> = (self.store.containers()?.iter())
            .filter(|id| wanted(id))
            .filter_map(|id| self.load(id).ok().flatten())
            .collect();
        list.sort_by(|a, b| b.record.created.cmp(&a.record.created));
        Ok(list)
    }

    /// Reads one container; `None` if it is not there, or not yet.
    pub(super) fn load(&self, id: &str) -> Result<Option<Container>, Error> {
        let dir = self.store.container(id);
        let Some(record) = read_json::<Record>(&dir.record_path())? else {
            return Ok(None);
        };
        // Everything below goes by the record's ID, so it must be that of the directory.
        if record.id != id {
            return Err(Error::Record {
                path: dir.record_path(),
                source: serde::de::Error::custom("the ID is another container's"),
            });
        }
        let state = self.truth(&dir, &record)?;
        Ok(Some(Container { record, state }))
    }

    /// Returns the state, the lock having the last word.
    fn truth(&self, dir: &ContainerDir, record: &Record) -> Result<State, Error> {
        let state = read_state(dir)?;
        if state.status != Status::Running || dir.is_locked()? {
            return Ok(state);
        }
        // It may have ended between the two looks. Whoever holds the lock by now knows better.
        match dir.try_lock()? {
            Some(lock) => self.settle(dir, record, &lock),
            None => read_state(dir),
        }
    }

    /// Puts the state of a container that does not run in order: see the module's text. The caller holds its lock.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] on reading. A store that cannot be written to does not keep the truth from being told.
    pub(super) fn settle(
        &self,
        dir: &ContainerDir,
        record: &Record,
        _lock: &ContainerLock,
    ) -> Result<State, Error> {
        let mut state = read_state(dir)?;
        if state.status != Status::Running {
            return Ok(state);
        }
        // Numbers and start times begin anew with each boot, and may well be somebody else's by now.
        if state.boot_id.is_empty() || state.boot_id == super::process::boot_id() {
            super::process::kill_leftover(state.pid, state.pid_start);
        }
        state.status = Status::Exited;
        state.exit_code = UNSEEN_EXIT_CODE;
        state.forget_process();
        state.finished_at = clock::now();
        state.network = None;
        for cgroup in std::mem::take(&mut state.cgroups) {
            runtime::remove_left_over(&cgroup);
        }
        let _ = write_state(dir, &state);
        let _ = std::fs::remove_dir_all(self.run_dir(&record.id));
        Ok(state)
    }

    /// Returns the container's part of the run directory.
    pub(super) fn run_dir(&self, id: &str) -> std::path::PathBuf {
        self.settings.run_dir.join(id)
    }
}

/// Reads `state.json`; a container without one was never started. It is not synced, so a power cut may leave an empty or
/// torn one: what it said is lost, but that the container was started is not.
pub(super) fn read_state(dir: &ContainerDir) -> Result<State, Error> {
    match read_json(&dir.state_path()) {
        Err(Error::Record { .. }) => Ok(State::lost()),
        state => Ok(state?.unwrap_or_else(State::created)),
    }
}

/// Writes `state.json`. The caller holds the lock.
pub(super) fn write_state(dir: &ContainerDir, state: &State) -> Result<(), Error> {
    let path = dir.state_path();
    let bytes = serde_json::to_vec(state).map_err(|source| Error::Record {
        path: path.clone(),
        source,
    })?;
    Ok(replace_file(&path, &bytes)?)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<Option<T>, Error> {
    let read = bounded::read_file(path, MAX_RECORD_BYTES).map_err(failed("read", path))?;
    let Some(bytes) = read else {
        return Ok(None);
    };
    let value = serde_json::from_slice(&bytes).map_err(|source| Error::Record {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(value))
}
