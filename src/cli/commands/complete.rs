//! `ctr __complete`: names for the shells' completion scripts, one per line.

use clap::Args;

use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::container::Container;
use crate::image;
use crate::volume::Volumes;

/// List names for the completion of command lines
#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// containers, running, images, volumes
    #[arg(value_name = "KIND", required = true)]
    kinds: Vec<String>,
}

impl Command for Complete {
    const USAGE: &'static str = "containers|running|images|volumes...";
    const EXAMPLES: &'static [Example] = &[];

    fn run(self, context: &Context) -> Outcome {
        let mut names = Vec::new();
        for kind in &self.kinds {
            // A shell that completes wants names or nothing, never a message.
            names.extend(self.names(context, kind).unwrap_or_default());
        }
        names.iter_mut().for_each(|name| name.push('\n'));
        context.print(&names.concat())?;
        Ok(0)
    }
}

impl Complete {
    fn names(&self, context: &Context, kind: &str) -> Result<Vec<String>, Failure> {
        match kind {
            "containers" => Ok(container_names(context.engine()?.list()?)),
            "running" => Ok(container_names(context.engine()?.list_running()?)),
            "images" => {
                let images = image::list(&context.store()?)?.images;
                Ok(images
                    .iter()
                    .flat_map(|listed| listed.tags().map(|name| name.familiar()))
                    .collect())
            }
            "volumes" => {
                let volumes = Volumes::new(&context.store()?).list()?;
                Ok(volumes.into_iter().map(|volume| volume.name).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn container_names(containers: Vec<Container>) -> Vec<String> {
    let containers = containers.into_iter();
    containers.map(|container| container.record.name).collect()
}
