//! A piece of a Dockerfile with the lines in question marked, as BuildKit shows it under an error.

use super::Span;
use crate::secret::without_logins;

/// Lines shown before and after those in question.
const CONTEXT: usize = 2;

/// Lines in question that are shown; a here-document can have thousands.
const MAX_MARKED: usize = 12;

/// Returns the excerpt, several lines without a newline at the end; of an empty file its name alone. `file` is what the
/// user calls the file, `text` what is in it.
pub fn excerpt(file: &str, text: &str, span: Span) -> String {
    let first = span.first.saturating_sub(CONTEXT).max(1);
    let marked_to = span.last.min(span.first + MAX_MARKED - 1);
    let last = if marked_to < span.last {
        marked_to
    } else {
        span.last + CONTEXT
    };
    if text.is_empty() {
        return format!("{file}:{}", span.first);
    }
    let rule = "--------------------";
    let mut result = format!("{file}:{}\n{rule}\n", span.first);
    let lines = text.lines().enumerate();
    for (index, line) in lines.skip(first - 1).take(last + 1 - first) {
        let number = index + 1;
        let marked = (span.first..=span.last).contains(&number);
        let mark = if marked { ">>>" } else { "   " };
        let line: String = without_logins(line)
            .chars()
            .filter(|c| *c == '\t' || !c.is_control())
            .collect();
        result.push_str(format!("{number:4} | {mark} {line}").trim_end());
        result.push('\n');
    }
    if marked_to < span.last {
        let left_out = span.last - marked_to;
        result.push_str(&format!("     | >>> ({left_out} more lines)\n"));
    }
    result.push_str(rule);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_with_neighbours() {
        let text = "FROM x\nRUN a\nRUN b \\\n  c\n\nRUN d\nRUN e\n";
        let wanted = "Dockerfile:3\n--------------------\n   1 |     FROM x\n   2 |     RUN a\n   3 | >>> RUN b \\\n   4 | >>>   c\n   5 |\n   6 |     RUN d\n--------------------";
        assert_eq!(
            excerpt("Dockerfile", text, Span { first: 3, last: 4 }),
            wanted
        );
    }

    #[test]
    fn long_ones_are_cut_and_controls_taken_out() {
        let text = "RUN <<E\n".to_owned() + &"x\x1b[31m\n".repeat(100) + "E\n";
        let shown = excerpt(
            "f",
            &text,
            Span {
                first: 1,
                last: 102,
            },
        );
        assert!(
            shown.contains("(90 more lines)") && !shown.contains('\x1b'),
            "{shown}"
        );
        assert_eq!(excerpt("f", "", Span { first: 1, last: 1 }), "f:1");
    }
}
