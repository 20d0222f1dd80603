//! The list of what a prune is about to take: `tmp/condemned`, there and locked only while one is at it.
//!
//! Between a prune that looks who names content and somebody who names it and looks whether it is there, one sees the other:
//!
//! ```text
//! prune    writes the list      then looks who names what is on it
//! others   name what they need  then look whether it is on the list
//! ```
//!
//! So content is either not taken, or whoever has named it finds it on the list, waits until the prune has decided, and looks
//! only then. Nothing is out of its place meanwhile, and nobody waits who does not need what is on the list.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::content::Digest;

use super::files::{failed, found};
use super::lock::{flock_wait, still_names};
use super::publish::Kind;
use super::removal::remove_tree;
use super::staging::Staged;
use super::{Error, Store};

/// The file's name in `tmp/`.
const NAME: &str = "condemned";

/// A published list. Dropped, it is taken back: whoever waits looks then.
#[derive(Debug)]
pub(super) struct Condemned {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Store {
    fn condemned_path(&self) -> PathBuf {
        self.root().join("tmp").join(NAME)
    }

    /// Publishes what the caller is about to take, unless somebody still names it. Where another prune has a list, waits for
    /// that one to decide: it is a matter of looking once and of renames.
    pub(super) fn condemn(&self, objects: &[(Kind, Digest)]) -> Result<Condemned, Error> {
        let text: String = (objects.iter())
            .map(|(_, digest)| format!("{digest}\n"))
            .collect();
        let path = self.condemned_path();
        let mut staged = Staged::write(self, NAME, text.as_bytes())?;
        loop {
            let here = staged.path();
            match rustix::fs::renameat_with(CWD, here, CWD, &path, RenameFlags::NOREPLACE) {
                Ok(()) => break,
                Err(Errno::EXIST) => self.wait_for_list()?,
                Err(errno) => return Err(failed("create", &path)(errno.into())),
            }
        }
        let file = staged.handle().try_clone();
        let file = file.map_err(failed("create", &path))?;
        staged.leave();
        Ok(Condemned { path, _file: file })
    }

    /// Waits until the list that is there is gone, and removes one that a killed prune has left.
    fn wait_for_list(&self) -> Result<(), Error> {
        let path = self.condemned_path();
        let opened = found(File::open(&path)).map_err(failed("open", &path))?;
        let Some(file) = opened else { return Ok(()) };
        flock_wait(&file).map_err(failed("lock", &path))?;
        match still_names(&path, &file).map_err(failed("check", &path))? {
            true => remove_tree(&path),
            false => Ok(()),
        }
    }

    /// Waits until no prune is about to take one of `digests`, all of which the caller has named by now: those that are there
    /// afterwards stay. Where no prune is at it this is one system call.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn outlast_prune<'d>(
        &self,
        digests: impl IntoIterator<Item = &'d Digest> + Clone,
    ) -> Result<(), Error> {
        let path = self.condemned_path();
        loop {
            let opened = found(File::open(&path)).map_err(failed("open", &path))?;
            let Some(mut file) = opened else {
                return Ok(());
            };
            let mut text = String::new();
            file.read_to_string(&mut text)
                .map_err(failed("read", &path))?;
            let mut wanted = digests.clone().into_iter();
            if !wanted.any(|digest| text.lines().any(|line| line == digest.as_str())) {
                return Ok(());
            }
            self.wait_for_list()?;
        }
    }
}

impl Drop for Condemned {
    fn drop(&mut self) {
        // Whoever finds it unlocked removes it.
        let _ = remove_tree(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_needs_what_is_on_the_list_waits() {
        let (_dir, store) = Store::for_test();
        let [taken, other] = [&b"taken"[..], b"other"].map(Digest::sha256_of);
        store.outlast_prune([&taken]).unwrap();
        let condemned = store.condemn(&[(Kind::Layer, taken.clone())]).unwrap();
        store.outlast_prune([&other]).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| store.outlast_prune([&other, &taken]).unwrap());
            // The next prune waits as well.
            let next = scope.spawn(|| store.condemn(&[]).map(drop).unwrap());
            thread::sleep(Duration::from_millis(100));
            assert!(!waiting.is_finished() && !next.is_finished());
            drop(condemned);
        });
        assert_eq!(
            std::fs::read_dir(store.root().join("tmp")).unwrap().count(),
            0
        );
    }

    #[test]
    fn a_killed_prune_s_list_keeps_nobody() {
        let (_dir, store) = Store::for_test();
        let digest = Digest::sha256_of(b"x");
        let list = || {
            std::fs::write(store.condemned_path(), format!("{digest}\n")).unwrap();
        };
        list();
        store.outlast_prune([&digest]).unwrap();
        assert!(!store.condemned_path().exists());
        list();
        store.condemn(&[]).unwrap();
        list();
        store.sweep_left_overs().unwrap();
        assert!(!store.condemned_path().exists());
    }
}
