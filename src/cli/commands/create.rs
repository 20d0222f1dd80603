//! `ctr create`.

use clap::Args;

use super::create_flags::{self, CreateFlags};
use super::pull;
use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::exit_code::ENGINE_ERROR;

/// Create a new container
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    create: CreateFlags,
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const EXAMPLES: &'static [Example] = &[(
        "create --name web -p 8080:80 nginx",
        "Make a container that \"ctr start web\" starts",
    )];
    const UNBUILT: &'static [Flag] = create_flags::UNBUILT;
    const IGNORED: &'static [Flag] = create_flags::IGNORED;
    const MISUSE: i32 = ENGINE_ERROR;
    const NAMES: Names = Names::ImageThenCommand;

    fn run(self, context: &Context) -> Outcome {
        let create = || -> Outcome {
            let options = self.create.options(false)?;
            let engine = context.engine()?;
            let created = pull::create_pulling(context, &engine, options, &self.create)?;
            context.println(&created.container.record.id)?;
            Ok(0)
        };
        create().map_err(Failure::or_engine_error)
    }
}
