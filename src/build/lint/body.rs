//! Rules about what stands in a stage: they follow its variables, its SHELL and its WORKDIR from FROM to the end.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dockerfile::instruction::{Command, Copy, Instruction};
use super::super::dockerfile::stages::Stages;
use super::super::dockerfile::suggest::nearest;
use super::super::dockerfile::words::{Budget, Expander};
use super::super::dockerfile::{Argument, Error, Node};
use super::stages::Globals;
use super::watched::Watched;
use super::{Findings, Input, Rule};

/// Parts of a name that speak of a secret.
const SECRET: [&str; 10] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
];

/// Parts of a name that take this back.
const NO_SECRET: [&str; 3] = ["public", "file", "version"];

/// What is known after some instructions of a stage; a stage built on it goes on from there.
#[derive(Clone, Default)]
struct State {
    /// ENV, and ARGs with a value.
    values: BTreeMap<String, String>,
    /// ARGs with and without one.
    declared: BTreeSet<String>,
    /// The base image's variables are known, so that others are undefined.
    complete: bool,
    shell: bool,
    workdir: bool,
}

pub(super) fn check(
    stages: &Stages,
    globals: &Globals,
    escape: char,
    input: &Input<'_>,
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    let mut ends: Vec<State> = Vec::new();
    let mut budget = Budget::default();
    for (index, stage) in stages.stages.iter().enumerate() {
        let from = Instruction::of(&stage.from, &Expander::new(&globals.values, escape))?;
        let Instruction::From { base, .. } = from else {
            continue;
        };
        let state = match stages.find(&base, index) {
            Some(earlier) => {
                for (name, value) in &ends[earlier].values {
                    let taken = budget.take(name, Some(value));
                    taken.map_err(|problem| problem.at(stage.from.span))?;
                }
                ends[earlier].clone()
            }
            None => of_image(&base, input),
        };
        let mut walk = Walk {
            state,
            globals,
            escape,
            input,
            last: BTreeMap::new(),
            findings,
            silent: input
                .stages
                .is_some_and(|looked_at| !looked_at.contains(&index)),
            budget: &mut budget,
        };
        for node in &stage.nodes {
            walk.node(node)?;
        }
        ends.push(walk.state);
    }
    Ok(())
}

fn of_image(base: &str, input: &Input<'_>) -> State {
    let names = match base {
        "scratch" => Some(Vec::new()),
        image => (input.image_variables)(image),
    };
    let mut state = State {
        complete: names.is_some(),
        ..State::default()
    };
    // Every RUN has a PATH.
    let names = names
        .unwrap_or_default()
        .into_iter()
        .chain(["PATH".to_owned()]);
    state.values = names.map(|name| (name, String::new())).collect();
    state
}

/// One stage.
struct Walk<'a, 'b> {
    state: State,
    globals: &'a Globals,
    escape: char,
    input: &'a Input<'a>,
    /// The last of each instruction that counts only once.
    last: BTreeMap<&'static str, &'a Node>,
    findings: &'a mut Findings<'b>,
    silent: bool,
    /// Of all stages together, whose variables are all kept.
    budget: &'a mut Budget,
}

