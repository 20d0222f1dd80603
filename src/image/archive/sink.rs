//! Where an archive goes: a tar, or a directory.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Error;
use crate::sys::rights::as_caller;

/// Writes the content of a file.
pub type Fill<'a> = &'a mut dyn FnMut(&mut dyn Write) -> Result<(), Error>;

/// Takes the files of an archive, one after the other.
pub trait Sink {
    /// Takes a file of `size` bytes, which `fill` writes.
    ///
    /// # Errors
    ///
    /// [`Error::Write`], also where `fill` writes more or less than that; [`Error::WriteFile`]; those of `fill`.
    fn file(&mut self, path: &str, size: u64, fill: Fill<'_>) -> Result<(), Error>;

    /// Ends the archive.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    fn finish(&mut self) -> Result<(), Error>;
}

const BLOCK: u64 = 512;

/// A tar on its way to a file or pipe.
#[derive(Debug)]
pub struct Tar<W> {
    out: W,
    directories: HashSet<String>,
}

impl<W: Write> Tar<W> {
    /// Writes to `out`; best one with a buffer.
    pub fn new(out: W) -> Tar<W> {
        Tar {
            out,
            directories: HashSet::new(),
        }
    }

    fn header(&mut self, path: &str, kind: tar::EntryType, size: u64) -> Result<(), Error> {
        let mut header = tar::Header::new_ustar();
        header.set_path(path)?;
        header.set_entry_type(kind);
        header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        Ok(self.out.write_all(header.as_bytes())?)
    }
}

impl<W: Write> Sink for Tar<W> {
    fn file(&mut self, path: &str, size: u64, fill: Fill<'_>) -> Result<(), Error> {
        for (at, _) in path.match_indices('/') {
            let directory = &path[..=at];
            if self.directories.insert(directory.to_owned()) {
                self.header(directory, tar::EntryType::Directory, 0)?;
            }
        }
        self.header(path, tar::EntryType::Regular, size)?;
        let mut counted = Counted {
            out: &mut self.out,
            left: size,
        };
        fill(&mut counted)?;
        counted.check()?;
        let padding = size.wrapping_neg() % BLOCK;
        Ok(self
            .out
            .write_all(&[0; BLOCK as usize][..padding as usize])?)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(self.out.flush()?)
    }
}

/// A directory, which was made for this or is empty. It is written with the caller's own rights.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Makes the directory, unless it is there.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`], [`Error::WriteFile`].
    pub fn create(root: &Path) -> Result<Directory, Error> {
        let failed = |source| Error::WriteFile {
            path: root.to_owned(),
            source,
        };
        match as_caller(|| fs::create_dir(root)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        if as_caller(|| fs::read_dir(root))
            .map_err(failed)?
            .next()
            .is_some()
        {
            return Err(Error::NotEmpty(root.to_owned()));
        }
        Ok(Directory {
            root: root.to_owned(),
        })
    }
}

impl Sink for Directory {
    fn file(&mut self, path: &str, size: u64, fill: Fill<'_>) -> Result<(), Error> {
        let path = self.root.join(path);
        let failed = |source| Error::WriteFile {
            path: path.clone(),
            source,
        };
        if let Some(parent) = path.parent() {
            as_caller(|| fs::create_dir_all(parent)).map_err(failed)?;
        }
        let file = as_caller(|| File::create_new(&path)).map_err(failed)?;
        let mut out = io::BufWriter::with_capacity(256 << 10, file);
        let mut counted = Counted {
            out: &mut out,
            left: size,
        };
        fill(&mut counted)?;
        counted.check()?;
        out.flush().map_err(failed)
    }

    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Lets exactly as much through as was announced.
struct Counted<W> {
    out: W,
    left: u64,
}

impl<W> Counted<W> {
    fn check(&self) -> io::Result<()> {
        match self.left {
            0 => Ok(()),
            _ => Err(io::Error::other("a file is shorter than was announced")),
        }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::other("a file is longer than was announced"));
        }
        let count = self.out.write(bytes)?;
        self.left -= count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
