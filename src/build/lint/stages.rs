//! Rules about FROM: the names of stages, and the variables in base images and platforms.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dockerfile::instruction::Instruction;
use super::super::dockerfile::stages::{Stage, Stages};
use super::super::dockerfile::suggest::nearest;
use super::super::dockerfile::words::{Budget, Expander};
use super::super::dockerfile::{Argument, Error, Node};
use super::watched::Watched;
use super::{Findings, Input, Rule};
use crate::content::Reference;

/// Names that mean something else after FROM and in `--from`.
const RESERVED: [&str; 2] = ["context", "scratch"];

/// The names of stages are unique, and not reserved.
pub(super) fn names(stages: &Stages, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for stage in &stages.stages {
        let Some(name) = &stage.name else { continue };
        if RESERVED.contains(&name.as_str()) {
            let detail =
                format!("Stage name should not use the same name as reserved stage {name:?}");
            findings.add(Rule::ReservedStageName, &stage.from, detail);
        }
        if !seen.insert(name) {
            let detail = format!("Duplicate stage name {name:?}, stage names should be unique");
            findings.add(Rule::DuplicateStageName, &stage.from, detail);
        }
    }
}

/// The ARGs before the first FROM.
pub(super) struct Globals {
    pub(super) values: BTreeMap<String, String>,
    /// Also those without a value.
    declared: BTreeSet<String>,
}

impl Globals {
    fn of(
        stages: &Stages,
        escape: char,
        input: &Input<'_>,
        given: &BTreeMap<String, String>,
    ) -> Result<Globals, Error> {
        let mut values = input.platform_args.clone();
        let mut declared: BTreeSet<String> = values.keys().cloned().collect();
        let mut budget = Budget::default();
        for node in &stages.global {
            let Instruction::Arg(list) = Instruction::of(node, &Expander::new(&values, escape))?
            else {
                continue;
            };
            for (name, default) in list {
                if let Some(value) = given.get(&name).cloned().or(default) {
                    let taken = budget.take(&name, Some(&value));
                    taken.map_err(|problem| problem.at(node.span))?;
                    values.insert(name.clone(), value);
                }
                declared.insert(name);
            }
        }
        Ok(Globals { values, declared })
    }
}

/// Evaluates the global ARGs, and holds every FROM against them.
pub(super) fn globals(
    stages: &Stages,
    escape: char,
    input: &Input<'_>,
    findings: &mut Findings<'_>,
) -> Result<Globals, Error> {
    let defaults = Globals::of(stages, escape, input, &BTreeMap::new())?;
    for stage in &stages.stages {
        defaults_name_an_image(stage, &defaults, escape, findings);
    }
    let globals = Globals::of(stages, escape, input, input.build_args)?;
    for (number, stage) in stages.stages.iter().enumerate() {
        variables(stage, &globals, escape, findings);
        if input.stages.is_none_or(|wanted| wanted.contains(&number)) {
            platform_of_base(stages, number, &globals, escape, input, findings);
        }
    }
    Ok(globals)
}

/// Without any build argument, the base is still the name of an image.
fn defaults_name_an_image(
    stage: &Stage,
    defaults: &Globals,
    escape: char,
    findings: &mut Findings<'_>,
) {
    let Some(written) = base(&stage.from) else {
        return;
    };
    let Ok(name) = Expander::new(&defaults.values, escape).word(written) else {
        return;
    };
    if name.parse::<Reference>().is_err() {
        let detail =
            format!("Default value for ARG {written} results in empty or invalid base image name");
        findings.add(Rule::InvalidDefaultArgInFrom, &stage.from, detail);
    }
}

/// The variables of base and platform are declared, and the platform is neither a constant nor the default.
fn variables(stage: &Stage, globals: &Globals, escape: char, findings: &mut Findings<'_>) {
    let node = &stage.from;
    let expand = |text: &str| {
        let watched = Watched::new(&globals.values);
        let result = Expander::new(&watched, escape).word(text);
        let (found, missing) = watched.asked();
        (result.unwrap_or_default(), found, missing)
    };
    if let Some(base) = base(node) {
        undeclared(&expand(base).2, globals, node, findings);
    }
    let flag = node.flags.iter().find(|flag| flag.name == "platform");
    let Some(written) = flag.and_then(|flag| flag.value.as_deref()) else {
        return;
    };
    let (platform, found, missing) = expand(written);
    undeclared(&missing, globals, node, findings);
    let target = globals.values.get("TARGETPLATFORM");
    let only_target = found.len() == 1 && found.contains("TARGETPLATFORM") && missing.is_empty();
    if only_target && target == Some(&platform) {
        let detail = format!(
            "Setting platform to predefined {written} in FROM is redundant as this is the default behavior"
        );
        findings.add(Rule::RedundantTargetPlatform, node, detail);
    }
    let (os, architecture) = match platform.split_once('/') {
        Some((os, rest)) => (os, rest.split('/').next().unwrap_or(rest)),
        None => ("linux", platform.as_str()),
    };
    let name = stage.name.as_deref().unwrap_or("");
    let in_name = name.contains(os) || name.contains(architecture);
    if found.is_empty() && missing.is_empty() && !platform.is_empty() && !in_name {
        let detail = format!("FROM --platform flag should not use constant value {platform:?}");
        findings.add(Rule::FromPlatformFlagConstDisallowed, node, detail);
    }
}

/// The base image is for the platform that is built for.
fn platform_of_base(
    stages: &Stages,
    number: usize,
    globals: &Globals,
    escape: char,
    input: &Input<'_>,
    findings: &mut Findings<'_>,
) {
    let node = &stages.stages[number].from;
    let expander = Expander::new(&globals.values, escape);
    let Ok(Instruction::From { base, platform, .. }) = Instruction::of(node, &expander) else {
        return;
    };
    if base == "scratch" || stages.find(&base, number).is_some() {
        return;
    }
    let named = platform.and_then(|text| text.parse().ok());
    let expected = named.as_ref().unwrap_or(input.target);
    let Some(actual) = (input.image_platform)(&base, expected) else {
        return;
    };
    if (&actual.os, &actual.architecture) != (&expected.os, &expected.architecture) {
        let (actual, expected) = (actual.to_string(), expected.to_string());
        let detail = format!(
            "Base image {base} was pulled with platform {actual:?}, expected {expected:?} for current build"
        );
        findings.add(Rule::InvalidBaseImagePlatform, node, detail);
    }
}

fn undeclared(
    missing: &BTreeSet<String>,
    globals: &Globals,
    node: &Node,
    findings: &mut Findings<'_>,
) {
    for name in missing.difference(&globals.declared) {
        let mut detail = format!("FROM argument '{name}' is not declared");
        if let Some(near) = nearest(name, globals.declared.iter().map(String::as_str)) {
            detail += &format!(" (did you mean {near}?)");
        }
        findings.add(Rule::UndefinedArgInFrom, node, detail);
    }
}

/// The base as written.
fn base(from: &Node) -> Option<&str> {
    match &from.argument {
        Argument::Words(words) => words.first().map(String::as_str),
        _ => None,
    }
}
