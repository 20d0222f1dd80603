//! Rules about instructions as they are written.

use super::super::dockerfile::{Argument, Node};
use super::{Findings, Rule};

pub(super) fn check(nodes: &[Node], findings: &mut Findings<'_>) {
    for node in nodes {
        if node.empty_continuation {
            let detail = "Empty continuation line".to_owned();
            findings.add(Rule::NoEmptyContinuation, node, detail);
        }
        match node.instruction {
            "MAINTAINER" => {
                let detail = "Maintainer instruction is deprecated in favor of using label";
                findings.add(Rule::MaintainerDeprecated, node, detail.to_owned());
            }
            "FROM" => from(node, findings),
            "ARG" => description(node, &declared(node), findings),
            _ => {}
        }
    }
    casing(nodes, findings);
}

fn from(node: &Node, findings: &mut Findings<'_>) {
    let Argument::Words(words) = &node.argument else {
        return;
    };
    let [_, keyword, name] = &words[..] else {
        return;
    };
    if *name != name.to_lowercase() {
        let detail = format!("Stage name '{name}' should be lowercase");
        findings.add(Rule::StageNameCasing, node, detail);
    }
    let matches = match Casing::of(&node.written) {
        Casing::Lower => *keyword == keyword.to_lowercase(),
        Casing::Upper => *keyword == keyword.to_uppercase(),
        // Told by the rule on instructions.
        Casing::Mixed => true,
    };
    if !matches {
        let detail = format!(
            "'{keyword}' and '{}' keywords' casing do not match",
            node.written
        );
        findings.add(Rule::FromAsCasing, node, detail);
    }
    description(node, &[name.to_lowercase()], findings);
}

/// The comment directly above begins with one of the names.
fn description(node: &Node, names: &[String], findings: &mut Findings<'_>) {
    let Some(comment) = node.comments.last() else {
        return;
    };
    let first = comment.split(' ').next().unwrap_or("");
    let ([example, ..], false) = (names, names.iter().any(|name| name == first)) else {
        return;
    };
    let example = if names.len() > 1 {
        "<arg_key>"
    } else {
        example
    };
    let instruction = node.instruction;
    let detail =
        format!("Comment for {instruction} should follow the format: `# {example} <description>`");
    findings.add(Rule::InvalidDefinitionDescription, node, detail);
}

fn declared(node: &Node) -> Vec<String> {
    match &node.argument {
        Argument::Declarations(list) => list.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Casing {
    Lower,
    Upper,
    Mixed,
}

impl Casing {
    fn of(word: &str) -> Casing {
        if word == word.to_lowercase() {
            Casing::Lower
        } else if word == word.to_uppercase() {
            Casing::Upper
        } else {
            Casing::Mixed
        }
    }
}

/// All instructions of the stages are written as most of them are.
fn casing(nodes: &[Node], findings: &mut Findings<'_>) {
    let Some(first) = nodes.iter().position(|node| node.instruction == "FROM") else {
        return;
    };
    let nodes = &nodes[first..];
    let count = |casing| {
        nodes
            .iter()
            .filter(|n| Casing::of(&n.written) == casing)
            .count()
    };
    let (wanted, name) = if count(Casing::Lower) > count(Casing::Upper) {
        (Casing::Lower, "lowercase")
    } else {
        (Casing::Upper, "uppercase")
    };
    for node in nodes {
        if Casing::of(&node.written) != wanted {
            let written = &node.written;
            let detail = format!(
                "Command '{written}' should match the case of the command majority ({name})"
            );
            findings.add(Rule::ConsistentInstructionCasing, node, detail);
        }
    }
}
