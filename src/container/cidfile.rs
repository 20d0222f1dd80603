//! `--cidfile`: where the ID of a new container is written for others to read.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Error;
use super::error::failed;

/// A file that goes away again unless it is kept.
pub(super) struct CidFile {
    path: PathBuf,
    file: File,
    keep: bool,
}

impl CidFile {
    /// Makes the file, which must not be there: nobody else writes to it from then on.
    pub(super) fn create(path: &Path) -> Result<CidFile, Error> {
        match File::options().write(true).create_new(true).open(path) {
            Ok(file) => Ok(CidFile {
                path: path.to_owned(),
                file,
                keep: false,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Error::CidFileExists(path.to_owned()))
            }
            Err(error) => Err(failed("create the container ID file", path)(error)),
        }
    }

    /// Writes the ID, without a newline, and lets the file stay.
    pub(super) fn finish(mut self, id: &str) -> Result<(), Error> {
        self.file
            .write_all(id.as_bytes())
            .map_err(failed("write", &self.path))?;
        self.keep = true;
        Ok(())
    }
}

impl Drop for CidFile {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_and_nothing_left_of_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id");
        let first = CidFile::create(&path).unwrap();
        assert!(matches!(
            CidFile::create(&path),
            Err(Error::CidFileExists(_))
        ));
        drop(first);
        assert!(!path.exists());
        CidFile::create(&path).unwrap().finish("abc").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
    }
}
