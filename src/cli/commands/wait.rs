//! `ctr wait`.

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;

/// Block until one or more containers stop, then print their exit codes
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Names or IDs
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

impl Command for Wait {
    const USAGE: &'static str = "CONTAINER [CONTAINER...]";
    const EXAMPLES: &'static [Example] = &[("wait job", "Wait for a job, and print how it ended")];
    const NAMES: Names = Names::Containers;

    fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |name| {
            let container = engine.find(name)?;
            let code = engine.wait(&container).map_err(|error| {
                Failure::of(error).about(&format!("cannot wait for container {name}"))
            })?;
            context.println(&code.to_string())
        })
    }
}
