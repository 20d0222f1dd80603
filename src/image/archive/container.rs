//! What is around the images: which files there are, and their bytes.
//!
//! A directory is read as it is; nothing leads out of it.
//! A tar in a file is read where it lies. One that is compressed, or comes through a pipe, is first written, as a plain tar,
//! to a scratch file without a name: what says what is in it may come last.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use serde::de::DeserializeOwned;

use super::Error;
use crate::content::limits;
use crate::image::decompress::Decompress;
use crate::image::layer::{self, Content};
use crate::store::Store;

/// Read at once.
const BUFFER: usize = 256 << 10;
/// As much as tells every format from others.
const START: usize = 512;

/// Where an archive comes from.
pub enum Input<'a> {
    /// A file, from its beginning; or a pipe, or whatever else was opened.
    File(File),
    /// Anything.
    Stream(Box<dyn Read + 'a>),
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Input::File(_) => "Input(file)",
            Input::Stream(_) => "Input(stream)",
        })
    }
}

/// An archive whose files can be read in any order.
#[derive(Debug)]
pub(super) enum Container {
    /// A tar.
    Tar {
        file: Arc<File>,
        members: HashMap<String, Content>,
    },
    /// A directory with the files of one.
    Directory(OwnedFd),
}

/// The bytes of one file of an archive.
#[derive(Debug, Clone)]
pub(super) struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Container {
    /// Opens an archive: plain, gzip, zstd or xz.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::Tar`], [`Error::Store`].
    pub(super) fn open(store: &Store, input: Input<'_>) -> Result<Container, Error> {
        let file = match input {
            Input::File(file) if is_plain(&file).map_err(Error::Read)? => file,
            Input::File(file) => spool(store, file)?,
            Input::Stream(stream) => spool(store, stream)?,
        };
        let file = Arc::new(file);
        let size = file.metadata().map_err(Error::Read)?.len();
        let all = Section {
            file: file.clone(),
            at: 0,
            end: size,
        };
        let mut members = HashMap::new();
        for member in layer::members(all).map_err(Error::Tar)? {
            // A name that is no text is nobody's to ask for.
            if let Some(path) = normal("", &member.path) {
                // The last of equal names counts, as when it is unpacked.
                members.insert(path, member.content);
            }
        }
        Ok(Container::Tar { file, members })
    }

    /// Opens a directory.
    ///
    /// # Errors
    ///
    /// [`Error::Read`].
    pub(super) fn of_directory(path: &Path) -> Result<Container, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty());
        let dir = dir.map_err(|errno| Error::Read(errno.into()))?;
        Ok(Container::Directory(dir))
    }

    /// Whether there is a file of this name.
    pub(super) fn has(&self, path: &str) -> bool {
        self.section(path).is_ok()
    }

    /// Returns the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`].
    pub(super) fn section(&self, path: &str) -> Result<Section, Error> {
        let found = match self {
            Container::Tar { file, members } => find(members, path).map(|(offset, size)| Section {
                file: file.clone(),
                at: offset,
                end: offset.saturating_add(size),
            }),
            Container::Directory(dir) => open_within(dir, path).map_err(Error::Read)?,
        };
        found.ok_or_else(|| Error::Missing(path.chars().take(200).collect()))
    }

    /// Reads a small file whole.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::TooLarge`], [`Error::Read`].
    pub(super) fn bytes(&self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let section = self.section(path)?;
        if section.len() > limit {
            return Err(Error::TooLarge {
                path: path.chars().take(200).collect(),
                limit,
            });
        }
        let mut bytes = Vec::new();
        let mut section = section;
        section.read_to_end(&mut bytes).map_err(Error::Read)?;
        Ok(bytes)
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    ///
    /// As for [`Container::bytes`], and [`Error::Json`].
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str, limit: u64) -> Result<T, Error> {
        let bytes = self.bytes(path, limit)?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Json {
            path: path.to_owned(),
            source,
        })
    }
}

impl Section {
    /// Bytes that are left.
    pub(super) fn len(&self) -> u64 {
        self.end - self.at
    }

