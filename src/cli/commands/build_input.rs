//! Where `build` gets its Dockerfile and its files from.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::build::context::{self, Access, Content, DockerfileText, Fetched, Origin};
use crate::build::dockerfile::MAX_DOCKERFILE_BYTES;
use crate::build::ignore::Ignore;
use crate::build::provenance::Material;
use crate::build::remote::Remote;
use crate::build::request::{Context as BuildContext, NamedContext};
use crate::cli::context::Context;
use crate::cli::environment;
use crate::cli::error::Failure;
use crate::image::archive::LayoutImage;
use crate::secret::without_logins;
use crate::store::Store;
use crate::userns::IdMap;

/// What the command line says about it.
pub(super) struct Sources<'a> {
    /// Directory, URL or `-`.
    pub(super) path: &'a str,
    /// `-f`.
    pub(super) file: Option<&'a str>,
    /// `--ignorefile`.
    pub(super) ignore_file: Option<&'a Path>,
    /// `--build-context`.
    pub(super) named: &'a [String],
    /// `--ssh`, `--secret`.
    pub(super) agents: &'a BTreeMap<String, PathBuf>,
    pub(super) secrets: &'a BTreeMap<String, Vec<u8>>,
    pub(super) keep_git_dir: bool,
    pub(super) quiet: bool,
}

/// The Dockerfile and the files, and what keeps them there.
pub(super) struct Input {
    pub(super) dockerfile: DockerfileText,
    pub(super) context: BuildContext,
    pub(super) contexts: BTreeMap<String, NamedContext>,
    /// Archives and repositories can only be unpacked inside the id map: where that was needed, what it gave.
    pub(super) inside: Option<(Store, IdMap)>,
    _fetched: Vec<Fetched>,
}

impl Sources<'_> {
    /// Reads the Dockerfile and finds the files; fetches what is elsewhere.
    pub(super) fn read(&self, context: &Context) -> Result<Input, Failure> {
        let mut reader = Reader {
            sources: self,
            context,
            agents: self.agents.clone(),
            ignore: self.ignore_file.map(context::ignore_file).transpose()?,
            inside: None,
            fetched: Vec::new(),
        };
        if reader.agents.is_empty()
            && let Some(socket) = environment::set("SSH_AUTH_SOCK")
        {
            // Only for what the command line itself names: a Dockerfile gets what --ssh says.
            reader.agents.insert("default".to_owned(), socket.into());
        }
        let (dockerfile, files) = reader.main()?;
        let contexts = reader.named()?;
        Ok(Input {
            dockerfile,
            context: files,
            contexts,
            inside: reader.inside,
            _fetched: reader.fetched,
        })
    }
}

struct Reader<'a> {
    sources: &'a Sources<'a>,
    context: &'a Context,
    agents: BTreeMap<String, PathBuf>,
    /// `--ignorefile`: the rules of the build's own context, whatever it says itself.
    ignore: Option<Ignore>,
    inside: Option<(Store, IdMap)>,
    fetched: Vec<Fetched>,
}

