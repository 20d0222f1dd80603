//! What a build shows while it runs, all on stderr: BuildKit's words.

mod lines;
mod palette;
mod picture;
mod plain;
pub(crate) mod rawjson;
mod terminal;

use std::cell::Cell;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::build::event::{Event, Observer};
use crate::cli::context::Context;

pub(crate) use palette::{Palette, Role};
use plain::Plain;
use rawjson::RawJson;
pub(crate) use terminal::Look;
use terminal::Terminal;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all, but for the output of a step that fails.
    Quiet,
    /// A line for everything that happens.
    Plain,
    /// A picture of what runs, drawn again and again.
    Terminal,
    /// A JSON object for everything that happens.
    RawJson,
}

impl Style {
    /// Whether lines of text are out of place on stderr, but for the error that ends the build.
    pub(crate) fn is_wordless(self) -> bool {
        matches!(self, Style::Quiet | Style::RawJson)
    }

    /// Shows a warning.
    pub(crate) fn warn(self, context: &Context, text: &str) {
        match self {
            Style::RawJson => rawjson::warn(text),
            _ => context.warn(text),
        }
    }

    /// Shows what has been done for an image, in words.
    pub(crate) fn exported(self, context: &Context, done: &[String]) {
        match self {
            Style::Quiet => {}
            Style::RawJson => rawjson::exported(done),
            Style::Plain | Style::Terminal => done.iter().for_each(|words| context.eprintln(words)),
        }
    }
}

/// Watches a build, and whether the user wants it to end.
pub(crate) struct Watcher {
    shown: Box<dyn Observer>,
    signals: Option<SignalFd>,
    interrupted: Cell<bool>,
}

impl Watcher {
    /// Begins to watch. From now on Ctrl-C does not end this process; see [`Observer::is_interrupted`].
    pub(crate) fn new(style: Style, look: Look) -> Watcher {
        let shown: Box<dyn Observer> = match style {
            Style::Quiet => Box::new(Terminal::new(None)),
            Style::Plain => Box::new(Plain::new()),
            Style::Terminal => Box::new(Terminal::new(Some(look))),
            Style::RawJson => Box::new(RawJson::new()),
        };
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = set
            .thread_block()
            .and_then(|()| SignalFd::with_flags(&set, flags))
            .ok();
        Watcher {
            shown,
            signals,
            interrupted: Cell::new(false),
        }
    }
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event) {
        self.shown.event(event);
    }

    fn tick(&mut self) {
        self.shown.tick();
    }

    fn finish(&mut self) {
        self.shown.finish();
    }

    fn is_interrupted(&self) -> bool {
        if let Some(signals) = &self.signals
            && matches!(signals.read_signal(), Ok(Some(_)))
        {
            self.interrupted.set(true);
        }
        self.interrupted.get()
    }
}
