//! The context of a build: its directory, its Dockerfile, its `.dockerignore`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::dockerfile::MAX_DOCKERFILE_BYTES;
use super::error::{Error, failed, refused};
use super::ignore::Ignore;
use super::inflate::Inflate;
use super::provenance::Material;
use super::remote::{Checkout, Git, Remote, download, hash};
use crate::bounded;
use crate::content::{Algorithm, limits};
use crate::image::layer::{self, UnpackOptions};
use crate::secret::without_logins;
use crate::settings::Settings;
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
    /// Where it was fetched from alone; `None` for a file of the context or of the user.
    pub fetched: Option<Material>,
}

/// Whose a context is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user's: a link leads where it leads.
    Local,
    /// Somebody else's: nothing leads out of it.
    Fetched,
}

impl Origin {
    /// Returns a path of the context `dir` as messages name it: where a fetched one lies is nobody's to know.
    fn told(self, dir: &Path, path: &Path) -> PathBuf {
        match (self, path.strip_prefix(dir)) {
            (Origin::Fetched, Ok(inside)) => inside.to_owned(),
            _ => path.to_owned(),
        }
    }

    /// Reads a file of the context `dir` by its whole path; `None` where there is none.
    fn read(self, dir: &Path, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let name = match (self, path.strip_prefix(dir)) {
            (Origin::Fetched, Ok(name)) => name,
            (Origin::Fetched, Err(_)) => return Ok(None),
            (Origin::Local, _) => {
                return bounded::read_file(path, limit).map_err(failed("read", path));
            }
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(dir, flags, Mode::empty()).map_err(refused("open", dir))?;
        // A pipe has nobody at its other end.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let file = match rustix::fs::openat2(&root, name, flags, Mode::empty(), within) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(errno) => return Err(refused("open", name)(errno)),
        };
        if !file.metadata().map_err(failed("read", name))?.is_file() {
            return Err(Error::Invalid(format!(
                "{} is not a regular file",
                name.display()
            )));
        }
        bounded::read(file, limit)
            .map(Some)
            .map_err(failed("read", name))
    }
}

/// Reads the Dockerfile of the context `dir`, or `path` (`-f`).
///
/// # Errors
///
/// [`Error::Invalid`] where there is none, in Docker's words; [`Error::Io`].
pub fn dockerfile(
    dir: &Path,
    path: Option<&Path>,
    origin: Origin,
) -> Result<DockerfileText, Error> {
    let candidates: Vec<(PathBuf, String)> = match path {
        Some(path) => {
            // As BuildKit: which directory it is in the user knows.
            let name = path.file_name().unwrap_or(path.as_os_str());
            vec![(path.to_owned(), name.to_string_lossy().into_owned())]
        }
        None => NAMES.map(|name| (dir.join(name), name.to_owned())).to_vec(),
    };
    for (path, name) in &candidates {
        let bytes = origin.read(dir, path, MAX_DOCKERFILE_BYTES as u64 + 1)?;
        if let Some(bytes) = bytes {
            return Ok(DockerfileText {
                name: name.clone(),
                bytes,
                path: Some(path.clone()),
                fetched: None,
            });
        }
    }
    let (path, _) = &candidates[0];
    Err(Error::Invalid(format!(
        "failed to read dockerfile: open {}: no such file or directory",
        origin.told(dir, path).display()
    )))
}

/// Reads the rules of the context `dir`: those of the Dockerfile itself (`NAME.dockerignore` beside it), else the context's.
///
/// # Errors
///
/// [`Error::Ignore`], [`Error::Io`].
pub fn ignore(dir: &Path, dockerfile: Option<&Path>, origin: Origin) -> Result<Ignore, Error> {
    let own = dockerfile.map(|path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    let shared = [".containerignore", ".dockerignore"].map(|name| dir.join(name));
    for path in own.into_iter().chain(shared) {
        if let Some(bytes) = origin.read(dir, &path, MAX_IGNORE_BYTES)? {
            return rules(&origin.told(dir, &path), &bytes);
        }
    }
    Ok(Ignore::default())
}

/// Reads the rules that the user names, which count instead of those of [`ignore()`].
///
/// # Errors
///
/// As for [`ignore()`]; [`Error::Io`] also where there is no such file.
pub fn ignore_file(path: &Path) -> Result<Ignore, Error> {
    let bytes = bounded::read_file(path, MAX_IGNORE_BYTES).map_err(failed("read", path))?;
    let missing = || failed("read", path)(std::io::ErrorKind::NotFound.into());
    rules(path, &bytes.ok_or_else(missing)?)
}

fn rules(path: &Path, bytes: &[u8]) -> Result<Ignore, Error> {
    Ignore::parse(&String::from_utf8_lossy(bytes)).map_err(|source| Error::Ignore {
        name: path.display().to_string(),
        source,
    })
}

/// What the fetching of a context has to know.
#[derive(Debug)]
pub struct Access<'a> {
    /// Programs, proxies, certificates.
    pub settings: &'a Settings,
    /// Agents' sockets for ssh, by id.
    pub agents: &'a BTreeMap<String, PathBuf>,
    /// Among them those for git (`GIT_AUTH_TOKEN`, `GIT_AUTH_HEADER`) and for web servers (`HTTP_AUTH_TOKEN_HOST`,
    /// `HTTP_AUTH_HEADER_HOST`).
    pub secrets: &'a BTreeMap<String, Vec<u8>>,
    /// Whether a repository's `.git` stays where its URL does not say.
    pub keep_git_dir: bool,
}

