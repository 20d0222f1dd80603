//! `ctr buildx`: what scripts call to get a builder ready, by the names of Docker's plugin.
//!
//! There is one builder, which is `ctr` itself: it needs no start, has no daemon and builds on this machine. `create` gives
//! it another name (see [`names`]), so that `create`, `use`, `inspect` and `rm` fit together as scripts expect; options
//! that are about a daemon are taken with a warning that says so, and other machines' builders are refused.
//!
//! Reference: docker/buildx, `commands/`, `builder/`, `docs/reference/`.

mod create;
mod inspect;
mod list;
mod names;
mod platforms;
mod remove;

pub(crate) use create::Create;
pub(crate) use inspect::Inspect;
pub(crate) use list::List;
pub(crate) use remove::Remove;

use clap::Args;

use crate::cli::command::{Command, Example, Flag, Outcome};
use crate::cli::context::Context;
use crate::cli::environment;
use crate::cli::error::Failure;
use names::Names;

/// The buildx whose behaviour these commands have.
const BUILDX_VERSION: &str = "v0.30.0";
/// The BuildKit that brought the frontend whose Dockerfiles are built.
const BUILDKIT_VERSION: &str = "v0.26.0";
/// The driver that is the engine itself.
const DOCKER_DRIVER: &str = "docker";

/// How long a daemon is waited for: there is none.
const TIMEOUT: Flag = Flag::value("timeout");

/// Checks that the builder that a command names is one: by its flag, which is `given`, or by `BUILDX_BUILDER`.
///
/// # Errors
///
/// buildx's words for another, and what keeps the names from being read.
pub(super) fn check_chosen(context: &Context, given: Option<&str>) -> Result<(), Failure> {
    let set = || environment::set("BUILDX_BUILDER");
    match given.map(str::to_owned).or_else(set).as_deref() {
        None | Some("" | names::DEFAULT) => Ok(()),
        Some(name) => Names::read(context)?.get(name).map(drop),
    }
}

/// Show the version of the buildx that these commands behave as
#[derive(Debug, Args)]
pub(crate) struct Version {}

impl Command for Version {
    const USAGE: &'static str = "";
    const EXAMPLES: &'static [Example] = &[("buildx version", "Is there a buildx, and which")];
    const IGNORED: &'static [Flag] = &[Flag::value("builder")];

    fn run(self, context: &Context) -> Outcome {
        // Scripts take the second word for the version.
        context.println(&format!(
            "github.com/docker/buildx {BUILDX_VERSION}+ctr ctr-{}",
            env!("CARGO_PKG_VERSION")
        ))?;
        Ok(0)
    }
}

/// Choose the builder that other commands are about
#[derive(Debug, Args)]
pub(crate) struct Use {
    /// Name of the builder
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Name of the builder
    #[arg(value_name = "NAME", hide = true)]
    name: Option<String>,
}

impl Command for Use {
    const USAGE: &'static str = "[OPTIONS] NAME";
    const EXAMPLES: &'static [Example] = &[("buildx use default", "The name it has by itself")];
    const IGNORED: &'static [Flag] = &[Flag::switch("global"), Flag::switch("default")];

    fn run(self, context: &Context) -> Outcome {
        Names::change(context, |names| {
            let name = names.chosen(self.name.as_deref().or(self.builder.as_deref()));
            let found = names.get(&name).map(drop);
            found.map_err(|failure| failure.about(&format!("failed to find instance {name:?}")))?;
            names.set_current(&name);
            Ok(())
        })?;
        Ok(0)
    }
}

/// Stop a builder: there is nothing that runs between builds
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Name of the builder
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Name of the builder
    #[arg(value_name = "NAME", hide = true)]
    name: Option<String>,
}

impl Command for Stop {
    const USAGE: &'static str = "[NAME]";
    const EXAMPLES: &'static [Example] = &[];

    fn run(self, context: &Context) -> Outcome {
        let names = Names::read(context)?;
        let name = names.chosen(self.name.as_deref().or(self.builder.as_deref()));
        names.get(&name)?;
        Ok(0)
    }
}

/// Have "build" mean "buildx build", which it does
#[derive(Debug, Args)]
pub(crate) struct Install {}

impl Command for Install {
    const USAGE: &'static str = "";
    const EXAMPLES: &'static [Example] = &[];
    const IGNORED: &'static [Flag] = &[Flag::value("builder")];

    fn run(self, _: &Context) -> Outcome {
        Ok(0)
    }
}
