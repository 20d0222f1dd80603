//! `ctr top`.

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::output::{escape, table};

/// Docker's `tabwriter.NewWriter(out, 20, 1, 3, ' ', 0)`: docker/cli, command/container/top.go.
const MIN_WIDTH: usize = 20;

/// Display the running processes of a container
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Name or ID, and what ps is to show
    #[arg(value_name = "CONTAINER", required = true, num_args = 1.., trailing_var_arg = true, hide = true)]
    words: Vec<String>,
}

impl Command for Top {
    const USAGE: &'static str = "CONTAINER [ps OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        ("top web", "All processes, as ps -ef shows them"),
        ("top web -eo pid,comm", "Only numbers and names"),
    ];
    const NAMES: Names = Names::RunningThenCommand;

    fn run(self, context: &Context) -> Outcome {
        let Some((name, ps_args)) = self.words.split_first() else {
            return Ok(0);
        };
        let engine = context.engine()?;
        let processes = engine.top(&engine.find(name)?, ps_args)?;
        let mut text = String::new();
        for row in std::iter::once(&processes.titles).chain(&processes.rows) {
            let cells: Vec<_> = row.iter().map(|cell| escape::line(cell)).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        context.print(&table::align_to(&text, MIN_WIDTH))?;
        Ok(0)
    }
}
