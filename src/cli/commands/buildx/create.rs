//! `ctr buildx create`.

use clap::Args;

use super::names::{DEFAULT, Named, Names, check};
use super::{DOCKER_DRIVER, TIMEOUT};
use crate::cli::command::{Command, Example, Flag, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::container;

/// The driver of a builder where nobody says, as with buildx.
const CONTAINER_DRIVER: &str = "docker-container";

/// Draws of a name before it is given up.
const DRAWS: u32 = 100;

/// Give the builder another name, as scripts do that need one of their own
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Be ready when this returns, as is always so
    #[arg(long)]
    bootstrap: bool,
    /// Settings of BuildKit's daemon, which there is none of
    #[arg(long, value_name = "FILE", alias = "config")]
    buildkitd_config: Option<String>,
    /// Flags of BuildKit's daemon, which there is none of
    #[arg(long, value_name = "FLAGS")]
    buildkitd_flags: Option<String>,
    /// The driver to be listed with: docker-container (default) or docker
    #[arg(long, value_name = "DRIVER")]
    driver: Option<String>,
    /// Options of the driver, which have no effect
    #[arg(long, value_name = "OPTIONS")]
    driver_opt: Vec<String>,
    /// Name of the builder (default: a made-up one)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Name of its node (default: NAME0)
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Platforms to be listed with, which has no effect
    #[arg(long, value_name = "PLATFORMS")]
    platform: Vec<String>,
    /// Make it the current builder
    #[arg(long)]
    r#use: bool,
    /// Where it builds: on this machine
    #[arg(value_name = "CONTEXT", hide = true)]
    endpoint: Option<String>,
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] [CONTEXT|ENDPOINT]";
    const EXAMPLES: &'static [Example] = &[(
        "buildx create --use --name ci",
        "Be called ci: \"buildx use\", \"inspect\" and \"rm\" know it then",
    )];
    const UNBUILT: &'static [Flag] = &[Flag::switch("append"), Flag::switch("leave")];
    const IGNORED: &'static [Flag] = &[TIMEOUT, Flag::value("builder")];

    fn run(self, context: &Context) -> Outcome {
        let driver = self.driver.as_deref().unwrap_or(CONTAINER_DRIVER);
        if ![CONTAINER_DRIVER, DOCKER_DRIVER].contains(&driver) {
            return Err(elsewhere(&format!("driver {driver:?}")));
        }
        if let Some(endpoint) = self.endpoint.as_deref()
            && endpoint != DEFAULT
            && !endpoint.starts_with("unix://")
        {
            return Err(elsewhere(&format!("endpoint {endpoint:?}")));
        }
        if self.name.as_deref() == Some(DEFAULT) {
            return Err(Failure::message(
                "default is a reserved name and cannot be used to identify builder instance",
            ));
        }
        let name = Names::change(context, |names| {
            let name = match &self.name {
                Some(name) => check(name)?,
                None => make_up(names)?,
            };
            match names.get(&name) {
                Ok(_) if self.node.is_none() => {
                    return Err(Failure::message(format!(
                        "existing instance for {name:?} but no append mode, specify the node name to make changes for existing instances"
                    )));
                }
                Ok(known) if known.driver != driver => {
                    return Err(Failure::message(format!(
                        "existing instance for {name:?} but has mismatched driver {:?}",
                        known.driver
                    )));
                }
                _ => {}
            }
            let node = self.node.clone().unwrap_or_else(|| format!("{name}0"));
            let driver = driver.to_owned();
            names.insert(name.clone(), Named { driver, node });
            if self.r#use {
                names.set_current(&name);
            }
            Ok(name)
        })?;
        let without_effect = self.without_effect();
        if !without_effect.is_empty() {
            context.warn(&format!(
                "{name} is another name of the builder of {}, which has no daemon: {} without effect",
                context.program,
                without_effect.join(", ")
            ));
        }
        context.println(&name)?;
        Ok(0)
    }
}

impl Create {
    /// The flags that were given for a daemon.
    fn without_effect(&self) -> Vec<&'static str> {
        let given = [
            ("--buildkitd-config", self.buildkitd_config.is_some()),
            ("--buildkitd-flags", self.buildkitd_flags.is_some()),
            ("--driver-opt", !self.driver_opt.is_empty()),
            ("--platform", !self.platform.is_empty()),
        ];
        let given = given.into_iter().filter(|(_, is_given)| *is_given);
        given.map(|(flag, _)| flag).collect()
    }
}

fn elsewhere(what: &str) -> Failure {
    Failure::message(format!("{what} is not supported yet"))
        .with_hint("builds run on this machine, without a BuildKit of somebody else's")
}

fn make_up(names: &Names) -> Result<String, Failure> {
    for draw in 0..DRAWS {
        let name = container::make_up_name(draw)?;
        if names.get(&name).is_err() {
            return Ok(name);
        }
    }
    Err(Failure::message("failed to generate random name"))
}
