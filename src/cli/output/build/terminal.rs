//! `--progress=tty`: what runs and how long, with the last lines that it wrote, drawn over itself. `--progress=quiet`:
//! nothing of that, and in the end the last lines of a step that has failed.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::build::event::{Event, Observer, StepId};
use crate::cli::context::eprint;
use crate::cli::output::escape;
use crate::container::stream::terminal_size;

/// Lines of a running step's output that are shown.
const TAIL: usize = 6;

/// Lines of a failed step's output that are shown in the end.
const FAILED_TAIL: usize = 40;

/// Bytes of a line that are kept.
const MAX_LINE: usize = 1024;

struct Step {
    name: String,
    begun: Instant,
    ended: Option<Duration>,
    cached: bool,
    error: Option<String>,
    partial: String,
    lines: VecDeque<String>,
}

/// Shows a build as a picture.
pub(super) struct Terminal {
    /// Only failures are shown.
    quiet: bool,
    begun: Instant,
    steps: BTreeMap<StepId, Step>,
    order: Vec<StepId>,
    warnings: Vec<String>,
    /// Lines of the last picture.
    drawn: usize,
    last: Instant,
    /// A shell has the terminal.
    suspended: bool,
}

impl Terminal {
    pub(super) fn new(quiet: bool) -> Terminal {
        Terminal {
            quiet,
            begun: Instant::now(),
            steps: BTreeMap::new(),
            order: Vec::new(),
            warnings: Vec::new(),
            drawn: 0,
            last: Instant::now(),
            suspended: false,
        }
    }

    fn draw(&mut self, is_last: bool) {
        if self.suspended || self.quiet {
            return;
        }
        let (rows, columns) = size();
        let done = self
            .steps
            .values()
            .filter(|step| step.ended.is_some())
            .count();
        let elapsed = self.begun.elapsed().as_secs_f64();
        let state = match (
            is_last,
            self.steps.values().any(|step| step.error.is_some()),
        ) {
            (true, true) => " ERROR",
            (true, false) => " FINISHED",
            _ => "",
        };
        let mut lines = vec![format!(
            "[+] Building {elapsed:.1}s ({done}/{}){state}",
            self.steps.len()
        )];
        for id in &self.order {
            let step = &self.steps[id];
            let seconds = step
                .ended
                .unwrap_or_else(|| step.begun.elapsed())
                .as_secs_f64();
            let mark = match (&step.error, step.cached) {
                (Some(_), _) => "ERROR ",
                (None, true) => "CACHED ",
                _ => "",
            };
            lines.push(beside(
                &format!(" => {mark}{}", step.name),
                &format!("{seconds:.1}s"),
                columns,
            ));
            if step.ended.is_none() {
                let from = step.lines.len().saturating_sub(TAIL);
                let tail = step.lines.iter().skip(from);
                lines.extend(tail.map(|line| beside(&format!(" => => # {line}"), "", columns)));
            }
        }
        // What is above the screen cannot be drawn over.
        let room = rows.saturating_sub(1).max(2);
        if !is_last && lines.len() > room {
            let cut = lines.len() - room + 1;
            lines.drain(1..=cut);
        }
        let mut text = String::new();
        if self.drawn > 0 {
            text += &format!("\x1b[{}A", self.drawn);
        }
        for line in &lines {
            text += &format!("\x1b[2K{line}\n");
        }
        // A longer picture before.
        text += "\x1b[J";
        self.drawn = lines.len();
        self.last = Instant::now();
        eprint(&text);
    }
}

impl Observer for Terminal {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, name } => {
                self.order.push(*step);
                self.steps.insert(
                    *step,
                    Step {
                        name: escape::line(name).into_owned(),
                        begun: Instant::now(),
                        ended: None,
                        cached: false,
                        error: None,
                        partial: String::new(),
                        lines: VecDeque::new(),
                    },
                );
            }
            Event::Cached { step } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.cached = true;
                    step.ended = Some(Duration::ZERO);
                }
            }
            Event::Output { step, bytes, .. } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.output(bytes);
                }
            }
            Event::Ended { step, error } => {
                if std::mem::take(&mut self.suspended) {
                    self.drawn = 0;
                }
                if let Some(step) = self.steps.get_mut(step) {
                    step.end_line();
                    step.ended = Some(step.begun.elapsed());
                    step.error.clone_from(error);
                }
            }
            Event::Shell { step } => {
                self.draw(false);
                self.suspended = true;
                let name = self.steps.get(step).map_or("", |step| step.name.as_str());
                eprint(&format!(
                    "{name} failed: a shell in its place. Leave it to end the build.\n"
                ));
                return;
            }
            Event::Warning { text } => self.warnings.push(text.clone()),
        }
        if self.last.elapsed() > Duration::from_millis(100) {
            self.draw(false);
        }
    }

    fn tick(&mut self) {
        self.draw(false);
    }

    fn finish(&mut self) {
        self.draw(true);
        let mut text = String::new();
        for id in &self.order {
            let step = &self.steps[id];
            if step.error.is_none() {
                continue;
            }
            text += &format!("------\n > {}:\n", step.name);
            for line in &step.lines {
                text += &format!("{line}\n");
            }
            text += "------\n";
        }
        let warnings = self.warnings.iter().filter(|_| !self.quiet);
        for warning in warnings {
            text += &format!("WARNING: {}\n", escape::line(warning));
        }
        eprint(&text);
    }
}

impl Step {
    fn output(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut rest = text.as_ref();
        while let Some(end) = rest.find(['\n', '\r']) {
            let mut line = std::mem::take(&mut self.partial);
            line += &rest[..end];
            self.keep(&line);
            rest = &rest[end + 1..];
        }
        self.partial += rest;
        if self.partial.len() > MAX_LINE {
            self.partial.clear();
        }
    }

    /// Takes what has no line end as a line.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        self.keep(&line);
    }

    fn keep(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        let line = escape::line(line).chars().take(MAX_LINE).collect();
        self.lines.push_back(line);
        if self.lines.len() > FAILED_TAIL {
            self.lines.pop_front();
        }
    }
}

/// One line of the picture: `left`, cut where it has to be, and `right` at the edge.
fn beside(left: &str, right: &str, columns: usize) -> String {
    let width = columns.saturating_sub(right.chars().count() + 2);
    let left: String = left.chars().take(width).collect();
    format!("{left:<width$} {right}").trim_end().to_owned()
}

/// Rows and columns of the terminal.
fn size() -> (usize, usize) {
    let (rows, columns) = terminal_size(rustix::stdio::stderr()).unwrap_or((24, 80));
    (usize::from(rows), usize::from(columns))
}
