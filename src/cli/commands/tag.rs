//! `ctr tag`.

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::content::Reference;
use crate::image::{self};

/// Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// Reference or ID
    #[arg(value_name = "SOURCE_IMAGE", hide = true)]
    source: String,
    /// Its new name
    #[arg(value_name = "TARGET_IMAGE", hide = true)]
    target: String,
}

impl Command for Tag {
    const USAGE: &'static str = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";
    const EXAMPLES: &'static [Example] = &[(
        "tag app:latest registry.example.com/team/app:1.2",
        "Name an image for a registry",
    )];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        let invalid = |error| {
            Failure::message(format!(
                "Error parsing reference: {:?} is not a valid repository/tag: {error}",
                self.target
            ))
        };
        let target: Reference = self.target.parse().map_err(invalid)?;
        image::tag(&context.store()?, &self.source, &target)?;
        Ok(0)
    }
}
