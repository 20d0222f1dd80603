//! `ctr save`.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use clap::Args;

use super::create_flags;
use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::streams;
use crate::content::{Digest, Reference};
use crate::image::archive::{self, Directory, Format, Item, SaveOptions, Sink, Tar};
use crate::image::layer::UnpackOptions;
use crate::image::{self};
use crate::store::Store;
use crate::unfinished::Unfinished;

/// What is written to the disk at once.
const BUFFER: usize = 256 << 10;

/// Save one or more images to a tar archive (streamed to STDOUT by default)
#[derive(Debug, Args)]
pub(crate) struct Save {
    /// What to make: "docker-archive" (default), which every engine reads and is an OCI layout as well, "oci-archive", or
    /// "oci-dir", a directory
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Save only the image of this platform (default: all that are complete)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// References or IDs; a repository means all of its tags
    #[arg(value_name = "IMAGE", required = true, hide = true)]
    images: Vec<String>,
}

impl Command for Save {
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const EXAMPLES: &'static [Example] = &[
        (
            "save -o images.tar app:1.2 db:3",
            "Two images in a file that docker, podman and skopeo read",
        ),
        (
            "save app:1.2 | ssh host ctr load",
            "From one machine to another, without a registry",
        ),
    ];
    const UNBUILT: &'static [Flag] = &[Flag::switch("compress").short('c')];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        let platform = create_flags::platform(self.platform.as_deref())
            .map_err(|failure| failure.with_code(1))?;
        let (format, is_directory) = match self.format.as_deref() {
            None | Some("docker-archive") => (Format::Docker, false),
            Some("oci-archive") => (Format::Oci, false),
            Some("oci-dir") => (Format::Oci, true),
            Some(other) => {
                return Err(Failure::message(format!(
                    "unknown format {other:?}: must be \"docker-archive\", \"oci-archive\" or \"oci-dir\""
                )));
            }
        };
        if self.output.is_none() && is_directory {
            return Err(Failure::message("an oci-dir needs a name: -o DIRECTORY"));
        }
        if self.output.is_none() && streams::stdout_is_terminal() {
            return Err(Failure::message(
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        if let Some(output) = self.output.as_deref().filter(|_| !is_directory) {
            check_place(output)?;
        }
        let (store, map) = context.store_for_content()?;
        let items = items(&store, &self.images)?;
        let options = SaveOptions {
            attested: &[],
            format,
            platform,
            owners: UnpackOptions::new(&map).owners,
        };
        let save = |sink: &mut dyn Sink| archive::save(&store, &items, &options, sink);
        match &self.output {
            Some(path) if is_directory => save(&mut Directory::create(path)?)?,
            Some(path) => {
                let file = Unfinished::beside(path).map_err(Failure::on_file("open", path))?;
                save(&mut Tar::new(BufWriter::with_capacity(BUFFER, &file.file)))?;
                file.finish(path)
                    .map_err(Failure::on_file("rename", path))?;
            }
            None => {
                let out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
                save(&mut Tar::new(out)).map_err(quiet_where_nobody_reads)?;
            }
        }
        Ok(0)
    }
}

/// What is saved, and under which names.
fn items(store: &Store, images: &[String]) -> Result<Vec<Item>, Failure> {
    let mut items: Vec<Item> = Vec::new();
    let mut add = |target: Digest, name: Option<Reference>| {
        let at = items.iter().position(|item| item.target == target);
        let at = at.unwrap_or_else(|| {
            items.push(Item {
                target,
                names: Vec::new(),
            });
            items.len() - 1
        });
        if let Some(name) = name
            && !items[at].names.contains(&name)
        {
            items[at].names.push(name);
        }
    };
    for query in images {
        let reference = query.parse::<Reference>().ok();
        let bare = reference
            .as_ref()
            .filter(|reference| reference.tag().is_none() && reference.digest().is_none());
        if let Some(bare) = bare {
            let tags = tags_of(store, bare)?;
            if !tags.is_empty() {
                for (name, target) in tags {
                    add(target, Some(name));
                }
                continue;
            }
        }
        let image = image::resolve(store, query, None)?;
        let named = reference.filter(|reference| reference.digest().is_none());
        let name = match named.map(Reference::with_default_tag) {
            // An ID may look like a name.
            Some(name) if store.get_ref(&name)?.is_some() => Some(name),
            _ => None,
        };
        add(image.target, name);
    }
    Ok(items)
}

/// The tags of a repository, sorted.
fn tags_of(store: &Store, repository: &Reference) -> Result<Vec<(Reference, Digest)>, Failure> {
    let entries = store.refs()?.into_iter();
    Ok(entries
        .filter_map(|entry| Some((entry.reference?, entry.target)))
        .filter(|(name, _)| {
            name.digest().is_none()
                && name.registry() == repository.registry()
                && name.repository() == repository.repository()
        })
        .collect())
}

/// Docker's words for a place where no file can be.
fn check_place(path: &Path) -> Result<(), Failure> {
    let wrong = |why: String| Failure::message(format!("failed to save image: {why}"));
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        let parent = parent.display();
        return Err(wrong(format!(
            "invalid output path: directory {parent:?} does not exist"
        )));
    }
    if path.is_dir() {
        return Err(wrong(format!(
            "invalid output path: {:?} must be a regular file",
            path.display()
        )));
    }
    Ok(())
}

fn quiet_where_nobody_reads(error: archive::Error) -> Failure {
    match error {
        archive::Error::Write(error) => Failure::stdout(error),
        other => other.into(),
    }
}
