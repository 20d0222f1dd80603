//! Reading what others wrote, up to a bound. What is longer is an error, never cut off: half a file may say something else.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Reads a file of at most `limit` bytes; `None` if there is none.
///
/// # Errors
///
/// Those of opening and reading; [`ErrorKind::FileTooLarge`] for a longer one.
pub fn read_file(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    match File::open(path) {
        Ok(file) => {
            let size = file.metadata()?.len().min(limit);
            let bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            read_into(bytes, file, limit).map(Some)
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads at most `limit` bytes, to the end.
///
/// # Errors
///
/// Those of the reader; [`ErrorKind::FileTooLarge`] where there is more.
pub fn read(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    read_into(Vec::new(), reader, limit)
}

fn read_into(mut bytes: Vec<u8>, reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_all_or_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert_eq!(read_file(&path, 3).unwrap(), None);
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(read_file(&path, 3).unwrap().unwrap(), b"abc");
        assert_eq!(read_file(&path.join("below"), 3).unwrap(), None);
        let error = read_file(&path, 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }
}
