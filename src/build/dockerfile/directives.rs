//! Parser directives: `# key=value` comments before anything else in the file.
//!
//! The first line that is not one ends them; an unknown key is a comment, and ends them too. Before them a `#!` line may
//! stand; after one, `escape` has no effect, as in BuildKit.

use super::{Error, Problem, Span};

/// What the directives said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// `# syntax=`: the frontend image. Accepted; this program is the frontend.
    pub syntax: Option<String>,
    /// `# escape=`: what continues lines and takes the meaning from characters, `\` by default.
    pub escape: char,
    /// `# check=`: what the linter skips, up to the first blank.
    pub check: Option<String>,
    /// Lines they take, which are no comments.
    pub(super) lines: usize,
}

impl Default for Directives {
    fn default() -> Self {
        Directives {
            syntax: None,
            escape: '\\',
            check: None,
            lines: 0,
        }
    }
}

/// Reads the directives at the top of `text`.
///
/// # Errors
///
/// [`Problem::Escape`], [`Problem::DirectiveTwice`].
pub fn read(text: &str) -> Result<Directives, Error> {
    let mut found = Directives::default();
    let mut escape_seen = false;
    let shebang = text.starts_with("#!");
    for (index, line) in text.lines().enumerate().skip(usize::from(shebang)) {
        let span = Span {
            first: index + 1,
            last: index + 1,
        };
        let Some((key, value)) = directive(line) else {
            break;
        };
        let twice = || Problem::DirectiveTwice(key.clone()).at(span);
        match key.as_str() {
            "syntax" if found.syntax.is_some() => return Err(twice()),
            "syntax" => found.syntax = Some(value.to_owned()),
            "check" if found.check.is_some() => return Err(twice()),
            "check" => found.check = value.split_whitespace().next().map(str::to_owned),
            "escape" if escape_seen => return Err(twice()),
            "escape" if shebang => escape_seen = true,
            "escape" => {
                escape_seen = true;
                found.escape = match value {
                    "\\" => '\\',
                    "`" => '`',
                    other => return Err(Problem::Escape(other.to_owned()).at(span)),
                };
            }
            _ => break,
        }
        found.lines = index + 1;
    }
    Ok(found)
}

/// `#`, blanks, a word, `=`, a value; the key in lower case.
fn directive(line: &str) -> Option<(String, &str)> {
    key_and_value(line.trim_start().strip_prefix('#')?)
}

/// The options of `check=…` in one of the comments above an instruction: they hold for that instruction.
pub fn check_of_comments(comments: &[String]) -> Option<&str> {
    let values = comments.iter().filter_map(|comment| key_and_value(comment));
    let mut checks = values.filter(|(key, _)| key == "check");
    checks.next()?.1.split_whitespace().next()
}

fn key_and_value(comment: &str) -> Option<(String, &str)> {
    let (key, value) = comment.trim_start().split_once('=')?;
    let (key, value) = (key.trim_end(), value.trim());
    let word = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric());
    (word && !value.is_empty()).then(|| (key.to_ascii_lowercase(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_until_the_first_other_line() {
        let text = "# Syntax = docker/dockerfile:1\n#escape=`\n# check=skip=all;error=true\nFROM x\n#escape=\\\n";
        let found = read(text).unwrap();
        assert_eq!(found.syntax.as_deref(), Some("docker/dockerfile:1"));
        assert_eq!(found.escape, '`');
        assert_eq!(found.check.as_deref(), Some("skip=all;error=true"));
        for text in [
            "# a comment\n# escape=`\n",
            "\n# escape=`\n",
            "# unknown=x\n# escape=`\n",
        ] {
            assert_eq!(read(text).unwrap(), Directives::default(), "{text:?}");
        }
    }

    #[test]
    fn refuses() {
        assert!(matches!(
            read("# escape=x\n").unwrap_err().problem,
            Problem::Escape(_)
        ));
        let twice = read("# syntax=a\n# syntax=b\n").unwrap_err();
        assert_eq!(
            (twice.span.first, twice.to_string().contains("only one")),
            (2, true)
        );
    }
}
