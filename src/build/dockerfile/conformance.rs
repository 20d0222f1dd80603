//! BuildKit's cases, re-created: each of `fixtures/` is read, and every case in it must come out as it says.

use std::fmt::Write as _;

use super::instruction::Instruction;
use super::parse::{Argument, Flag, Node};
use super::stages::Stages;
use super::words::Expander;
use super::{Error, Span, parse};

/// The cases of a file: name, Dockerfile, expectation.
fn cases(text: &str) -> Vec<(&str, &str, &str)> {
    let sections = text.split("\n=== ").skip(1);
    let case = |section| {
        let (name, rest): (&str, &str) = str::split_once(section, '\n').unwrap();
        let (file, wanted) = match rest.strip_prefix("---\n") {
            Some(wanted) => ("", wanted),
            None => rest
                .split_once("\n---\n")
                .unwrap_or_else(|| panic!("{name}")),
        };
        (name, file, wanted.trim_end())
    };
    sections.map(case).collect()
}

/// The lines of a table, without comments, as two columns.
fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        line.rsplit_once(" |")
            .map(|(a, b)| (a.trim_end(), b.strip_prefix(' ').unwrap_or(b)))
            .unwrap()
    })
}

fn values(name: &str) -> Option<&'static str> {
    Some(match name {
        "DIR" => "/srv",
        "TOOL" => "ax",
        "TOWN" => "서울",
        "EMPTY" => "",
        "ODD" => "()[]{}^$.*?|\\x",
        "STARS" => "xx**",
        "STARRED" => "a***yy*",
        "LONG" => "xxyy",
        "ONE" => "x",
        "MARKS" => "???y",
        "GLOB" => "/foo*/*/*.t",
        "NEEDLE" => "\\*/",
        "FILE" => "/tmp/tmp/b.t",
        "TMP" => "/tmp",
        "PATHS" => "/a/foo/b/c.t",
        "ANY" => "/?/",
        "SLASH" => "/",
        "SITE" => "http://body.example",
        "HTTP" => "http://",
        "HTTPS" => "https://",
        "VERSION" => "v1",
        "OS" => "linux",
        "ARCH" => "arm",
        "VARIANT" => "v7",
        "HI" => "hi",
        "GAP" => "ab  cd",
        "LEAD" => "  ab c",
        "TRAIL" => "ab c   ",
        _ => return None,
    })
}

fn quoted<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().fold(String::new(), |mut text, word| {
        let _ = write!(text, " {word:?}");
        text
    })
}

fn dump(node: &Node) -> String {
    let mut text = format!("({}", node.instruction);
    for Flag { name, value } in &node.flags {
        let _ = write!(text, " --{name:?}");
        if let Some(value) = value {
            let _ = write!(text, "={value:?}");
        }
    }
    dump_argument(&node.argument, &mut text);
    text + ")"
}

fn dump_argument(argument: &Argument, text: &mut String) {
    match argument {
        Argument::Text(rest) => text.push_str(&quoted([rest])),
        Argument::Json(words) => *text += &format!(" json{}", quoted(words)),
        Argument::Words(words) => text.push_str(&quoted(words)),
        Argument::Pairs(pairs) => {
            for (name, value) in pairs {
                let _ = write!(text, " {name:?}={value:?}");
            }
        }
        Argument::OldPair((name, value)) => text.push_str(&quoted([name, value])),
        Argument::Declarations(list) => {
            let written = list.iter().map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            });
            text.push_str(&quoted(&written.collect::<Vec<_>>()));
        }
        Argument::Healthcheck(kind, rest) => {
            text.push_str(&quoted([kind]));
            dump_argument(rest, text);
        }
        Argument::Trigger(inner) => *text += &format!(" {}", dump(inner)),
    }
}

#[test]
fn files_are_parsed() {
    let cases = cases(include_str!("fixtures/parse.txt"));
    assert!(cases.len() > 20);
    for (name, file, wanted) in cases {
        // The file ends where the separator begins, with and without the last newline; line ends make no difference.
        for file in [
            file.to_owned(),
            format!("{file}\n"),
            file.replace('\n', "\r\n"),
        ] {
            let parsed = parse(file.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
            let found: Vec<String> = parsed.nodes.iter().map(dump).collect();
            assert_eq!(found.join("\n"), wanted, "{name}");
        }
    }
}

#[test]
fn files_are_refused() {
    let understand = |text: &str| -> Result<(), Error> {
        let parsed = parse(text.as_bytes())?;
        let escape = parsed.directives.escape;
        for node in &parsed.nodes {
            Instruction::of(node, &Expander::new(&values, escape))?;
        }
        Stages::of(parsed)?;
        Ok(())
    };
    for (name, file, wanted) in cases(include_str!("fixtures/refused.txt")) {
        let Err(Error { span, problem }) = understand(file) else {
            panic!("{name}: not refused");
        };
        let lines = match span {
            Span { first, last } if first == last => first.to_string(),
            Span { first, last } => format!("{first}-{last}"),
        };
        let found = format!("{lines}: {problem}");
        assert!(
            found.starts_with(wanted),
            "{name}: {found:?} and not {wanted:?}"
        );
    }
}

#[test]
fn words_are_expanded() {
    for (word, wanted) in rows(include_str!("fixtures/words.txt")) {
        let found = Expander::new(&values, '\\').word(word);
        assert_eq!(found.as_deref().unwrap_or("error"), wanted, "{word}");
    }
}

#[test]
fn words_are_split() {
    for (word, wanted) in rows(include_str!("fixtures/splitting.txt")) {
        let found = Expander::new(&values, '\\').words(word);
        let found = found.unwrap_or_else(|_| vec!["error".to_owned()]);
        assert_eq!(found.join(","), wanted, "{word}");
    }
}

/// After BuildKit's TestParseIncludesLineNumbers and TestParseWarnsOnEmptyContinutationLine.
#[test]
fn places_and_empty_continuations() {
    let text = "# escape=\\\n\n\n\nFROM base\n\n\n# c\n\n\nENV A \\\nb\n\n\nRUN x \\\n\n\t&& y \\\n\t&& z\nRUN w \\\n# comment\n v\n";
    let parsed = parse(text.as_bytes()).unwrap();
    let found: Vec<_> = parsed
        .nodes
        .iter()
        .map(|n| (n.span.first, n.span.last, n.empty_continuation))
        .collect();
    assert_eq!(
        found,
        [
            (5, 5, false),
            (11, 12, false),
            (15, 18, true),
            (19, 21, false)
        ]
    );
}

/// After BuildKit's TestCommentsDetection.
#[test]
fn comments_belong_to_what_follows() {
    let text = "# one sets one\nARG one=x\n\n# base is first\nFROM b AS base\n# loose\n#\n# three is a number\n# two is another\nARG two three\n# gone\n\nRUN x\n";
    let parsed = parse(text.as_bytes()).unwrap();
    let found: Vec<_> = parsed.nodes.iter().map(|n| n.comments.join(";")).collect();
    assert_eq!(
        found,
        [
            "one sets one",
            "base is first",
            "three is a number;two is another",
            ""
        ]
    );
}
