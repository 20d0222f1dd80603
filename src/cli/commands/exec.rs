//! `ctr exec`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::streams;
use crate::cli::variables;
use crate::container::stream::{DetachKeys, RelayOptions};
use crate::container::{self, ExecOptions};

/// Execute a command in a running container
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Run the command in the background
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching from the command (default: ctrl-p,ctrl-q)
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Set environment variables; NAME alone takes the value from your own environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    interactive: bool,
    /// Give extended privileges to the command
    #[arg(long)]
    privileged: bool,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    tty: bool,
    /// Username or UID (default: the container's)
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Working directory inside the container (default: the container's)
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Name or ID, and the command with its arguments
    #[arg(value_name = "CONTAINER", required = true, num_args = 2.., trailing_var_arg = true, hide = true)]
    words: Vec<String>,
}

impl Command for Exec {
    const USAGE: &'static str = "[OPTIONS] CONTAINER COMMAND [ARG...]";
    const EXAMPLES: &'static [Example] = &[
        ("exec -it web sh", "A shell in a running container"),
        (
            "exec db pg_dump shop > shop.sql",
            "Save what a command prints",
        ),
    ];
    const NAMES: Names = Names::RunningThenCommand;

    fn run(self, context: &Context) -> Outcome {
        let Some((name, command)) = self.words.split_first() else {
            return Ok(0);
        };
        let relay = RelayOptions {
            tty: self.tty,
            detach_keys: DetachKeys::parse(self.detach_keys.as_deref().unwrap_or_default())?,
            // Docker passes no signals on to an exec.
            sig_proxy: false,
        };
        let options = ExecOptions {
            command: command.to_vec(),
            detach: self.detach,
            interactive: self.interactive,
            tty: self.tty,
            user: self.user,
            workdir: self.workdir,
            env: variables::collect(&self.env_file, &self.env)?,
            privileged: self.privileged,
            size: streams::terminal_size().filter(|_| self.tty),
        };
        if options.tty && options.interactive && !options.detach && !streams::stdin_is_terminal() {
            context.warn("the input device is not a TTY");
        }
        let engine = context.engine()?;
        let container = engine.find(name)?;
        let stdin = options.interactive && !options.detach;
        let exit = engine.exec(&container, &options, streams::own(stdin), &relay);
        streams::exit_code(exit.map_err(|error| match error {
            container::Error::NotRunning(_) => Failure::of(error),
            error => {
                // The daemon says 126 to whatever else keeps a process from starting, unless it is not there at all:
                // moby, daemon/exec.go, ContainerExecStart.
                let failure = Failure::of(error);
                let code = if failure.code() == 1 {
                    126
                } else {
                    failure.code()
                };
                failure.with_code(code)
            }
        })?)
    }
}
