//! The lines of a Dockerfile around a mistake, as BuildKit shows them.

use crate::cli::output::escape;

/// Lines before and after.
const AROUND: usize = 2;

/// Returns lines `first` to `last` of `text`, marked, with those around them.
pub(crate) fn excerpt(name: &str, text: &str, (first, last): (usize, usize)) -> String {
    const RULE: &str = "--------------------\n";
    let mut out = format!("{name}:{first}\n{RULE}");
    let from = first.saturating_sub(AROUND).max(1);
    let lines = text.lines().enumerate().skip(from - 1);
    for (index, line) in lines.take(last + AROUND + 1 - from) {
        let number = index + 1;
        let mark = match (first..=last).contains(&number) {
            true => ">>>",
            false => "   ",
        };
        out += format!("{number:4} | {mark} {}", escape::line(line)).trim_end();
        out += "\n";
    }
    out + RULE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_the_lines() {
        let text = "FROM a\nRUN b \\\n  c\nRUN d\nRUN e\nRUN f\n";
        assert_eq!(
            excerpt("Dockerfile", text, (2, 3)),
            "Dockerfile:2\n--------------------\n   1 |     FROM a\n   2 | >>> RUN b \\\n   3 | >>>   c\n   4 |     RUN d\n   5 |     RUN e\n--------------------\n"
        );
    }
}
