//! Tree and data → text. Spec: text/template/exec.go.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::limits::{MAX_BYTES, MAX_DEPTH, MAX_STEPS};
use super::parser::{Branch, Command, Node, Operand, OperandKind, Pipeline, Span};
use super::value::{Schema, Shape, Value};
use super::{Error, Interrupted, funcs, position, printf};

/// Executes `body`.
pub(super) fn execute(
    source: &str,
    body: &[Node],
    defined: &BTreeMap<String, Vec<Node>>,
    data: Value<'_>,
    schema: &dyn Schema,
) -> Result<String, Box<Interrupted>> {
    let mut state = State {
        source,
        defined,
        schema,
        variables: vec![(String::new(), data.clone())],
        out: String::new(),
        steps: 0,
        depth: 0,
        name: String::new(),
    };
    match state.list(body, &data) {
        Ok(_) => Ok(state.out),
        Err(error) => Err(Box::new(Interrupted {
            written: state.out,
            error,
        })),
    }
}

struct State<'s, 'd> {
    source: &'s str,
    defined: &'s BTreeMap<String, Vec<Node>>,
    schema: &'s dyn Schema,
    variables: Vec<(String, Value<'d>)>,
    out: String,
    steps: usize,
    depth: usize,
    /// Of the template that is executed.
    name: String,
}

/// Whether the loop around goes on as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl<'d> State<'_, 'd> {
    /// Go's `template: :1:2: executing "" at <.X>: message`.
    fn error(&self, span: Span, message: &str) -> Error {
        let (line, column) = position(self.source, span.at);
        let text = &self.source[span.start..span.end];
        let name = &self.name;
        Error(format!(
            "template: {name}:{line}:{column}: executing {name:?} at <{text}>: {message}"
        ))
    }

    fn step(&mut self) -> Result<(), Error> {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.out.len() > MAX_BYTES {
            return Err(Error("template: too much work".to_owned()));
        }
        Ok(())
    }

