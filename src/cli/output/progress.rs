//! How a pull, a push and a load look. Everything goes to stderr.

use super::escape;
use super::layers::{Layers, Line};
use crate::cli::streams;
use crate::image::{Event, Progress};

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

impl Progress for Watcher {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Pulling { tag, repository } => {
                self.0.line(&format!("{tag}: Pulling from {repository}"));
            }
            Event::Partial { index, manifest } => {
                // Docker's words.
                self.0.line(
                    "Not all multiplatform-content is present and only the available single-platform image was pushed",
                );
                self.0.line(&format!("{index} -> {manifest}"));
            }
            Event::Layer { id, state } => {
                let words = state.to_string();
                let numbers = state.bytes().map(|bytes| (bytes.current, bytes.total));
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
            Event::Pushed => self.finish(),
            Event::Warning(text) => self.0.always(&format!("WARNING: {}", escape::line(text))),
        }
    }
}
