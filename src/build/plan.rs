//! From the instructions to the stages that are needed, what each begins with and which others it uses.

use std::collections::BTreeSet;

use super::config;
use super::dockerfile::instruction::Instruction;
use super::dockerfile::stages::Stages;
use super::dockerfile::words::Expander;
use super::dockerfile::{Error, Node, Problem};
use super::variables::Globals;
use crate::content::{Reference, is_full_id};
use crate::image::Platform;

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// The result of an earlier stage.
    Stage(usize),
    /// An image, as written.
    Image(String),
}

/// A stage that is built.
#[derive(Debug, Clone)]
pub struct PlannedStage {
    /// Its number in the Dockerfile.
    pub number: usize,
    /// Its name, or its number, for progress.
    pub label: String,
    /// What it begins with.
    pub base: Base,
    /// `FROM --platform`.
    pub platform: Option<Platform>,
    /// Earlier stages that it uses, its base included.
    pub needs: BTreeSet<usize>,
    /// Images that it uses, its base included.
    pub images: BTreeSet<String>,
}

/// The stages that are needed for the target.
#[derive(Debug)]
pub struct Plan {
    /// One entry per stage of the Dockerfile; `None` for those that nothing needs, as far as the Dockerfile tells.
    pub stages: Vec<Option<PlannedStage>>,
    /// The variables of FROM lines, with which stages begin.
    pub globals: Globals,
}

impl Plan {
    /// Finds out what `target` needs; with `all`, every stage before it is needed. `named` tells the names that
    /// `--build-context` gives a meaning of its own.
    ///
    /// # Errors
    ///
    /// Those of the FROM lines, and of every instruction that is wrong whatever the base images are.
    pub fn new(
        stages: &Stages,
        target: usize,
        all: bool,
        mut globals: Globals,
        escape: char,
        named: &dyn Fn(&str) -> bool,
    ) -> Result<Plan, Error> {
        for node in &stages.global {
            let expander = Expander::new(&globals, escape);
            if let Instruction::Arg(list) = Instruction::of(node, &expander)? {
                for (name, default) in list {
                    let taken = globals.declare(&name, default);
                    taken.map_err(|problem| problem.at(node.span))?;
                }
            }
        }
        let mut planned: Vec<Option<PlannedStage>> = vec![None; stages.stages.len()];
        let mut todo = match all {
            true => (0..=target).collect(),
            false => vec![target],
        };
        while let Some(number) = todo.pop() {
            if planned[number].is_some() {
                continue;
            }
            let stage = plan_stage(stages, number, &globals, escape, named)?;
            todo.extend(&stage.needs);
            planned[number] = Some(stage);
        }
        check(stages, &planned, &globals, escape)?;
        Ok(Plan {
            stages: planned,
            globals,
        })
    }

    /// Plans one more stage, which a trigger of a base image turns out to need.
    ///
    /// # Errors
    ///
    /// As for [`Plan::new`].
    pub fn later(
        &self,
        stages: &Stages,
        number: usize,
        escape: char,
        named: &dyn Fn(&str) -> bool,
    ) -> Result<PlannedStage, Error> {
        plan_stage(stages, number, &self.globals, escape, named)
    }

    /// Returns the images that the Dockerfile names, each once.
    pub fn images(&self) -> BTreeSet<&str> {
        (self.stages.iter().flatten())
            .flat_map(|stage| stage.images.iter().map(String::as_str))
            .collect()
    }
}

/// Refuses mistakes before anything is fetched or run. What depends on variables shows only while a stage is built: base
/// images can set them.
fn check(
    stages: &Stages,
    planned: &[Option<PlannedStage>],
    globals: &Globals,
    escape: char,
) -> Result<(), Error> {
    let expander = Expander::new(globals, escape);
    for (stage, planned) in stages.stages.iter().zip(planned) {
        for node in &stage.nodes {
            let documents = node.heredocs.iter().map(|document| &document.content);
            if documents.chain([&node.text]).any(|text| text.contains('$')) {
                continue;
            }
            let instruction = Instruction::of(node, &expander)?;
            // As with BuildKit, values are only looked at where they are used.
            if planned.is_some() {
                let mut image = config::scratch(&Platform::host());
                config::apply(&mut image, &instruction, &mut false)
                    .map_err(|words| Problem::Other(words).at(node.span))?;
            }
        }
    }
    Ok(())
}

fn plan_stage(
    stages: &Stages,
    number: usize,
    globals: &Globals,
    escape: char,
    named: &dyn Fn(&str) -> bool,
) -> Result<PlannedStage, Error> {
    let stage = &stages.stages[number];
    let expander = Expander::new(globals, escape);
    let Instruction::From { base, platform, .. } = Instruction::of(&stage.from, &expander)? else {
        return Err(Problem::Other("no build stage".to_owned()).at(stage.from.span));
    };
    let platform = match platform.as_deref() {
        None | Some("") => None,
        Some(text) => Some(text.parse::<Platform>().map_err(|error| {
            Problem::Other(format!("failed to parse platform {text}: {error}")).at(stage.from.span)
        })?),
    };
    let mut needs = BTreeSet::new();
    let mut images = BTreeSet::new();
    let base = match stages.find(&base, number).filter(|_| !named(&base)) {
        // A number is the name of an image here.
        Some(other) if stages.stages[other].name.as_deref() == Some(&base.to_ascii_lowercase()) => {
            needs.insert(other);
            Base::Stage(other)
        }
        _ if base == "scratch" => Base::Scratch,
        _ => {
            if !named(&base) {
                check_name(&base).map_err(|problem| problem.at(stage.from.span))?;
                images.insert(base.clone());
            }
            Base::Image(base)
        }
    };
    for node in &stage.nodes {
        for from in sources(node) {
            if named(&from) {
                continue;
            }
            let found = stages.source(&from, number);
            match found.map_err(|problem| problem.at(node.span))? {
                Some(other) => drop(needs.insert(other)),
                None if from != "scratch" && from != "context" => {
                    // Variables have no meaning there, and this says so.
                    Instruction::of(node, &expander)?;
                    check_name(&from).map_err(|problem| problem.at(node.span))?;
                    images.insert(from);
                }
                None => {}
            }
        }
    }
    let label = match &stage.name {
        Some(name) => name.clone(),
        None => format!("stage-{number}"),
    };
    Ok(PlannedStage {
        number,
        label,
        base,
        platform,
        needs,
        images,
    })
}

