//! What identifies a step's input.

use crate::content::{Algorithm, Digest, Hasher};

/// Bump it when steps come to mean something else: no result of an earlier version is taken then.
const VERSION: &str = "ctr build 1";

/// Hashes named fields; no two different lists of fields give the same bytes.
pub(crate) struct Key(Hasher);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Returns a key for steps of this `kind`.
    pub(crate) fn new(kind: &str) -> Key {
        let mut key = Key(Hasher::new(Algorithm::Sha256));
        key.field("version", VERSION);
        key.field("kind", kind);
        key
    }

    /// Adds a field.
    pub(crate) fn field(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Key {
        for bytes in [name.as_bytes(), value.as_ref()] {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        self
    }

    /// Adds a list.
    pub(crate) fn list<T: AsRef<[u8]>>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> &mut Key {
        let mut count = 0_u64;
        for value in values {
            self.field(name, value);
            count += 1;
        }
        self.field(name, count.to_le_bytes())
    }

    /// Returns the hash.
    pub(crate) fn finish(self) -> Digest {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_do_not_run_into_each_other() {
        let of = |lists: [&[&str]; 2]| {
            let mut key = Key::new("t");
            for list in lists {
                key.list("l", list);
            }
            key.finish()
        };
        assert_ne!(of([&["a"], &["b"]]), of([&["a", "b"], &[]]));
        assert_ne!(of([&["ab"], &[]]), of([&["a", "b"], &[]]));
        assert_eq!(of([&["a"], &["b"]]), of([&["a"], &["b"]]));
    }
}
