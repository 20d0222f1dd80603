//! `ctr buildx inspect`.

use clap::Args;

use super::names::{DEFAULT, Names};
use super::{BUILDKIT_VERSION, TIMEOUT, platforms};
use crate::cli::command::{Command, Example, Flag, Outcome};
use crate::cli::context::Context;

/// Show what is known of a builder
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Be ready when this returns, as is always so
    #[arg(long)]
    bootstrap: bool,
    /// Name of the builder
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Name of the builder (default: the current one)
    #[arg(value_name = "NAME", hide = true)]
    name: Option<String>,
}

impl Command for Inspect {
    const USAGE: &'static str = "[OPTIONS] [NAME]";
    const EXAMPLES: &'static [Example] = &[("buildx inspect --bootstrap", "The current builder")];
    const IGNORED: &'static [Flag] = &[TIMEOUT];

    fn run(self, context: &Context) -> Outcome {
        let names = Names::read(context)?;
        let name = names.chosen(self.name.as_deref().or(self.builder.as_deref()));
        let named = names.get(&name)?;
        let platforms = platforms::runnable().join(", ");
        context.print(&columns(&[("Name", &name), ("Driver", &named.driver)]))?;
        context.print("\nNodes:\n")?;
        context.print(&columns(&[
            ("Name", &named.node),
            ("Endpoint", DEFAULT),
            ("Status", "running"),
            ("BuildKit version", &format!("{BUILDKIT_VERSION}+ctr")),
            ("Platforms", &platforms),
        ]))?;
        Ok(0)
    }
}

/// `Name: value` lines with the values below each other, as buildx aligns them.
fn columns(lines: &[(&str, &str)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len() + 2).max();
    let width = width.unwrap_or_default();
    let line = |(name, value): &(&str, &str)| format!("{:width$}{value}\n", format!("{name}:"));
    lines.iter().map(line).collect()
}
