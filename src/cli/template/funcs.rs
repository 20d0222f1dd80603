//! Functions: Go's own, and those of Docker's command line.
//!
//! Spec: text/template/funcs.go; docker/cli, `templates/templates.go`.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::limits::{MAX_BYTES, MAX_WIDTH};
use super::printf;
use super::value::{Schema, Shape, Value};
use crate::cli::output::go;
use crate::percent::query_escaped;

/// Why a call failed.
pub(super) enum Failure {
    /// The wrong number of arguments; what is wanted.
    Count(&'static str),
    /// What the function says.
    Call(String),
}

fn fail<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Call(message.into()))
}

/// Every function, with the least and most arguments it takes.
const FUNCTIONS: &[(&str, usize, usize, &str)] = &[
    ("and", 1, usize::MAX, "at least 1"),
    ("call", 1, usize::MAX, "at least 1"),
    ("eq", 1, usize::MAX, "at least 1"),
    ("ge", 2, 2, "2"),
    ("gt", 2, 2, "2"),
    ("html", 0, usize::MAX, ""),
    ("index", 1, usize::MAX, "at least 1"),
    ("join", 2, 2, "2"),
    ("js", 0, usize::MAX, ""),
    ("json", 1, 1, "1"),
    ("le", 2, 2, "2"),
    ("len", 1, 1, "1"),
    ("lower", 1, 1, "1"),
    ("lt", 2, 2, "2"),
    ("ne", 2, 2, "2"),
    ("not", 1, 1, "1"),
    ("or", 1, usize::MAX, "at least 1"),
    ("pad", 3, 3, "3"),
    ("print", 0, usize::MAX, ""),
    ("printf", 1, usize::MAX, "at least 1"),
    ("println", 0, usize::MAX, ""),
    ("slice", 1, 4, "at least 1"),
    ("split", 2, 2, "2"),
    ("title", 1, 1, "1"),
    ("truncate", 2, 2, "2"),
    ("upper", 1, 1, "1"),
    ("urlquery", 0, usize::MAX, ""),
];

/// Returns whether there is a function of that name.
pub(super) fn exists(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, ..)| *known == name)
}

/// Returns whether argument `index` of the function must be a text.
pub(super) fn wants_text(name: &str, index: usize) -> bool {
    match name {
        "lower" | "upper" | "title" | "split" => true,
        "pad" | "truncate" | "printf" => index == 0,
        "join" => index == 1,
        _ => false,
    }
}

/// Calls a function whose arguments have been evaluated.
pub(super) fn call<'d>(
    name: &str,
    arguments: &[Value<'d>],
    schema: &dyn Schema,
) -> Result<Value<'d>, Failure> {
    let known = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    if let Some((_, least, most, want)) = known
        && !(*least..=*most).contains(&arguments.len())
    {
        return Err(Failure::Count(want));
    }
    let text = |index: usize| arguments[index].as_str().unwrap_or_default();
    let result: Json = match name {
        "index" => return index(arguments),
        "slice" => return slice(arguments),
        "len" => length(&arguments[0])?.into(),
        "eq" => equals_any(arguments)?.into(),
        "ne" => (!equals(&arguments[0], &arguments[1])?).into(),
        "lt" | "le" | "gt" | "ge" => compare(name, &arguments[0], &arguments[1])?.into(),
        "not" => (!arguments[0].is_true()).into(),
        "print" => printf::print(arguments, schema).into(),
        "println" => printf::println(arguments, schema).into(),
        "printf" => printf::printf(text(0), &arguments[1..], schema).into(),
        "html" => html(&printf::print(arguments, schema)).into(),
        "js" => js(&printf::print(arguments, schema)).into(),
        "urlquery" => query_escaped(&printf::print(arguments, schema)).into(),
        "call" => {
            let kind = arguments[0].type_name();
            return fail(match kind.as_str() {
                "<nil>" => "call of nil".to_owned(),
                kind => {
                    let shown = printf::print_action(&arguments[0], schema);
                    format!("non-function {shown} of type {kind}")
                }
            });
        }
        "json" => json(&arguments[0]).into(),
        "lower" => text(0).to_lowercase().into(),
        "upper" => text(0).to_uppercase().into(),
        "title" => title(text(0)).into(),
        "split" => split(text(0), text(1)).into(),
        "join" => join(&arguments[0], text(1), schema)?.into(),
        "pad" => pad(text(0), &arguments[1], &arguments[2])?.into(),
        "truncate" => truncate(text(0), &arguments[1])?.into(),
        _ => return fail("no such function"),
    };
    if result.as_str().is_some_and(|text| text.len() > MAX_BYTES) {
        return fail("the result is too large");
    }
    Ok(Value::owned(result))
}

