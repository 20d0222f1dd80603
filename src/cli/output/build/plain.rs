//! `--progress=plain`: a line for everything that happens, as BuildKit's.
//!
//! ```text
//! #3 [2/4] RUN make
//! #3 0.214 cc -o x x.c
//! #3 DONE 0.9s
//! ```

use std::collections::BTreeMap;
use std::time::Instant;

use crate::build::event::{Event, Observer, StepId};
use crate::cli::context::eprint;
use crate::cli::output::escape;

/// Bytes of a line that has no end yet.
const MAX_LINE: usize = 16 << 10;

/// One step.
struct Step {
    number: usize,
    begun: Instant,
    cached: bool,
    /// What has no line end yet.
    partial: Vec<u8>,
}

/// Shows a build line by line.
pub(super) struct Plain {
    steps: BTreeMap<StepId, Step>,
}

impl Plain {
    pub(super) fn new() -> Plain {
        Plain {
            steps: BTreeMap::new(),
        }
    }
}

impl Observer for Plain {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, name } => {
                let number = self.steps.len() + 1;
                let begun = Instant::now();
                self.steps.insert(
                    *step,
                    Step {
                        number,
                        begun,
                        cached: false,
                        partial: Vec::new(),
                    },
                );
                eprint(&format!("#{number} {}\n", escape::line(name)));
            }
            Event::Cached { step } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.cached = true;
                    eprint(&format!("#{} CACHED\n\n", step.number));
                }
            }
            Event::Output { step, bytes, .. } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.output(bytes);
                }
            }
            Event::Ended { step, error } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.end(error.as_deref());
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
}

impl Step {
    fn output(&mut self, bytes: &[u8]) {
        let mut lines = String::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, further) = (&rest[..end], &rest[end + 1..]);
            if self.partial.is_empty() {
                lines += &self.line(line);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                lines += &self.line(&whole);
            }
            rest = further;
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > MAX_LINE {
            let line = std::mem::take(&mut self.partial);
            lines += &self.line(&line);
        }
        eprint(&lines);
    }

    fn line(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        let seconds = self.begun.elapsed().as_secs_f64();
        format!("#{} {seconds:.3} {text}\n", self.number)
    }

    fn end(&mut self, error: Option<&str>) {
        let mut text = String::new();
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            text += &self.line(&line);
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        let number = self.number;
        text += &match error {
            Some(error) => format!("#{number} ERROR: {}\n", escape::line(error)),
            None => format!("#{number} DONE {seconds:.1}s\n\n"),
        };
        eprint(&text);
    }
}
