//! COPY and ADD.
//!
//! What the files are is found out first, for the cache; then they are put into a new layer, above those that are there, or
//! with `--link` above nothing.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use rustix::fs::Timespec;

use crate::build::cache::{FileHashes, Key};
use crate::build::config::absolute;
use crate::build::dockerfile::instruction::Copy;
use crate::build::error::{Error, failed};
use crate::build::ignore::Ignore;
use crate::build::layer::Made;
use crate::build::mode::FileMode;
use crate::build::provenance;
use crate::build::remote::Remote;
use crate::build::stage::{Outcome, Worker};
use crate::build::steps::archive;
use crate::build::steps::remote::Planned;
use crate::build::tree::{self, CopyOptions, Item, LastLink, Manner, Source, Target};
use crate::container;
use crate::content::Digest;

/// A copy that is known well enough to ask the cache.
pub(crate) struct Prepared {
    key: StepKey,
    sources: Vec<Prepare>,
    options: CopyOptions,
    /// Absolute, with a slash at the end where it has to be a directory.
    destination: String,
    link: bool,
}

/// What a copy depends on.
enum StepKey {
    Complete(Digest),
    /// Lacks the sources. Where the cache is not asked they are not read before they are copied.
    WithoutSources(Box<Key>),
}

impl Prepared {
    /// Returns what the cache knows it by, if that is known yet.
    pub(crate) fn key(&self) -> Option<&Digest> {
        match &self.key {
            StepKey::Complete(key) => Some(key),
            StepKey::WithoutSources(_) => None,
        }
    }
}

/// What one source means.
struct Prepare {
    files: Files,
    /// Where it goes, below the destination; `None` for a directory, whose content goes there, and where there is only one
    /// file and the destination decides.
    name: Option<PathBuf>,
    is_dir: bool,
    is_archive: bool,
}

enum Files {
    /// Files that are here.
    Here(Vec<Item>),
    /// What is fetched where the cache has nothing; unpacked where the flag says so.
    Remote { planned: Planned, unpack: bool },
    /// Files that have been fetched.
    Fetched(Vec<Item>),
}

impl Prepare {
    /// Returns the files, as far as they are here.
    fn items(&self) -> &[Item] {
        match &self.files {
            Files::Here(items) | Files::Fetched(items) => items,
            Files::Remote { .. } => &[],
        }
    }

    /// Adds what it is to `key`. What is fetched has been added when that was planned.
    fn add_to(
        &self,
        key: &mut Key,
        hashes: &mut FileHashes,
        options: &CopyOptions,
    ) -> Result<(), Error> {
        let name = self.name.as_deref().unwrap_or(Path::new(""));
        key.field("source", name.as_os_str().as_encoded_bytes());
        let Files::Here(items) = &self.files else {
            key.field("archive", [0]);
            return Ok(());
        };
        key.field("archive", [u8::from(self.is_archive)]);
        for item in items {
            item.add_to(key, hashes, options)?;
        }
        Ok(())
    }
}

/// Finds out what is copied.
///
/// # Errors
///
/// [`Error::SourceNotFound`], [`Error::Invalid`], [`Error::Image`], [`Error::Io`].
pub(crate) fn prepare(worker: &mut Worker<'_>, copy: &Copy) -> Result<Prepared, Error> {
    let mode = match &copy.chmod {
        Some(text) => Some(
            text.parse::<FileMode>()
                .map_err(|error| Error::Invalid(error.to_string()))?,
        ),
        None => None,
    };
    let of_host = worker.is_of_host(copy.from.as_deref());
    let owner = match copy.chown.as_deref() {
        Some(text) => Some(find_owner(worker, copy, text)?),
        // Files of the host are nobody's in the image; those of images keep their owners.
        None => of_host.then_some((0, 0)),
    };
    let options = CopyOptions {
        owner,
        mode,
        xattrs: !of_host,
    };
    let mut destination = absolute(&copy.destination, &worker.image.config.working_dir);
    let count = copy.sources.len() + copy.inline.len();
    if copy.destination.ends_with(['/'])
        || copy.destination == "."
        || copy.destination.ends_with("/.")
    {
        destination.push('/');
    }
    let mut key = match copy.link {
        true => Key::new("copy --link"),
        false => worker.key("copy"),
    };
    key.field("destination", &destination);
    key.field("options", format!("{options:?}"));
    key.field("epoch", format!("{:?}", worker.request.epoch));
    let mut sources = Vec::new();
    let mut from = Vec::new();
    if !copy.inline.is_empty() {
        sources.extend(inline(worker, copy)?);
    }
    if !copy.sources.is_empty() {
        sources.extend(named(worker, copy, &mut key, &mut from)?);
    }
    (worker.witness).step(|inputs| provenance::copy(copy, &from, &destination, inputs));
    let many = count > 1 || sources.len() > 1;
    if many && !destination.ends_with('/') {
        return Err(Error::Invalid(format!(
            "when using COPY with more than one source file, the destination must be a directory and end with a /: {:?}",
            copy.destination
        )));
    }
    let key = match worker.asks_cache() {
        true => {
            for source in &sources {
                source.add_to(&mut key, &mut worker.hashes, &options)?;
            }
            StepKey::Complete(key.finish())
        }
        false => StepKey::WithoutSources(Box::new(key)),
    };
    Ok(Prepared {
        key,
        sources,
        options,
        destination,
        link: copy.link,
    })
}