/// A row's JSON is made by Go's `json.Marshal`, which escapes for HTML; for everything else Docker switches that off.
fn json(value: &Value<'_>) -> String {
    match value {
        Value::Object(_) => go::json(&value.to_json()),
        other => other.to_json().to_string(),
    }
}

/// Item `index` of a list that has it.
pub(super) fn element<'d>(list: &Cow<'d, Json>, index: usize) -> Value<'d> {
    match list {
        Cow::Borrowed(list) => Value::Json(Cow::Borrowed(&list[index]), Shape::Struct),
        Cow::Owned(list) => Value::Json(Cow::Owned(list[index].clone()), Shape::Struct),
    }
}

/// Entry `key` of a map that has it. What maps hold at the outermost level of a decoded document are maps again.
pub(super) fn entry<'d>(map: &Cow<'d, Json>, key: &str) -> Value<'d> {
    match map {
        Cow::Borrowed(map) => Value::Json(Cow::Borrowed(&map[key]), Shape::Struct),
        Cow::Owned(map) => Value::Json(Cow::Owned(map[key].clone()), Shape::Struct),
    }
}

fn index<'d>(arguments: &[Value<'d>]) -> Result<Value<'d>, Failure> {
    let mut value = arguments[0].clone();
    for key in &arguments[1..] {
        value = match &value {
            Value::Missing => return fail("index of untyped nil"),
            Value::Object(object) => {
                return fail(format!("can't index item of type {}", object.type_name()));
            }
            Value::Json(json, shape) => match &**json {
                Json::Object(map) if *shape == Shape::Map => {
                    let Some(key) = key.as_str() else {
                        let kind = key.type_name();
                        return fail(format!("value has type {kind}; should be string"));
                    };
                    match map.contains_key(key) {
                        true => entry(json, key),
                        // The zero value of what the map holds.
                        false if map.values().all(Json::is_string) => Value::owned(""),
                        false => Value::owned(Json::Null),
                    }
                }
                Json::Null if *shape == Shape::Map => Value::owned(""),
                Json::Array(items) => {
                    let index = position(key)?;
                    match usize::try_from(index).ok().filter(|at| *at < items.len()) {
                        Some(at) => element(json, at),
                        None => return fail(format!("index out of range: {index}")),
                    }
                }
                Json::Null if *shape == Shape::List => {
                    return fail(format!("index out of range: {}", position(key)?));
                }
                Json::String(text) => {
                    let index = position(key)?;
                    match usize::try_from(index)
                        .ok()
                        .and_then(|at| text.as_bytes().get(at))
                    {
                        Some(byte) => Value::owned(*byte),
                        None => return fail(format!("index out of range: {index}")),
                    }
                }
                Json::Null => return fail("index of untyped nil"),
                _ => return fail(format!("can't index item of type {}", value.type_name())),
            },
        };
    }
    Ok(value)
}

/// An argument that counts.
fn position(value: &Value<'_>) -> Result<i64, Failure> {
    let number = match value {
        Value::Json(json, _) => json.as_i64(),
        _ => None,
    };
    match number {
        Some(number) => Ok(number),
        None if value.type_name() == "<nil>" => fail("cannot index slice/array with nil"),
        None => fail(format!(
            "cannot index slice/array with type {}",
            value.type_name()
        )),
    }
}

fn slice<'d>(arguments: &[Value<'d>]) -> Result<Value<'d>, Failure> {
    let Value::Json(json, _) = &arguments[0] else {
        return fail("slice of untyped nil");
    };
    let length = match &**json {
        Json::Array(items) => items.len(),
        Json::String(text) => text.len(),
        Json::Null => return fail("slice of untyped nil"),
        _ => {
            return fail(format!(
                "can't slice item of type {}",
                arguments[0].type_name()
            ));
        }
    };
    if json.is_string() && arguments.len() == 4 {
        return fail("cannot 3-index slice a string");
    }
    let mut bounds = [0, length, length];
    for (bound, argument) in bounds.iter_mut().zip(&arguments[1..]) {
        let index = position(argument)?;
        *bound = match usize::try_from(index).ok().filter(|at| *at <= length) {
            Some(at) => at,
            None => return fail(format!("index out of range: {index}")),
        };
    }
    let [from, to, _] = bounds;
    if from > to {
        return fail(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match &**json {
        Json::Array(items) => Value::owned(items[from..to].to_vec()),
        _ => {
            let bytes = json.as_str().unwrap_or_default().as_bytes();
            Value::owned(String::from_utf8_lossy(&bytes[from..to]).into_owned())
        }
    })
}

