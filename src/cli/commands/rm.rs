//! `ctr rm`.

use clap::Args;

use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::container::{Error, RemoveOptions};

/// Remove one or more containers
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short, long)]
    force: bool,
    /// Remove anonymous volumes associated with the container
    #[arg(short, long)]
    volumes: bool,
    /// Names or IDs
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

impl Command for Rm {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const EXAMPLES: &'static [Example] = &[
        ("rm -f web", "Remove a container, even if it runs"),
        ("rm $(ctr ps -aq)", "Remove all stopped containers"),
    ];
    const UNBUILT: &'static [Flag] = &[Flag::switch("link").short('l')];
    const NAMES: Names = Names::Containers;

    fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        let options = RemoveOptions {
            force: self.force,
            volumes: self.volumes,
        };
        context.for_each(&self.containers, |name| {
            let container = match engine.find(name) {
                // `rm -f` of something that is not there says so and succeeds, as with Docker.
                Err(error @ Error::NotFound(_)) if self.force => {
                    context.report(&error.into());
                    return Ok(());
                }
                found => found?,
            };
            engine.remove(&container, options)?;
            context.println(name)
        })
    }
}
