//! `ctr inspect`, and the same for one kind of object.

use std::borrow::Cow;

use clap::Args;
use serde_json::Value as Json;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::inspect::{self, Inspected};
use crate::cli::output::format::parsing;
use crate::cli::output::go;
use crate::cli::template::{Shape, Template, Value};
use crate::container::{self, Engine};
use crate::image;
use crate::volume::{self, Volumes};

/// Return low-level information on containers, images and volumes
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    output: Output,
    /// Display total file sizes if the type is container
    #[arg(short, long)]
    size: bool,
    /// Only inspect objects of the given type: container, image, volume
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Names or IDs
    #[arg(value_name = "NAME|ID", required = true, hide = true)]
    names: Vec<String>,
}

/// Display detailed information on one or more containers
#[derive(Debug, Args)]
pub(crate) struct ContainerInspect {
    #[command(flatten)]
    output: Output,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
    /// Names or IDs
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    names: Vec<String>,
}

/// Display detailed information on one or more images
#[derive(Debug, Args)]
pub(crate) struct ImageInspect {
    #[command(flatten)]
    output: Output,
    /// References or IDs
    #[arg(value_name = "IMAGE", required = true, hide = true)]
    names: Vec<String>,
}

/// Display detailed information on one or more volumes
#[derive(Debug, Args)]
pub(crate) struct VolumeInspect {
    #[command(flatten)]
    output: Output,
    /// Names
    #[arg(value_name = "VOLUME", required = true, hide = true)]
    names: Vec<String>,
}

#[derive(Debug, Args)]
struct Output {
    /// Format output using a Go template, or "json" (default: indented JSON)
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

/// Exit code of a template that cannot be parsed. Source: docker/cli, command/inspect/inspector.go.
const TEMPLATE_ERROR: i32 = 64;

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A container, else an image, else a volume.
    Any,
    Container,
    Image,
    Volume,
}

impl Command for Inspect {
    const USAGE: &'static str = "[OPTIONS] NAME|ID [NAME|ID...]";
    const EXAMPLES: &'static [Example] = &[
        ("inspect web", "Everything about a container"),
        ("inspect -f '{{.State.ExitCode}}' job", "One value of it"),
        (
            "inspect -f '{{range .Mounts}}{{.Source}} {{end}}' web",
            "One value per mount",
        ),
    ];
    const NAMES: Names = Names::Any;

    fn run(self, context: &Context) -> Outcome {
        let kind = match self.kind.as_deref() {
            None | Some("") => Kind::Any,
            Some("container") => Kind::Container,
            Some("image") => Kind::Image,
            Some("volume") => Kind::Volume,
            Some(other) => {
                return Err(Failure::message(format!(
                    "unknown type: {other:?}: must be one of \"container\", \"image\", \"volume\""
                )));
            }
        };
        self.output.show(context, kind, self.size, &self.names)
    }
}

impl Command for ContainerInspect {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const EXAMPLES: &'static [Example] =
        &[("container inspect -s web", "With the bytes it has written")];
    const NAMES: Names = Names::Containers;

    fn run(self, context: &Context) -> Outcome {
        self.output
            .show(context, Kind::Container, self.size, &self.names)
    }
}

impl Command for ImageInspect {
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const EXAMPLES: &'static [Example] = &[(
        "image inspect -f '{{json .Config.Cmd}}' alpine",
        "What an image runs",
    )];
    const NAMES: Names = Names::Images;

    fn run(self, context: &Context) -> Outcome {
        self.output.show(context, Kind::Image, false, &self.names)
    }
}

impl Command for VolumeInspect {
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const EXAMPLES: &'static [Example] = &[(
        "volume inspect -f '{{.Mountpoint}}' data",
        "Where its files are",
    )];
    const NAMES: Names = Names::Volumes;

    fn run(self, context: &Context) -> Outcome {
        self.output.show(context, Kind::Volume, false, &self.names)
    }
}

impl Output {
    /// Prints what is found, then the errors of what is not: scripts rely on `[]` and on the rest being there.
    fn show(&self, context: &Context, kind: Kind, sizes: bool, names: &[String]) -> Outcome {
        let format = self.format.as_deref().filter(|format| !format.is_empty());
        let template = match format {
            None | Some("json") => None,
            Some(text) => Some(
                Template::parse(text).map_err(|error| parsing(error).with_code(TEMPLATE_ERROR))?,
            ),
        };
        let engine = context.engine()?;
        let mut failures = Vec::new();
        let mut found = Vec::new();
        for name in names {
            match find(&engine, kind, name, sizes) {
                Ok(object) => found.push(object),
                Err(failure) => failures.push(failure),
            }
        }
        match (&template, format) {
            (None, Some(_)) => context.println(&Json::Array(found).to_string())?,
            (None, None) => context.println(&go::json_indented(&Json::Array(found)))?,
            (Some(template), _) => {
                let mut text = String::new();
                for object in &found {
                    let value = Value::Json(Cow::Borrowed(object), Shape::Struct);
                    match template.execute(value, &Inspected) {
                        Ok(line) => text.push_str(&(line + "\n")),
                        Err(interrupted) => {
                            failures.push(parsing(interrupted.error));
                            break;
                        }
                    }
                }
                // Docker's client ends its output with a line, even where there is none.
                if text.is_empty() {
                    text.push('\n');
                }
                context.print(&text)?;
            }
        }
        for failure in &failures {
            context.report(failure);
        }
        Ok(i32::from(!failures.is_empty()))
    }
}

fn find(engine: &Engine, kind: Kind, name: &str, sizes: bool) -> Result<Json, Failure> {
    let wanted = |one: Kind| kind == Kind::Any || kind == one;
    if wanted(Kind::Container) {
        match engine.find(name) {
            Ok(container) => {
                let sizes = match sizes {
                    true => Some(engine.sizes(&container)?),
                    false => None,
                };
                return Ok(inspect::container(engine, &container, sizes));
            }
            Err(container::Error::NotFound(_)) if kind == Kind::Any => {}
            Err(error) => return Err(error.into()),
        }
    }
    if wanted(Kind::Image) {
        match image::resolve(&engine.store, name, None) {
            Ok(image) => return Ok(image::inspect(&engine.store, &image)?),
            // What cannot be the name of an image may still be a volume's.
            Err(image::Error::NotFound(_) | image::Error::Reference(_)) if kind == Kind::Any => {}
            Err(error) => return Err(error.into()),
        }
    }
    if wanted(Kind::Volume) {
        match Volumes::new(&engine.store).get(name) {
            Ok(volume) => return Ok(serde_json::to_value(volume)?),
            Err(volume::Error::NoSuchVolume(_)) if kind == Kind::Any => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::message(format!("No such object: {name}")))
}
