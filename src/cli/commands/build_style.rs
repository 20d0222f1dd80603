//! How the progress of a build is shown.

use crate::cli::context::Context;
use crate::cli::environment;
use crate::cli::error::Failure;
use crate::cli::output::build::{Look, Palette, Style};
use crate::cli::streams;

/// Lines of a running step's output that are shown (default of BuildKit).
const TAIL: usize = 6;

/// `--progress`, `--quiet`, `BUILDKIT_PROGRESS`. Reference: buildx, `toDisplayMode` and `NewDisplay`.
pub(super) fn style(progress: Option<&str>, quiet: bool) -> Result<Style, Failure> {
    let asked = progress.unwrap_or("auto");
    if quiet {
        return match asked {
            "auto" | "" | "quiet" | "none" => Ok(Style::Quiet),
            other => Err(Failure::message(format!(
                "progress={other} and quiet cannot be used together"
            ))),
        };
    }
    let set = environment::set("BUILDKIT_PROGRESS").filter(|mode| !mode.is_empty());
    let mode = match (asked, &set) {
        ("auto" | "", Some(mode)) => mode,
        _ => asked,
    };
    let is_terminal = streams::stderr_is_terminal();
    match mode {
        "auto" | "" | "tty" if is_terminal => Ok(Style::Terminal),
        "auto" | "" | "plain" => Ok(Style::Plain),
        "tty" => Err(Failure::message(
            "failed to get console: stderr is not a terminal",
        )),
        "quiet" | "none" => Ok(Style::Quiet),
        "rawjson" => Ok(Style::RawJson),
        other => Err(Failure::message(format!("invalid progress mode {other}"))),
    }
}

/// What the environment says about the picture of a build: `NO_COLOR`, `BUILDKIT_COLORS`, `BUILDKIT_TTY_LOG_LINES`.
pub(super) fn look(context: &Context) -> Look {
    let set = environment::set;
    let colours = set("BUILDKIT_COLORS");
    let (palette, wrong) = Palette::new(set("NO_COLOR").as_deref(), colours.as_deref());
    for problem in wrong {
        context.warn(&problem);
    }
    let tail = set("BUILDKIT_TTY_LOG_LINES").and_then(|text| text.parse().ok());
    Look {
        palette: match streams::stderr_is_terminal() {
            true => palette,
            false => Palette::none(),
        },
        tail: tail.filter(|lines| *lines > 0).unwrap_or(TAIL),
    }
}
