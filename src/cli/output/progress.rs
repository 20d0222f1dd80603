//! How a pull and a push look. Everything goes to stderr.

use super::escape;
use super::layers::{Layers, Line};
use crate::image::{pull, push};

/// Watches pulls and pushes.
#[derive(Debug)]
pub(crate) struct Watcher(Layers);

impl Watcher {
    /// Watches in the way that stderr allows; where `quiet`, nothing is shown but warnings.
    pub(crate) fn new(quiet: bool) -> Watcher {
        Watcher(Layers::new(quiet))
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