/// Files and URLs that the instruction names. Those that are fetched are added to `key` here. `from` gets for each which of
/// what the witness knows as used it is in.
fn named(
    worker: &mut Worker<'_>,
    copy: &Copy,
    key: &mut Key,
    from: &mut Vec<usize>,
) -> Result<Vec<Prepare>, Error> {
    if copy.checksum.is_some() && copy.sources.len() > 1 {
        return Err(Error::Invalid(
            "checksum can't be specified for multiple sources".to_owned(),
        ));
    }
    let exclude = Ignore::parse(&copy.exclude.join("\n"))
        .map_err(|error| Error::Invalid(format!("--exclude: {error}")))?;
    let mut files: Option<(Source, usize)> = None;
    let mut sources = Vec::new();
    for (n, pattern) in copy.sources.iter().enumerate() {
        let remote = Remote::of_source(pattern).map_err(Error::Invalid)?;
        if let Some(remote) = remote {
            sources.push(fetched(worker, copy, remote, n, key)?);
            from.push(worker.witness.last_used());
            continue;
        }
        if copy.checksum.is_some() {
            return Err(Error::Invalid(
                "checksum can't be specified for non-HTTP(S) and non-Git sources".to_owned(),
            ));
        }
        let (files, used) = match &files {
            Some(files) => files,
            None => {
                let source = worker.source(copy.from.as_deref())?;
                files.insert((source, worker.witness.last_used()))
            }
        };
        from.push(*used);
        sources.extend(select(worker, files, copy, pattern, &exclude)?);
    }
    Ok(sources)
}

/// A source that is fetched.
fn fetched(
    worker: &mut Worker<'_>,
    copy: &Copy,
    remote: Remote,
    n: usize,
    key: &mut Key,
) -> Result<Prepare, Error> {
    if !copy.is_add {
        let what = match remote {
            Remote::File(_) => "URL",
            Remote::Git(_) => "git ref",
        };
        return Err(Error::Invalid(format!("source can't be a {what} for COPY")));
    }
    let is_dir = matches!(remote, Remote::Git(_));
    let planned = Planned::new(worker, copy, remote, n, key)?;
    let unpack = copy.unpack == Some(true) && !is_dir;
    key.field("unpack", [u8::from(unpack)]);
    Ok(Prepare {
        name: planned.name(),
        files: Files::Remote { planned, unpack },
        is_dir,
        is_archive: false,
    })
}

/// Resolves `--chown`. Numbers need no files; names are looked up in the image so far.
fn find_owner(worker: &mut Worker<'_>, copy: &Copy, text: &str) -> Result<(u32, u32), Error> {
    let dirs = match copy.link && !text.chars().all(|c| c.is_ascii_digit() || c == ':') {
        true => {
            return Err(Error::Invalid(format!(
                "--link copies above nothing, where there is no user {text:?}: use numbers"
            )));
        }
        false => worker.layer_dirs(),
    };
    Ok(container::find_owner(&dirs, text)?)
}

/// Files whose content stands in the Dockerfile.
fn inline(worker: &Worker<'_>, copy: &Copy) -> Result<Vec<Prepare>, Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut list = Vec::new();
    for (n, heredoc) in copy.inline.iter().enumerate() {
        let dir = (worker.scratch.path()).join(format!("inline-{}-{n}", worker.step.step));
        std::fs::create_dir_all(&dir).map_err(failed("create", &dir))?;
        let name = inline_name(&heredoc.name)?;
        let path = dir.join(name);
        std::fs::write(&path, heredoc.file_content()).map_err(failed("write", &path))?;
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, mode).map_err(failed("change", &path))?;
        // Always the same, so that the layer is.
        let epoch = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        (std::fs::File::open(&path).and_then(|file| file.set_times(epoch)))
            .map_err(failed("set the times of", &path))?;
        let source = Source::directory(&dir, Ignore::default())?;
        list.extend(select(
            worker,
            &source,
            &Copy {
                parents: false,
                ..copy.clone()
            },
            &tree::literal(name),
            &Ignore::default(),
        )?);
    }
    Ok(list)
}

/// Returns the name of a here-document's file. The Dockerfile's author chooses it, and it must not lead out of the directory
/// that the file is made in. With BuildKit it is a path from the root of an empty image, in which there are no directories.
fn inline_name(name: &str) -> Result<&str, Error> {
    let plain = name.trim_start_matches('/');
    let mut components = Path::new(plain).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(file)), None) if file == plain => Ok(plain),
        _ => Err(Error::Invalid(format!(
            "a here-document cannot be a file called {name:?}"
        ))),
    }
}

