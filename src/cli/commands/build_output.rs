//! `build --output`: what becomes of the result.
//!
//! | type | what is made |
//! |---|---|
//! | `image` | an image here; with `push=true` at its registry, too |
//! | `registry` | the same as `image,push=true` |
//! | `docker`, `oci` | an archive of the image; `docker` without `dest` is an image here |
//! | `local` | the files, in a directory |
//! | `tar` | the files, as a tar |
//!
//! Source: buildx, util/buildflags/export.go and build/opt.go; BuildKit, exporter/.

use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::build::{self, Built, Product};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::progress::Watcher;
use crate::cli::streams;
use crate::cli::unfinished::Unfinished;
use crate::container::Engine;
use crate::content::Reference;
use crate::image::archive::{self, Directory, Format, Item, SaveOptions, Tar};
use crate::image::compress::Packing;
use crate::image::layer::{self, UnpackOptions};
use crate::image::manifest::Compression;
use crate::image::push::{self, PushOptions};
use crate::registry::{Credentials, Timing};
use crate::userns::IdMap;
use crate::volume::csv;

/// What is written at once.
const BUFFER: usize = 256 << 10;

/// One output.
#[derive(Debug)]
enum Output {
    /// An image of the store.
    Image {
        names: Vec<Reference>,
        push: Option<Push>,
    },
    /// An archive of the image.
    Archive {
        names: Vec<Reference>,
        format: Format,
        place: Place,
    },
    /// The files.
    Files(PathBuf),
    /// The files as a tar.
    Tar(Place),
}

/// Where an archive goes.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Stdout,
    File(PathBuf),
    /// `tar=false`.
    Directory(PathBuf),
}

/// Where an image is pushed, and how.
#[derive(Debug)]
struct Push {
    packing: Option<Packing>,
    /// By the place of the name.
    credentials: Vec<Credentials>,
}

/// All outputs of a build.
#[derive(Debug)]
pub(super) struct Outputs(Vec<Output>);

impl Outputs {
    /// Reads `--output`, `--push` and the names of `-t`. Logins are looked up here: before the id map is entered.
    pub(super) fn new(
        context: &Context,
        flags: &[String],
        push: bool,
        tags: Vec<Reference>,
    ) -> Result<Outputs, Failure> {
        let mut outputs = Vec::new();
        for flag in flags {
            outputs.push(parse(flag, &tags)?);
        }
        if outputs.is_empty() {
            let names = tags;
            outputs.push(Output::Image { names, push: None });
        }
        if push {
            let mut is_pushed = false;
            for output in &mut outputs {
                if let Output::Image { push, .. } = output {
                    push.get_or_insert(Push::plain());
                    is_pushed = true;
                }
            }
            if !is_pushed {
                return Err(Failure::message(
                    "--push is about an image: add --output type=image, or leave --output out",
                ));
            }
        }
        let mut outputs = Outputs(outputs);
        outputs.check()?;
        for output in &mut outputs.0 {
            if let Output::Image {
                names,
                push: Some(push),
            } = output
            {
                for name in names {
                    (push.credentials).push(Credentials::find(&context.settings, name)?);
                }
            }
        }
        if outputs.pushes() {
            context.prepare_network();
        }
        Ok(outputs)
    }

    fn check(&self) -> Result<(), Failure> {
        let mut stdout = 0;
        for output in &self.0 {
            match output {
                Output::Image {
                    names,
                    push: Some(_),
                } if names.is_empty() => {
                    return Err(Failure::message("tag is needed when pushing to registry"));
                }
                Output::Tar(Place::Stdout)
                | Output::Archive {
                    place: Place::Stdout,
                    ..
                } => stdout += 1,
                _ => {}
            }
        }
        match stdout {
            0 => Ok(()),
            1 if streams::stdout_is_terminal() => Err(Failure::message(
                "dest file is required for this output. refusing to write to console",
            )),
            1 => Ok(()),
            _ => Err(Failure::message(
                "only one output can go to the standard output",
            )),
        }
    }

