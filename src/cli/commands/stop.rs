//! `ctr stop` and `ctr restart`.

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;

/// Stop one or more running containers
#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    how: How,
    /// Names or IDs
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

/// Restart one or more containers
#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    how: How,
    /// Names or IDs
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

#[derive(Debug, Args)]
struct How {
    /// Signal to send to the container (default: its stop signal)
    #[arg(short, long)]
    signal: Option<String>,
    /// Seconds to wait before killing the container (default: its own, else 10; -1 waits forever)
    #[arg(short, long, alias = "time", value_name = "SECONDS")]
    timeout: Option<i64>,
}

impl Command for Stop {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const EXAMPLES: &'static [Example] = &[("stop -t 30 db", "Give a database half a minute")];
    const NAMES: Names = Names::Running;

    fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |name| {
            let container = engine.find(name)?;
            engine
                .stop(&container, self.how.timeout, self.how.signal.as_deref())
                .map_err(|error| {
                    Failure::of(error).about(&format!("cannot stop container: {name}"))
                })?;
            context.println(name)
        })
    }
}

impl Command for Restart {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const EXAMPLES: &'static [Example] = &[("restart web", "Stop it and start it again")];
    const NAMES: Names = Names::Containers;

    fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |name| {
            let container = engine.find(name)?;
            engine
                .restart(&container, self.how.timeout, self.how.signal.as_deref())
                .map_err(|error| {
                    Failure::of(error).about(&format!("cannot restart container {name}"))
                })?;
            context.println(name)
        })
    }
}
