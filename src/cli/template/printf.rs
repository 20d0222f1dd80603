//! Go's `fmt`: the verbs of `printf`, and how values look without one.
//!
//! Spec: pkg.go.dev/fmt. Wrong use is shown in the output, not as an error: `%!d(string=hi)`.

use serde_json::Value as Json;

use super::limits::{MAX_BYTES, MAX_WIDTH};
use super::value::{Schema, Shape, Value};
use crate::cli::output::go;

/// How an action shows its value: as `%v`, and nothing there as `<no value>`.
pub(super) fn print_action(value: &Value<'_>, schema: &dyn Schema) -> String {
    match value {
        Value::Missing => "<no value>".to_owned(),
        value => plain(value, schema),
    }
}

/// `%v`.
fn plain(value: &Value<'_>, schema: &dyn Schema) -> String {
    let mut text = String::new();
    match value {
        Value::Missing => text.push_str("<nil>"),
        Value::Object(object) => {
            text.push('{');
            for (index, name) in object.fields().iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write_json(
                    &mut text,
                    &object.field(name).unwrap_or_default(),
                    Shape::Map,
                    schema,
                );
            }
            text.push('}');
        }
        Value::Json(json, shape) => write_json(&mut text, json, *shape, schema),
    }
    text
}

fn write_json(text: &mut String, json: &Json, shape: Shape, schema: &dyn Schema) {
    match json {
        Json::Null => text.push_str(match shape {
            Shape::Struct => "<nil>",
            Shape::Map => "map[]",
            Shape::List => "[]",
        }),
        Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => text.push_str(&go::shortest(float)),
            None => text.push_str(&number.to_string()),
        },
        Json::String(string) => text.push_str(string),
        Json::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write_json(text, item, Shape::Struct, schema);
            }
            text.push(']');
        }
        Json::Object(map) if shape == Shape::Map => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            text.push_str("map[");
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                text.push_str(key);
                text.push(':');
                write_json(text, &map[key], Shape::Struct, schema);
            }
            text.push(']');
        }
        Json::Object(map) => {
            text.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write_json(text, value, schema.shape(key, value), schema);
            }
            text.push('}');
        }
    }
}

