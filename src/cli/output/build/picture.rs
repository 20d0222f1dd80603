//! One picture of a build: a line for each step, and the last lines of what the running ones write.
//!
//! Reference: BuildKit, `util/progress/progressui/display.go`: what is left out where there is little room.

use unicode_width::UnicodeWidthChar as _;

use super::palette::{Palette, Role};
use crate::cli::output::escape::{self, Colours};

/// What each step begins with.
const ARROW: &str = " => ";

/// What each line of output begins with.
const OUTPUT: &str = " => => # ";

/// Columns of a step's name below which the step is not shown.
const MIN_NAME: usize = 12;

/// Lines that must be free beside the output of one step.
const AROUND: usize = 3;

/// Columns between two tab stops.
const TAB: usize = 8;

/// A step.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) name: String,
    pub(super) seconds: f64,
    /// How it has ended; `Role::Plain` while it runs.
    pub(super) role: Role,
    /// The last lines that it has written, raw; nothing once it has ended.
    pub(super) tail: Vec<&'a [u8]>,
}

impl Job<'_> {
    fn is_running(&self) -> bool {
        self.role == Role::Plain
    }
}

/// The terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// One line, and how many columns it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) width: usize,
}

/// Returns the picture. The last one of a build shows everything.
pub(super) fn draw(
    header: &str,
    jobs: &[Job<'_>],
    size: Size,
    palette: &Palette,
    is_last: bool,
) -> Vec<Line> {
    // A line that fills the terminal leaves the cursor where some wrap and others do not.
    let columns = size.columns.saturating_sub(1);
    let header = cut(header, columns);
    let mut lines = vec![Line {
        width: width(&header),
        text: header,
    }];
    let (shown, tails) = match is_last {
        true => ((0..jobs.len()).collect(), Vec::new()),
        false => choose(jobs, size.rows),
    };
    for index in shown {
        let job = &jobs[index];
        let timer = format!("{:.1}s", job.seconds);
        let room = columns.saturating_sub(ARROW.len() + timer.len() + 1);
        if room < MIN_NAME {
            continue;
        }
        let name = cut(&job.name, room);
        let padding = " ".repeat(room - width(&name) + 1);
        let text = format!("{ARROW}{name}{padding}{timer}");
        lines.push(Line {
            width: columns,
            text: palette.paint(job.role, &text),
        });
        if !tails.contains(&index) {
            continue;
        }
        for line in &job.tail {
            let line = spread(&escape::output(line, Colours::Drop));
            let text = cut(&format!("{OUTPUT}{line}"), columns);
            lines.push(Line {
                width: width(&text),
                text: palette.paint(Role::Output, &text),
            });
        }
    }
    lines
}

/// Chooses the steps to be shown, and those whose output is, where not all have room: what runs before what has ended, and
/// of these the latest.
fn choose(jobs: &[Job<'_>], rows: usize) -> (Vec<usize>, Vec<usize>) {
    // The header's line, and the one that the cursor is left in.
    let mut room = rows.saturating_sub(2);
    let running = jobs.iter().filter(|job| job.is_running()).count();
    let mut free = room.saturating_sub(running);
    let mut tails = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        if !job.tail.is_empty() && free >= job.tail.len() + AROUND {
            tails.push(index);
            free -= job.tail.len();
            room -= job.tail.len();
        }
    }
    let mut left_out = jobs.len().saturating_sub(room);
    let mut shown: Vec<usize> = (0..jobs.len()).collect();
    for may_go in [false, true] {
        shown.retain(|index| {
            let goes = left_out > 0 && jobs[*index].is_running() == may_go;
            left_out -= usize::from(goes);
            !goes
        });
    }
    (shown, tails)
}

/// Returns as much of the beginning of `text` as has room in so many columns.
fn cut(text: &str, columns: usize) -> String {
    let mut taken = 0;
    text.chars()
        .take_while(|letter| {
            taken += letter.width().unwrap_or(0);
            taken <= columns
        })
        .collect()
}

/// Returns the columns that a line takes.
fn width(text: &str) -> usize {
    text.chars().filter_map(|letter| letter.width()).sum()
}

/// Returns a line with spaces for tabs.
fn spread(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut at = 0;
    for letter in line.chars() {
        let (letter, columns) = match letter {
            '\t' => (' ', TAB - at % TAB),
            letter => (letter, letter.width().unwrap_or(0)),
        };
        at += columns;
        let count = if letter == ' ' { columns } else { 1 };
        text.extend(std::iter::repeat_n(letter, count));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, role: Role, tail: &[&'static [u8]]) -> Job<'static> {
        Job {
            name: name.to_owned(),
            seconds: 1.25,
            role,
            tail: tail.to_vec(),
        }
    }

    fn texts(jobs: &[Job<'_>], rows: usize, columns: usize, is_last: bool) -> Vec<String> {
        let size = Size { rows, columns };
        let lines = draw(
            "[+] Building 1.2s (1/2)",
            jobs,
            size,
            &Palette::none(),
            is_last,
        );
        for line in &lines {
            assert!(line.width < columns.max(1), "{line:?}");
            assert_eq!(line.width, width(&line.text), "{line:?}");
        }
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn names_are_cut_and_times_stand_at_the_edge() {
        let jobs = [
            job("[1/2] FROM x", Role::Done, &[]),
            job(
                "[2/2] RUN 語語語語語語語語語語語語語",
                Role::Plain,
                &[b"a\tb\x1b[2J\x1b[31mc"],
            ),
        ];
        assert_eq!(
            texts(&jobs, 24, 39, false),
            [
                "[+] Building 1.2s (1/2)",
                " => [1/2] FROM x                  1.2s",
                " => [2/2] RUN 語語語語語語語語語  1.2s",
                " => => # a       bc",
            ]
        );
    }

    #[test]
    fn a_terminal_of_no_width_shows_what_it_can() {
        let jobs = [job("[1/2] FROM x", Role::Plain, &[b"out"])];
        assert_eq!(texts(&jobs, 24, 3, false), ["[+"]);
        assert_eq!(texts(&jobs, 24, 1, false), [""]);
        assert_eq!(texts(&jobs, 1, 80, false).len(), 1);
    }

    #[test]
    fn what_runs_is_shown_before_what_has_ended() {
        let tail: &[&[u8]] = &[b"1", b"2", b"3"];
        let mut jobs = vec![job("first", Role::Plain, tail)];
        jobs.extend((0..20).map(|number| job(&format!("done {number}"), Role::Done, &[])));
        let shown = texts(&jobs, 10, 40, false);
        assert_eq!(shown.len(), 9);
        assert!(shown[1].starts_with(" => first "), "{shown:?}");
        assert_eq!(shown[2], " => => # 1");
        assert!(shown[8].starts_with(" => done 19 "), "{shown:?}");
        // Too little room for the output.
        let shown = texts(&jobs, 7, 40, false);
        assert_eq!(shown.len(), 6);
        assert!(!shown[2].contains('#'), "{shown:?}");
        assert_eq!(texts(&jobs, 7, 40, true).len(), 22);
    }
}
