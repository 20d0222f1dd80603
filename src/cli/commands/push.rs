//! `ctr push`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::registry_flags::RegistryFlags;
use super::{create_flags, result_file};
use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::progress::Watcher;
use crate::content::{Digest, Reference};
use crate::image::compress::Packing;
use crate::image::layer::UnpackOptions;
use crate::image::manifest::Compression;
use crate::image::push::{self, PushOptions};
use crate::registry::{Credentials, Timing};
use crate::store::Store;

/// Upload an image to a registry
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// Push all tags of an image to the repository
    #[arg(short, long)]
    all_tags: bool,
    /// Compress layers with "gzip" or "zstd", also those that came compressed otherwise (default: gzip, and as they came)
    #[arg(long, value_name = "FORMAT")]
    compression_format: Option<String>,
    /// Compress harder: 1 to 9 for gzip (default: 6), 1 to 22 for zstd (default: 3)
    #[arg(long, value_name = "LEVEL")]
    compression_level: Option<u32>,
    /// Write the digest of what was pushed to a file
    #[arg(long, value_name = "FILE")]
    digestfile: Option<PathBuf>,
    /// Push the image of this platform only, as a single-platform image (default: all that are complete)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    /// A name; its registry and repository are where the image goes
    #[arg(value_name = "NAME", hide = true)]
    image: String,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Command for Push {
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG]";
    const EXAMPLES: &'static [Example] = &[
        (
            "push registry.example.com/team/app:1.2",
            "To the registry that the name begins with; log in first",
        ),
        (
            "push --compression-format zstd --digestfile digest.txt ghcr.io/org/app",
            "Smaller and faster to unpack, for registries and engines of today",
        ),
    ];
    const IGNORED: &'static [Flag] = &[Flag::switch("disable-content-trust")];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        let context = &self.registry.applied(context)?;
        let platform = create_flags::platform(self.platform.as_deref())
            .map_err(|failure| failure.with_code(1))?;
        let packing = self.packing()?;
        let reference: Reference = self.image.parse()?;
        if reference.digest().is_some() {
            return Err(Failure::message("cannot push a digest reference"));
        }
        let is_tagged = reference.tag().is_some();
        if self.all_tags && is_tagged {
            return Err(Failure::message("tag can't be used with --all-tags/-a"));
        }
        if !self.all_tags && !is_tagged && !self.quiet {
            context.eprintln("Using default tag: latest");
        }
        // The logins belong to the user, and helpers that keep them run as the user: before the id map is entered.
        let credentials = Credentials::find(&context.settings, &reference)?;
        context.prepare_network();
        let (store, map) = context.store_for_content()?;
        let wanted = self.wanted(&store, &reference)?;
        if !self.quiet {
            context.eprintln(&format!(
                "The push refers to repository [{}/{}]",
                reference.registry(),
                reference.repository()
            ));
        }
        let options = PushOptions {
            attested: &[],
            platform,
            packing,
            credentials,
            owners: UnpackOptions::new(&map).owners,
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            timing: Timing::of(&context.settings),
            settings: &context.settings,
        };
        let watcher = Watcher::new(self.quiet);
        for (name, target) in &wanted {
            let pushed = push::push(&store, target, name, &options, &watcher);
            watcher.finish();
            let pushed = pushed?;
            if let Some(path) = &self.digestfile {
                result_file::write(path, pushed.digest.as_str())?;
            }
            if !self.quiet {
                let tag = name.tag().unwrap_or_default();
                context.println(&format!(
                    "{tag}: digest: {} size: {}",
                    pushed.digest, pushed.size
                ))?;
            }
        }
        if self.quiet {
            context.println(&reference_shown(&reference, self.all_tags))?;
        }
        Ok(0)
    }
}

impl Push {
    fn packing(&self) -> Result<Option<Packing>, Failure> {
        let compression = match self.compression_format.as_deref() {
            None if self.compression_level.is_none() => return Ok(None),
            None | Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            Some(other) => {
                return Err(Failure::message(format!(
                    "unknown compression format {other:?}: must be \"gzip\" or \"zstd\""
                )));
            }
        };
        Ok(Some(Packing::new(compression, self.compression_level)?))
    }

    /// What is pushed, and as what.
    fn wanted(
        &self,
        store: &Store,
        reference: &Reference,
    ) -> Result<Vec<(Reference, Digest)>, Failure> {
        let mut tags: Vec<(Reference, Digest)> = Vec::new();
        for entry in store.refs()? {
            let Some(name) = entry.reference else {
                continue;
            };
            let same = name.registry() == reference.registry()
                && name.repository() == reference.repository();
            if same && name.digest().is_none() {
                tags.push((name, entry.target));
            }
        }
        if tags.is_empty() {
            return Err(Failure::message(format!(
                "An image does not exist locally with the tag: {}",
                reference.familiar_name()
            )));
        }
        if self.all_tags {
            return Ok(tags);
        }
        let name = reference.clone().with_default_tag();
        tags.retain(|(tag, _)| *tag == name);
        if tags.is_empty() {
            return Err(Failure::message(format!(
                "tag does not exist: {}",
                name.familiar()
            )));
        }
        Ok(tags)
    }
}

/// What `-q` prints.
fn reference_shown(reference: &Reference, all_tags: bool) -> String {
    match all_tags {
        true => reference.to_string(),
        false => reference.clone().with_default_tag().to_string(),
    }
}
