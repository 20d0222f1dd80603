//! `RUN_DIR/build-<16 hex digits>/`: what a build must not leave behind, its secrets and the sockets of its agents.
//!
//! Locked while the build lives, so that a sweep finds those of builds that were killed. The name is random: processes of
//! several pid namespaces may share a run directory, and with it their numbers.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::Error;
use super::files::failed;
use super::lock::{flock_wait, still_names};
use super::removal::remove_tree;
use super::run_dir::ensure_run_dir;

/// What its name begins with.
pub(super) const PREFIX: &str = "build-";

/// A directory that goes with this.
#[derive(Debug)]
pub struct BuildDir {
    path: PathBuf,
    _lock: File,
}

impl BuildDir {
    /// Makes one below `run_dir`, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// Those of [`ensure_run_dir`]; [`Error::Io`].
    pub fn create(run_dir: &Path) -> Result<BuildDir, Error> {
        ensure_run_dir(run_dir)?;
        loop {
            let mut number = [0; 8];
            crate::sys::random::fill(&mut number).map_err(failed("name a file in", run_dir))?;
            let number = u64::from_ne_bytes(number);
            let path = run_dir.join(format!("{PREFIX}{number:016x}"));
            (DirBuilder::new().mode(0o700).create(&path)).map_err(failed("create", &path))?;
            let lock = match File::open(&path) {
                // Swept before it was locked.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.map_err(failed("open", &path))?,
            };
            flock_wait(&lock).map_err(failed("lock", &path))?;
            if still_names(&path, &lock).map_err(failed("check", &path))? {
                return Ok(BuildDir { path, _lock: lock });
            }
        }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for BuildDir {
    fn drop(&mut self) {
        // What cannot be deleted now a later build or prune removes.
        let _ = remove_tree(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::left_overs::sweep_run_dir;
    use super::*;

    #[test]
    fn one_process_has_several_and_no_sweep_takes_them() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let run_dir = dir.path().join("run");
        // As two processes with one number do, each in a pid namespace of its own.
        let (one, two) = (
            BuildDir::create(&run_dir).unwrap(),
            BuildDir::create(&run_dir).unwrap(),
        );
        assert_ne!(one.path(), two.path());
        std::fs::write(one.path().join("secret"), "x").unwrap();
        sweep_run_dir(&store, &run_dir).unwrap();
        assert!(one.path().join("secret").exists() && two.path().exists());
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists() && two.path().exists());
    }
}
