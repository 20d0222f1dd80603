//! The context of a build: its directory, its Dockerfile, its `.dockerignore`.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::dockerfile::MAX_DOCKERFILE_BYTES;
use super::error::{Error, failed};
use super::ignore::Ignore;
use crate::bounded;
use crate::content::limits;
use crate::image::decompress::Decompress;
use crate::image::layer::{self, UnpackOptions};
use crate::store::{LayerStage, Store};
use crate::userns::IdMap;

/// The names a Dockerfile has where nobody says, in order of preference: Docker's, podman's, and Docker's fallback.
const NAMES: [&str; 3] = ["Dockerfile", "Containerfile", "dockerfile"];

/// Bytes of a `.dockerignore`.
const MAX_IGNORE_BYTES: u64 = 1 << 20;

/// A Dockerfile, read.
#[derive(Debug, Clone)]
pub struct DockerfileText {
    /// As the user knows it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where it is, for its own `.dockerignore`; `None` where it came from standard input.
    pub path: Option<PathBuf>,
}

/// Reads the Dockerfile of the context `dir`, or `path` (`-f`).
///
/// # Errors
///
/// [`Error::Invalid`] where there is none, in Docker's words; [`Error::Io`].
pub fn dockerfile(dir: &Path, path: Option<&Path>) -> Result<DockerfileText, Error> {
    let candidates: Vec<(PathBuf, String)> = match path {
        Some(path) => {
            // As BuildKit: which directory it is in the user knows.
            let name = path.file_name().unwrap_or(path.as_os_str());
            vec![(path.to_owned(), name.to_string_lossy().into_owned())]
        }
        None => NAMES.map(|name| (dir.join(name), name.to_owned())).to_vec(),
    };
    for (path, name) in &candidates {
        let bytes = bounded::read_file(path, MAX_DOCKERFILE_BYTES as u64 + 1)
            .map_err(failed("read", path))?;
        if let Some(bytes) = bytes {
            return Ok(DockerfileText {
                name: name.clone(),
                bytes,
                path: Some(path.clone()),
            });
        }
    }
    let (path, _) = &candidates[0];
    Err(Error::Invalid(format!(
        "failed to read dockerfile: open {}: no such file or directory",
        path.display()
    )))
}

/// Reads the rules of the context `dir`: those of the Dockerfile itself (`NAME.dockerignore` beside it), else the context's.
///
/// # Errors
///
/// [`Error::Ignore`], [`Error::Io`].
pub fn ignore(dir: &Path, dockerfile: Option<&Path>) -> Result<Ignore, Error> {
    let own = dockerfile.map(|path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    let shared = [".containerignore", ".dockerignore"].map(|name| dir.join(name));
    for path in own.into_iter().chain(shared) {
        let bytes = bounded::read_file(&path, MAX_IGNORE_BYTES).map_err(failed("read", &path))?;
        if let Some(bytes) = bytes {
            return Ignore::parse(&String::from_utf8_lossy(&bytes)).map_err(|source| {
                Error::Ignore {
                    name: path.display().to_string(),
                    source,
                }
            });
        }
    }
    Ok(Ignore::default())
}

/// Unpacks a tar, plain or compressed, as a context. It is deleted when the result is dropped. The process is inside the
/// user's id map, which is `map`.
///
/// # Errors
///
/// [`Error::Layer`] for what is wrong with the archive, [`Error::Store`].
pub fn unpack(store: &Store, map: &IdMap, reader: impl Read) -> Result<LayerStage, Error> {
    let stage = store.stage_layer()?;
    let reader = Decompress::detect(reader).map_err(failed("read", "the context"))?;
    let options = UnpackOptions {
        max_bytes: limits::MAX_LAYER_BYTES,
        ..UnpackOptions::new(map)
    };
    layer::unpack(reader, stage.dir(), &options)?;
    Ok(stage)
}

/// Returns whether what begins like this is an archive rather than a Dockerfile.
pub fn is_archive(head: &[u8]) -> bool {
    let compressed: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0"];
    compressed.iter().any(|magic| head.starts_with(magic))
        || head.get(257..262) == Some(b"ustar".as_slice())
}