impl Reader<'_> {
    /// PATH and `-f`.
    fn main(&mut self) -> Result<(DockerfileText, BuildContext), Failure> {
        let Sources { path, file, .. } = *self.sources;
        if path == "-" {
            if file == Some("-") {
                return Err(Failure::message(
                    "invalid argument: can't use stdin for both build context and dockerfile",
                ));
            }
            return self.standard_input();
        }
        if let Some(remote) = Remote::of_context(path).map_err(Failure::message)? {
            let (content, material) = self.fetch(path, &remote)?;
            let (dockerfile, mut files) = match content {
                Content::Directory(dir) => self.in_fetched(&dir)?,
                Content::Dockerfile(bytes) => dockerfile_alone(bytes),
            };
            files.fetched = material;
            return Ok((dockerfile, files));
        }
        let dir = Path::new(path);
        if !dir.is_dir() {
            let problem = match dir.exists() {
                true => "is not a directory",
                false => "not found",
            };
            return Err(Failure::message(format!(
                "unable to prepare context: path {path:?} {problem}"
            )));
        }
        let dir = dir.canonicalize().map_err(|error| {
            Failure::message(format!("unable to prepare context: {path}: {error}"))
        })?;
        let dockerfile = match file {
            Some("-") => text(read_stdin(Vec::new())?),
            file => match self.remote_dockerfile(file)? {
                Some(dockerfile) => dockerfile,
                None => context::dockerfile(&dir, file.map(Path::new), Origin::Local)?,
            },
        };
        let ignore = self.ignore(&dir, &dockerfile, Origin::Local)?;
        Ok((dockerfile, local(dir, ignore)))
    }

    fn standard_input(&mut self) -> Result<(DockerfileText, BuildContext), Failure> {
        let mut head = Vec::new();
        let mut stdin = io::stdin().lock();
        (&mut stdin)
            .take(context::HEAD)
            .read_to_end(&mut head)
            .map_err(|error| Failure::message(format!("failed to read stdin: {error}")))?;
        if !context::is_archive(&head) {
            if self.sources.file.is_some() {
                return Err(Failure::message(
                    "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles",
                ));
            }
            // It takes the lock anew.
            drop(stdin);
            return Ok(dockerfile_alone(read_stdin(head)?));
        }
        let settings = &self.context.settings;
        let (store, map) = enter(self.context, &mut self.inside)?;
        let unpacked = context::unpack(store, map, settings, head.as_slice().chain(stdin))?;
        match self.keep(unpacked).0 {
            Content::Directory(dir) => self.in_fetched(&dir),
            Content::Dockerfile(bytes) => Ok(dockerfile_alone(bytes)),
        }
    }

    /// The Dockerfile of a context that was fetched; `-f` names a file in there.
    fn in_fetched(&mut self, dir: &Path) -> Result<(DockerfileText, BuildContext), Failure> {
        let dockerfile = match self.sources.file {
            Some("-") => text(read_stdin(Vec::new())?),
            file => match self.remote_dockerfile(file)? {
                Some(dockerfile) => dockerfile,
                None => {
                    let file = file.map(|file| dir.join(file.trim_start_matches('/')));
                    context::dockerfile(dir, file.as_deref(), Origin::Fetched)?
                }
            },
        };
        let ignore = self.ignore(dir, &dockerfile, Origin::Fetched)?;
        Ok((dockerfile, local(dir.to_owned(), ignore)))
    }

    /// The files of the context `dir` that the build does not see.
    fn ignore(
        &self,
        dir: &Path,
        dockerfile: &DockerfileText,
        origin: Origin,
    ) -> Result<Ignore, Failure> {
        match &self.ignore {
            Some(ignore) => Ok(ignore.clone()),
            None => Ok(context::ignore(dir, dockerfile.path.as_deref(), origin)?),
        }
    }

    /// `-f URL`.
    fn remote_dockerfile(&mut self, file: Option<&str>) -> Result<Option<DockerfileText>, Failure> {
        let Some(url) = file else { return Ok(None) };
        match Remote::of_source(url).map_err(Failure::message)? {
            Some(remote @ Remote::File(_)) => match self.fetch(url, &remote)? {
                (Content::Dockerfile(bytes), fetched) => Ok(Some(DockerfileText {
                    fetched,
                    ..text(bytes)
                })),
                (Content::Directory(_), _) => Err(Failure::message(format!(
                    "{url} is an archive, not a Dockerfile"
                ))),
            },
            _ => Ok(None),
        }
    }

    /// `--build-context`.
    fn named(&mut self) -> Result<BTreeMap<String, NamedContext>, Failure> {
        let mut contexts = BTreeMap::new();
        for flag in self.sources.named {
            let Some((name, value)) = flag.split_once('=') else {
                return Err(Failure::message(format!(
                    "invalid context value: {flag}, expected key=value"
                )));
            };
            contexts.insert(name.to_owned(), self.one_named(name, value)?);
        }
        Ok(contexts)
    }

    fn one_named(&mut self, name: &str, value: &str) -> Result<NamedContext, Failure> {
        if let Some(image) = value.strip_prefix("docker-image://") {
            return Ok(NamedContext::Image(image.to_owned()));
        }
        if let Some(layout) = value.strip_prefix("oci-layout://") {
            let mut layout = LayoutImage::parse(layout);
            layout.dir = layout.dir.canonicalize().map_err(|error| {
                Failure::message(format!(
                    "failed to get build context {name}: {value}: {error}"
                ))
            })?;
            return Ok(NamedContext::Layout(layout));
        }
        let (dir, origin, fetched) = match Remote::of_context(value).map_err(Failure::message)? {
            Some(remote) => match self.fetch(value, &remote)? {
                (Content::Directory(dir), fetched) => (dir, Origin::Fetched, fetched),
                (Content::Dockerfile(_), _) => {
                    return Err(Failure::message(format!(
                        "build context {name}: {value} is neither an archive nor a repository"
                    )));
                }
            },
            None if value.contains("://") => {
                return Err(Failure::message(format!(
                    "build context {name}: {value} is not supported yet"
                )));
            }
            None => {
                let dir = Path::new(value).canonicalize().map_err(|error| {
                    Failure::message(format!(
                        "failed to get build context {name}: {value}: {error}"
                    ))
                })?;
                (dir, Origin::Local, None)
            }
        };
        let ignore = context::ignore(&dir, None, origin)?;
        Ok(NamedContext::Files(BuildContext {
            fetched,
            ..local(dir, ignore)
        }))
    }

    /// Fetches it, and keeps it until the build is over.
    fn fetch(
        &mut self,
        name: &str,
        remote: &Remote,
    ) -> Result<(Content, Option<Material>), Failure> {
        if !self.sources.quiet {
            self.context
                .eprintln(&format!("fetching {}", without_logins(name)));
        }
        let access = Access {
            settings: &self.context.settings,
            agents: &self.agents,
            secrets: self.sources.secrets,
            keep_git_dir: self.sources.keep_git_dir,
        };
        let (store, map) = enter(self.context, &mut self.inside)?;
        let fetched = context::fetch(remote, store, map, &access)?;
        Ok(self.keep(fetched))
    }

    fn keep(&mut self, fetched: Fetched) -> (Content, Option<Material>) {
        let found = (fetched.content.clone(), fetched.material.clone());
        self.fetched.push(fetched);
        found
    }
}