/// Go's `fmt.Sprint`: a space between two operands neither of which is a text.
pub(super) fn print(values: &[Value<'_>], schema: &dyn Schema) -> String {
    let mut text = String::new();
    let mut after_text = true;
    for value in values {
        let is_text = value.as_str().is_some();
        if !after_text && !is_text {
            text.push(' ');
        }
        text.push_str(&plain(value, schema));
        after_text = is_text;
    }
    text
}

/// Go's `fmt.Sprintln`: a space between all operands, and a newline.
pub(super) fn println(values: &[Value<'_>], schema: &dyn Schema) -> String {
    let texts: Vec<String> = values.iter().map(|value| plain(value, schema)).collect();
    texts.join(" ") + "\n"
}

/// What stands between `%` and the verb.
#[derive(Debug, Default, Clone, Copy)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Go's `fmt.Sprintf`.
pub(super) fn printf(format: &str, arguments: &[Value<'_>], schema: &dyn Schema) -> String {
    let mut text = String::new();
    let mut rest = format;
    let mut next = 0;
    while let Some(percent) = rest.find('%') {
        text.push_str(&rest[..percent]);
        rest = &rest[percent + 1..];
        let mut flags = Flags::default();
        loop {
            match rest.as_bytes().first() {
                Some(b'-') => flags.minus = true,
                Some(b'+') => flags.plus = true,
                Some(b'#') => flags.sharp = true,
                Some(b' ') => flags.space = true,
                Some(b'0') => flags.zero = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        (flags.width, rest) = size(rest, arguments, &mut next, &mut text, "%!(BADWIDTH)");
        if let Some(after) = rest.strip_prefix('.') {
            let precision;
            (precision, rest) = size(after, arguments, &mut next, &mut text, "%!(BADPREC)");
            flags.precision = Some(precision.unwrap_or(0));
        }
        let Some(verb) = rest.chars().next() else {
            text.push_str("%!(NOVERB)");
            break;
        };
        rest = &rest[verb.len_utf8()..];
        if verb == '%' {
            text.push('%');
            continue;
        }
        let Some(argument) = arguments.get(next) else {
            text.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        next += 1;
        text.push_str(&formatted(verb, flags, argument, schema));
        if text.len() > MAX_BYTES {
            return text;
        }
    }
    text.push_str(rest);
    if next < arguments.len() {
        let extra: Vec<String> = arguments[next..]
            .iter()
            .map(|value| format!("{}={}", value.type_name(), plain(value, schema)))
            .collect();
        text.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    text
}

/// A width or precision: digits, or `*` for the next argument.
fn size<'t>(
    rest: &'t str,
    arguments: &[Value<'_>],
    next: &mut usize,
    text: &mut String,
    bad: &str,
) -> (Option<usize>, &'t str) {
    if let Some(rest) = rest.strip_prefix('*') {
        let given = arguments.get(*next).map(Value::to_json);
        *next += 1;
        let number = given
            .and_then(|json| json.as_u64())
            .filter(|n| *n <= MAX_WIDTH as u64);
        if number.is_none() {
            text.push_str(bad);
        }
        return (number.map(|n| n as usize), rest);
    }
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = rest[..digits]
        .parse()
        .ok()
        .filter(|number| *number <= MAX_WIDTH);
    (number, &rest[digits..])
}

fn formatted(verb: char, flags: Flags, value: &Value<'_>, schema: &dyn Schema) -> String {
    let json = match value {
        Value::Json(json, _) => &**json,
        Value::Missing => &Json::Null,
        Value::Object(_) => {
            return match verb {
                'v' | 's' => padded(&plain(value, schema), flags),
                'T' => padded(&value.type_name(), flags),
                _ => wrong(verb, value, schema),
            };
        }
    };
    match (verb, json) {
        ('T', _) => padded(&value.type_name(), flags),
        ('v', Json::String(text)) if flags.sharp => padded(&go::quote(text), flags),
        ('v', Json::Number(number)) => {
            numeric(if number.is_f64() { 'g' } else { 'd' }, flags, number)
                .unwrap_or_else(|| wrong(verb, value, schema))
        }
        ('v', Json::Null) => padded("<nil>", flags),
        (_, Json::Null) => format!("%!{verb}(<nil>)"),
        ('v', _) | ('t', Json::Bool(_)) => padded(&plain(value, schema), flags),
        ('s', Json::String(text)) => padded(&cut(text, flags), flags),
        ('q', Json::String(text)) => padded(&go::quote(&cut(text, flags)), flags),
        ('x', Json::String(text)) => padded(&hex(text.as_bytes(), false), flags),
        ('X', Json::String(text)) => padded(&hex(text.as_bytes(), true), flags),
        (_, Json::Number(number)) => {
            numeric(verb, flags, number).unwrap_or_else(|| wrong(verb, value, schema))
        }
        ('s' | 'q' | 'd' | 'x' | 'f' | 't', Json::Array(items)) => {
            // The verb goes for each element.
            let each: Vec<String> = items
                .iter()
                .map(|item| formatted(verb, flags, &Value::owned(item.clone()), schema))
                .collect();
            format!("[{}]", each.join(" "))
        }
        ('s', Json::Object(_)) => padded(&plain(value, schema), flags),
        _ => wrong(verb, value, schema),
    }
}

/// `%!d(string=hi)`.
fn wrong(verb: char, value: &Value<'_>, schema: &dyn Schema) -> String {
    format!("%!{verb}({}={})", value.type_name(), plain(value, schema))
}

fn cut(text: &str, flags: Flags) -> String {
    match flags.precision {
        Some(length) => text.chars().take(length).collect(),
        None => text.to_owned(),
    }
}

fn hex(bytes: &[u8], upper: bool) -> String {
    let digit = |byte: &u8| match upper {
        true => format!("{byte:02X}"),
        false => format!("{byte:02x}"),
    };
    bytes.iter().map(digit).collect()
}

/// A number; `None` for a verb that is not for it.
fn numeric(verb: char, flags: Flags, number: &serde_json::Number) -> Option<String> {
    if number.is_f64() {
        let float = number.as_f64()?;
        let magnitude = float.abs();
        let precision = flags.precision;
        let digits = match verb {
            'f' | 'F' => format!("{magnitude:.*}", precision.unwrap_or(6)),
            'e' | 'E' => {
                let text = format!("{magnitude:.*e}", precision.unwrap_or(6));
                let (mantissa, exponent) = text.split_once('e')?;
                let exponent: i32 = exponent.parse().ok()?;
                let sign = if exponent < 0 { '-' } else { '+' };
                let letter = verb;
                format!("{mantissa}{letter}{sign}{:02}", exponent.abs())
            }
            'g' | 'G' => match precision {
                Some(digits) => go::significant(magnitude, digits as i32),
                None => go::shortest(magnitude),
            },
            _ => return None,
        };
        return Some(signed(float < 0.0, "", &digits, flags));
    }
    let integer = number.as_i128()?;
    let magnitude = integer.unsigned_abs();
    let (prefix, digits) = match verb {
        'd' => ("", magnitude.to_string()),
        'b' => (
            if flags.sharp { "0b" } else { "" },
            format!("{magnitude:b}"),
        ),
        'o' => (if flags.sharp { "0" } else { "" }, format!("{magnitude:o}")),
        'O' => ("0o", format!("{magnitude:o}")),
        'x' => (
            if flags.sharp { "0x" } else { "" },
            format!("{magnitude:x}"),
        ),
        'X' => (
            if flags.sharp { "0X" } else { "" },
            format!("{magnitude:X}"),
        ),
        'c' => {
            let c = u32::try_from(integer).ok().and_then(char::from_u32);
            return Some(padded(&c.unwrap_or('\u{fffd}').to_string(), flags));
        }
        'q' => {
            let c = u32::try_from(integer).ok().and_then(char::from_u32);
            let quoted = go::quote(&c.unwrap_or('\u{fffd}').to_string());
            let inner = quoted.trim_matches('"').replace("\\\"", "\"");
            return Some(padded(&format!("'{inner}'"), flags));
        }
        'U' => return Some(padded(&format!("U+{magnitude:04X}"), flags)),
        _ => return None,
    };
    let digits = match flags.precision {
        Some(least) => format!("{digits:0>least$}"),
        None => digits,
    };
    let flags = Flags {
        // A precision says how many zeros there are.
        zero: flags.zero && flags.precision.is_none(),
        ..flags
    };
    Some(signed(integer < 0, prefix, &digits, flags))
}

/// Sign, prefix and digits, filled with zeros or spaces.
fn signed(negative: bool, prefix: &str, digits: &str, flags: Flags) -> String {
    let sign = match (negative, flags.plus, flags.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    let width = flags.width.unwrap_or(0);
    if flags.zero && !flags.minus {
        let width = width.saturating_sub(sign.len() + prefix.len());
        return format!("{sign}{prefix}{digits:0>width$}");
    }
    padded(&format!("{sign}{prefix}{digits}"), flags)
}

fn padded(text: &str, flags: Flags) -> String {
    let width = flags.width.unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text.to_owned();
    }
    match flags.minus {
        true => text.to_owned() + &" ".repeat(missing),
        false if flags.zero => "0".repeat(missing) + text,
        false => " ".repeat(missing) + text,
    }
}