fn length(value: &Value<'_>) -> Result<usize, Failure> {
    match value {
        Value::Missing => fail("len of untyped nil"),
        Value::Object(object) => fail(format!("len of type {}", object.type_name())),
        Value::Json(json, shape) => match &**json {
            Json::String(text) => Ok(text.len()),
            Json::Array(items) => Ok(items.len()),
            Json::Object(map) if *shape == Shape::Map => Ok(map.len()),
            Json::Null if *shape == Shape::Struct => fail("len of nil pointer"),
            Json::Null => Ok(0),
            _ => fail(format!("len of type {}", value.type_name())),
        },
    }
}

fn equals_any(arguments: &[Value<'_>]) -> Result<bool, Failure> {
    let Some((first, others)) = arguments.split_first() else {
        return fail("missing argument for comparison");
    };
    if others.is_empty() {
        return fail("missing argument for comparison");
    }
    for other in others {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equals(a: &Value<'_>, b: &Value<'_>) -> Result<bool, Failure> {
    let (a, b) = (a.to_json(), b.to_json());
    match (&a, &b) {
        (Json::Null, Json::Null) => Ok(true),
        (Json::Null, _) | (_, Json::Null) => Ok(false),
        (Json::Bool(a), Json::Bool(b)) => Ok(a == b),
        (Json::String(a), Json::String(b)) => Ok(a == b),
        (Json::Number(x), Json::Number(y)) if x.is_f64() == y.is_f64() => {
            Ok(x.as_f64() == y.as_f64() && (x.is_f64() || x.as_i128() == y.as_i128()))
        }
        (Json::Array(_) | Json::Object(_), _) | (_, Json::Array(_) | Json::Object(_)) => {
            fail("non-comparable type")
        }
        _ => fail("incompatible types for comparison"),
    }
}

fn compare(name: &str, a: &Value<'_>, b: &Value<'_>) -> Result<bool, Failure> {
    let (a, b) = (a.to_json(), b.to_json());
    let order = match (&a, &b) {
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (Json::Number(a), Json::Number(b)) if a.is_f64() && b.is_f64() => {
            a.as_f64().partial_cmp(&b.as_f64())
        }
        (Json::Number(x), Json::Number(y)) if !x.is_f64() && !y.is_f64() => {
            Some(x.as_i128().cmp(&y.as_i128()))
        }
        (Json::Bool(_), Json::Bool(_)) => return fail("invalid type for comparison"),
        _ => return fail("incompatible types for comparison"),
    };
    Ok(match name {
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// Go's `template.HTMLEscapeString`.
fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => escaped.push('\u{fffd}'),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Go's `template.JSEscapeString`.
fn js(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' => escaped.push_str(&format!("\\u{:04X}", c as u32)),
            c if (c as u32) < 0x20 => escaped.push_str(&format!("\\u{:04X}", c as u32)),
            c if !c.is_ascii() && !go::is_print(c) => {
                escaped.push_str(&format!("\\u{:04X}", c as u32));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Go's `strings.Title`: the first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            titled.push(c);
        } else {
            titled.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric() || matches!(c, '_' | '\'');
    }
    titled
}

/// Go's `strings.Split`.
fn split(text: &str, separator: &str) -> Vec<String> {
    if separator.is_empty() {
        return text.chars().map(String::from).collect();
    }
    text.split(separator).map(str::to_owned).collect()
}

fn join(list: &Value<'_>, separator: &str, schema: &dyn Schema) -> Result<String, Failure> {
    let items = match list {
        Value::Json(json, _) => match &**json {
            Json::Array(items) => items.clone(),
            Json::Null => Vec::new(),
            _ => {
                return fail(format!(
                    "wrong type for value; expected []string; got {}",
                    list.type_name()
                ));
            }
        },
        _ => Vec::new(),
    };
    let texts = items
        .into_iter()
        .map(|item| printf::print_action(&Value::owned(item), schema));
    Ok(texts.collect::<Vec<_>>().join(separator))
}

fn pad(text: &str, before: &Value<'_>, after: &Value<'_>) -> Result<String, Failure> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let spaces = |value| Ok(" ".repeat(position(value)?.clamp(0, MAX_WIDTH as i64) as usize));
    Ok(spaces(before)? + text + &spaces(after)?)
}

fn truncate(text: &str, length: &Value<'_>) -> Result<String, Failure> {
    let length = usize::try_from(position(length)?).unwrap_or(0);
    Ok(text.chars().take(length).collect())
}