impl<'a> Walk<'a, '_> {
    fn node(&mut self, node: &'a Node) -> Result<(), Error> {
        let values = std::mem::take(&mut self.state.values);
        let watched = Watched::new(&values);
        let read = Instruction::of(node, &Expander::new(&watched, self.escape));
        let (_, missing) = watched.asked();
        self.state.values = values;
        let instruction = read?;
        self.undefined(node, &missing);
        match instruction {
            Instruction::Arg(list) => self.arg(node, list)?,
            Instruction::Env(pairs) => {
                self.old_form(node);
                for (name, value) in pairs {
                    self.secret(node, "ENV", &name);
                    self.take(node, &name, &value)?;
                    self.state.values.insert(name, value);
                }
            }
            Instruction::Label(_) => self.old_form(node),
            Instruction::Workdir(path) => {
                if !self.state.workdir && !path.starts_with('/') {
                    let detail = format!(
                        "Relative workdir {path:?} can have unexpected results if the base image changes"
                    );
                    self.add(Rule::WorkdirRelativePath, node, detail);
                }
                self.state.workdir = true;
            }
            Instruction::Shell(_) => self.state.shell = true,
            Instruction::Cmd(command) | Instruction::Entrypoint(command) => {
                self.once(node);
                if matches!(command, Command::Shell(_)) && !self.state.shell {
                    let name = &node.written;
                    let detail = format!(
                        "JSON arguments recommended for {name} to prevent unintended behavior related to OS signals"
                    );
                    self.add(Rule::JSONArgsRecommended, node, detail);
                }
            }
            Instruction::Healthcheck(_) => self.once(node),
            Instruction::Expose(ports) => ports.iter().for_each(|port| self.port(node, port)),
            Instruction::Copy(copy) => self.copy(node, &copy),
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, rule: Rule, node: &Node, detail: String) {
        if !self.silent {
            self.findings.add(rule, node, detail);
        }
    }

    fn undefined(&mut self, node: &Node, missing: &BTreeSet<String>) {
        if !self.state.complete {
            return;
        }
        let details: Vec<String> = missing
            .difference(&self.state.declared)
            .map(|name| {
                let known = self.state.values.keys().map(String::as_str);
                let hint = nearest(name, known).map(|near| format!(" (did you mean ${near}?)"));
                format!(
                    "Usage of undefined variable '${name}'{}",
                    hint.unwrap_or_default()
                )
            })
            .collect();
        for detail in details {
            self.add(Rule::UndefinedVar, node, detail);
        }
    }

    /// A value of the command line wins over the default, and that over the global one.
    fn arg(&mut self, node: &Node, list: Vec<(String, Option<String>)>) -> Result<(), Error> {
        for (name, default) in list {
            self.secret(node, "ARG", &name);
            let value = (self.input.build_args.get(&name).cloned())
                .or(default)
                .or_else(|| self.globals.values.get(&name).cloned());
            if let Some(value) = value {
                self.take(node, &name, &value)?;
                self.state.values.entry(name.clone()).or_insert(value);
            }
            self.state.declared.insert(name);
        }
        Ok(())
    }

    fn take(&mut self, node: &Node, name: &str, value: &str) -> Result<(), Error> {
        let taken = self.budget.take(name, Some(value));
        taken.map_err(|problem| problem.at(node.span))
    }

    fn secret(&mut self, node: &Node, instruction: &str, name: &str) {
        let lower = name.to_ascii_lowercase();
        let speaks = |of: &[&str]| lower.split('_').any(|part| of.contains(&part));
        if speaks(&SECRET) && !speaks(&NO_SECRET) {
            let detail = format!(
                "Do not use ARG or ENV instructions for sensitive data ({instruction} {name:?})"
            );
            self.add(Rule::SecretsUsedInArgOrEnv, node, detail);
        }
    }

    fn old_form(&mut self, node: &Node) {
        if matches!(node.argument, Argument::OldPair(_)) {
            let name = &node.written;
            let detail = format!(
                "\"{name} key=value\" should be used instead of legacy \"{name} key value\" format"
            );
            self.add(Rule::LegacyKeyValueFormat, node, detail);
        }
    }

    /// Told of the earlier one, which has no effect.
    fn once(&mut self, node: &'a Node) {
        if let Some(earlier) = self.last.insert(node.instruction, node) {
            let name = &node.written;
            let detail = format!(
                "Multiple {name} instructions should not be used in the same stage because only the last one will be used"
            );
            self.add(Rule::MultipleInstructionsDisallowed, earlier, detail);
        }
    }

    fn port(&mut self, node: &Node, port: &str) {
        let (address, protocol) = port.split_once('/').unwrap_or((port, ""));
        if protocol != protocol.to_lowercase() {
            let detail =
                format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase");
            self.add(Rule::ExposeProtoCasing, node, detail);
        }
        if address.contains(':') {
            let detail = format!(
                "EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
            );
            self.add(Rule::ExposeInvalidFormat, node, detail);
        }
    }

    /// Files of the context that `.dockerignore` hides. With exceptions in there, nothing can be said without a look.
    fn copy(&mut self, node: &Node, copy: &Copy) {
        let Some(ignore) = self.input.ignore.filter(|ignore| !ignore.has_exceptions()) else {
            return;
        };
        if copy.from.is_some() {
            return;
        }
        let verb = if copy.is_add { "Add" } else { "Copy" };
        for source in copy.sources.iter().filter(|source| !source.contains("://")) {
            let path: Vec<&str> = source
                .split('/')
                .filter(|n| !matches!(*n, "" | "."))
                .collect();
            let path = path.join("/");
            let (shown, hidden) = match path.as_str() {
                "" => (".", ignore.hides_everything()),
                path => (path, ignore.verdict(path).ignored),
            };
            if hidden {
                let detail = format!(
                    "Attempting to {verb} file {shown:?} that is excluded by .dockerignore"
                );
                self.add(Rule::CopyIgnoredFile, node, detail);
            }
        }
    }
}