    fn pushes(&self) -> bool {
        let is_pushed = |output: &Output| matches!(output, Output::Image { push: Some(_), .. });
        self.0.iter().any(is_pushed)
    }

    /// Returns whether an output has the standard output for itself.
    pub(super) fn takes_stdout(&self) -> bool {
        self.0.iter().any(|output| match output {
            Output::Tar(place) | Output::Archive { place, .. } => *place == Place::Stdout,
            _ => false,
        })
    }

    /// Makes all of them. Returns the image, where there is one, and the names it has got here.
    pub(super) fn make(
        &self,
        context: &Context,
        engine: &Engine,
        map: &IdMap,
        product: &mut Product<'_>,
        quiet: bool,
    ) -> Result<Option<(Built, Vec<Reference>)>, Failure> {
        let mut made: Option<(Built, Vec<Reference>)> = None;
        let mut note = |built: Built, names: &[Reference]| {
            let (_, known) = made.get_or_insert((built, Vec::new()));
            known.extend(names.iter().cloned());
            known.dedup();
        };
        for output in &self.0 {
            match output {
                Output::Files(dir) => product.write_files(dir).map_err(solving)?,
                Output::Tar(place) => place.write(&mut |out| {
                    let written = product.write_tar(out);
                    written.map_err(|error| match error {
                        build::Error::Layer(layer::Error::Read(error)) => Failure::stdout(error),
                        error => solving(error),
                    })
                })?,
                Output::Archive {
                    names,
                    format,
                    place,
                } => {
                    let built = product.image().map_err(solving)?;
                    let item = Item {
                        target: built.manifest.clone(),
                        names: names.clone(),
                    };
                    save(engine, map, item, *format, place)?;
                    note(built, &[]);
                }
                Output::Image { names, push } => {
                    let built = product.name(names).map_err(solving)?;
                    note(built.clone(), names);
                    if let Some(push) = push {
                        push.send(context, engine, map, &built, names, quiet)?;
                    }
                }
            }
        }
        Ok(made)
    }
}

impl Push {
    fn plain() -> Push {
        Push {
            packing: None,
            credentials: Vec::new(),
        }
    }

    fn send(
        &self,
        context: &Context,
        engine: &Engine,
        map: &IdMap,
        built: &Built,
        names: &[Reference],
        quiet: bool,
    ) -> Result<(), Failure> {
        for (name, credentials) in names.iter().zip(&self.credentials) {
            let options = PushOptions {
                platform: None,
                packing: self.packing,
                credentials: credentials.clone(),
                owners: UnpackOptions::new(map).owners,
                workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
                timing: Timing::default(),
                settings: &context.settings,
            };
            let watcher = Watcher::new(quiet);
            let pushed = push::push(&engine.store, &built.manifest, name, &options, &watcher);
            watcher.finish();
            let pushed = pushed?;
            if !quiet {
                context.eprintln(&format!("pushed {name} digest: {}", pushed.digest));
            }
        }
        Ok(())
    }
}

impl Place {
    /// Has `write` write it.
    fn write(
        &self,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Place::Stdout => {
                let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
                write(&mut out)?;
                out.flush().map_err(Failure::stdout)
            }
            Place::File(path) | Place::Directory(path) => {
                let unfinished = Unfinished::beside(path)?;
                let mut out = BufWriter::with_capacity(BUFFER, &unfinished.file);
                write(&mut out)?;
                out.flush().map_err(|error| {
                    Failure::of(error).about(&format!("cannot write {}", path.display()))
                })?;
                drop(out);
                unfinished.finish(path)
            }
        }
    }
}

