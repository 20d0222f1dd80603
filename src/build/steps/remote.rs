//! Sources of ADD that are fetched.
//!
//! What they are is found out first, as cheaply as can be, for the cache; they are fetched when it has nothing:
//!
//! | source | what the step depends on |
//! |---|---|
//! | a file with `--checksum` | the checksum |
//! | a file whose server tells `ETag` or `Last-Modified` | these |
//! | any other file | its bytes: it is fetched at once |
//! | a repository | the commit |

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::cache::Key;
use crate::build::dockerfile::instruction::Copy;
use crate::build::error::{Error, failed};
use crate::build::ignore::Ignore;
use crate::build::provenance::Material;
use crate::build::remote::{Checkout, Git, GitSource, Remote, download, facts, hash, name_in_url};
use crate::build::stage::Worker;
use crate::build::tree::{Item, LastLink, Source};
use crate::content::{Algorithm, Digest};
use crate::registry::FileFacts;
use crate::secret::without_logins;

/// The name of a fetched file, for the time being.
const FILE: &str = "file";

/// A source whose identity is known.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Where it is put, in the stage's scratch directory.
    dir: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    File {
        url: String,
        checksum: Option<Digest>,
        /// What the server has said before.
        facts: FileFacts,
        is_here: bool,
    },
    Git {
        source: GitSource,
        commit: String,
        keep_git_dir: bool,
    },
}

/// A source that is here.
pub(crate) struct Fetched {
    /// What it consists of.
    pub items: Vec<Item>,
    /// Whether it is what was planned: a file may have changed meanwhile.
    pub as_planned: bool,
}

impl Planned {
    /// Finds out what the `n`-th source of the step is, and adds it to `key`.
    ///
    /// # Errors
    ///
    /// [`Error::Remote`], [`Error::Invalid`].
    pub(crate) fn new(
        worker: &mut Worker<'_>,
        copy: &Copy,
        remote: Remote,
        n: usize,
        key: &mut Key,
    ) -> Result<Planned, Error> {
        let dir = (worker.scratch.path()).join(format!("fetch-{}-{n}", worker.step.step));
        fs::create_dir_all(&dir).map_err(failed("create", &dir))?;
        let (what, material) = match remote {
            Remote::File(url) => plan_file(worker, copy, url, &dir, key)?,
            Remote::Git(source) => plan_git(worker, copy, source, &dir, key)?,
        };
        worker.witness.material(material, Vec::new());
        Ok(Planned { dir, what })
    }

    /// Returns the name of a file; a repository goes where the destination is.
    pub(crate) fn name(&self) -> Option<PathBuf> {
        match &self.what {
            What::File { url, .. } => Some(name_in_url(url).into()),
            What::Git { .. } => None,
        }
    }

    /// Fetches it.
    ///
    /// # Errors
    ///
    /// [`Error::Remote`]; [`Error::Invalid`] for another content than the checksum is of.
    pub(crate) fn fetch(self, worker: &mut Worker<'_>) -> Result<Fetched, Error> {
        let none = Ignore::default();
        let (root, pattern, as_planned) = match &self.what {
            What::File {
                url,
                checksum,
                facts,
                is_here,
            } => {
                let path = self.dir.join(FILE);
                let mut as_planned = true;
                if !is_here {
                    let found =
                        download(url, &worker.engine.settings, &worker.request.secrets, &path)?;
                    as_planned = checksum.is_some()
                        || (&found.etag, found.modified) == (&facts.etag, facts.modified);
                }
                let found = hash(&path, Algorithm::Sha256)?;
                if let Some(checksum) = checksum {
                    verify(&path, checksum)?;
                }
                (worker.fetched_files).insert(without_logins(url).into_owned(), found);
                (self.dir.clone(), FILE, as_planned)
            }
            What::Git {
                source,
                commit,
                keep_git_dir,
            } => {
                let dir = self.dir.join("checkout");
                fs::create_dir(&dir).map_err(failed("create", &dir))?;
                let what = Checkout {
                    source,
                    commit,
                    keep_git_dir: *keep_git_dir,
                };
                let root = git(worker, &self.dir).checkout(&what, &dir)?;
                (root, "/", true)
            }
        };
        let source = Source::directory(&root, Ignore::default())?;
        let mut items = Vec::new();
        for selection in source.select(pattern, LastLink::Follow)? {
            items.extend(source.list(&selection, &none)?);
        }
        Ok(Fetched { items, as_planned })
    }
}

fn plan_file(
    worker: &Worker<'_>,
    copy: &Copy,
    url: String,
    dir: &Path,
    key: &mut Key,
) -> Result<(What, Material), Error> {
    let (settings, secrets) = (&worker.engine.settings, &worker.request.secrets);
    key.field("file", name_in_url(&url));
    let checksum = match copy.checksum.as_deref() {
        None => None,
        Some(text) => Some(
            text.parse::<Digest>()
                .map_err(|error| Error::Invalid(format!("invalid checksum {text:?}: {error}")))?,
        ),
    };
    let mut found = FileFacts::default();
    let mut is_here = false;
    if let Some(checksum) = &checksum {
        key.field("checksum", checksum.as_str());
    } else {
        found = facts(&url, settings, secrets)?;
        if found.etag.is_some() || found.modified.is_some() {
            key.field("url", &url);
            key.field("etag", found.etag.as_deref().unwrap_or_default());
            key.field("modified", found.modified.unwrap_or_default().to_le_bytes());
            key.field("length", found.length.unwrap_or_default().to_le_bytes());
        } else {
            let path = dir.join(FILE);
            found = download(&url, settings, secrets, &path)?;
            is_here = true;
            key.field("content", hash(&path, Algorithm::Sha256)?.as_str());
            key.field("modified", found.modified.unwrap_or_default().to_le_bytes());
        }
    }
    let material = Material::File {
        url: without_logins(&url).into_owned(),
        digest: checksum.clone(),
    };
    let what = What::File {
        url,
        checksum,
        facts: found,
        is_here,
    };
    Ok((what, material))
}

fn plan_git(
    worker: &Worker<'_>,
    copy: &Copy,
    mut source: GitSource,
    dir: &Path,
    key: &mut Key,
) -> Result<(What, Material), Error> {
    if let Some(checksum) = &copy.checksum {
        source.require(checksum).map_err(Error::Invalid)?;
    }
    let keep_git_dir = copy.keep_git_dir || source.keep_git_dir == Some(true);
    let commit = git(worker, dir).resolve(&source)?;
    key.field("commit", &commit);
    key.field("subdir", source.subdir.as_deref().unwrap_or_default());
    key.field(
        "git",
        [u8::from(keep_git_dir), u8::from(source.without_submodules)],
    );
    if keep_git_dir {
        // What is in there names it.
        key.field("url", &source.url);
    }
    let material = Material::commit(&source, &commit);
    let what = What::Git {
        source,
        commit,
        keep_git_dir,
    };
    Ok((what, material))
}

fn git<'w>(worker: &'w Worker<'_>, scratch: &Path) -> Git<'w> {
    Git {
        settings: &worker.engine.settings,
        agents: &worker.request.agents,
        secrets: &worker.request.secrets,
        scratch: scratch.to_owned(),
    }
}

fn verify(path: &Path, expected: &Digest) -> Result<(), Error> {
    let found = hash(path, expected.algorithm())?;
    match found == *expected {
        true => Ok(()),
        // The words are BuildKit's.
        false => Err(Error::Invalid(format!(
            "digest mismatch {found}: {expected}"
        ))),
    }
}
