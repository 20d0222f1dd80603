//! How a pull, a push and a load look. Everything goes to stderr.

use super::escape;
use super::layers::{Layers, Line};
use crate::cli::streams;
use crate::content::Digest;
use crate::image::{archive, pull, push};

/// Watches pulls, pushes and loads.
#[derive(Debug)]
pub(crate) struct Watcher(Layers);

impl Watcher {
    /// Watches in the way that stderr allows; where `quiet`, nothing is shown but warnings.
    pub(crate) fn new(quiet: bool) -> Watcher {
        Watcher(Layers::new(quiet))
    }

    /// Watches a load, of which Docker shows nothing but bars on a terminal.
    pub(crate) fn of_load(quiet: bool) -> Watcher {
        Watcher::new(quiet || !streams::stderr_is_terminal())
    }

    /// Ends the bars of one pull or push: what they say last stays as lines.
    pub(crate) fn finish(&self) {
        self.0.finish();
    }
}

impl pull::Progress for Watcher {
    fn event(&self, event: pull::Event<'_>) {
        use pull::{Event, LayerState};
        match event {
            Event::Pulling { tag, repository } => {
                self.0.line(&format!("{tag}: Pulling from {repository}"));
            }
            Event::Layer { id, state } => {
                let numbers = match state {
                    LayerState::Downloading { current, total }
                    | LayerState::Extracting { current, total } => Some((current, total)),
                    _ => None,
                };
                let words = state.to_string();
                self.0.layer(id, &Line { words, numbers });
            }
            Event::Digest(digest) => {
                self.finish();
                self.0.line(&format!("Digest: {digest}"));
            }
            Event::Status {
                reference,
                is_newer: true,
            } => self
                .0
                .line(&format!("Status: Downloaded newer image for {reference}")),
            Event::Status { reference, .. } => {
                self.0
                    .line(&format!("Status: Image is up to date for {reference}"));
            }
            Event::Warning(text) => self.0.always(&format!("WARNING: {}", escape::line(text))),
        }
    }
}

impl push::Progress for Watcher {
    fn event(&self, event: push::Event<'_>) {
        use push::{Event, LayerState};
        match event {
            Event::Partial { index, manifest } => {
                // Docker's words.
                self.0.line(
                    "Not all multiplatform-content is present and only the available single-platform image was pushed",
                );
                self.0.line(&format!("{index} -> {manifest}"));
            }
            Event::Layer { id, state } => {
                let numbers = match state {
                    LayerState::Pushing { current, total } => Some((current, total)),
                    _ => None,
                };
                let words = state.to_string();
                self.0.layer(id, &Line { words, numbers });
            }
            Event::Done => self.finish(),
        }
    }
}

impl archive::Progress for Watcher {
    fn loading(&self, diff_id: &Digest, current: u64, total: u64) {
        let numbers = (current < total).then_some((current, total));
        let words = match numbers {
            Some(_) => "Loading layer",
            None => "Loaded layer",
        }
        .to_owned();
        self.0.layer(diff_id.short(), &Line { words, numbers });
    }
}