/// A context that was unpacked or fetched. Its files are deleted when it is dropped.
#[derive(Debug)]
pub struct Fetched {
    /// What it is.
    pub content: Content,
    /// Where it was fetched from; `None` for what the user has sent.
    pub material: Option<Material>,
    _stage: LayerStage,
}

/// What a context turned out to be.
#[derive(Debug, Clone)]
pub enum Content {
    /// Files.
    Directory(PathBuf),
    /// A Dockerfile alone.
    Dockerfile(Vec<u8>),
}

/// Unpacks a tar, plain or compressed, as a context. The process is inside the user's id map, which is `map`, and has one
/// thread.
///
/// # Errors
///
/// [`Error::Layer`] for what is wrong with the archive; [`Error::Invalid`] where a program is missing for it;
/// [`Error::Store`].
pub fn unpack(
    store: &Store,
    map: &IdMap,
    settings: &Settings,
    reader: impl Read,
) -> Result<Fetched, Error> {
    let stage = store.stage_layer()?;
    inflate(&stage, map, settings, reader)?;
    Ok(Fetched {
        content: Content::Directory(stage.dir().to_owned()),
        material: None,
        _stage: stage,
    })
}

fn inflate(
    stage: &LayerStage,
    map: &IdMap,
    settings: &Settings,
    reader: impl Read,
) -> Result<(), Error> {
    let reader = Inflate::detect(reader, &settings.path)?;
    let options = UnpackOptions {
        max_bytes: limits::MAX_LAYER_BYTES,
        ..UnpackOptions::new(map)
    };
    layer::unpack(reader, stage.dir(), &options)?;
    Ok(())
}

/// Fetches a context: a repository, an archive, or a Dockerfile. The process is inside the user's id map, which is `map`, and
/// has one thread.
///
/// # Errors
///
/// [`Error::Remote`]; those of [`unpack`].
pub fn fetch(
    remote: &Remote,
    store: &Store,
    map: &IdMap,
    access: &Access<'_>,
) -> Result<Fetched, Error> {
    let stage = store.stage_layer()?;
    let scratch = stage.work_dir()?;
    let (content, material) = match remote {
        Remote::Git(source) => {
            let git = Git {
                settings: access.settings,
                agents: access.agents,
                secrets: access.secrets,
                scratch,
            };
            let commit = git.resolve(source)?;
            let checkout = Checkout {
                source,
                commit: &commit,
                keep_git_dir: source.keep_git_dir.unwrap_or(access.keep_git_dir),
            };
            let content = Content::Directory(git.checkout(&checkout, stage.dir())?);
            (content, Material::commit(source, &commit))
        }
        Remote::File(url) => {
            let path = scratch.join("file");
            download(url, access.settings, access.secrets, &path)?;
            let file = || File::open(&path).map_err(failed("open", &path));
            let mut head = Vec::new();
            (file()?.take(HEAD).read_to_end(&mut head)).map_err(failed("read", &path))?;
            let content = match is_archive(&head) {
                true => {
                    inflate(&stage, map, access.settings, file()?)?;
                    Content::Directory(stage.dir().to_owned())
                }
                false => {
                    let text = bounded::read(file()?, MAX_DOCKERFILE_BYTES as u64 + 1);
                    Content::Dockerfile(text.map_err(failed("read", &*without_logins(url)))?)
                }
            };
            let material = Material::File {
                url: without_logins(url).into_owned(),
                digest: Some(hash(&path, Algorithm::Sha256)?),
            };
            (content, material)
        }
    };
    Ok(Fetched {
        content,
        material: Some(material),
        _stage: stage,
    })
}

/// Bytes looked at to tell an archive from a Dockerfile: a tar's magic is at 257.
pub const HEAD: u64 = 512;

/// Returns whether what begins like this is an archive rather than a Dockerfile.
pub fn is_archive(head: &[u8]) -> bool {
    let compressed: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0"];
    compressed.iter().any(|magic| head.starts_with(magic))
        || head.get(257..262) == Some(b"ustar".as_slice())
}
