//! Logical lines → nodes: the instruction word, its flags, and its arguments in the form that the instruction has.

use super::directives::{self, Directives};
use super::heredoc::Heredoc;
use super::lines::{self, Line};
use super::suggest::nearest;
use super::words::raw_words;
use super::{Error, MAX_DOCKERFILE_BYTES, Problem, Span};

/// A Dockerfile, read but not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The directives at the top.
    pub directives: Directives,
    /// One per instruction.
    pub nodes: Vec<Node>,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The word, in upper case.
    pub instruction: &'static str,
    /// The word as written, for the linter.
    pub written: String,
    /// `--name[=value]`, in order.
    pub flags: Vec<Flag>,
    /// What follows.
    pub argument: Argument,
    /// The whole logical line.
    pub text: String,
    /// Where.
    pub span: Span,
    /// The comments directly above.
    pub comments: Vec<String>,
    /// Here-documents.
    pub heredocs: Vec<Heredoc>,
    /// An empty line within the instruction, which the linter dislikes.
    pub empty_continuation: bool,
}

/// `--name` or `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without dashes.
    pub name: String,
    /// Not yet expanded.
    pub value: Option<String>,
}

/// The arguments of an instruction, not yet expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// The rest of the line as it stands.
    Text(String),
    /// `["a", "b"]`.
    Json(Vec<String>),
    /// Blank-separated words, quotes kept and without effect on the separation.
    Words(Vec<String>),
    /// `a=b c=d`, quotes kept.
    Pairs(Vec<(String, String)>),
    /// `a the rest`, the old form for one pair, quotes kept.
    OldPair((String, String)),
    /// `a` or `a=b`, quotes kept.
    Declarations(Vec<(String, Option<String>)>),
    /// HEALTHCHECK's kind, in upper case, and what follows it.
    Healthcheck(String, Box<Argument>),
    /// The instruction that ONBUILD triggers.
    Trigger(Box<Node>),
}

/// How an instruction's arguments are written.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    TextOrJson,
    WordsOrJson,
    Words,
    Pairs,
    Declarations,
    Healthcheck,
    Trigger,
}

/// Every instruction, and the form of its arguments.
const INSTRUCTIONS: [(&str, Form); 18] = [
    ("ADD", Form::WordsOrJson),
    ("ARG", Form::Declarations),
    ("CMD", Form::TextOrJson),
    ("COPY", Form::WordsOrJson),
    ("ENTRYPOINT", Form::TextOrJson),
    ("ENV", Form::Pairs),
    ("EXPOSE", Form::Words),
    ("FROM", Form::Words),
    ("HEALTHCHECK", Form::Healthcheck),
    ("LABEL", Form::Pairs),
    ("MAINTAINER", Form::Text),
    ("ONBUILD", Form::Trigger),
    ("RUN", Form::TextOrJson),
    ("SHELL", Form::TextOrJson),
    ("STOPSIGNAL", Form::Text),
    ("USER", Form::Text),
    ("VOLUME", Form::WordsOrJson),
    ("WORKDIR", Form::Text),
];

/// Reads a Dockerfile.
///
/// # Errors
///
/// The first [`Problem`], with its place.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Error> {
    let whole = Span { first: 1, last: 1 };
    if bytes.len() > MAX_DOCKERFILE_BYTES {
        return Err(Problem::TooLarge.at(whole));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::NotText.at(whole))?;
    let directives = directives::read(text)?;
    let lines = lines::read(text, directives.lines, directives.escape)?;
    if lines.is_empty() {
        return Err(Problem::Empty.at(whole));
    }
    let nodes = lines
        .into_iter()
        .map(|line| {
            let span = line.span;
            node(line, directives.escape).map_err(|problem| problem.at(span))
        })
        .collect::<Result<_, _>>()?;
    Ok(Parsed { directives, nodes })
}

fn node(line: Line, escape: char) -> Result<Node, Problem> {
    let (written, rest) = split_word(&line.text);
    let (instruction, form) = instruction(written)?;
    let (flags, rest) = flags(rest, escape);
    let argument = match form {
        Form::Trigger => Argument::Trigger(Box::new(trigger(&line, rest, escape)?)),
        form => argument(instruction, form, rest, escape)?,
    };
    Ok(Node {
        instruction,
        written: written.to_owned(),
        flags,
        argument,
        text: line.text.clone(),
        span: line.span,
        comments: line.comments,
        heredocs: line.heredocs,
        empty_continuation: line.empty_continuation,
    })
}

