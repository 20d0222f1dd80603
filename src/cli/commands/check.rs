//! `ctr system check`.

use clap::Args;

use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;

/// Check images and layers for damage
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Remove what is damaged, so that the next pull brings it again
    #[arg(long)]
    repair: bool,
}

impl Command for Check {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        (
            "system check",
            "Read every blob, and say what is not as it was",
        ),
        (
            "system check --repair",
            "Make damaged images be pulled again",
        ),
    ];

    fn run(self, context: &Context) -> Outcome {
        let store = match self.repair {
            true => context.store_for_content()?.0,
            false => context.store()?,
        };
        let problems = store.check()?;
        for problem in &problems {
            context.println(&problem.to_string())?;
            if self.repair && store.discard_damaged(problem)? {
                context.println("  removed")?;
            }
        }
        Ok(i32::from(!problems.is_empty()))
    }
}
