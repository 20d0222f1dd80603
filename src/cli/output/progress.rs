//! How a pull looks: bars on a terminal, Docker's lines elsewhere. Everything goes to stderr.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;
use crate::cli::context::eprint;
use crate::cli::streams;
use crate::image::pull::{Event, LayerState, Progress};

/// Watches pulls.
#[derive(Debug)]
pub(crate) struct Watcher {
    view: View,
}

#[derive(Debug)]
enum View {
    /// Nothing is shown but warnings.
    Quiet,
    /// A line per change of state, as Docker without a terminal.
    Lines(Mutex<HashMap<String, LayerState>>),
    /// A bar per layer.
    Bars {
        all: MultiProgress,
        /// In the order they began.
        layers: Mutex<Vec<(String, ProgressBar)>>,
    },
}

impl Watcher {
    /// Watches in the way that stderr allows.
    pub(crate) fn new(quiet: bool) -> Watcher {
        let view = if quiet {
            View::Quiet
        } else if streams::stderr_is_terminal() {
            View::Bars {
                // Drawn ten times a second at most; no thread of its own does it.
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
                layers: Mutex::default(),
            }
        } else {
            View::Lines(Mutex::default())
        };
        Watcher { view }
    }

    /// Ends the bars of one pull: what they say last stays as lines, for a bar goes when its library forgets it.
    pub(crate) fn finish(&self) {
        match &self.view {
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

    fn line(&self, text: &str) {
        let text = &*escape::line(text);
        match &self.view {
            View::Quiet => {}
            View::Lines(_) => eprint(&format!("{text}\n")),
            View::Bars { all, .. } => {
                // Where the terminal has gone there is nobody to tell.
                let _ = all.println(text);
            }
        }
    }

    fn layer(&self, id: &str, state: LayerState) {
        match &self.view {
            View::Quiet => {}
            View::Lines(seen) => {
                // Docker prints no line for the numbers in between.
                let silent = matches!(
                    state,
                    LayerState::Downloading { .. } | LayerState::Extracting { .. }
                );
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if !silent && seen.insert(id.to_owned(), state) != Some(state) {
                    eprint(&format!("{id}: {state}\n"));
                }
            }
            View::Bars { all, layers } => {
                let mut layers = layers.lock().unwrap_or_else(PoisonError::into_inner);
                let known = layers.iter().position(|(known, _)| known == id);
                let at = known.unwrap_or_else(|| {
                    layers.push((id.to_owned(), all.add(new_bar(id))));
                    layers.len() - 1
                });
                show(&layers[at].1, state);
            }
        }
    }
}

impl Progress for Watcher {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Pulling { tag, repository } => {
                self.line(&format!("{tag}: Pulling from {repository}"));
            }
            Event::Layer { id, state } => self.layer(id, state),
            Event::Digest(digest) => {
                self.finish();
                self.line(&format!("Digest: {digest}"));
            }
            Event::Status {
                reference,
                is_newer: true,
            } => self.line(&format!("Status: Downloaded newer image for {reference}")),
            Event::Status { reference, .. } => {
                self.line(&format!("Status: Image is up to date for {reference}"));
            }
            Event::Warning(text) => {
                let text = format!("WARNING: {}", escape::line(text));
                match &self.view {
                    View::Bars { all, .. } => {
                        let _ = all.println(text);
                    }
                    _ => eprint(&(text + "\n")),
                }
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

fn show(bar: &ProgressBar, state: LayerState) {
    bar.set_message(state.to_string());
    match state {
        LayerState::Downloading { current, total } | LayerState::Extracting { current, total } => {
            bar.set_style(with_numbers());
            bar.set_length(total);
            bar.set_position(current);
        }
        _ => {
            bar.set_style(words_only());
            bar.tick();
        }
    }
}
