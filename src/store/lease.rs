//! Leases: locked files in `tmp/` that name the content a live process is about to use.

use std::io::Write;

use crate::content::Digest;

use super::files::failed;
use super::staging::Staged;
use super::{Error, Store};

/// What the names of lease files begin with.
pub(super) const KIND: &str = "lease";

/// Keeps what it names from being pruned for as long as it lives.
///
/// Name content *before* looking whether the store has it: then what was seen stays.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    staged: Staged,
}

impl Store {
    /// Takes a lease; name content with [`Lease::add`] before relying on it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn lease(&self) -> Result<Lease, Error> {
        let staged = Staged::file(self, KIND)?;
        let store = self.clone();
        Ok(Lease { store, staged })
    }
}

impl Lease {
    /// Names a blob or layer (by diff_id) that must stay. Where a prune is about to take it, waits for that.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn add(&mut self, digest: &Digest) -> Result<(), Error> {
        // One write per line: a prune that reads meanwhile sees whole lines.
        let line = format!("{digest}\n");
        let written = self.staged.handle().write_all(line.as_bytes());
        written.map_err(failed("write", self.staged.path()))?;
        self.store.outlast_prune([digest])
    }
}
