//! What a template computes with: JSON, and what Go would know about it beside.

use std::borrow::Cow;
use std::fmt::Debug;

use serde_json::Value as Json;

/// What Go's type of a JSON value would be, where JSON cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An object is a struct; null is a nil pointer.
    Struct,
    /// An object is a map; null is an empty one.
    Map,
    /// Null is an empty list.
    List,
}

/// The types behind a document.
pub(crate) trait Schema: Debug {
    /// Returns the shape of the struct field `name`, which holds `value`.
    fn shape(&self, name: &str, value: &Json) -> Shape;
    /// Returns whether structs have a field `name` that JSON leaves out when it is empty.
    fn is_optional(&self, name: &str) -> bool;
}

/// Plain JSON: every object is a map, as where Go has decoded into `interface{}`.
#[derive(Debug)]
pub(crate) struct Plain;

impl Schema for Plain {
    fn shape(&self, _: &str, _: &Json) -> Shape {
        Shape::Map
    }

    fn is_optional(&self, _: &str) -> bool {
        false
    }
}

/// A row of a table: its fields are computed when asked for.
pub(crate) trait Object: Debug {
    /// Go's name of its type, for messages.
    fn type_name(&self) -> &'static str;
    /// Names of its fields, sorted: what JSON shows.
    fn fields(&self) -> &'static [&'static str];
    /// Returns a field; `None` if there is none of that name.
    fn field(&self, name: &str) -> Option<Json>;
    /// Calls a method that takes one text; `None` if there is none of that name.
    fn method(&self, name: &str, argument: &str) -> Option<String>;
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    /// A key that a map does not have.
    Missing,
    /// A row.
    Object(&'a dyn Object),
    /// JSON.
    Json(Cow<'a, Json>, Shape),
}

impl<'a> Value<'a> {
    /// A value that was computed.
    pub(super) fn owned(json: impl Into<Json>) -> Value<'a> {
        Value::Json(Cow::Owned(json.into()), Shape::Struct)
    }

    /// Go's truth: not empty, not zero, not nil.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Missing => false,
            Value::Object(_) => true,
            Value::Json(json, shape) => match &**json {
                Json::Null => false,
                Json::Bool(value) => *value,
                Json::Number(number) => number.as_f64() != Some(0.0),
                Json::String(text) => !text.is_empty(),
                Json::Array(items) => !items.is_empty(),
                Json::Object(map) => *shape != Shape::Map || !map.is_empty(),
            },
        }
    }

    /// The value as JSON; a row with all its fields.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Value::Missing => Json::Null,
            Value::Json(json, _) => (**json).clone(),
            Value::Object(object) => {
                let fields = object.fields().iter();
                Json::Object(
                    fields
                        .map(|name| ((*name).to_owned(), object.field(name).unwrap_or_default()))
                        .collect(),
                )
            }
        }
    }

    /// The text, if it is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Value::Json(json, _) => json.as_str(),
            _ => None,
        }
    }

    /// Go's name of its type.
    pub(super) fn type_name(&self) -> String {
        let Value::Json(json, shape) = self else {
            return match self {
                Value::Object(object) => object.type_name().to_owned(),
                _ => "<nil>".to_owned(),
            };
        };
        match &**json {
            Json::Null => "<nil>",
            Json::Bool(_) => "bool",
            Json::Number(number) if number.is_f64() => "float64",
            Json::Number(_) => "int",
            Json::String(_) => "string",
            Json::Array(items) if items.iter().all(Json::is_string) => "[]string",
            Json::Array(_) => "[]interface {}",
            Json::Object(map) if *shape == Shape::Map && map.values().all(Json::is_string) => {
                "map[string]string"
            }
            Json::Object(_) if *shape == Shape::Map => "map[string]interface {}",
            Json::Object(_) => "struct",
        }
        .to_owned()
    }
}