fn save(
    engine: &Engine,
    map: &IdMap,
    item: Item,
    format: Format,
    place: &Place,
) -> Result<(), Failure> {
    let options = SaveOptions {
        format,
        platform: None,
        owners: UnpackOptions::new(map).owners,
    };
    let items = [item];
    if let Place::Directory(path) = place {
        let mut sink = Directory::create(path)?;
        return Ok(archive::save(&engine.store, &items, &options, &mut sink)?);
    }
    place.write(&mut |out| {
        let saved = archive::save(&engine.store, &items, &options, &mut Tar::new(out));
        saved.map_err(|error| match error {
            archive::Error::Write(error) => Failure::stdout(error),
            error => error.into(),
        })
    })
}

/// The words of BuildKit's client.
fn solving(error: build::Error) -> Failure {
    Failure::of(error).about("failed to build: failed to solve")
}

/// The options of one `--output`.
struct Options {
    kind: String,
    list: Vec<(String, String)>,
}

/// Reads one `--output`.
fn parse(flag: &str, tags: &[Reference]) -> Result<Output, Failure> {
    let fields = csv::split(flag).map_err(|error| Failure::message(error.to_string()))?;
    if let [field] = &fields[..]
        && field == flag
        && !field.starts_with("type=")
    {
        return Ok(match field.as_str() {
            "-" => Output::Tar(Place::Stdout),
            dir => Output::Files(dir.into()),
        });
    }
    let mut options = Options {
        kind: String::new(),
        list: Vec::new(),
    };
    for field in fields {
        let Some((key, value)) = field.split_once('=') else {
            return Err(Failure::message(format!("invalid value {field}")));
        };
        let (key, value) = (key.trim().to_lowercase(), value.to_owned());
        match key.as_str() {
            "type" => options.kind = value,
            _ => options.list.push((key, value)),
        }
    }
    options.output(tags)
}

impl Options {
    fn output(mut self, tags: &[Reference]) -> Result<Output, Failure> {
        let kind = self.kind.clone();
        let dest = self.take("dest").or_else(|| self.take("destination"));
        let output = match kind.as_str() {
            "" => return Err(Failure::message("type is required for output")),
            "local" => match dest.as_deref() {
                None | Some("" | "-") => {
                    return Err(Failure::message("dest is required for local exporter"));
                }
                Some(dest) => Output::Files(dest.into()),
            },
            "tar" => Output::Tar(place(dest.as_deref(), true)?),
            "docker" if dest.is_none() => Output::Image {
                names: self.names(tags)?,
                push: None,
            },
            "docker" | "oci" => {
                let as_tar = self.flag("tar")?.unwrap_or(true);
                // Layers are stored as they were made or came; nothing is compressed for an archive.
                self.accept("compression", "uncompressed");
                Output::Archive {
                    names: self.names(tags)?,
                    format: match kind.as_str() {
                        "oci" => Format::Oci,
                        _ => Format::Docker,
                    },
                    place: place(dest.as_deref(), as_tar)?,
                }
            }
            "image" | "registry" => {
                let push = self.flag("push")?.unwrap_or(kind == "registry");
                let packing = self.packing()?;
                self.accept("store", "true");
                Output::Image {
                    names: self.names(tags)?,
                    push: push.then(|| Push {
                        packing,
                        credentials: Vec::new(),
                    }),
                }
            }
            other => {
                return Err(Failure::message(format!(
                    "unsupported output type {other:?}: use local, tar, oci, docker, image or registry"
                )));
            }
        };
        // Documents are OCI's.
        self.accept("oci-mediatypes", "true");
        match self.list.first() {
            None => Ok(output),
            Some((key, value)) => Err(Failure::message(format!(
                "the output option {key}={value} is not supported with type={kind}"
            ))
            .with_hint("leave it out; it is refused rather than ignored")),
        }
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let at = self.list.iter().position(|(name, _)| name == key)?;
        Some(self.list.remove(at).1)
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, Failure> {
        match self.take(key).as_deref() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(Failure::message(format!(
                "invalid value {other:?} for {key}: it is true or false"
            ))),
        }
    }

