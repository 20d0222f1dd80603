//! What a target can be given: build arguments with their defaults, secrets, agents for ssh. Nothing is built to find out.
//!
//! Reference: BuildKit, `frontend/dockerfile/dockerfile2llb/outline.go`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::dockerfile::instruction::Instruction;
use super::dockerfile::mount::MountKind;
use super::dockerfile::stages::{Stage, Stages};
use super::dockerfile::words::{Expander, Variables};
use super::dockerfile::{Error, Node, Parsed, Span};
use super::plan::{Base, Plan};
use super::variables::{Globals, Scope};
use super::{globals, target_of};
use crate::build;
use crate::image::Platform;

/// A target and what it can be given, each list in the order of the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The stage's name.
    pub name: Option<String>,
    /// What the comment above it says.
    pub description: Option<String>,
    /// ARGs.
    pub args: Vec<Parameter>,
    /// Secrets that RUN mounts.
    pub secrets: Vec<Needed>,
    /// Agents that RUN mounts.
    pub agents: Vec<Needed>,
}

/// An ARG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is: as given, else its default.
    pub value: Option<String>,
    /// What the comment above it says.
    pub description: Option<String>,
    /// Where.
    pub span: Span,
}

/// A secret or an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Its id.
    pub id: String,
    /// Whether the build fails without it.
    pub required: bool,
    /// Where.
    pub span: Span,
}

/// An ARG before the first FROM, and the others that its default mentions.
struct Global {
    parameter: Parameter,
    mentions: BTreeSet<String>,
}

/// What is asked about.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The stage: `--target`.
    pub target: Option<&'a str>,
    /// `--build-arg`.
    pub build_args: &'a BTreeMap<String, String>,
    /// `--platform`.
    pub platform: Option<&'a Platform>,
    /// The names that `--build-context` gives a meaning of its own.
    pub named: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("target", &self.target)
            .field("platform", &self.platform)
            .finish_non_exhaustive()
    }
}

/// Outlines the target of a Dockerfile.
///
/// # Errors
///
/// [`build::Error::Dockerfile`]; [`build::Error::Invalid`] where there is no such target.
pub fn outline(parsed: Parsed, question: Question<'_>) -> Result<Outline, build::Error> {
    let escape = parsed.directives.escape;
    let stages = Stages::of(parsed)?;
    let target = target_of(&stages, question.target)?;
    let globals = globals(&stages, target, question.build_args, question.platform);
    let plan = Plan::new(
        &stages,
        target,
        false,
        globals.clone(),
        escape,
        question.named,
    )?;
    Ok(of_target(&stages, &plan, globals, target, escape)?)
}

/// Outlines the stage `target`, which `plan` is about; `globals` are the variables of FROM lines before any ARG.
fn of_target(
    stages: &Stages,
    plan: &Plan,
    globals: Globals,
    target: usize,
    escape: char,
) -> Result<Outline, Error> {
    let stage = &stages.stages[target];
    let mut outline = Outline {
        name: stage.name.clone(),
        description: (stage.name.as_deref()).and_then(|name| comment(&stage.from, name)),
        ..Outline::default()
    };
    let globals = globals_of(stages, globals, escape)?;
    let mut scopes: BTreeMap<usize, Scope> = BTreeMap::new();
    let mut found: Vec<Outline> = Vec::new();
    for planned in plan.stages.iter().flatten() {
        let mut scope = match &planned.base {
            Base::Stage(other) => scopes.get(other).cloned(),
            _ => None,
        }
        .unwrap_or_else(|| plan.globals.stage(&[]));
        let stage = &stages.stages[planned.number];
        let own = of_stage(stage, plan, &globals, &mut scope, escape)?;
        found.push(own);
        scopes.insert(planned.number, scope);
    }
    // The target's own word on something counts before that of the stages which it uses.
    for own in found.into_iter().rev() {
        merge(&mut outline.args, own.args, |arg| &arg.name);
        merge(&mut outline.secrets, own.secrets, |secret| &secret.id);
        merge(&mut outline.agents, own.agents, |agent| &agent.id);
    }
    outline.args.sort_by_key(|arg| arg.span.first);
    outline.secrets.sort_by_key(|secret| secret.span.first);
    outline.agents.sort_by_key(|agent| agent.span.first);
    Ok(outline)
}

