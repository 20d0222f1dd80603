//! `ctr import`.

use std::fs::File;
use std::io::{self, Read};

use clap::Args;

use super::create_flags;
use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::time;
use crate::content::Reference;
use crate::image::{self, ImportOptions};

/// Import the contents from a tarball to create a filesystem image
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Apply a Dockerfile instruction to the created image
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Set commit message for imported image
    #[arg(short, long)]
    message: Option<String>,
    /// Set the platform of the image (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// A tar, plain or compressed with gzip, zstd or xz; "-" for stdin
    #[arg(value_name = "FILE", hide = true)]
    file: String,
    /// Its name (default: none)
    #[arg(value_name = "REPOSITORY", hide = true)]
    reference: Option<String>,
}

impl Command for Import {
    const USAGE: &'static str = "[OPTIONS] FILE|- [REPOSITORY[:TAG]]";
    const EXAMPLES: &'static [Example] = &[(
        "import -c 'CMD [\"sh\"]' rootfs.tar.gz mine:1",
        "Make an image of a directory tree that was packed before",
    )];
    const NAMES: Names = Names::None;

    fn run(self, context: &Context) -> Outcome {
        let reference = match &self.reference {
            Some(text) => Some(text.parse::<Reference>()?.with_default_tag()),
            None => None,
        };
        let platform = create_flags::platform(self.platform.as_deref())
            .map_err(|failure| failure.with_code(1))?;
        // Opened as the user, before the id map is entered.
        let reader: Box<dyn Read> = if self.file == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(open(&self.file)?)
        };
        let message = self
            .message
            .clone()
            .unwrap_or_else(|| format!("Imported from {}", self.file));
        let (store, map) = context.store_for_content()?;
        let options = ImportOptions {
            reference: reference.as_ref(),
            changes: &self.change,
            message: &message,
            platform: platform.as_ref(),
            created: time::now(),
            id_map: &map,
        };
        let imported = image::import(&store, reader, &options)?;
        for warning in &imported.warnings {
            context.warn(warning);
        }
        context.println(&imported.id.to_string())?;
        Ok(0)
    }
}

fn open(path: &str) -> Result<File, Failure> {
    if path.starts_with("http://") || path.starts_with("https://") {
        return Err(
            Failure::message("importing from a URL is not supported yet")
                .with_hint(format!("pipe it: curl -fL {path} | ctr import -")),
        );
    }
    File::open(path).map_err(|error| Failure::message(format!("open {path}: {error}")))
}
