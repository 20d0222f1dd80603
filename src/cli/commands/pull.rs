//! `ctr pull`, and the pull that `run` and `create` start where the image is missing.

use clap::Args;

use super::create_flags::{self, CreateFlags, PullPolicy};
use super::registry_flags::RegistryFlags;
use crate::cli::command::{Command, Example, Flag, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::exit_code::ENGINE_ERROR;
use crate::cli::output::progress::Watcher;
use crate::container::{CreateOptions, CreatedContainer, Engine, Error};
use crate::content::Reference;
use crate::image::layer::UnpackOptions;
use crate::image::pull::{self, PullOptions};
use crate::image::{self, Platform};
use crate::registry::{Credentials, Timing};
use crate::sys::child::{die_with, in_child};

/// Download an image from a registry
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Choose the platform of a multi-platform image (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    /// References; without a registry they mean docker.io
    #[arg(value_name = "IMAGE", required = true, hide = true)]
    images: Vec<String>,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Command for Pull {
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG|@DIGEST] [NAME...]";
    const EXAMPLES: &'static [Example] = &[
        ("pull alpine", "The image that docker.io calls latest"),
        (
            "pull --platform linux/arm64 ghcr.io/org/app:1.2",
            "An image for another kind of machine",
        ),
    ];
    const UNBUILT: &'static [Flag] = &[Flag::switch("all-tags").short('a')];
    const IGNORED: &'static [Flag] = &[Flag::switch("disable-content-trust")];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        let platform = create_flags::platform(self.platform.as_deref())?;
        let mut wanted = Vec::new();
        for name in &self.images {
            let reference: Reference = name.parse()?;
            if !self.quiet && reference.tag().is_none() && reference.digest().is_none() {
                context.eprintln("Using default tag: latest");
            }
            wanted.push(reference.with_default_tag());
        }
        let watcher = Watcher::new(self.quiet);
        fetch(
            &self.registry.applied(context)?,
            &wanted,
            platform,
            &watcher,
            || Ok(()),
        )?;
        for reference in &wanted {
            context.println(&reference.to_string())?;
        }
        Ok(0)
    }
}

/// Pulls, in this process, which is inside the user's id map from then on; there it does `inside` first.
fn fetch(
    context: &Context,
    references: &[Reference],
    platform: Option<Platform>,
    watcher: &Watcher,
    inside: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    // The logins belong to the user, and helpers that keep them run as the user: before the id map is entered.
    let credentials = references
        .iter()
        .map(|reference| Credentials::find(&context.settings, reference))
        .collect::<Result<Vec<_>, _>>()?;
    context.prepare_network();
    let (store, map) = context.store_for_content()?;
    inside()?;
    for (reference, credentials) in references.iter().zip(credentials) {
        let options = PullOptions {
            platform: platform.clone(),
            credentials,
            unpack: UnpackOptions::new(&map),
            timing: Timing::of(&context.settings),
            settings: &context.settings,
        };
        let pulled = pull::pull(&store, reference, &options, watcher);
        watcher.finish();
        pulled?;
    }
    Ok(())
}

/// Makes a container, pulling its image first where the policy says so.
///
/// # Errors
///
/// Those of the engine and of the pull.
pub(super) fn create_pulling(
    context: &Context,
    engine: &Engine,
    options: CreateOptions,
    flags: &CreateFlags,
) -> Result<CreatedContainer, Failure> {
    let policy = flags.pull_policy()?;
    if policy == PullPolicy::Always && options.rootfs.is_none() {
        pull_beside(context, &options, flags.quiet)?;
    }
    let missing = |error: &Error| matches!(error, Error::Image(image::Error::NotFound(_)));
    let created = match engine.create(options.clone()) {
        Err(error) if missing(&error) && policy == PullPolicy::Missing => {
            let reference = options.image.parse::<Reference>()?.with_default_tag();
            context.eprintln(&format!(
                "Unable to find image '{}' locally",
                reference.familiar()
            ));
            pull_beside(context, &options, flags.quiet)?;
            engine.create(options)?
        }
        created => created?,
    };
    for warning in &created.warnings {
        context.warn(warning);
    }
    Ok(created)
}

/// Pulls in a child process: threads and the id map stay in there. It does not outlive this one.
fn pull_beside(context: &Context, options: &CreateOptions, quiet: bool) -> Result<(), Failure> {
    let reference = options.image.parse::<Reference>()?.with_default_tag();
    let cannot = |error| Failure::message(format!("cannot start a process for the pull: {error}"));
    let parent = rustix::process::getpid();
    let pull = || {
        let watcher = Watcher::new(quiet);
        let platform = options.platform.clone();
        let tie = || die_with(parent).map_err(cannot);
        let pulled = fetch(context, &[reference], platform, &watcher, tie);
        if let Err(failure) = &pulled {
            context.report(failure);
        }
        u8::from(pulled.is_err())
    };
    match in_child(pull).map_err(cannot)? {
        0 => Ok(()),
        // The child has said why.
        1 => Err(Failure::Quiet(ENGINE_ERROR)),
        code => Err(Failure::message(format!(
            "the pull ended with exit code {code}"
        ))),
    }
}
