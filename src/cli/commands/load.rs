//! `ctr load`.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;

use clap::Args;

use super::create_flags;
use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::progress::Watcher;
use crate::cli::streams;
use crate::image::archive::{self, Input, LoadOptions};
use crate::image::layer::UnpackOptions;

/// Load an image from a tar archive or STDIN
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Read from tar archive file, instead of STDIN
    #[arg(short, long, value_name = "FILE")]
    input: Option<String>,
    /// Load only the image of this platform (default: all that are there)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Suppress the load output
    #[arg(short, long)]
    quiet: bool,
}

impl Command for Load {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        (
            "load -i images.tar",
            "What docker, podman, skopeo or ctr have saved, plain or packed with gzip, zstd or xz",
        ),
        ("load < app.tar.gz", "The same from STDIN"),
    ];

    fn run(self, context: &Context) -> Outcome {
        let platform = create_flags::platform(self.platform.as_deref())
            .map_err(|failure| failure.with_code(1))?;
        // Opened as the user, before the id map is entered.
        let file = match &self.input {
            Some(path) => open(path)?,
            None if streams::stdin_is_terminal() => {
                return Err(Failure::message(
                    "requested load from stdin, but stdin is empty",
                ));
            }
            None => File::from(std::io::stdin().as_fd().try_clone_to_owned()?),
        };
        let (store, map) = context.store_for_content()?;
        let options = LoadOptions {
            platform,
            unpack: UnpackOptions::new(&map),
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        };
        let watcher = Watcher::of_load(self.quiet);
        let loaded = archive::load(&store, Input::File(file), &options, &watcher);
        watcher.finish();
        for image in loaded? {
            for warning in &image.warnings {
                context.warn(warning);
            }
            for (name, before) in &image.replaced {
                context.println(&format!(
                    "The image {} already exists, renaming the old one with ID {before} to empty string",
                    name.familiar()
                ))?;
            }
            for name in &image.names {
                context.println(&format!("Loaded image: {}", name.familiar()))?;
            }
            if image.names.is_empty() {
                context.println(&format!("Loaded image ID: {}", image.id))?;
            }
        }
        Ok(0)
    }
}

fn open(path: &str) -> Result<File, Failure> {
    let failed = |why: &str| Failure::message(format!("open {path}: {why}"));
    let file = File::open(path).map_err(|error| failed(&error.to_string()))?;
    match file.metadata() {
        Ok(meta) if meta.is_dir() => Err(failed("is a directory")
            .with_hint(format!("pack it first: tar -C {path} -c . | ctr load"))),
        _ => Ok(file),
    }
}
