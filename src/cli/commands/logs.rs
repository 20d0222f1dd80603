//! `ctr logs`.

use std::io::Write as _;

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::exit_code::USAGE_ERROR;
use crate::cli::output::paired::Paired;
use crate::cli::output::time;
use crate::container::{Error, LogOptions};

/// Fetch the logs of a container
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Show what --log-opt labels=, env= and tag= have every line say of the container
    #[arg(long)]
    details: bool,
    /// Follow log output
    #[arg(short, long)]
    follow: bool,
    /// Show logs since a time (2013-01-02T13:23:37Z) or for as long (42m)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Number of lines to show from the end of the logs
    #[arg(short = 'n', long, value_name = "LINES", default_value = "all")]
    tail: String,
    /// Show timestamps
    #[arg(short, long)]
    timestamps: bool,
    /// Show logs before a time (2013-01-02T13:23:37Z) or until as long ago (42m)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Name or ID
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

impl Command for Logs {
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const EXAMPLES: &'static [Example] = &[
        (
            "logs -f --tail 20 web",
            "The last lines, and all that follow",
        ),
        ("logs --since 10m -t web", "Ten minutes, with times"),
    ];
    const NAMES: Names = Names::Containers;

    fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        let container = engine.find(&self.container)?;
        let now = time::now();
        let instant = |flag: &str, text: &Option<String>| {
            text.as_deref()
                .filter(|text| !text.is_empty())
                .map(|text| time::parse_instant(text, now))
                .transpose()
                .map_err(|error| Failure::message(format!("invalid value for {flag:?}: {error}")))
        };
        let options = LogOptions {
            follow: self.follow,
            tail: self.tail()?,
            timestamps: self.timestamps,
            details: self.details,
            since: instant("since", &self.since)?,
            until: instant("until", &self.until)?,
            stdout: true,
            stderr: true,
        };
        let pair = Paired::new(self.follow);
        let shown = engine.logs(&container, options, &mut pair.stdout(), &mut pair.stderr());
        let flushed = pair.stdout().flush().map_err(Failure::stdout);
        match shown {
            Err(Error::System { source, .. })
                if source.kind() == std::io::ErrorKind::BrokenPipe =>
            {
                Err(Failure::Quiet(1))
            }
            shown => {
                shown?;
                flushed?;
                Ok(0)
            }
        }
    }
}

impl Logs {
    /// `all`, and whatever is no number, is everything; so are numbers below zero.
    fn tail(&self) -> Result<Option<u64>, Failure> {
        if self.tail == "all" || self.tail.is_empty() {
            return Ok(None);
        }
        match self.tail.parse::<i64>() {
            Ok(lines) => Ok(u64::try_from(lines).ok()),
            Err(_) => Err(Failure::message(format!(
                "invalid argument {:?} for \"-n, --tail\" flag: neither a number nor \"all\"",
                self.tail
            ))
            .with_code(USAGE_ERROR)),
        }
    }
}