/// The instruction of this name, in any case.
fn instruction(written: &str) -> Result<(&'static str, Form), Problem> {
    let upper = written.to_ascii_uppercase();
    let found = INSTRUCTIONS.into_iter().find(|(name, _)| *name == upper);
    found.ok_or_else(|| {
        let hint = nearest(&upper, INSTRUCTIONS.map(|(name, _)| name));
        Problem::UnknownInstruction(written.to_owned(), hint)
    })
}

/// Whether here-documents belong to the instruction in `line`: to RUN, COPY and ADD, also as triggers, not in JSON form.
pub(super) fn takes_heredocs(line: &str, escape: char) -> bool {
    let (mut word, mut rest) = split_word(line);
    if word.eq_ignore_ascii_case("ONBUILD") {
        (word, rest) = split_word(rest);
    }
    let takes = ["RUN", "COPY", "ADD"]
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name));
    takes && !matches!(json(flags(rest, escape).1), Ok(Some(_)))
}

/// The instruction after ONBUILD, which may not be ONBUILD again.
fn trigger(line: &Line, rest: &str, escape: char) -> Result<Node, Problem> {
    if rest.is_empty() {
        return Err(Problem::Arguments("ONBUILD", "at least one argument"));
    }
    let (word, _) = split_word(rest);
    match word.to_ascii_uppercase().as_str() {
        "ONBUILD" => Err(Problem::Other(
            "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned(),
        )),
        upper @ ("FROM" | "MAINTAINER") => Err(Problem::Other(format!(
            "{upper} isn't allowed as an ONBUILD trigger"
        ))),
        _ => node(
            Line {
                text: rest.to_owned(),
                ..line.clone()
            },
            escape,
        ),
    }
}

fn argument(name: &'static str, form: Form, rest: &str, escape: char) -> Result<Argument, Problem> {
    Ok(match form {
        Form::Text => Argument::Text(rest.to_owned()),
        Form::TextOrJson => match json(rest)? {
            Some(list) => Argument::Json(list),
            None => Argument::Text(rest.to_owned()),
        },
        Form::WordsOrJson => match json(rest)? {
            Some(list) => Argument::Json(list),
            None => Argument::Words(blank_separated(rest)),
        },
        Form::Words => Argument::Words(blank_separated(rest)),
        Form::Pairs => pairs(name, rest, escape)?,
        Form::Declarations => Argument::Declarations(declarations(rest, escape)?),
        Form::Healthcheck => {
            let (kind, rest) = split_word(rest);
            let kind = kind.to_ascii_uppercase();
            let inner = argument(name, Form::TextOrJson, rest, escape)?;
            Argument::Healthcheck(kind, Box::new(inner))
        }
        Form::Trigger => unreachable!("ONBUILD is read by its caller"),
    })
}

/// The first blank-separated word, and the rest without blanks at either end.
fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.split_once(is_blank) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

/// Words between blanks; neither quotes nor escapes keep one together, as in BuildKit.
fn blank_separated(text: &str) -> Vec<String> {
    let words = text.split(is_blank).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

/// Takes `--flags` off the beginning; `--` alone ends them.
fn flags(rest: &str, escape: char) -> (Vec<Flag>, &str) {
    let mut flags = Vec::new();
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        let word = raw_words(rest, escape).next().unwrap_or_default();
        rest = rest[word.len()..].trim_start();
        if word == "--" {
            break;
        }
        let word = unquoted(&word[2..], escape);
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        flags.push(Flag {
            name: name.to_owned(),
            value,
        });
    }
    (flags, rest)
}

/// Without quotes and escapes; variables stay. A quote that is not closed ends with the line.
fn unquoted(value: &str, escape: char) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, c) if c == escape => text.extend(chars.next()),
            (_, c) => text.push(c),
        }
    }
    text
}

/// A JSON list of strings; `None` where it is no JSON, and so a command for the shell.
fn json(rest: &str) -> Result<Option<Vec<String>>, Problem> {
    if !rest.starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(rest) else {
        return Ok(None);
    };
    let strings = values.into_iter().map(|value| match value {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    });
    let list = strings.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let words = "when using JSON array syntax, arrays must be comprised of strings only";
        Problem::Other(words.to_owned())
    })?;
    Ok(Some(list))
}

/// `name=value …`, or the old form `name the rest`.
fn pairs(name: &'static str, rest: &str, escape: char) -> Result<Argument, Problem> {
    let words: Vec<&str> = raw_words(rest, escape).collect();
    let Some(first) = words.first() else {
        return Err(Problem::Arguments(name, "at least one argument"));
    };
    if !first.contains('=') {
        let (key, value) = split_word(rest);
        return match value {
            "" => Err(Problem::TwoArguments(name)),
            value => Ok(Argument::OldPair((key.to_owned(), value.to_owned()))),
        };
    }
    let pair = |word: &&str| match word.split_once('=') {
        None => Err(Problem::NoEquals((*word).to_owned())),
        Some(("", _)) => Err(Problem::BlankName(name)),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
    };
    let pairs = words.iter().map(pair);
    Ok(Argument::Pairs(pairs.collect::<Result<_, _>>()?))
}

