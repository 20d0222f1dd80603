//! One line of comma-separated values (RFC 4180), as `--mount` takes them.

use super::Error;

/// Splits a line into fields. A field that begins with a quote ends with one, and holds quotes doubled.
///
/// # Errors
///
/// [`Error::MountFlag`] for a quote in the wrong place.
pub(crate) fn split(line: &str) -> Result<Vec<String>, Error> {
    let misplaced = |what: &str| Err(Error::MountFlag(format!("parse error: {what}")));
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, tail) = match rest.strip_prefix('"') {
            Some(quoted) => match unquote(quoted) {
                Some(split) => split,
                None => return misplaced("extraneous or missing \" in quoted-field"),
            },
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                if rest[..end].contains('"') {
                    return misplaced("bare \" in non-quoted-field");
                }
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match tail.strip_prefix(',') {
            Some(next) => rest = next,
            None if tail.is_empty() => return Ok(fields),
            None => return misplaced("extraneous or missing \" in quoted-field"),
        }
    }
}

/// Returns the content of a field whose opening quote was taken, and what follows the closing one.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        for (line, fields) in [
            ("a,b", vec!["a", "b"]),
            ("", vec![""]),
            ("a,,", vec!["a", "", ""]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            ("\"say \"\"hi\"\"\"", vec!["say \"hi\""]),
        ] {
            assert_eq!(split(line).unwrap(), fields, "{line}");
        }
        for bad in ["a\"b", "\"a", "\"a\"b", "\"a\" ,b"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
