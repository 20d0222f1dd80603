//! `ctr rmi`.

use clap::Args;

use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::container::record::Status;
use crate::image::{self, ImageUser, RemoveError, Removed};

/// Remove one or more images
#[derive(Debug, Args)]
pub(crate) struct Rmi {
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,
    /// References or IDs
    #[arg(value_name = "IMAGE", required = true, hide = true)]
    images: Vec<String>,
}

impl Command for Rmi {
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const EXAMPLES: &'static [Example] = &[(
        "rmi alpine:3.19",
        "Remove a name, and the image with its last one",
    )];
    const UNBUILT: &'static [Flag] = &[Flag::switch("no-prune"), Flag::value("platform")];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        let users = context
            .engine()?
            .list()?
            .into_iter()
            .filter_map(|container| {
                Some(ImageUser {
                    image: container.record.image?,
                    container: container.record.id,
                    running: container.state.status == Status::Running,
                })
            })
            .collect::<Vec<_>>();
        let (store, _) = context.store_for_content()?;
        context.for_each(&self.images, |name| {
            let missing = |error: &RemoveError| {
                matches!(error, RemoveError::Image(image::Error::NotFound(_)))
            };
            let removed = match image::remove(&store, name, &users, self.force) {
                // `rmi -f` of something that is not there says so and succeeds, as with Docker.
                Err(error) if self.force && missing(&error) => {
                    context.report(&error.into());
                    return Ok(());
                }
                removed => removed?,
            };
            let lines: String = removed.iter().map(|line| format!("{line}\n")).collect();
            context.print(&lines)?;
            if removed
                .iter()
                .any(|line| matches!(line, Removed::Deleted(_)))
            {
                store.sweep_unreferenced()?;
            }
            Ok::<(), Failure>(())
        })
    }
}