fn declarations(rest: &str, escape: char) -> Result<Vec<(String, Option<String>)>, Problem> {
    let declared: Vec<(String, Option<String>)> = raw_words(rest, escape)
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        })
        .collect();
    if declared.is_empty() {
        return Err(Problem::Arguments("ARG", "at least one argument"));
    }
    if declared.iter().any(|(name, _)| name.is_empty()) {
        return Err(Problem::BlankName("ARG"));
    }
    Ok(declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        let mut parsed = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(parsed.nodes.len(), 1, "{text}");
        parsed.nodes.remove(0)
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn forms() {
        use Argument::*;
        for (text, wanted) in [
            ("RUN echo  a", Text("echo  a".into())),
            ("run [\"a\", \"b c\"]", Json(words(&["a", "b c"]))),
            ("RUN [\"a\" b", Text("[\"a\" b".into())),
            ("CMD []", Json(vec![])),
            ("COPY a 'b c' /d", Words(words(&["a", "'b", "c'", "/d"]))),
            ("CMD [\"a\"] b", Text("[\"a\"] b".into())),
            ("COPY [\"a b\",\"/d\"]", Json(words(&["a b", "/d"]))),
            ("ENV a b  c", OldPair(("a".into(), "b  c".into()))),
            (
                "ENV a=b c='d e' f=",
                Pairs(vec![
                    ("a".into(), "b".into()),
                    ("c".into(), "'d e'".into()),
                    ("f".into(), String::new()),
                ]),
            ),
            (
                "ARG a b=c",
                Declarations(vec![("a".into(), None), ("b".into(), Some("c".into()))]),
            ),
            (
                "HEALTHCHECK cmd curl x",
                Healthcheck("CMD".into(), Box::new(Text("curl x".into()))),
            ),
            ("FROM alpine AS b", Words(words(&["alpine", "AS", "b"]))),
        ] {
            assert_eq!(one(text).argument, wanted, "{text}");
        }
    }

    #[test]
    fn flags_before_arguments() {
        let node = one("COPY --from=a --chown=\"x y\":z --link -- --b /c");
        let flags: Vec<_> = node
            .flags
            .iter()
            .map(|f| (f.name.as_str(), f.value.as_deref()))
            .collect();
        assert_eq!(
            flags,
            [
                ("from", Some("a")),
                ("chown", Some("x y:z")),
                ("link", None)
            ]
        );
        assert_eq!(node.argument, Argument::Words(words(&["--b", "/c"])));
    }

    #[test]
    fn each_flag_is_read_once() {
        let read = |count: usize| {
            let text = "RUN ".to_owned() + &"--mount=type=tmpfs,target=/x ".repeat(count) + "ls";
            let begun = std::time::Instant::now();
            assert_eq!(one(&text).flags.len(), count);
            begun.elapsed()
        };
        // Were the rest of the line read for each, this would take a minute.
        assert!(read(20_000) < std::time::Duration::from_secs(10));
    }

    #[test]
    fn triggers() {
        let node = one("ONBUILD RUN --mount=type=tmpfs,target=/x ls");
        let Argument::Trigger(inner) = node.argument else {
            panic!()
        };
        assert_eq!((inner.instruction, inner.flags.len()), ("RUN", 1));
        for text in ["ONBUILD", "ONBUILD ONBUILD RUN x", "ONBUILD FROM x"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn refused_with_a_place() {
        for (text, line) in [
            ("", 1),
            ("# only\n", 1),
            ("FROM x\n\nFOO y", 3),
            ("FROM x\nENV a", 2),
            ("FROM x\nENV a=b c", 2),
            ("FROM x\nENV =b", 2),
            ("FROM x\nLABEL", 2),
            ("FROM x\nARG", 2),
            ("FROM x\nRUN [1]", 2),
            ("FROM x\nRUN <<E\nx", 2),
        ] {
            assert_eq!(
                parse(text.as_bytes()).unwrap_err().span.first,
                line,
                "{text:?}"
            );
        }
        assert!(parse(b"FROM \xff").is_err());
        assert!(parse(&vec![b'\n'; MAX_DOCKERFILE_BYTES + 1]).is_err());
    }

    #[test]
    fn byte_order_mark_and_escape() {
        let parsed = parse("\u{feff}# escape=`\nFROM x\nRUN a `\n b\\\n".as_bytes()).unwrap();
        assert_eq!(parsed.nodes[1].text, "RUN a  b\\");
    }
}
