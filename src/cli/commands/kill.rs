//! `ctr kill`.

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::container::signal;

/// Kill one or more running containers
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// Signal to send to the container
    #[arg(short, long, default_value = "KILL")]
    signal: String,
    /// Names or IDs
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

impl Command for Kill {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const EXAMPLES: &'static [Example] =
        &[("kill -s HUP web", "Have a server read its settings again")];
    const NAMES: Names = Names::Running;

    fn run(self, context: &Context) -> Outcome {
        // A signal that is none is said once, whatever the containers are.
        signal::parse(&self.signal)?;
        let engine = context.engine()?;
        context.for_each(&self.containers, |name| {
            let container = engine.find(name)?;
            engine.kill(&container, &self.signal).map_err(|error| {
                Failure::of(error).about(&format!("cannot kill container: {name}"))
            })?;
            context.println(name)
        })
    }
}
