//! `--progress=tty`: what runs and how long, with the last lines that it wrote, drawn over itself. `--progress=quiet`:
//! nothing of that, and in the end the last lines of a step that has failed.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::lines::{Form, Lines, Log};
use super::palette::{Palette, Role};
use super::picture::{self, Job, Size};
use crate::build::event::{Event, Observer, StepId};
use crate::cli::context::{eprint, eprint_bytes};
use crate::cli::output::escape;
use crate::container::stream::terminal_size;

/// Between two pictures.
const INTERVAL: Duration = Duration::from_millis(100);

/// What is shown of steps that take less is no time at all.
const MOMENT: f64 = 0.05;

/// Rows that must be left beside the output of a running step.
const ROWS_AROUND: usize = 7;

/// The size where nobody knows it.
const DEFAULT_SIZE: Size = Size {
    rows: 10,
    columns: 80,
};

struct Step {
    name: String,
    begun: Instant,
    ended: Option<Duration>,
    cached: bool,
    error: Option<String>,
    /// The build goes on without it.
    is_missed: bool,
    lines: Lines,
    /// The last lines, as they were written.
    tail: VecDeque<Vec<u8>>,
    log: Log,
}

/// How a picture looks.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// Its colours.
    pub(crate) palette: Palette,
    /// Lines of a running step's output.
    pub(crate) tail: usize,
}

/// Shows a build as a picture.
pub(super) struct Terminal {
    /// `None` where only failures are shown.
    look: Option<Look>,
    form: Form,
    begun: Instant,
    steps: BTreeMap<StepId, Step>,
    order: Vec<StepId>,
    warnings: Vec<String>,
    /// How wide the lines of the last picture are.
    drawn: Vec<usize>,
    last: Instant,
    /// A shell has the terminal.
    suspended: bool,
}

impl Terminal {
    pub(super) fn new(look: Option<Look>) -> Terminal {
        Terminal {
            look,
            form: Form::of_stderr(),
            begun: Instant::now(),
            steps: BTreeMap::new(),
            order: Vec::new(),
            warnings: Vec::new(),
            drawn: Vec::new(),
            last: Instant::now(),
            suspended: false,
        }
    }

    fn draw(&mut self, is_last: bool) {
        let Some(look) = &self.look else { return };
        if self.suspended {
            return;
        }
        let size = size();
        let steps = self.steps.values();
        let done = steps.filter(|step| step.ended.is_some()).count();
        let all = self.steps.len();
        let state = if is_last && done == all {
            " FINISHED"
        } else {
            ""
        };
        let elapsed = self.begun.elapsed().as_secs_f64();
        let header = format!("[+] Building {elapsed:.1}s ({done}/{all}){state}");
        let tail = size.rows.saturating_sub(ROWS_AROUND).clamp(1, look.tail);
        let jobs: Vec<Job<'_>> = (self.order.iter())
            .map(|id| self.steps[id].job(tail, is_last))
            .collect();
        let lines = picture::draw(&header, &jobs, size, &look.palette, is_last);
        // Whoever made the terminal narrower has broken the lines that are longer.
        let rows = |width: &usize| width.div_ceil(size.columns.max(1)).max(1);
        let above: usize = self.drawn.iter().map(rows).sum();
        let mut text = "\x1b[?25l".to_owned();
        if above > 0 {
            text += &format!("\r\x1b[{above}A");
        }
        for line in &lines {
            text += &format!("\x1b[2K{}\n", line.text);
        }
        // A longer picture before.
        text += "\x1b[J\x1b[?25h";
        self.drawn = lines.iter().map(|line| line.width).collect();
        self.last = Instant::now();
        eprint(&text);
    }
}

