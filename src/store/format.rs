//! `format`: which layout the store has, and the first steps of a new one.
//!
//! The file is written last, so a store that has it has every directory. Opening costs one look at the directory (is it
//! ours?) and one small read.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Deserialize;

use super::files::{ensure_private_dir, failed, found, read_bounded};
use super::staging::Staged;
use super::{Error, Store};

/// What this version writes. Readers compare bytes first, so it is parsed only where it differs.
const CURRENT: &str = "{\"version\":1,\"incompatible\":[]}\n";

/// The newest version this program knows.
const VERSION: u32 = 1;

/// The file is a line; more is not ours.
const MAX_FORMAT: u64 = 4096;

/// Top-level directories. `blobs/sha256` is made along with `blobs`, `sha512` when it is needed.
const DIRECTORIES: [&str; 7] = [
    "tmp",
    "blobs/sha256",
    "refs",
    "layers",
    "containers",
    "names",
    "volumes",
];

#[derive(Deserialize)]
struct Format {
    version: u32,
    /// Features without which the store cannot be read correctly.
    #[serde(default)]
    incompatible: Vec<String>,
}

impl Store {
    /// Checks owner and version; makes the store where there is none.
    pub(super) fn check_format(&self) -> Result<(), Error> {
        let path = self.root.join("format");
        match fs::metadata(&self.root) {
            Ok(meta) => {
                let expected = rustix::process::geteuid().as_raw();
                if meta.uid() != expected {
                    return Err(Error::Owner {
                        path: self.root.clone(),
                        owner: meta.uid(),
                        expected,
                    });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.create_layout();
            }
            Err(error) => return Err(failed("open", &self.root)(error)),
        }
        match read_start(&path)? {
            Some(start)
                if start[..CURRENT.len()] == *CURRENT.as_bytes() && start[CURRENT.len()] == 0 =>
            {
                return Ok(());
            }
            // An empty file is what a power cut may leave of one that was being made.
            None | Some([0, ..]) => return self.create_layout(),
            Some(_) => {}
        }
        match read_bounded(&path, MAX_FORMAT)? {
            Some(bytes) => self.check_foreign_format(&bytes),
            None => self.create_layout(),
        }
    }

    fn check_foreign_format(&self, bytes: &[u8]) -> Result<(), Error> {
        match serde_json::from_slice::<Format>(bytes) {
            Ok(format) if format.version <= VERSION && format.incompatible.is_empty() => Ok(()),
            _ => Err(Error::Format {
                path: self.root.clone(),
                found: String::from_utf8_lossy(bytes).trim().to_owned(),
            }),
        }
    }

    /// Makes the directories, then says so. Several processes may do this at once, all doing the same.
    fn create_layout(&self) -> Result<(), Error> {
        ensure_private_dir(&self.root)?;
        for directory in DIRECTORIES {
            ensure_private_dir(&self.root.join(directory))?;
        }
        // Spec: image-spec, image-layout.md, "oci-layout file".
        Staged::write(self, "oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}")?
            .place(&self.root.join("oci-layout"))?;
        Staged::write(self, "format", CURRENT.as_bytes())?.place(&self.root.join("format"))
    }
}

/// Reads as much as tells the current format from others, the rest filled with zeroes: one read, on everybody's way.
fn read_start(path: &Path) -> Result<Option<[u8; CURRENT.len() + 1]>, Error> {
    let Some(mut file) = found(File::open(path)).map_err(failed("open", path))? else {
        return Ok(None);
    };
    let mut start = [0; CURRENT.len() + 1];
    file.read(&mut start).map_err(failed("read", path))?;
    Ok(Some(start))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn makes_and_reopens() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a/store");
        Store::open(&root).unwrap();
        Store::open(&root).unwrap();
        assert_eq!(
            fs::metadata(&root).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(fs::read_dir(root.join("tmp")).unwrap().count(), 0);
        fs::write(root.join("format"), "").unwrap();
        Store::open(&root).unwrap();
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let dir = tempfile::tempdir().unwrap();
        Store::open(dir.path()).unwrap();
        for (text, known) in [
            ("{\"version\":1,\"other\":2}", true),
            ("{\"version\":2}", false),
            ("{\"version\":1,\"incompatible\":[\"zoned\"]}", false),
            ("something else", false),
        ] {
            fs::write(dir.path().join("format"), text).unwrap();
            assert_eq!(Store::open(dir.path()).is_ok(), known, "{text}");
        }
    }
}
