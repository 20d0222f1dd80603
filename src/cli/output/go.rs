//! Go's ways of writing values: quoted text, numbers, JSON.

use serde_json::Value;

/// Go's `strconv.Quote`.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                quoted.push_str(&format!("\\x{:02x}", c as u32));
            }
            c if !is_print(c) && (c as u32) < 0x10000 => {
                quoted.push_str(&format!("\\u{:04x}", c as u32));
            }
            c if !is_print(c) => quoted.push_str(&format!("\\U{:08x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Near enough to `strconv.IsPrint`: controls, separators other than the space, private use and what is not a character
/// are not printable.
pub(crate) fn is_print(c: char) -> bool {
    let hidden = matches!(c,
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}');
    !c.is_control() && !hidden
}

/// C's and Go's `%.{digits}g`: that many significant digits, no trailing zeros, an exponent where it is shorter.
pub(crate) fn significant(number: f64, digits: i32) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return float_word(number);
    }
    let precision = digits.max(1);
    // What the number rounds to decides on the exponent.
    let scientific = format!("{:.*e}", (precision - 1) as usize, number);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= precision {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
    } else {
        trim(&format!(
            "{:.*}",
            (precision - 1 - exponent) as usize,
            number
        ))
    }
}

/// Go's shortest form of a floating-point number, as `%v` prints it: an exponent from 1e21 on and below 1e-4.
pub(crate) fn shortest(number: f64) -> String {
    if !number.is_finite() {
        return float_word(number);
    }
    let scientific = format!("{number:e}");
    let exponent = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
        .unwrap_or(0);
    if (-4..21).contains(&exponent) || number == 0.0 {
        return format!("{number}");
    }
    let mantissa = scientific.split('e').next().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn float_word(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN",
        n if n > 0.0 => "+Inf",
        _ => "-Inf",
    }
    .to_owned()
}

/// One line of JSON with Go's escapes: `<`, `>`, `&` and the two line separators as `\u….`.
pub(crate) fn json(value: &Value) -> String {
    escape_json(&value.to_string())
}

/// JSON in Docker's layout for `inspect`, with Go's escapes: four spaces, and empty lists and objects in one line.
pub(crate) fn json_indented(value: &Value) -> String {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    // Writing a `Value` to memory cannot fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape_json(text: &str) -> String {
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_as_go() {
        assert_eq!(quote("a\"b\\\n\u{1}é\u{200b}"), r#""a\"b\\\n\x01é\u200b""#);
        assert_eq!(significant(1234.5, 3), "1.23e+03");
        assert_eq!(significant(0.00001234, 3), "1.23e-05");
        assert_eq!(significant(99.99, 3), "100");
        assert_eq!(shortest(1e21), "1e+21");
        assert_eq!(shortest(3.0), "3");
        assert_eq!(shortest(0.00001), "1e-05");
        assert_eq!(
            json(&json!({"b": "<none>", "a": [1, "&"]})),
            r#"{"b":"\u003cnone\u003e","a":[1,"\u0026"]}"#
        );
        assert_eq!(
            json_indented(&json!([{"a": [], "b": {}, "c": [1]}])),
            "[\n    {\n        \"a\": [],\n        \"b\": {},\n        \"c\": [\n            1\n        ]\n    }\n]"
        );
    }
}
