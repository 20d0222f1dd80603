//! A line per layer: a bar on a terminal, a line per change of state elsewhere. Everything goes to stderr.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;
use crate::cli::context::eprint;
use crate::cli::streams;

/// What is said of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// `Pull complete`.
    pub(crate) words: String,
    /// Done, and all; bytes.
    pub(crate) numbers: Option<(u64, u64)>,
}

/// The layers on their way.
#[derive(Debug)]
pub(crate) struct Layers(View);

#[derive(Debug)]
enum View {
    /// Nothing is shown.
    Quiet,
    /// A line per change of state, as Docker without a terminal.
    Lines(Mutex<HashMap<String, String>>),
    /// A bar per layer.
    Bars {
        all: MultiProgress,
        /// In the order they began.
        layers: Mutex<Vec<(String, ProgressBar)>>,
    },
}

impl Layers {
    /// Shows them in the way that stderr allows.
    pub(crate) fn new(quiet: bool) -> Layers {
        Layers(if quiet {
            View::Quiet
        } else if streams::stderr_is_terminal() {
            View::Bars {
                // Drawn ten times a second at most; no thread of its own does it.
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
                layers: Mutex::default(),
            }
        } else {
            View::Lines(Mutex::default())
        })
    }

    /// Ends the bars: what they say last stays as lines, for a bar goes when its library forgets it.
    pub(crate) fn finish(&self) {
        match &self.0 {
            View::Quiet => {}
            View::Lines(seen) => seen.lock().unwrap_or_else(PoisonError::into_inner).clear(),
            View::Bars { all, layers } => {
                let mut layers = layers.lock().unwrap_or_else(PoisonError::into_inner);
                for (id, bar) in layers.drain(..) {
                    bar.finish_and_clear();
                    let _ = all.println(format!("{id}: {}", bar.message()));
                }
            }
        }
    }

    /// Says something, unless quiet.
    pub(crate) fn line(&self, text: &str) {
        if !matches!(self.0, View::Quiet) {
            self.always(text);
        }
    }

    /// Says something, quiet or not.
    pub(crate) fn always(&self, text: &str) {
        let text = &*escape::line(text);
        match &self.0 {
            View::Quiet | View::Lines(_) => eprint(&format!("{text}\n")),
            View::Bars { all, .. } => {
                // Where the terminal has gone there is nobody to tell.
                let _ = all.println(text);
            }
        }
    }

    /// Says where a layer is.
    pub(crate) fn layer(&self, id: &str, line: &Line) {
        match &self.0 {
            View::Quiet => {}
            View::Lines(seen) => {
                // Docker prints no line for the numbers in between.
                if line.numbers.is_some() {
                    return;
                }
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let words = &*escape::line(&line.words);
                if seen.insert(id.to_owned(), words.to_owned()).as_deref() != Some(words) {
                    eprint(&format!("{id}: {words}\n"));
                }
            }
            View::Bars { all, layers } => {
                let mut layers = layers.lock().unwrap_or_else(PoisonError::into_inner);
                let known = layers.iter().position(|(known, _)| known == id);
                let at = known.unwrap_or_else(|| {
                    layers.push((id.to_owned(), all.add(new_bar(id))));
                    layers.len() - 1
                });
                show(&layers[at].1, line);
            }
        }
    }
}

fn new_bar(id: &str) -> ProgressBar {
    // Alone it would draw a line of its own.
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
    bar.set_style(words_only());
    bar.set_prefix(id.to_owned());
    bar
}

fn words_only() -> ProgressStyle {
    ProgressStyle::with_template("{prefix}: {msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `0123456789ab: Downloading [=====>     ]  12.3MB/45.6MB`.
fn with_numbers() -> ProgressStyle {
    ProgressStyle::with_template(
        "{prefix}: {msg} [{bar:50}]  {decimal_bytes}/{decimal_total_bytes}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("=> ")
}

fn show(bar: &ProgressBar, line: &Line) {
    bar.set_message(escape::line(&line.words).into_owned());
    match line.numbers {
        Some((current, total)) => {
            bar.set_style(with_numbers());
            bar.set_length(total);
            bar.set_position(current);
        }
        None => {
            bar.set_style(words_only());
            bar.tick();
        }
    }
}
