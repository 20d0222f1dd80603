//! `ctr run`.

use clap::Args;

use super::create_flags::{self, CreateFlags};
use super::pull;
use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::exit_code::ENGINE_ERROR;
use crate::cli::streams;
use crate::container::stream::{DetachKeys, RelayOptions};
use crate::container::{AttachOptions, CreatedContainer, Engine, StartOptions};

/// Create and run a new container from an image
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Run container in background and print container ID
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Pass signals on to the process (default: true)
    #[arg(long, default_value = "true")]
    sig_proxy: bool,
    #[command(flatten)]
    create: CreateFlags,
}

impl Command for Run {
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const EXAMPLES: &'static [Example] = &[
        ("run -it alpine sh", "A shell in a fresh container"),
        (
            "run --rm -v .:/src -w /src golang:1.24 go test ./...",
            "Run a project's tests, and leave nothing behind",
        ),
        (
            "run -d --name web -p 8080:80 nginx",
            "A web server in the background, on port 8080",
        ),
    ];
    const UNBUILT: &'static [Flag] = create_flags::UNBUILT;
    const IGNORED: &'static [Flag] = create_flags::IGNORED;
    const MISUSE: i32 = ENGINE_ERROR;
    const NAMES: Names = Names::ImageThenCommand;

    fn run(self, context: &Context) -> Outcome {
        self.execute(context).map_err(Failure::or_engine_error)
    }
}

impl Run {
    fn execute(&self, context: &Context) -> Outcome {
        let detach_keys = DetachKeys::parse(self.detach_keys.as_deref().unwrap_or_default())?;
        let options = self.create.options(self.detach)?;
        if options.tty && options.attach_stdin && !streams::stdin_is_terminal() {
            context.warn("the input device is not a TTY");
        }
        let attach = AttachOptions {
            stdin: options.attach_stdin,
            stdout: options.attach_stdout,
            stderr: options.attach_stderr,
        };
        let engine = context.engine()?;
        let created = pull::create_pulling(context, &engine, options, &self.create)?;
        let relay = RelayOptions {
            tty: self.create.tty,
            detach_keys,
            sig_proxy: self.sig_proxy,
        };
        start(
            context,
            &engine,
            created,
            (!self.detach).then_some(attach),
            &relay,
        )
    }
}

/// Starts the container and stays with it where there is something to attach to; else prints its ID.
fn start(
    context: &Context,
    engine: &Engine,
    created: CreatedContainer,
    attach: Option<AttachOptions>,
    relay: &RelayOptions,
) -> Outcome {
    let options = StartOptions {
        attach,
        size: streams::terminal_size().filter(|_| relay.tty),
        hold_signals: attach.is_some() && relay.sig_proxy,
    };
    let container = &created.container;
    let started = engine.start_held(container, created.lock, options)?;
    for warning in &started.warnings {
        context.warn(warning);
    }
    let (Some(session), Some(attach)) = (started.session, attach) else {
        context.println(&container.record.id)?;
        return Ok(0);
    };
    streams::exit_code(session.relay(streams::own(attach.stdin), relay)?)
}