fn merge<T>(into: &mut Vec<T>, more: Vec<T>, name: impl Fn(&T) -> &String) {
    for one in more {
        if !into.iter().any(|known| name(known) == name(&one)) {
            into.push(one);
        }
    }
}

fn globals_of(
    stages: &Stages,
    mut globals: Globals,
    escape: char,
) -> Result<BTreeMap<String, Global>, Error> {
    let mut found = BTreeMap::new();
    for node in &stages.global {
        let asked = Asked::of(&globals);
        let list = match Instruction::of(node, &Expander::new(&asked, escape))? {
            Instruction::Arg(list) => list,
            _ => continue,
        };
        let mentions = asked.names();
        for (name, default) in list {
            let taken = globals.declare(&name, default);
            taken.map_err(|problem| problem.at(node.span))?;
            let value = globals.get(&name).map(str::to_owned);
            let global = Global {
                parameter: parameter(node, &name, value),
                mentions: mentions.clone(),
            };
            found.insert(name, global);
        }
    }
    Ok(found)
}

/// What one stage asks for by itself; `scope` becomes that at its end.
fn of_stage(
    stage: &Stage,
    plan: &Plan,
    globals: &BTreeMap<String, Global>,
    scope: &mut Scope,
    escape: char,
) -> Result<Outline, Error> {
    let mut outline = Outline::default();
    let asked = Asked::of(&plan.globals);
    Instruction::of(&stage.from, &Expander::new(&asked, escape))?;
    let mut inherited: Vec<String> = asked.names().into_iter().collect();
    for node in &stage.nodes {
        let expander = Expander::new(&*scope, escape);
        match Instruction::of(node, &expander)? {
            Instruction::Arg(list) => {
                for (name, default) in list {
                    let is_own = default.is_some() || plan.globals.is_given(&name);
                    let taken = scope.declare(&name, default);
                    taken.map_err(|problem| problem.at(node.span))?;
                    if is_own || !globals.contains_key(&name) {
                        let value = scope.get(&name).map(str::to_owned);
                        outline.args.retain(|known| known.name != name);
                        outline.args.push(parameter(node, &name, value));
                    } else {
                        inherited.push(name);
                    }
                }
            }
            Instruction::Env(pairs) => {
                for (name, value) in pairs {
                    let taken = scope.set(&name, &value);
                    taken.map_err(|problem| problem.at(node.span))?;
                }
            }
            Instruction::Run(run) => {
                for mount in run.mounts {
                    let base = mount
                        .target
                        .as_deref()
                        .and_then(|path| path.rsplit('/').next());
                    let base = base.unwrap_or_default().to_owned();
                    let span = node.span;
                    match mount.kind {
                        MountKind::Secret { id, required, .. } => {
                            let id = id.unwrap_or(base);
                            let needed = Needed { id, required, span };
                            merge(&mut outline.secrets, vec![needed], |known| &known.id);
                        }
                        MountKind::Ssh { id, required, .. } => {
                            let id = id.unwrap_or_else(|| "default".to_owned());
                            let needed = Needed { id, required, span };
                            merge(&mut outline.agents, vec![needed], |known| &known.id);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = inherited.pop() {
        if let Some(global) = globals.get(&name)
            && seen.insert(name)
        {
            inherited.extend(global.mentions.iter().cloned());
            merge(&mut outline.args, vec![global.parameter.clone()], |known| {
                &known.name
            });
        }
    }
    Ok(outline)
}

fn parameter(node: &Node, name: &str, value: Option<String>) -> Parameter {
    Parameter {
        name: name.to_owned(),
        value,
        description: comment(node, name),
        span: node.span,
    }
}

/// Returns what the comments above `node` say of `name`, which such a comment begins with.
pub fn comment(node: &Node, name: &str) -> Option<String> {
    let of_name =
        |comment: &String| Some(comment.strip_prefix(name)?.strip_prefix(' ')?.to_owned());
    node.comments.iter().find_map(of_name)
}

/// Variables that remember which of them were asked for.
struct Asked<'a> {
    variables: &'a Globals,
    names: RefCell<BTreeSet<String>>,
}

impl<'a> Asked<'a> {
    fn of(variables: &'a Globals) -> Asked<'a> {
        let names = RefCell::default();
        Asked { variables, names }
    }

    fn names(self) -> BTreeSet<String> {
        self.names.into_inner()
    }
}

impl Variables for Asked<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.names.borrow_mut().insert(name.to_owned());
        self.variables.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::dockerfile::parse;

    fn of(text: &str, target: Option<&str>, given: &[(&str, &str)]) -> Outline {
        let given = given
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let question = Question {
            target,
            build_args: &given.collect(),
            platform: None,
            named: &|_| false,
        };
        outline(parse(text.as_bytes()).unwrap(), question).unwrap()
    }

    #[test]
    fn what_a_target_and_its_stages_take() {
        let text = "ARG inner=box\nARG other=x\n# sfx is a suffix\nARG sfx=busy${inner}\n\
                    FROM ${sfx} AS first\n# is said of nothing\nARG FOO=123\n# BAR is a number\nARG BAR=4\nRUN a\n\
                    FROM scratch AS unused\nARG BAZ\n\
                    FROM scratch AS third\nARG other\nARG password\n\
                    # target is what is built\nFROM third AS target\nCOPY --from=first /a /\nARG LONG=${other}${FOO}\n";
        let found = of(text, Some("target"), &[("BAR", "5")]);
        assert_eq!(found.name.as_deref(), Some("target"));
        assert_eq!(found.description.as_deref(), Some("is what is built"));
        let args: Vec<(&str, Option<&str>, Option<&str>, usize)> = (found.args.iter())
            .map(|arg| {
                let (value, words) = (arg.value.as_deref(), arg.description.as_deref());
                (arg.name.as_str(), value, words, arg.span.first)
            })
            .collect();
        assert_eq!(
            args,
            [
                ("inner", Some("box"), None, 1),
                ("other", Some("x"), None, 2),
                ("sfx", Some("busybox"), Some("is a suffix"), 4),
                ("FOO", Some("123"), None, 7),
                ("BAR", Some("5"), Some("is a number"), 9),
                ("password", None, None, 15),
                ("LONG", Some("x"), None, 19),
            ]
        );
    }

    #[test]
    fn secrets_and_agents() {
        let text = "FROM a AS one\nRUN --mount=type=secret,id=x --mount=type=ssh b\n\
                    FROM one\nRUN --mount=type=secret,target=/d/y,required=true --mount=type=ssh,id=z c\n\
                    RUN --mount=type=secret,id=x,required d\n";
        let found = of(text, None, &[]);
        let short = |list: &[Needed]| -> Vec<(String, bool, usize)> {
            let one = |n: &Needed| (n.id.clone(), n.required, n.span.first);
            list.iter().map(one).collect()
        };
        let owned = |list: &[(&str, bool, usize)]| -> Vec<(String, bool, usize)> {
            list.iter()
                .map(|(id, r, n)| ((*id).to_owned(), *r, *n))
                .collect()
        };
        assert_eq!(
            short(&found.secrets),
            owned(&[("y", true, 4), ("x", true, 5)])
        );
        assert_eq!(
            short(&found.agents),
            owned(&[("default", false, 2), ("z", false, 4)])
        );
        assert_eq!(found.name, None);
    }
}