/// Refuses what names no image. The words are BuildKit's.
fn check_name(name: &str) -> Result<(), Problem> {
    if is_full_id(name) {
        return Ok(());
    }
    let parsed = name.parse::<Reference>();
    parsed
        .map(drop)
        .map_err(|error| Problem::Other(format!("failed to parse stage name {name:?}: {error}")))
}

/// Returns the stages and images that an instruction reads files from, as written.
fn sources(node: &Node) -> Vec<String> {
    let flags = node.flags.iter();
    match node.instruction {
        "COPY" => flags
            .filter(|flag| flag.name == "from")
            .filter_map(|flag| flag.value.clone())
            .filter(|from| !from.is_empty())
            .collect(),
        "RUN" => flags
            .filter(|flag| flag.name == "mount")
            .filter_map(|flag| flag.value.as_deref())
            .flat_map(|value| value.split(','))
            .filter_map(|option| option.trim_matches('"').strip_prefix("from="))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::build::dockerfile::parse;

    fn plan(text: &str, target: Option<&str>) -> Plan {
        let stages = Stages::of(parse(text.as_bytes()).unwrap()).unwrap();
        let target = stages.target(target).unwrap();
        let host = Platform::host();
        let globals = Globals::new(&BTreeMap::new(), &host, &host, "");
        Plan::new(&stages, target, false, globals, '\\', &|_| false).unwrap()
    }

    const TEXT: &str = "ARG BASE=alpine\nFROM $BASE AS one\nRUN x\nFROM scratch AS two\nCOPY --from=one /a /b\n\
                        FROM golang AS unused\nRUN y\nFROM two\nRUN --mount=type=bind,from=busybox,target=/x --mount=from=one,target=/y z\n";

    #[test]
    fn mistakes_show_before_anything_is_done() {
        let refused = |line: &str| {
            let text = format!("FROM a\nRUN long work\n{line}\n");
            let stages = Stages::of(parse(text.as_bytes()).unwrap()).unwrap();
            let host = Platform::host();
            let globals = Globals::new(&BTreeMap::new(), &host, &host, "");
            let planned = Plan::new(&stages, 0, false, globals, '\\', &|_| false);
            planned.err().map(|error| error.span.first)
        };
        for wrong in [
            "COPY a",
            "HEALTHCHECK CMD",
            "EXPOSE abc",
            "RUN --mount=type=x y",
        ] {
            assert_eq!(refused(wrong), Some(3), "{wrong}");
        }
        for unknown in ["EXPOSE $PORT", "ENV A=${B:?}", "COPY <<E /\n${B:?}\nE"] {
            assert_eq!(refused(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn sources_that_cannot_be_show_before_anything_is_done() {
        let refused = |line: &str| {
            let text = format!("FROM a AS one\nFROM b AS two\n{line}\n");
            let stages = Stages::of(parse(text.as_bytes()).unwrap()).unwrap();
            let host = Platform::host();
            let globals = Globals::new(&BTreeMap::new(), &host, &host, "");
            let planned = Plan::new(&stages, 1, false, globals, '\\', &|_| false);
            planned
                .err()
                .map(|error| (error.span.first, error.to_string()))
        };
        for (line, words) in [
            ("COPY --from=7 /a /b", "invalid stage index 7"),
            (
                "COPY --from=1 /a /b",
                "circular dependency detected on stage: 1",
            ),
            (
                "COPY --from=Two /a /b",
                "circular dependency detected on stage: Two",
            ),
            ("RUN --mount=from=7,target=/x true", "invalid stage index 7"),
            (
                "COPY --from=$X /a /b",
                "variable expansion is not supported for --from",
            ),
            (
                "COPY --from=A:b:c /a /b",
                "failed to parse stage name \"A:b:c\"",
            ),
        ] {
            let (place, found) = refused(line).unwrap_or_else(|| panic!("{line}"));
            assert!(place == 3 && found.contains(words), "{line}: {found}");
        }
        for line in [
            "COPY --from= /a /b",
            "COPY --from=0 /a /b",
            "COPY --from=ONE /a /b",
        ] {
            assert_eq!(refused(line), None, "{line}");
        }
    }

    #[test]
    fn what_nothing_needs_is_left_out() {
        let plan = plan(TEXT, None);
        let built: Vec<usize> = plan.stages.iter().flatten().map(|s| s.number).collect();
        assert_eq!(built, [0, 1, 3]);
        let bases: Vec<&Base> = plan.stages.iter().flatten().map(|s| &s.base).collect();
        assert_eq!(
            bases,
            [
                &Base::Image("alpine".to_owned()),
                &Base::Scratch,
                &Base::Stage(1)
            ]
        );
        assert_eq!(
            plan.images().into_iter().collect::<Vec<_>>(),
            ["alpine", "busybox"]
        );
    }

    #[test]
    fn a_target_ends_the_build() {
        let built = plan(TEXT, Some("one"));
        assert_eq!(built.stages.iter().flatten().count(), 1);
    }
}
