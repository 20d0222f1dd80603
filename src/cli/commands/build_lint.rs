//! What the linter says of a Dockerfile: `ctr build --check` in words, and the warnings after a build.

use super::build_flags;
use super::build_input::Input;
use crate::build::dockerfile::{excerpt, parse};
use crate::build::{self, Globals, lint};
use crate::cli::context::{Context, eprint};
use crate::cli::error::Failure;
use crate::cli::output::build::{Palette, Role, Style, rawjson};
use crate::cli::output::escape;
use crate::image::{self, Platform};
use crate::store::Store;

/// Holds the Dockerfile against the rules; of base images, those of `store` are known.
///
/// # Errors
///
/// Those of the Dockerfile and of `check=`.
pub(super) fn findings(
    input: &Input,
    build_args: &[String],
    platform: Option<&Platform>,
    store: Option<&Store>,
) -> Result<lint::Report, Failure> {
    let parsed = parse(&input.dockerfile.bytes).map_err(build::Error::from)?;
    let build_args = build_flags::build_args(build_args);
    let host = Platform::host();
    let target = platform.unwrap_or(&host);
    let globals = Globals::new(&build_args, target, &host, "");
    let image_platform = |name: &str, wanted: &Platform| {
        let store = store.filter(|_| !input.contexts.contains_key(name))?;
        let wanted = image::resolve_base(store, name, Some(wanted));
        let here = wanted.or_else(|_| image::resolve_base(store, name, None));
        here.ok().map(|image| image.config.platform())
    };
    Ok(lint::check(
        &parsed,
        &lint::Input {
            build_args: &build_args,
            platform_args: globals.automatic(),
            options: build_args
                .get("BUILDKIT_DOCKERFILE_CHECK")
                .map(String::as_str),
            ignore: Some(&input.context.ignore),
            image_variables: &|_| None,
            target,
            image_platform: &image_platform,
            stages: None,
        },
    )?)
}

/// `--check`: prints how many findings there are, and all of them with their lines, to stdout.
///
/// # Errors
///
/// A failed write.
pub(super) fn print(
    context: &Context,
    input: &Input,
    report: &lint::Report,
) -> Result<(), Failure> {
    match report.warnings.len() {
        0 if report.failed.is_some() => {}
        0 => context.println("Check complete, no warnings found.")?,
        1 => context.println("Check complete, 1 warning has been found!")?,
        count => context.println(&format!(
            "Check complete, {count} warnings have been found!"
        ))?,
    }
    let text = String::from_utf8_lossy(&input.dockerfile.bytes);
    for warning in &report.warnings {
        context.print(&format!(
            "\nWARNING: {} - {}\n{}\n{}\n",
            warning.rule.name(),
            warning.rule.url(),
            warning.detail,
            excerpt(&input.dockerfile.name, &text, warning.span)
        ))?;
    }
    Ok(())
}

/// Shows the findings after a build, on stderr and as the build itself.
///
/// Reference: buildx, `commands/build.go`, `printWarnings`.
pub(super) fn summarize(
    context: &Context,
    input: &Input,
    report: &lint::Report,
    style: Style,
    palette: &Palette,
) {
    let count = report.warnings.len();
    if count == 0 || !context.warnings {
        return;
    }
    match style {
        Style::Quiet => return,
        Style::RawJson => return rawjson::findings(&input.dockerfile, &report.warnings),
        Style::Plain | Style::Terminal => {}
    }
    let found = if count == 1 { "warning" } else { "warnings" };
    let more = match context.debug {
        true => String::new(),
        false => format!(" (use {} --debug to expand)", context.program),
    };
    let title = palette.paint(Role::Warning, &format!("{count} {found} found{more}:"));
    let mut shown = format!("\n {title}\n");
    let text = String::from_utf8_lossy(&input.dockerfile.bytes);
    for warning in &report.warnings {
        let (rule, detail) = (warning.rule, escape::line(&warning.detail));
        let line = warning.span.first;
        shown += &format!(" - {}: {detail} (line {line})\n", rule.name());
        if context.debug {
            let lines = excerpt(&input.dockerfile.name, &text, warning.span);
            shown += &format!("{}\n{lines}\n\n", rule.description());
        }
    }
    eprint(&shown);
}