impl Observer for Terminal {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, name } => {
                self.order.push(*step);
                self.steps.insert(*step, Step::new(name));
            }
            Event::Cached { step } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.cached = true;
                    step.ended = Some(Duration::ZERO);
                }
            }
            Event::Output { step, bytes, .. } => {
                let tail = self.look.as_ref().map_or(0, |look| look.tail);
                if let Some(step) = self.steps.get_mut(step) {
                    step.output(bytes, self.form, tail);
                }
            }
            Event::Status { step, text } => {
                let tail = self.look.as_ref().map_or(0, |look| look.tail);
                if let Some(step) = self.steps.get_mut(step) {
                    step.output(format!("{text}\n").as_bytes(), self.form, tail);
                }
            }
            Event::Ended { step, error } => {
                if std::mem::take(&mut self.suspended) {
                    self.drawn.clear();
                }
                if let Some(step) = self.steps.get_mut(step) {
                    step.output_end(self.form);
                    step.ended = Some(step.begun.elapsed());
                    step.error.clone_from(error);
                }
            }
            Event::Missed { step, error } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.ended = Some(step.begun.elapsed());
                    step.error = Some(error.clone());
                    step.is_missed = true;
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
        if self.last.elapsed() > INTERVAL {
            self.draw(false);
        }
    }

    fn tick(&mut self) {
        self.draw(false);
    }

    fn finish(&mut self) {
        self.draw(true);
        for id in &self.order {
            let step = &self.steps[id];
            if step.error.is_some() && !step.is_missed {
                eprint_bytes(&step.log.of_failed(&step.name, true));
            }
        }
        if self.look.is_none() {
            // buildx shows no warnings then, be they of the linter or of a cache that could not be read.
            return;
        }
        for warning in &self.warnings {
            eprint(&format!("WARNING: {}\n", escape::line(warning)));
        }
    }
}

impl Step {
    fn new(name: &str) -> Step {
        Step {
            name: escape::line(name).into_owned(),
            begun: Instant::now(),
            ended: None,
            cached: false,
            error: None,
            is_missed: false,
            lines: Lines::default(),
            tail: VecDeque::new(),
            log: Log::new(usize::MAX),
        }
    }

    fn output(&mut self, bytes: &[u8], form: Form, tail: usize) {
        let after = self.begun.elapsed();
        self.lines.feed(bytes, |line| {
            self.log.push(form.line(after, line));
            self.tail.push_back(line.to_vec());
            if self.tail.len() > tail {
                self.tail.pop_front();
            }
        });
    }

    fn output_end(&mut self, form: Form) {
        let after = self.begun.elapsed();
        self.lines.end(|line| self.log.push(form.line(after, line)));
        self.tail.clear();
    }

    /// Returns what the picture shows of it, with so many lines of its output. At the end of a build what still runs has
    /// been cancelled.
    fn job(&self, tail: usize, is_last: bool) -> Job<'_> {
        let (mark, role) = match (&self.error, self.ended) {
            (Some(_), _) => ("ERROR ", Role::Failed),
            (None, Some(_)) if self.cached => ("CACHED ", Role::Done),
            (None, Some(_)) => ("", Role::Done),
            (None, None) if is_last => ("CANCELED ", Role::Cancelled),
            (None, None) => ("", Role::Plain),
        };
        let partial = Some(self.lines.partial()).filter(|line| !line.is_empty());
        let lines = self.tail.iter().map(Vec::as_slice).chain(partial);
        let mut tail_lines: Vec<&[u8]> = match self.ended {
            Some(_) => Vec::new(),
            None => lines.collect(),
        };
        tail_lines.drain(..tail_lines.len().saturating_sub(tail));
        let seconds = (self.ended)
            .unwrap_or_else(|| self.begun.elapsed())
            .as_secs_f64();
        Job {
            name: format!("{mark}{}", self.name),
            seconds: if seconds < MOMENT { 0.0 } else { seconds },
            role,
            tail: tail_lines,
        }
    }
}

/// The terminal's size; one that says it has none has not been told.
fn size() -> Size {
    match terminal_size(rustix::stdio::stderr()) {
        Some((rows, columns)) if rows > 0 && columns > 0 => Size {
            rows: usize::from(rows),
            columns: usize::from(columns),
        },
        _ => DEFAULT_SIZE,
    }
}
