//! Physical lines → logical lines, one per instruction.
//!
//! A line that ends in the escape character goes on in the next one; comment lines between are dropped, and so are empty
//! ones (Docker warns of them and goes on). What a here-document holds belongs to the line that opens it.

use super::heredoc::{Heredoc, Opening};
use super::parse::takes_heredocs;
use super::{Error, Problem, Span};

/// One logical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Without comments, continuations and surrounding blanks.
    pub(super) text: String,
    /// The lines it came from, those of its here-documents included.
    pub(super) span: Span,
    /// The comment lines directly above it, without `#`.
    pub(super) comments: Vec<String>,
    /// Its here-documents, in order.
    pub(super) heredocs: Vec<Heredoc>,
    /// An empty line stood within it.
    pub(super) empty_continuation: bool,
}

/// Reads all logical lines after the first `skip` lines.
pub(super) fn read(text: &str, skip: usize, escape: char) -> Result<Vec<Line>, Error> {
    let mut physical = Physical {
        lines: text.split_inclusive('\n').enumerate(),
    };
    for _ in 0..skip {
        physical.next();
    }
    let mut lines = Vec::new();
    let mut comments = Vec::new();
    while let Some((number, raw)) = physical.next() {
        let start = without_end(raw).trim_start();
        if let Some(comment) = start.strip_prefix('#') {
            let comment = comment.trim();
            if comment.is_empty() {
                comments.clear();
            } else {
                comments.push(comment.to_owned());
            }
            continue;
        }
        if start.is_empty() {
            comments.clear();
            continue;
        }
        let mut line = Line {
            text: String::new(),
            span: Span {
                first: number,
                last: number,
            },
            comments: std::mem::take(&mut comments),
            heredocs: Vec::new(),
            empty_continuation: false,
        };
        physical.join_continuations(start, escape, &mut line);
        physical.take_heredocs(escape, &mut line)?;
        line.text = line.text.trim().to_owned();
        if !line.text.is_empty() {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// The physical lines, counted.
struct Physical<'a> {
    lines: std::iter::Enumerate<std::str::SplitInclusive<'a, char>>,
}

impl<'a> Physical<'a> {
    /// The next line, its number from 1, and its end.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let (index, line) = self.lines.next()?;
        Some((index + 1, line))
    }

    fn join_continuations(&mut self, start: &str, escape: char, line: &mut Line) {
        let mut part = start;
        loop {
            let Some(kept) = continued(part, escape) else {
                line.text.push_str(part);
                return;
            };
            line.text.push_str(kept);
            loop {
                let Some((number, raw)) = self.next() else {
                    return;
                };
                line.span.last = number;
                part = without_end(raw);
                let blank = part.trim();
                line.empty_continuation |= blank.is_empty();
                if !blank.is_empty() && !blank.starts_with('#') {
                    break;
                }
            }
        }
    }

    fn take_heredocs(&mut self, escape: char, line: &mut Line) -> Result<(), Error> {
        if !line.text.contains("<<") || !takes_heredocs(&line.text, escape) {
            return Ok(());
        }
        let openings = Opening::all_of_line(&line.text);
        for opening in openings.map_err(|problem| problem.at(line.span))? {
            let mut content = String::new();
            loop {
                let Some((number, raw)) = self.next() else {
                    return Err(Problem::UnterminatedHeredoc(opening.name).at(line.span));
                };
                line.span.last = number;
                if opening.ends_with(without_end(raw)) {
                    break;
                }
                content.push_str(raw);
            }
            line.heredocs.push(opening.with_content(content));
        }
        Ok(())
    }
}

/// The line without its end, `\n` or `\r\n`.
fn without_end(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// The line without the escape character that continues it; `None` if none does. A doubled one is itself.
fn continued(line: &str, escape: char) -> Option<&str> {
    let kept = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!kept.ends_with(escape)).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let lines = read(text, 0, '\\').unwrap();
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn continuations_and_comments() {
        assert_eq!(texts("RUN a \\\n  b\n"), ["RUN a   b"]);
        assert_eq!(texts("RUN a \\\n# no\n  # nor\n\n b"), ["RUN a  b"]);
        assert_eq!(texts("RUN a \\ \t\r\n b\r\n"), ["RUN a  b"]);
        assert_eq!(texts("RUN a \\\\\nRUN b"), ["RUN a \\\\", "RUN b"]);
        assert_eq!(texts("RUN a \\"), ["RUN a"]);
        assert_eq!(texts("# c\n\n  RUN x # y"), ["RUN x # y"]);
        let lines = read("# one\n# two\nFROM x\n# three\n\nRUN y \\\n\n z\n", 0, '\\').unwrap();
        assert_eq!(lines[0].comments, ["one", "two"]);
        assert_eq!(lines[1].comments, Vec::<String>::new());
        assert!(lines[1].empty_continuation && !lines[0].empty_continuation);
        assert_eq!(lines[1].span, Span { first: 6, last: 8 });
    }

    #[test]
    fn heredocs() {
        let lines = read("RUN <<A cat <<-'B'\n$x\nA\n\tb\\\n\tB\nRUN next", 0, '\\').unwrap();
        assert_eq!(lines.len(), 2);
        let [a, b] = &lines[0].heredocs[..] else {
            panic!()
        };
        assert_eq!((a.content.as_str(), a.expand), ("$x\n", true));
        assert_eq!(
            (b.content.as_str(), b.expand, b.chomp),
            ("\tb\\\n", false, true)
        );
        assert_eq!(lines[0].span, Span { first: 1, last: 5 });
        assert!(
            read("RUN [\"<<A\"]", 0, '\\').unwrap()[0]
                .heredocs
                .is_empty()
        );
        assert!(read("ENV x <<A", 0, '\\').unwrap()[0].heredocs.is_empty());
        assert_eq!(
            read("ONBUILD COPY <<f /\nA\nf\n", 0, '\\').unwrap()[0]
                .heredocs
                .len(),
            1
        );
        assert!(read("COPY <<f /\nA\n", 0, '\\').is_err());
    }
}
