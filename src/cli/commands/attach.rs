//! `ctr attach`.

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::streams;
use crate::container::AttachOptions;
use crate::container::record::Status;
use crate::container::stream::{self, DetachKeys, RelayOptions};

/// Attach local standard input, output, and error streams to a running container
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Do not attach STDIN
    #[arg(long)]
    no_stdin: bool,
    /// Pass signals on to the process (default: true)
    #[arg(long, default_value = "true")]
    sig_proxy: bool,
    /// Name or ID
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

impl Command for Attach {
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const EXAMPLES: &'static [Example] = &[(
        "attach dev",
        "Be in a shell again that Ctrl-P Ctrl-Q has left",
    )];
    const NAMES: Names = Names::Running;

    fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        let container = engine.find(&self.container)?;
        if container.state.status != Status::Running {
            return Err(Failure::message(
                "You cannot attach to a stopped container, start it first",
            ));
        }
        let config = &container.record.config;
        let options = AttachOptions {
            stdin: config.open_stdin && !self.no_stdin,
            ..AttachOptions::OUTPUT
        };
        let relay = RelayOptions {
            tty: config.tty,
            detach_keys: DetachKeys::parse(self.detach_keys.as_deref().unwrap_or_default())?,
            // With a terminal, signals are the client's: docker/cli, command/container/attach.go.
            sig_proxy: self.sig_proxy && !config.tty,
        };
        let window = streams::terminal_size().filter(|_| config.tty);
        let session = engine.attach(&container, options, window)?;
        match session.relay(streams::own(options.stdin), &relay)? {
            // Docker's words, and its exit code.
            stream::Outcome::Detached => Err(Failure::plain("read escape sequence")),
            outcome => streams::exit_code(outcome),
        }
    }
}
