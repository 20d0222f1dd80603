//! `build --output`: making what becomes of the result.

use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;

use super::build_output_flag::{Output, Place, Push, parse};
use crate::build::provenance::Options;
use crate::build::{self, Built, Products};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::progress::Watcher;
use crate::cli::streams;
use crate::container::Engine;
use crate::content::{Digest, Reference};
use crate::image::archive::{self, Directory, Format, Item, SaveOptions, Tar};
use crate::image::attestation::Attested;
use crate::image::layer::{self, UnpackOptions};
use crate::image::push::{self, PushOptions};
use crate::registry::{Credentials, Timing};
use crate::unfinished::Unfinished;
use crate::userns::IdMap;

/// What is written at once.
const BUFFER: usize = 256 << 10;

/// All outputs of a build.
#[derive(Debug)]
pub(super) struct Outputs(Vec<Output>);

/// The image that was made.
pub(super) struct Made {
    pub(super) built: Built,
    /// What it is called here.
    pub(super) names: Vec<Reference>,
    /// Its digest in a registry, where its layers are compressed.
    pub(super) pushed: Option<Digest>,
}

impl Outputs {
    /// Reads `--output`, `--push` and the names of `-t`. Logins are looked up here: before the id map is entered.
    pub(super) fn new(
        context: &Context,
        flags: &[String],
        push: bool,
        tags: Vec<Reference>,
        list: Option<Reference>,
    ) -> Result<Outputs, Failure> {
        let mut outputs = Vec::new();
        for flag in flags {
            outputs.push(parse(flag, &tags)?);
        }
        // In a list the image needs no name of its own.
        if outputs.is_empty() && (list.is_none() || push || !tags.is_empty()) {
            let names = tags;
            outputs.push(Output::Image { names, push: None });
        }
        outputs.extend(list.map(|name| Output::List { name }));
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

    /// Checks that what is told of the build has a place in the outputs. Returns whether one of them, an image of the store,
    /// leaves it out.
    pub(super) fn check_attestations(&self, asked: Option<&Options>) -> Result<bool, Failure> {
        // What is for registries alone has no place elsewhere.
        if asked.is_none_or(|options| options.is_inline_only) {
            return Ok(false);
        }
        let is_docker = |output: &Output| matches!(output, Output::Archive { format, .. } if *format == Format::Docker);
        if self.0.iter().any(is_docker) {
            // buildx's words.
            return Err(Failure::message(
                "docker exporter does not support exporting manifest lists, use the oci exporter instead",
            ));
        }
        let stays = |output: &Output| {
            matches!(
                output,
                Output::Image { push: None, .. } | Output::List { .. }
            )
        };
        Ok(self.0.iter().any(stays))
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

    /// Makes all of them. Returns the image, where there is one.
    pub(super) fn make(
        &self,
        context: &Context,
        engine: &Engine,
        map: &IdMap,
        products: &mut Products<'_>,
        quiet: bool,
    ) -> Result<Option<Made>, Failure> {
        let mut made: Option<Made> = None;
        let mut pushed = None;
        let mut note = |built: Built, names: &[Reference]| {
            let made = made.get_or_insert(Made {
                built,
                names: Vec::new(),
                pushed: None,
            });
            made.names.extend(names.iter().cloned());
            made.names.dedup();
        };
        for output in &self.0 {
            match output {
                Output::CacheOnly => {}
                Output::Files(dir) => products.write_files(dir).map_err(solving)?,
                Output::Tar(place) => place.write(&mut |out| {
                    let written = products.write_tar(out);
                    written.map_err(|error| match error {
                        build::Error::Layer(layer::Error::Read(error)) => place.failed(error),
                        error => solving(error),
                    })
                })?,
                Output::Archive {
                    names,
                    format,
                    place,
                } => {
                    if products.are_several() && *format == Format::Docker {
                        // BuildKit's words.
                        return Err(Failure::message(
                            "docker exporter does not currently support exporting manifest lists: use type=oci",
                        ));
                    }
                    let built = products.image().map_err(solving)?;
                    let item = Item {
                        target: built.manifest.clone(),
                        names: names.clone(),
                    };
                    let attested = products.attested(names, false).map_err(solving)?;
                    save(engine, map, item, *format, place, &attested)?;
                    note(built, &[]);
                }
                Output::List { name } => {
                    let built = products.add_to_list(name).map_err(solving)?;
                    note(built, std::slice::from_ref(name));
                }
                Output::Image { names, push } => {
                    let built = products.name(names).map_err(solving)?;
                    note(built.clone(), names);
                    if let Some(push) = push {
                        let attested = products.attested(names, true).map_err(solving)?;
                        let leaving = Leaving {
                            built: &built,
                            names,
                            attested: &attested,
                        };
                        pushed = push.send(context, engine, map, &leaving, quiet)?;
                    }
                }
            }
        }
        if let Some(made) = &mut made {
            made.pushed = pushed;
        }
        Ok(made)
    }
}

/// An image on its way to a registry.
struct Leaving<'a> {
    built: &'a Built,
    names: &'a [Reference],
    attested: &'a [Attested],
}

impl Push {
    fn plain() -> Push {
        Push {
            packing: None,
            credentials: Vec::new(),
        }
    }

    /// Returns what registries call the image from now on.
    fn send(
        &self,
        context: &Context,
        engine: &Engine,
        map: &IdMap,
        leaving: &Leaving<'_>,
        quiet: bool,
    ) -> Result<Option<Digest>, Failure> {
        let mut digest = None;
        for (name, credentials) in leaving.names.iter().zip(&self.credentials) {
            let options = PushOptions {
                attested: leaving.attested,
                platform: None,
                packing: self.packing,
                credentials: credentials.clone(),
                owners: UnpackOptions::new(map).owners,
                workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
                timing: Timing::of(&context.settings),
                settings: &context.settings,
            };
            let watcher = Watcher::new(quiet);
            let pushed = push::push(
                &engine.store,
                &leaving.built.manifest,
                name,
                &options,
                &watcher,
            );
            watcher.finish();
            let pushed = pushed?;
            if !quiet {
                context.eprintln(&format!("pushed {name} digest: {}", pushed.digest));
            }
            digest = Some(pushed.digest);
        }
        Ok(digest)
    }
}

impl Place {
    fn failed(&self, error: io::Error) -> Failure {
        match self {
            Place::Stdout => Failure::stdout(error),
            Place::File(path) | Place::Directory(path) => {
                Failure::of(error).about(&format!("cannot write {}", path.display()))
            }
        }
    }

    /// Has `write` write it.
    fn write(
        &self,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Place::Stdout => {
                let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
                write(&mut out)?;
                out.flush().map_err(|error| self.failed(error))
            }
            Place::File(path) | Place::Directory(path) => {
                let unfinished =
                    Unfinished::beside(path).map_err(Failure::on_file("open", path))?;
                let mut out = BufWriter::with_capacity(BUFFER, &unfinished.file);
                write(&mut out)?;
                out.flush().map_err(|error| self.failed(error))?;
                drop(out);
                unfinished
                    .finish(path)
                    .map_err(Failure::on_file("rename", path))
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
    attested: &[Attested],
) -> Result<(), Failure> {
    let options = SaveOptions {
        attested,
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
            archive::Error::Write(error) => place.failed(error),
            error => error.into(),
        })
    })
}

/// The words of BuildKit's client.
fn solving(error: build::Error) -> Failure {
    Failure::of(error).about("failed to build: failed to solve")
}