    /// Reads the first bytes, as many as there are.
    pub(super) fn start(&self) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        self.clone().take(START as u64).read_to_end(&mut start)?;
        Ok(start)
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.len()).unwrap_or(usize::MAX);
        let want = buffer.len().min(most);
        if want == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..want], self.at)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        Ok(count)
    }
}

/// Finds a file of a tar: its place and size.
fn find(members: &HashMap<String, Content>, path: &str) -> Option<(u64, u64)> {
    let mut path = normal("", path.as_bytes())?;
    for _ in 0..limits::MAX_ARCHIVE_LINKS {
        match members.get(&path)? {
            Content::File { offset, size } => return Some((*offset, *size)),
            Content::Symlink(to) => {
                let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                path = normal(directory, to)?;
            }
            Content::HardLink(to) => path = normal("", to)?,
        }
    }
    None
}

/// Opens a file of a directory; `None` where there is none.
fn open_within(dir: &OwnedFd, path: &str) -> io::Result<Option<Section>> {
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    // A pipe has nobody at its other end.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat2(dir, path, flags, Mode::empty(), within) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let meta = file.metadata()?;
    Ok(meta.is_file().then(|| Section {
        file: Arc::new(file),
        at: 0,
        end: meta.len(),
    }))
}

/// Returns a path as it is looked up: from the top, without `.` and `..`; `None` where it leads out or is no text.
fn normal(directory: &str, path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let mut parts: Vec<&str> = match path.starts_with('/') {
        true => Vec::new(),
        false => directory
            .split('/')
            .filter(|part| !part.is_empty())
            .collect(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Whether it is a file that can be read at any place, and not compressed.
fn is_plain(file: &File) -> io::Result<bool> {
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    // The reader's place counts: a shell may have handed on a file that it has read the beginning of.
    if rustix::fs::tell(file)? != 0 {
        return Ok(false);
    }
    let mut start = [0; START];
    let count = file.read_at(&mut start, 0)?;
    // A tar has its magic there; anything else is left to the decoders, who have words for it.
    Ok(start[..count].get(257..262) == Some(b"ustar"))
}

/// Writes the tar to a scratch file.
fn spool(store: &Store, reader: impl Read) -> Result<File, Error> {
    let scratch = store.scratch_dir("load")?;
    let path = scratch.path().join("archive");
    let failed = |source| {
        Error::Store(crate::store::Error::Io {
            action: "write",
            path: path.clone(),
            source,
        })
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    // It goes with its last name; the file stays for as long as it is open.
    drop(scratch);
    let taken = AtomicU64::new(0);
    let counted = Counted {
        reader,
        taken: &taken,
    };
    let mut tar =
        BufReader::with_capacity(BUFFER, Decompress::detect(counted).map_err(Error::Read)?);
    let mut written = 0_u64;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match tar.read(&mut buffer) {
            Ok(0) => return Ok(file),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Read(error)),
        };
        written += count as u64;
        // More is a decompression bomb.
        let most = taken
            .load(Ordering::Relaxed)
            .saturating_mul(limits::MAX_EXPANSION)
            .saturating_add(limits::FREE_LAYER_BYTES)
            .min(limits::MAX_LAYER_BYTES);
        if written > most {
            return Err(Error::Tar(layer::Error::TooMuch {
                what: "bytes",
                limit: most,
            }));
        }
        file.write_all(&buffer[..count]).map_err(failed)?;
    }
}

struct Counted<'a, R> {
    reader: R,
    taken: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn paths_are_looked_up_from_the_top() {
        for (directory, path, expected) in [
            ("", "./manifest.json", Some("manifest.json")),
            ("", "/a//b/", Some("a/b")),
            ("one", "../two/layer.tar", Some("two/layer.tar")),
            ("one", "layer.tar", Some("one/layer.tar")),
            ("", "../../etc/passwd", None),
            ("one", "../../x", None),
        ] {
            assert_eq!(normal(directory, path.as_bytes()).as_deref(), expected);
        }
        assert_eq!(normal("", b"\xff"), None);
    }
}