    fn list(&mut self, nodes: &[Node], dot: &Value<'d>) -> Result<Flow, Error> {
        for node in nodes {
            self.step()?;
            let scope = self.variables.len();
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::Next
                }
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.out
                            .push_str(&printf::print_action(&value, self.schema));
                    }
                    // A variable declared by an action lives on in its list.
                    continue;
                }
                Node::If(branch) => {
                    let value = self.pipeline(&branch.pipeline, dot)?;
                    let taken = if value.is_true() {
                        &branch.body
                    } else {
                        &branch.otherwise
                    };
                    self.list(taken, dot)?
                }
                Node::With(branch) => {
                    let value = self.pipeline(&branch.pipeline, dot)?;
                    if value.is_true() {
                        self.list(&branch.body, &value)?
                    } else {
                        self.list(&branch.otherwise, dot)?
                    }
                }
                Node::Range(branch) => self.range(branch, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
                Node::Template {
                    name,
                    argument,
                    span,
                } => {
                    self.template(name, argument.as_ref(), *span, dot)?;
                    Flow::Next
                }
            };
            self.variables.truncate(scope);
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn template(
        &mut self,
        name: &str,
        argument: Option<&Pipeline>,
        span: Span,
        dot: &Value<'d>,
    ) -> Result<(), Error> {
        let defined = self.defined;
        let Some(body) = defined.get(name) else {
            return Err(self.error(span, &format!("template {name:?} not defined")));
        };
        if self.depth == MAX_DEPTH {
            return Err(self.error(span, "exceeded maximum template depth (100)"));
        }
        let data = match argument {
            Some(pipeline) => self.pipeline(pipeline, dot)?,
            None => Value::owned(Json::Null),
        };
        let variables = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        let caller = std::mem::replace(&mut self.name, name.to_owned());
        self.depth += 1;
        self.list(body, &data)?;
        self.depth -= 1;
        self.name = caller;
        self.variables = variables;
        Ok(())
    }

    fn range(&mut self, branch: &Branch, dot: &Value<'d>) -> Result<Flow, Error> {
        let scope = self.variables.len();
        let value = self.pipeline_of(&branch.pipeline, dot, false)?;
        let items = self.items(&value, branch)?;
        if items.is_empty() {
            return self.list(&branch.otherwise, dot);
        }
        for (key, item) in items {
            self.step()?;
            self.bind(&branch.pipeline, key, &item)?;
            let flow = self.list(&branch.body, &item)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    /// Gives the loop's variables their values.
    fn bind(&mut self, pipeline: &Pipeline, key: Value<'d>, item: &Value<'d>) -> Result<(), Error> {
        let values = match pipeline.variables.as_slice() {
            [name] => vec![(name, item.clone())],
            [first, second] => vec![(first, key), (second, item.clone())],
            _ => Vec::new(),
        };
        for (name, value) in values {
            if pipeline.assigns {
                self.assign(name, value);
            } else {
                self.variables.push((name.clone(), value));
            }
        }
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Value<'d>) {
        if let Some(slot) = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| known == name)
        {
            slot.1 = value;
        }
    }

    /// What a loop goes through: a list, a map in the order of its keys, the numbers below a number.
    fn items(
        &self,
        value: &Value<'d>,
        branch: &Branch,
    ) -> Result<Vec<(Value<'d>, Value<'d>)>, Error> {
        let span = branch.pipeline.commands[0].span;
        let cannot =
            |what: String| Err(self.error(span, &format!("range can't iterate over {what}")));
        let Value::Json(json, shape) = value else {
            return match value {
                Value::Object(object) => cannot(object.type_name().to_owned()),
                _ => Ok(Vec::new()),
            };
        };
        match &**json {
            Json::Null => Ok(Vec::new()),
            Json::Array(list) => Ok((0..list.len())
                .map(|index| (Value::owned(index), funcs::element(json, index)))
                .collect()),
            Json::Object(map) if *shape == Shape::Map => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort_unstable();
                Ok(keys
                    .into_iter()
                    .map(|key| (Value::owned(key.as_str()), funcs::entry(json, key)))
                    .collect())
            }
            Json::Number(number) if number.is_i64() => {
                let count = number.as_i64().unwrap_or(0).clamp(0, MAX_STEPS as i64);
                Ok((0..count)
                    .map(|n| (Value::owned(n), Value::owned(n)))
                    .collect())
            }
            other => {
                let text = printf::print_action(&Value::owned(other.clone()), self.schema);
                cannot(text)
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value<'d>) -> Result<Value<'d>, Error> {
        self.pipeline_of(pipeline, dot, true)
    }

    /// Evaluates a pipeline; with `bind`, its variables are declared or assigned.
    fn pipeline_of(
        &mut self,
        pipeline: &Pipeline,
        dot: &Value<'d>,
        bind: bool,
    ) -> Result<Value<'d>, Error> {
        self.step()?;
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last)?);
        }
        let value = last.unwrap_or(Value::Missing);
        if bind {
            for name in &pipeline.variables {
                if pipeline.assigns {
                    self.assign(name, value.clone());
                } else {
                    self.variables.push((name.clone(), value.clone()));
                }
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &Command,
        dot: &Value<'d>,
        last: Option<Value<'d>>,
    ) -> Result<Value<'d>, Error> {
        let (first, rest) = (&command.operands[0], &command.operands[1..]);
        if let OperandKind::Function(name) = &first.kind {
            return self.call(name, rest, dot, last, command.span);
        }
        let has_arguments = !rest.is_empty() || last.is_some();
        let (base, names) = match &first.kind {
            OperandKind::Field(names) => (dot.clone(), names.as_slice()),
            OperandKind::Variable(name, names) => (self.variable(name), names.as_slice()),
            OperandKind::Chain(inner, names) => (self.operand(inner, dot)?, names.as_slice()),
            OperandKind::Nil => return Err(self.error(first.span, "nil is not a command")),
            _ => {
                if has_arguments {
                    let text = &self.source[first.span.start..first.span.end];
                    let message = format!("can't give argument to non-function {text}");
                    return Err(self.error(first.span, &message));
                }
                return self.operand(first, dot);
            }
        };
        if !has_arguments {
            return self.fields(base, names, first.span);
        }
        let Some((method, path)) = names.split_last() else {
            let text = &self.source[first.span.start..first.span.end];
            let message = format!("can't give argument to non-function {text}");
            return Err(self.error(first.span, &message));
        };
        let receiver = self.fields(base, path, first.span)?;
        let mut arguments = Vec::new();
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(last);
        self.method(&receiver, method, &arguments, first.span)
    }

    fn method(
        &self,
        receiver: &Value<'d>,
        name: &str,
        arguments: &[Value<'d>],
        span: Span,
    ) -> Result<Value<'d>, Error> {
        if let Value::Object(object) = receiver {
            if let [argument] = arguments
                && let Some(text) = argument.as_str()
                && let Some(result) = object.method(name, text)
            {
                return Ok(Value::owned(result));
            }
            if object.method(name, "").is_some() {
                let message = format!("wrong number or kind of args for {name}: want 1 string");
                return Err(self.error(span, &message));
            }
        }
        Err(self.error(span, &format!("{name} is not a method but has arguments")))
    }

    fn variable(&self, name: &str) -> Value<'d> {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        found.map_or(Value::Missing, |(_, value)| value.clone())
    }

    fn operand(&mut self, operand: &Operand, dot: &Value<'d>) -> Result<Value<'d>, Error> {
        Ok(match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil => Value::owned(Json::Null),
            OperandKind::Bool(value) => Value::owned(*value),
            OperandKind::Integer(number) => Value::owned(*number),
            OperandKind::Float(number) => Value::owned(*number),
            OperandKind::String(text) => Value::owned(text.as_str()),
            OperandKind::Function(name) => self.call(name, &[], dot, None, operand.span)?,
            OperandKind::Field(names) => self.fields(dot.clone(), names, operand.span)?,
            OperandKind::Variable(name, names) => {
                self.fields(self.variable(name), names, operand.span)?
            }
            OperandKind::Pipeline(pipeline) => {
                let scope = self.variables.len();
                let value = self.pipeline(pipeline, dot)?;
                self.variables.truncate(scope);
                value
            }
            OperandKind::Chain(inner, names) => {
                let value = self.operand(inner, dot)?;
                self.fields(value, names, operand.span)?
            }
        })
    }

    fn fields(
        &self,
        mut value: Value<'d>,
        names: &[String],
        span: Span,
    ) -> Result<Value<'d>, Error> {
        let mut above: Option<&str> = None;
        for name in names {
            value = self.field(value, name, above, span)?;
            above = Some(name);
        }
        Ok(value)
    }

    /// One step along `.A.B`; `above` is the name of the step before.
    fn field(
        &self,
        value: Value<'d>,
        name: &str,
        above: Option<&str>,
        span: Span,
    ) -> Result<Value<'d>, Error> {
        let no_entry = |name: &str| self.error(span, &format!("map has no entry for key {name:?}"));
        let cannot =
            |kind: &str| self.error(span, &format!("can't evaluate field {name} in type {kind}"));
        let (json, shape) = match value {
            Value::Missing => return Err(no_entry(above.unwrap_or(name))),
            Value::Object(object) => {
                return match object.field(name) {
                    Some(json) => Ok(Value::Json(Cow::Owned(json), Shape::Map)),
                    None => Err(cannot(object.type_name())),
                };
            }
            Value::Json(json, shape) => (json, shape),
        };
        let Json::Object(map) = &*json else {
            return Err(match &*json {
                Json::Null => no_entry(above.unwrap_or(name)),
                _ => cannot("interface {}"),
            });
        };
        if shape == Shape::Map {
            return Ok(match map.contains_key(name) {
                true => funcs::entry(&json, name),
                false => Value::Missing,
            });
        }
        let shape = self
            .schema
            .shape(name, map.get(name).unwrap_or(&Json::Null));
        if !map.contains_key(name) {
            return match self.schema.is_optional(name) {
                true => Ok(Value::Json(Cow::Owned(Json::Null), shape)),
                false => Err(no_entry(name)),
            };
        }
        Ok(match json {
            Cow::Borrowed(json) => Value::Json(Cow::Borrowed(&json[name]), shape),
            Cow::Owned(mut json) => Value::Json(Cow::Owned(json[name].take()), shape),
        })
    }

    fn call(
        &mut self,
        name: &str,
        operands: &[Operand],
        dot: &Value<'d>,
        last: Option<Value<'d>>,
        span: Span,
    ) -> Result<Value<'d>, Error> {
        // These two leave the rest alone once they know.
        if let "and" | "or" = name {
            let stop_at = name == "or";
            let mut value = None;
            for operand in operands {
                let next = self.operand(operand, dot)?;
                if next.is_true() == stop_at {
                    return Ok(next);
                }
                value = Some(next);
            }
            return last.or(value).ok_or_else(|| {
                self.error(
                    span,
                    &format!("wrong number of args for {name}: want at least 1 got 0"),
                )
            });
        }
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            let value = self.operand(operand, dot)?;
            if funcs::wants_text(name, arguments.len()) && value.as_str().is_none() {
                let found = &self.source[operand.span.start..operand.span.end];
                let message = format!("expected string; found {found}");
                return Err(self.error(operand.span, &message));
            }
            arguments.push(value);
        }
        if let Some(last) = last {
            if funcs::wants_text(name, arguments.len()) && last.as_str().is_none() {
                let message = format!(
                    "wrong type for value; expected string; got {}",
                    last.type_name()
                );
                return Err(self.error(span, &message));
            }
            arguments.push(last);
        }
        funcs::call(name, &arguments, self.schema).map_err(|failure| match failure {
            funcs::Failure::Count(want) => {
                let got = arguments.len();
                self.error(
                    span,
                    &format!("wrong number of args for {name}: want {want} got {got}"),
                )
            }
            funcs::Failure::Call(message) => {
                self.error(span, &format!("error calling {name}: {message}"))
            }
        })
    }
}
