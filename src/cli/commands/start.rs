//! `ctr start`.

use clap::Args;

use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::streams;
use crate::container::stream::{DetachKeys, RelayOptions};
use crate::container::{AttachOptions, StartOptions};

/// Start one or more stopped containers
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Attach STDOUT/STDERR and forward signals
    #[arg(short, long)]
    attach: bool,
    /// Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Attach container's STDIN
    #[arg(short, long)]
    interactive: bool,
    /// Names or IDs
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

impl Command for Start {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const EXAMPLES: &'static [Example] = &[("start -ai dev", "Go on in a stopped shell")];
    const UNBUILT: &'static [Flag] = &[Flag::value("checkpoint"), Flag::value("checkpoint-dir")];
    const NAMES: Names = Names::Containers;

    fn run(self, context: &Context) -> Outcome {
        if !self.attach && !self.interactive {
            let engine = context.engine()?;
            return context.for_each(&self.containers, |name| {
                let container = engine.find(name)?;
                let started =
                    engine
                        .start(&container, StartOptions::default())
                        .map_err(|error| {
                            Failure::of(error).about(&format!("cannot start container {name}"))
                        })?;
                for warning in &started.warnings {
                    context.warn(warning);
                }
                context.println(name)
            });
        }
        let [name] = self.containers.as_slice() else {
            return Err(Failure::message(
                "you cannot start and attach multiple containers at once",
            ));
        };
        self.attached(context, name)
    }
}

impl Start {
    fn attached(&self, context: &Context, name: &str) -> Outcome {
        let engine = context.engine()?;
        let container = engine.find(name)?;
        let config = &container.record.config;
        let attach = AttachOptions {
            stdin: self.interactive && config.open_stdin,
            ..AttachOptions::OUTPUT
        };
        let relay = RelayOptions {
            tty: config.tty,
            detach_keys: DetachKeys::parse(self.detach_keys.as_deref().unwrap_or_default())?,
            // With a terminal, signals are the client's: docker/cli, command/container/start.go.
            sig_proxy: !config.tty,
        };
        let options = StartOptions {
            attach: Some(attach),
            size: streams::terminal_size().filter(|_| config.tty),
            hold_signals: relay.sig_proxy,
        };
        let started = engine.start(&container, options)?;
        for warning in &started.warnings {
            context.warn(warning);
        }
        let Some(session) = started.session else {
            return Ok(0);
        };
        streams::exit_code(session.relay(streams::own(attach.stdin), &relay)?)
    }
}
