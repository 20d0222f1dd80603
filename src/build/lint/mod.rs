//! BuildKit's lint rules: what in a Dockerfile works, but will not for long, or not as its author thinks.
//!
//! ```text
//! rule      the rules, their names and descriptions
//! options   `# check=skip=…;error=…;experimental=…`
//! style     rules about one instruction as it is written
//! stages    rules about FROM: names, ARGs, platforms
//! body      rules that need the variables and the history of a stage
//! ```
//!
//! [`check`] is a pure function of the Dockerfile, the build arguments, and what the caller knows of base images. It reads
//! no file.
//!
//! Reference: BuildKit, `frontend/dockerfile/docs/rules`.

mod body;
mod options;
mod rule;
mod stages;
mod style;
#[cfg(test)]
mod tests;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use super::dockerfile::directives::check_of_comments;
use super::dockerfile::stages::Stages;
use super::dockerfile::{Error, Node, Parsed, Span};
use super::ignore::Ignore;
use crate::image::Platform;

use options::Options;
pub use options::OptionsError;
pub use rule::Rule;

/// What the rules look at besides the Dockerfile.
pub struct Input<'a> {
    /// `--build-arg`.
    pub build_args: &'a BTreeMap<String, String>,
    /// The platform arguments (`TARGETPLATFORM`, …) with their values.
    pub platform_args: &'a BTreeMap<String, String>,
    /// Takes the place of `# check=…`, from `--build-arg BUILDKIT_DOCKERFILE_CHECK=…`.
    pub options: Option<&'a str>,
    /// The context's `.dockerignore`.
    pub ignore: Option<&'a Ignore>,
    /// The names of the variables that a base image sets; `None` for an image that is not known, whose stages are not
    /// searched for undefined variables.
    pub image_variables: &'a dyn Fn(&str) -> Option<Vec<String>>,
    /// What is built for, where FROM does not say.
    pub target: &'a Platform,
    /// The platform of a base image as it is here, of which the second is wanted; `None` for an image that is not known.
    pub image_platform: &'a dyn Fn(&str, &Platform) -> Option<Platform>,
    /// The stages whose instructions are looked at, by index; `None` for all of them.
    pub stages: Option<&'a BTreeSet<usize>>,
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("build_args", &self.build_args)
            .field("target", &self.target)
            .field("options", &self.options)
            .field("stages", &self.stages)
            .finish_non_exhaustive()
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The rule.
    pub rule: Rule,
    /// What it found, one line.
    pub detail: String,
    /// Where.
    pub span: Span,
}

/// All findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In the order of the lines.
    pub warnings: Vec<Warning>,
    /// The Dockerfile is wrong, so that the rules did not get to its end.
    pub failed: Option<Error>,
    /// `error=true`: the build shall fail when there are warnings.
    pub fatal: bool,
}

impl Report {
    /// Returns the message to fail with, if warnings are to be fatal and there are any.
    pub fn verdict(&self) -> Option<String> {
        if !self.fatal || self.warnings.is_empty() {
            return None;
        }
        let rules: BTreeSet<&str> = self.warnings.iter().map(|w| w.rule.name()).collect();
        let rules: Vec<&str> = rules.into_iter().collect();
        Some(format!(
            "lint violation found for rules: {}",
            rules.join(", ")
        ))
    }
}

/// Holds a Dockerfile against the rules.
///
/// # Errors
///
/// [`OptionsError`] for options that cannot be read.
pub fn check(parsed: &Parsed, input: &Input<'_>) -> Result<Report, OptionsError> {
    let directive = parsed.directives.check.as_deref();
    let options = Options::parse(input.options.or(directive).unwrap_or(""))?;
    let mut findings = Findings {
        options: &options,
        warnings: Vec::new(),
    };
    style::check(&parsed.nodes, &mut findings);
    let failed = match Stages::of(parsed.clone()) {
        Err(error) => Some(error),
        Ok(stages) => {
            let escape = parsed.directives.escape;
            stages::names(&stages, &mut findings);
            let globals = stages::globals(&stages, escape, input, &mut findings);
            globals
                .and_then(|globals| body::check(&stages, &globals, escape, input, &mut findings))
                .err()
        }
    };
    let mut warnings = findings.warnings;
    warnings.sort_by_key(|warning| warning.span.first);
    Ok(Report {
        warnings,
        failed,
        fatal: options.fatal,
    })
}

/// Collects what the rules find, without what is to be skipped.
struct Findings<'a> {
    options: &'a Options,
    warnings: Vec<Warning>,
}

impl Findings<'_> {
    /// Notes a finding at `node`, unless the options, or the comments above the node, skip the rule.
    fn add(&mut self, rule: Rule, node: &Node, detail: String) {
        let own = check_of_comments(&node.comments);
        let own = own.and_then(|text| Options::parse(text).ok());
        if self.options.reports(rule, own.as_ref()) {
            self.warnings.push(Warning {
                rule,
                detail,
                span: node.span,
            });
        }
    }
}
