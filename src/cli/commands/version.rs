//! `ctr version`.

use std::borrow::Cow;

use clap::Args;
use serde_json::{Value as Json, json};

use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::inspect::Inspected;
use crate::cli::template::{Shape, Template, Value};
use crate::image::Platform;

/// The Docker command line whose behaviour this program has.
pub(crate) const DOCKER_VERSION: &str = "28.2.2";
/// The Engine API whose shapes `inspect` prints.
const API_VERSION: &str = "1.50";

/// Show the version information
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// Format output using a Go template, or "json"
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Command for Version {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] =
        &[("version --format '{{.Server.Version}}'", "One number")];

    fn run(self, context: &Context) -> Outcome {
        let version = document(context.program);
        context.print(&match formatted(self.format.as_deref(), &version)? {
            Some(text) => text,
            None => describe(&version),
        })?;
        Ok(0)
    }
}

/// Client and server are one program here; both are told, because scripts ask for either. To those who call it `docker`
/// the version is the one of the Docker it stands in for, so that comparisons hold.
fn document(program: &str) -> Json {
    let version = match program {
        "docker" => DOCKER_VERSION,
        _ => env!("CARGO_PKG_VERSION"),
    };
    let host = Platform::host();
    let kernel = rustix::system::uname();
    let kernel = kernel.release().to_string_lossy();
    json!({
        "Client": {
            "Version": version,
            "ApiVersion": API_VERSION,
            "DefaultAPIVersion": API_VERSION,
            "GitCommit": "ctr",
            "GoVersion": "",
            "Os": host.os,
            "Arch": host.architecture,
            "BuildTime": "",
            "Context": "default",
        },
        "Server": {
            "Platform": {"Name": "ctr"},
            "Components": [{
                "Name": "Engine",
                "Version": version,
                "Details": {
                    "ApiVersion": API_VERSION,
                    "Arch": host.architecture,
                    "KernelVersion": kernel,
                    "Os": host.os,
                },
            }],
            "Version": version,
            "ApiVersion": API_VERSION,
            "MinAPIVersion": API_VERSION,
            "GitCommit": "ctr",
            "GoVersion": "",
            "Os": host.os,
            "Arch": host.architecture,
            "KernelVersion": kernel,
        },
    })
}

fn describe(version: &Json) -> String {
    let text = |pointer: &str| {
        version
            .pointer(pointer)
            .and_then(Json::as_str)
            .unwrap_or_default()
    };
    let part = |name: &str| {
        format!(
            " Version:           {}\n API version:       {}\n Go version:        none\n OS/Arch:           {}/{}\n",
            text(&format!("/{name}/Version")),
            text(&format!("/{name}/ApiVersion")),
            text(&format!("/{name}/Os")),
            text(&format!("/{name}/Arch")),
        )
    };
    format!(
        "Client:\n{}\nServer: ctr, no daemon\n{} Kernel version:    {}\n",
        part("Client"),
        part("Server"),
        text("/Server/KernelVersion")
    )
}

/// Prints one object with `--format`; `None` where there is none.
///
/// # Errors
///
/// The template's.
pub(super) fn formatted(format: Option<&str>, object: &Json) -> Result<Option<String>, Failure> {
    let parsing = |error| Failure::plain(format!("template parsing error: {error}"));
    match format.unwrap_or_default() {
        "" => Ok(None),
        "json" => Ok(Some(format!("{object}\n"))),
        text => {
            let template = Template::parse(text).map_err(parsing)?;
            let value = Value::Json(Cow::Borrowed(object), Shape::Struct);
            let text = template
                .execute(value, &Inspected)
                .map_err(|interrupted| parsing(interrupted.error))?;
            Ok(Some(text + "\n"))
        }
    }
}
