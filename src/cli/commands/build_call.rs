//! `build --call check|outline|targets[,format=json]`: what a Dockerfile says, without building it.
//!
//! Reference: buildx, `util/buildflags/callfunc.go` and `printResult`; BuildKit, `frontend/subrequests`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::build_input::Input;
use crate::build::dockerfile::stages::Stages;
use crate::build::dockerfile::{Argument, Span, parse};
use crate::build::lint;
use crate::build::outline::{Needed, Outline, comment};
use crate::build::{self};
use crate::cli::command::{Outcome, go_bool};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::volume::csv;

/// What to do instead of building.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Hold the Dockerfile against the rules.
    Check,
    /// Show what a target can be given.
    Outline,
    /// List the targets.
    Targets,
}

/// `--call`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The exit code is 0 whatever is found.
    pub(super) ignores_status: bool,
    json: bool,
}

impl Call {
    /// Reads the flag, and `--check`, which is short for it; `None` for a build.
    pub(super) fn parse(flag: Option<&str>, check: bool) -> Result<Option<Call>, Failure> {
        let text = flag.unwrap_or_default();
        let fields = csv::split(text).map_err(|error| Failure::message(error.to_string()))?;
        let (mut name, mut json, mut ignores_status) = (None, false, false);
        for field in fields.iter().filter(|field| !field.is_empty()) {
            match field.split_once('=') {
                Some(("format", "json")) => json = true,
                Some(("format", "text" | "")) => json = false,
                Some(("ignorestatus", value)) => {
                    let invalid = |error| {
                        Failure::message(format!(
                            "invalid ignorestatus print value: {value}: {error}"
                        ))
                    };
                    ignores_status = go_bool(value).map_err(invalid)?;
                }
                Some(_) => return Err(Failure::message(format!("invalid print field: {field}"))),
                None if name.is_some() => {
                    return Err(Failure::message(format!("invalid print value: {text}")));
                }
                None => name = Some(field.as_str()),
            }
        }
        let method = match name {
            None | Some("build") if check => Method::Check,
            None | Some("build") => return Ok(None),
            Some("check" | "lint") => Method::Check,
            Some("outline") => Method::Outline,
            Some("targets") => Method::Targets,
            // BuildKit's fifth, which tells what a frontend can be asked.
            Some(other @ "subrequests.describe") => {
                return Err(Failure::message(format!(
                    "--call {other} is not supported yet"
                )));
            }
            Some(other) => {
                return Err(Failure::message(format!(
                    "invalid --call {other:?}: use build, check, outline or targets"
                )));
            }
        };
        Ok(Some(Call {
            method,
            ignores_status,
            json,
        }))
    }

    /// Prints what the rules have found; the exit code says whether that is something.
    pub(super) fn print_report(
        self,
        context: &Context,
        input: &Input,
        report: &lint::Report,
    ) -> Outcome {
        if self.json {
            context.println(&pretty(&report_json(input, report)))?;
        } else {
            super::build_lint::print(context, input, report)?;
        }
        // buildx: warnings of a check fail it.
        Ok(i32::from(
            !report.warnings.is_empty() && !self.ignores_status,
        ))
    }

    /// Prints an outline.
    pub(super) fn print_outline(
        self,
        context: &Context,
        input: &Input,
        outline: &Outline,
    ) -> Outcome {
        let text = match self.json {
            true => pretty(&outline_json(input, outline)) + "\n",
            false => outline_text(outline),
        };
        context.print(&text)?;
        Ok(0)
    }

    /// Lists the stages that can be built.
    pub(super) fn print_targets(self, context: &Context, input: &Input) -> Outcome {
        let parsed = parse(&input.dockerfile.bytes).map_err(build::Error::from)?;
        let stages = Stages::of(parsed).map_err(build::Error::from)?;
        let last = stages.stages.len().saturating_sub(1);
        let mut rows = vec![["TARGET".to_owned(), "DESCRIPTION".to_owned()]];
        let mut targets = Vec::new();
        for (number, stage) in stages.stages.iter().enumerate() {
            let name = stage.name.clone().unwrap_or_default();
            let described = stage
                .name
                .as_deref()
                .and_then(|name| comment(&stage.from, name));
            let described = described.unwrap_or_default();
            let shown = match (name.as_str(), number == last) {
                ("", true) => "(default)".to_owned(),
                (name, true) => format!("{name} (default)"),
                (name, false) => name.to_owned(),
            };
            rows.push([shown, described.clone()]);
            let base = match &stage.from.argument {
                Argument::Words(words) => words.first().cloned().unwrap_or_default(),
                _ => String::new(),
            };
            let mut flags = stage.from.flags.iter();
            let platform = flags.find(|flag| flag.name == "platform");
            let platform = platform
                .and_then(|flag| flag.value.clone())
                .unwrap_or_default();
            let mut target = Map::new();
            put(&mut target, "name", name);
            if number == last {
                target.insert("default".to_owned(), true.into());
            }
            put(&mut target, "description", described);
            put(&mut target, "base", base);
            put(&mut target, "platform", platform);
            target.insert("location".to_owned(), location(stage.from.span));
            targets.push(target);
        }
        context.print(&match self.json {
            true => pretty(&json!({ "targets": targets, "sources": sources(input) })) + "\n",
            false => columns(&rows, 1),
        })?;
        Ok(0)
    }
}