fn select(
    worker: &Worker<'_>,
    source: &Source,
    copy: &Copy,
    pattern: &str,
    exclude: &Ignore,
) -> Result<Vec<Prepare>, Error> {
    let mut list = Vec::new();
    // With BuildKit it is a pattern for what is copied of the whole, in which links are copied as links.
    let link = match copy.parents {
        true => LastLink::Keep,
        false => LastLink::Follow,
    };
    for selection in source.select(pattern, link)? {
        let is_dir = selection.is_dir();
        // As in a directory that is copied, patterns are about what is below the directory it lies in.
        let file_name = selection.path.file_name().unwrap_or(OsStr::new(""));
        if !is_dir && exclude.verdict(&file_name.to_string_lossy()).ignored {
            continue;
        }
        let name = match copy.parents {
            true => Some(below_pivot(pattern, &selection.path)),
            false if is_dir => None,
            false => Some(PathBuf::from(file_name)),
        };
        let items = source.list(&selection, exclude)?;
        let is_archive = copy.is_add
            && !is_dir
            && copy.unpack != Some(false)
            && archive::is_archive(worker, &items)?;
        list.push(Prepare {
            files: Files::Here(items),
            name,
            is_dir,
            is_archive,
        });
    }
    Ok(list)
}

/// `--parents`: the path below the destination is the whole path, or what comes after `/./`.
fn below_pivot(pattern: &str, path: &Path) -> PathBuf {
    let Some((before, _)) = pattern.split_once("/./") else {
        return path.to_owned();
    };
    let count = Path::new(before)
        .components()
        .filter(|component| matches!(component, Component::Normal(_)))
        .count();
    path.components().skip(count).collect()
}

/// Carries it out.
///
/// # Errors
///
/// [`Error::Invalid`] where something is in the way; [`Error::Io`]; [`Error::Remote`].
pub(crate) fn execute(worker: &mut Worker<'_>, prepared: Prepared) -> Result<Outcome, Error> {
    let Prepared {
        key,
        mut sources,
        options,
        destination,
        link,
    } = prepared;
    let mut as_planned = true;
    for source in &mut sources {
        source.files = match std::mem::replace(&mut source.files, Files::Fetched(Vec::new())) {
            Files::Remote { planned, unpack } => {
                let fetched = planned.fetch(worker)?;
                as_planned &= fetched.as_planned;
                source.is_archive = unpack && archive::is_archive(worker, &fetched.items)?;
                Files::Fetched(fetched.items)
            }
            files => files,
        };
    }
    let lower = match link {
        true => None,
        false => worker.lower()?,
    };
    let first = sources.first().and_then(|source| source.items().first());
    // What directories get that nobody describes.
    let implicit = first.map(|item| tree::implicit(item, &options));
    let time = implicit.map_or(Timespec::default(), |implicit| implicit.time);
    let stage = worker.engine.store.stage_layer()?;
    let mut target = Target::new(stage.dir(), lower, worker.owners, time)?
        .into_layer(worker.owners, worker.request.epoch);
    let destination = Destination {
        path: target.resolve(Path::new(&destination))?,
        is_dir: destination.ends_with('/'),
    };
    if let Some(implicit) = implicit
        && destination.is_dir
        && !destination.path.as_os_str().is_empty()
    {
        target.ensure_directory(&destination.path, implicit)?;
    }
    let hash = matches!(key, StepKey::WithoutSources(_));
    for source in &sources {
        put(worker, source, &mut target, &destination, &options, hash)?;
    }
    as_planned &= target.is_as_listed();
    let key = match key {
        StepKey::Complete(key) => key,
        StepKey::WithoutSources(mut key) => {
            for source in &sources {
                source.add_to(&mut key, &mut worker.hashes, &options)?;
            }
            key.finish()
        }
    };
    let made = Made {
        written: target.finish()?,
        stage,
        key: Some(key),
    };
    Ok(match as_planned {
        true => Outcome::Layer(made),
        false => Outcome::Unrepeatable(made),
    })
}

struct Destination {
    /// Resolved.
    path: PathBuf,
    /// Whether it has to be a directory.
    is_dir: bool,
}

/// Puts a source where it belongs; with `hash` it is hashed on the way.
fn put(
    worker: &mut Worker<'_>,
    source: &Prepare,
    target: &mut Target,
    destination: &Destination,
    options: &CopyOptions,
    hash: bool,
) -> Result<(), Error> {
    let Destination { path, is_dir } = destination;
    if source.is_archive {
        return archive::unpack(worker, source.items(), target, path, options);
    }
    let into_directory = *is_dir
        || target.find(path)?.is_some_and(|stat| {
            rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory
        });
    let place = match &source.name {
        Some(name) if into_directory || source.is_dir => path.join(name),
        _ => path.clone(),
    };
    let manner = match hash {
        true => Manner::CopyAndHash(&mut worker.hashes),
        false => Manner::Copy,
    };
    tree::copy(source.items(), target, &place, options, manner)
}
