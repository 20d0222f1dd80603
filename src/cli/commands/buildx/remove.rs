//! `ctr buildx rm`.

use clap::Args;

use super::TIMEOUT;
use super::names::{DEFAULT, Names};
use crate::cli::command::{Command, Example, Flag, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;

/// Remove names of the builder; images and the build cache stay
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Remove builders that do not run, which there are none of
    #[arg(long)]
    all_inactive: bool,
    /// Name of the builder
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Names of builders (default: the current one)
    #[arg(value_name = "NAME", hide = true)]
    names: Vec<String>,
}

impl Command for Remove {
    const USAGE: &'static str = "[OPTIONS] [NAME...]";
    const EXAMPLES: &'static [Example] = &[("buildx rm ci", "What \"create\" was called with")];
    const IGNORED: &'static [Flag] = &[
        TIMEOUT,
        Flag::switch("force").short('f'),
        Flag::switch("keep-state"),
        Flag::switch("keep-daemon"),
    ];

    fn run(self, context: &Context) -> Outcome {
        if self.all_inactive {
            return match self.names.is_empty() {
                true => Ok(0),
                false => Err(Failure::message(
                    "cannot specify builder name when --all-inactive is set",
                )),
            };
        }
        let failed = Names::change(context, |names| {
            let mut wanted = self.names;
            if wanted.is_empty() {
                wanted.push(names.chosen(self.builder.as_deref()));
            }
            let mut failed = false;
            for name in wanted {
                let removed = match name.as_str() {
                    DEFAULT => Err(Failure::message(format!(
                        "{DEFAULT} is the builder's own name and cannot be removed"
                    ))),
                    name => names.get(name).map(|_| names.remove(name)),
                };
                match removed {
                    Ok(()) => context.eprintln(&format!("{name} removed")),
                    Err(failure) => {
                        context.report(&failure.about(&format!("failed to remove {name}")));
                        failed = true;
                    }
                }
            }
            Ok(failed)
        })?;
        match failed {
            true => Err(Failure::message("failed to remove one or more builders")),
            false => Ok(0),
        }
    }
}