fn report_json(input: &Input, report: &lint::Report) -> Json {
    let warning = |warning: &lint::Warning| {
        json!({
            "ruleName": warning.rule.name(),
            "description": warning.rule.description(),
            "url": warning.rule.url(),
            "detail": warning.detail,
            "location": location(warning.span),
        })
    };
    let warnings: Vec<Json> = report.warnings.iter().map(warning).collect();
    let mut object = json!({
        "warnings": warnings,
        "sources": [{
            "filename": input.dockerfile.name,
            "language": "Dockerfile",
            "data": STANDARD.encode(&input.dockerfile.bytes),
        }],
    });
    if let Some(error) = &report.failed {
        object["buildError"] = json!({
            "message": error.to_string(),
            "location": location(error.span),
        });
    }
    object
}

fn outline_json(input: &Input, outline: &Outline) -> Json {
    let mut object = Map::new();
    put(
        &mut object,
        "name",
        outline.name.clone().unwrap_or_default(),
    );
    let described = outline.description.clone().unwrap_or_default();
    put(&mut object, "description", described);
    let mut args = Vec::new();
    for arg in &outline.args {
        let mut one = Map::new();
        one.insert("name".to_owned(), arg.name.clone().into());
        put(
            &mut one,
            "description",
            arg.description.clone().unwrap_or_default(),
        );
        put(&mut one, "value", arg.value.clone().unwrap_or_default());
        one.insert("location".to_owned(), location(arg.span));
        args.push(Json::Object(one));
    }
    let needed = |list: &[Needed]| -> Vec<Json> {
        let one = |needed: &Needed| {
            let mut one = Map::new();
            one.insert("name".to_owned(), needed.id.clone().into());
            if needed.required {
                one.insert("required".to_owned(), true.into());
            }
            one.insert("location".to_owned(), location(needed.span));
            Json::Object(one)
        };
        list.iter().map(one).collect()
    };
    for (name, list) in [
        ("args", args),
        ("secrets", needed(&outline.secrets)),
        ("ssh", needed(&outline.agents)),
    ] {
        if !list.is_empty() {
            object.insert(name.to_owned(), list.into());
        }
    }
    object.insert("sources".to_owned(), sources(input));
    Json::Object(object)
}

fn outline_text(outline: &Outline) -> String {
    let mut text = String::new();
    let described = outline.description.clone().unwrap_or_default();
    if outline.name.is_some() || !described.is_empty() {
        let name = outline
            .name
            .clone()
            .unwrap_or_else(|| "(default)".to_owned());
        let mut rows = vec![["TARGET:".to_owned(), name]];
        if !described.is_empty() {
            rows.push(["DESCRIPTION:".to_owned(), described]);
        }
        text += &(columns(&rows, 1) + "\n");
    }
    if !outline.args.is_empty() {
        let mut rows = vec![["BUILD ARG", "VALUE", "DESCRIPTION"].map(str::to_owned)];
        rows.extend(outline.args.iter().map(|arg| {
            let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
            [
                arg.name.clone(),
                or_empty(&arg.value),
                or_empty(&arg.description),
            ]
        }));
        text += &(columns(&rows, 3) + "\n");
    }
    for (title, list) in [("SECRET", &outline.secrets), ("SSH", &outline.agents)] {
        if list.is_empty() {
            continue;
        }
        let mut rows = vec![[title.to_owned(), "REQUIRED".to_owned()]];
        rows.extend(list.iter().map(|needed| {
            let required = if needed.required { "true" } else { "" };
            [needed.id.clone(), required.to_owned()]
        }));
        text += &(columns(&rows, 3) + "\n");
    }
    text
}

/// Lines with all but the last cell padded to the widest of their column.
fn columns<const N: usize>(rows: &[[String; N]], padding: usize) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default() + padding
    };
    let widths: Vec<usize> = (0..N - 1).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(&widths) {
            text += &format!("{cell:width$}");
        }
        text += &row[N - 1];
        text.push('\n');
    }
    text
}

/// Adds a field that Go leaves out when it is empty.
fn put(object: &mut Map<String, Json>, name: &str, value: String) {
    if !value.is_empty() {
        object.insert(name.to_owned(), value.into());
    }
}

/// `pb.Location`.
fn location(span: Span) -> Json {
    json!({ "ranges": [{ "start": { "line": span.first }, "end": { "line": span.last } }] })
}

fn sources(input: &Input) -> Json {
    json!([STANDARD.encode(&input.dockerfile.bytes)])
}

fn pretty(value: &Json) -> String {
    format!("{value:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_called() {
        let call = |text: &str| Call::parse(Some(text), false).unwrap();
        assert_eq!(call("build"), None);
        assert_eq!(call(""), None);
        let check = Call {
            method: Method::Check,
            ignores_status: false,
            json: false,
        };
        assert_eq!(call("check"), Some(check));
        assert_eq!(call("lint,format=text"), Some(check));
        assert_eq!(Call::parse(None, true).unwrap(), Some(check));
        let all = call("format=json,targets,ignorestatus=true").unwrap();
        assert_eq!(
            (all.method, all.json, all.ignores_status),
            (Method::Targets, true, true)
        );
        for wrong in [
            "a,b",
            "check,x=y",
            "check,format=xml",
            "check,ignorestatus=maybe",
            "nothing",
        ] {
            assert!(Call::parse(Some(wrong), false).is_err(), "{wrong}");
        }
    }
}