    /// Takes an option that asks for what is so anyway.
    fn accept(&mut self, key: &str, value: &str) {
        self.list
            .retain(|(name, given)| name != key || given != value);
    }

    /// `-t`, else `name=`, which may be several with commas.
    fn names(&mut self, tags: &[Reference]) -> Result<Vec<Reference>, Failure> {
        let own = self.take("name").unwrap_or_default();
        if !tags.is_empty() {
            return Ok(tags.to_vec());
        }
        let names = own.split(',').filter(|name| !name.is_empty());
        names.map(tag).collect()
    }

    /// How layers are compressed on the way to a registry.
    fn packing(&mut self) -> Result<Option<Packing>, Failure> {
        let level = self.take("compression-level");
        let level = level
            .map(|text| {
                text.parse::<u32>()
                    .map_err(|_| Failure::message(format!("invalid compression-level {text:?}")))
            })
            .transpose()?;
        let compression = match self.take("compression").as_deref() {
            None if level.is_none() => return Ok(None),
            None | Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            Some(other) => {
                return Err(Failure::message(format!(
                    "unknown compression {other:?}: must be \"gzip\" or \"zstd\""
                )));
            }
        };
        Ok(Some(Packing::new(compression, level)?))
    }
}

/// Reads the name of an image that is made.
pub(super) fn tag(text: &str) -> Result<Reference, Failure> {
    let name: Reference = text.parse()?;
    match name.digest() {
        Some(_) => Err(Failure::message(format!(
            "invalid tag {text:?}: it has a digest"
        ))),
        None => Ok(name.with_default_tag()),
    }
}

fn place(dest: Option<&str>, as_tar: bool) -> Result<Place, Failure> {
    match (dest, as_tar) {
        (None | Some("" | "-"), true) => Ok(Place::Stdout),
        (None | Some("" | "-"), false) => Err(Failure::message(
            "dest is required for an output with tar=false",
        )),
        (Some(dest), true) if Path::new(dest).is_dir() => Err(Failure::message(format!(
            "destination {dest:?} is a directory, it has to be a file"
        ))),
        (Some(dest), true) => Ok(Place::File(dest.into())),
        (Some(dest), false) => Ok(Place::Directory(dest.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flag: &str) -> Output {
        parse(flag, &[]).unwrap()
    }

    #[test]
    fn short_and_long() {
        assert!(matches!(read("out"), Output::Files(dir) if dir == Path::new("out")));
        assert!(matches!(read("-"), Output::Tar(Place::Stdout)));
        assert!(matches!(read("type=tar"), Output::Tar(Place::Stdout)));
        assert!(matches!(
            read("type=local,dest=a b"),
            Output::Files(dir) if dir == Path::new("a b")
        ));
        let Output::Image { names, push } = read("type=image,\"name=a,b:1\",push=true") else {
            panic!("no image");
        };
        assert!(push.is_some());
        assert_eq!(names.len(), 2);
        assert!(matches!(
            read("type=docker"),
            Output::Image { push: None, .. }
        ));
        assert!(matches!(
            read("type=oci,dest=d,tar=false"),
            Output::Archive {
                format: Format::Oci,
                place: Place::Directory(_),
                ..
            }
        ));
    }

    #[test]
    fn refused_by_name() {
        for (flag, words) in [
            ("type=local", "dest is required"),
            ("type=cacheonly", "unsupported output type"),
            ("dest=x,tar=true", "type is required"),
            ("type=tar,x", "invalid value x"),
            ("type=local,dest=d,platform-split=false", "platform-split"),
            ("type=image,push=maybe", "maybe"),
            ("type=oci,tar=false", "dest is required"),
            ("type=oci,dest=x,compression=estargz", "compression=estargz"),
            ("type=image,name=A", "reference"),
        ] {
            let error = format!("{:?}", parse(flag, &[]).unwrap_err());
            assert!(error.contains(words), "{flag}: {error}");
        }
    }
}