/// Enters the id map, once.
fn enter<'i>(
    context: &Context,
    inside: &'i mut Option<(Store, IdMap)>,
) -> Result<&'i (Store, IdMap), Failure> {
    match inside {
        Some(inside) => Ok(inside),
        None => Ok(inside.insert(context.store_for_content()?)),
    }
}

/// A context whose files are the user's.
fn local(dir: PathBuf, ignore: Ignore) -> BuildContext {
    BuildContext {
        dir: Some(dir),
        ignore,
        fetched: None,
    }
}

fn dockerfile_alone(bytes: Vec<u8>) -> (DockerfileText, BuildContext) {
    (text(bytes), BuildContext::default())
}

/// A Dockerfile that is no file here.
fn text(bytes: Vec<u8>) -> DockerfileText {
    DockerfileText {
        name: "Dockerfile".to_owned(),
        bytes,
        path: None,
        fetched: None,
    }
}

/// Reads a Dockerfile from standard input, of which `head` has been read.
fn read_stdin(head: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let mut rest = io::stdin().lock().take(MAX_DOCKERFILE_BYTES as u64 + 1);
    let mut bytes = head;
    (rest.read_to_end(&mut bytes))
        .map_err(|error| Failure::message(format!("failed to read stdin: {error}")))?;
    Ok(bytes)
}
