//! What a build shows while it runs, all on stderr: BuildKit's words.

mod lines;
mod palette;
mod picture;
mod plain;
mod terminal;

use std::cell::Cell;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::build::event::{Event, Observer};

pub(crate) use palette::{Palette, Role};
use plain::Plain;
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
