//! Variables that remember who asked for them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::super::dockerfile::words::Variables;

/// Variables, and which were asked for.
pub(super) struct Watched<'a> {
    values: &'a BTreeMap<String, String>,
    found: RefCell<BTreeSet<String>>,
    missing: RefCell<BTreeSet<String>>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(values: &'a BTreeMap<String, String>) -> Self {
        Watched {
            values,
            found: RefCell::default(),
            missing: RefCell::default(),
        }
    }

    /// The names asked for: those with a value, those without.
    pub(super) fn asked(self) -> (BTreeSet<String>, BTreeSet<String>) {
        (self.found.into_inner(), self.missing.into_inner())
    }
}

impl Variables for Watched<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name);
        let list = if value.is_some() {
            &self.found
        } else {
            &self.missing
        };
        list.borrow_mut().insert(name.to_owned());
        value.map(String::as_str)
    }
}
