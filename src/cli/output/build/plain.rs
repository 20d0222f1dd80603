//! `--progress=plain`: a line for everything that happens, as BuildKit's.
//!
//! ```text
//! #3 [2/4] RUN make
//! #3 0.214 cc -o x x.c
//! #3 DONE 0.9s
//! ```

use std::collections::BTreeMap;
use std::time::Instant;

use super::lines::{Form, Lines, Log};
use crate::build::event::{Event, Observer, StepId};
use crate::cli::context::{eprint, eprint_bytes};
use crate::cli::output::escape;

/// Lines of a failed step that are shown once more in the end.
const FAILED_TAIL: usize = 10;

/// One step.
struct Step {
    number: usize,
    name: String,
    begun: Instant,
    lines: Lines,
    log: Log,
    has_failed: bool,
}

/// Shows a build line by line.
pub(super) struct Plain {
    form: Form,
    steps: BTreeMap<StepId, Step>,
}

impl Plain {
    pub(super) fn new() -> Plain {
        Plain {
            form: Form::of_stderr(),
            steps: BTreeMap::new(),
        }
    }
}

impl Observer for Plain {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, name } => {
                let number = self.steps.len() + 1;
                let name = escape::line(name).into_owned();
                eprint(&format!("#{number} {name}\n"));
                self.steps.insert(
                    *step,
                    Step {
                        number,
                        name,
                        begun: Instant::now(),
                        lines: Lines::default(),
                        log: Log::new(FAILED_TAIL),
                        has_failed: false,
                    },
                );
            }
            Event::Cached { step } => {
                if let Some(step) = self.steps.get(step) {
                    eprint(&format!("#{} CACHED\n\n", step.number));
                }
            }
            Event::Output { step, bytes, .. } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.output(bytes, self.form);
                }
            }
            Event::Status { step, text } => {
                if let Some(step) = self.steps.get(step) {
                    eprint(&format!("#{} {} done\n", step.number, escape::line(text)));
                }
            }
            Event::Ended { step, error } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.end(error.as_deref(), self.form);
                }
            }
            Event::Missed { step, error } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.end(Some(error), self.form);
                    step.has_failed = false;
                }
            }
            Event::Shell { step } => {
                if let Some(step) = self.steps.get(step) {
                    eprint(&format!("#{} failed: a shell in its place\n", step.number));
                }
            }
            Event::Warning { text } => eprint(&format!("WARNING: {}\n", escape::line(text))),
        }
    }

    fn finish(&mut self) {
        for step in self.steps.values().filter(|step| step.has_failed) {
            eprint_bytes(&step.log.of_failed(&step.name, false));
        }
    }
}

impl Step {
    fn output(&mut self, bytes: &[u8], form: Form) {
        let after = self.begun.elapsed();
        let mut text = Vec::new();
        self.lines.feed(bytes, |line| {
            let line = form.line(after, line);
            text.extend(format!("#{} ", self.number).into_bytes());
            text.extend_from_slice(&line);
            self.log.push(line);
        });
        eprint_bytes(&text);
    }

    fn end(&mut self, error: Option<&str>, form: Form) {
        let after = self.begun.elapsed();
        let number = self.number;
        let mut text = Vec::new();
        self.lines.end(|line| {
            let line = form.line(after, line);
            text.extend(format!("#{number} ").into_bytes());
            text.extend_from_slice(&line);
            self.log.push(line);
        });
        self.has_failed = error.is_some();
        let end = match error {
            Some(error) => format!("#{number} ERROR: {}\n", escape::line(error)),
            None => format!("#{number} DONE {:.1}s\n\n", after.as_secs_f64()),
        };
        text.extend(end.into_bytes());
        eprint_bytes(&text);
    }
}
