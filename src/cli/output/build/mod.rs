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
use crate::sys;

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
    signals: Option<Signals>,
    interruption: Cell<Option<i32>>,
}

/// Signals that are kept from ending the process.
struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    /// Takes those over that would end it; what its parent has it ignore (`nohup`, a shell's `&`) stays ignored.
    fn take() -> nix::Result<Signals> {
        let before = SigSet::thread_get_mask()?;
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            if !sys::signal::is_ignored(signal as i32) {
                set.add(signal);
            }
        }
        set.thread_block()?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Signals { fd, before })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // Cannot fail for a mask that was in force. One that waits ends the process here.
        let _ = self.before.thread_set_mask();
    }
}

impl Watcher {
    /// Begins to watch. From now on Ctrl-C does not end this process, see [`Observer::interruption`], until
    /// [`Observer::release_signals`] or the watcher's end.
    pub(crate) fn new(style: Style, look: Look) -> Watcher {
        let shown: Box<dyn Observer> = match style {
            Style::Quiet => Box::new(Terminal::new(None)),
            Style::Plain => Box::new(Plain::new()),
            Style::Terminal => Box::new(Terminal::new(Some(look))),
            Style::RawJson => Box::new(RawJson::new()),
        };
        Watcher {
            shown,
            signals: Signals::take().ok(),
            interruption: Cell::new(None),
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

    fn interruption(&self) -> Option<i32> {
        if let Some(signals) = &self.signals
            && let Ok(Some(signal)) = signals.fd.read_signal()
        {
            self.interruption.set(Some(signal.ssi_signo as i32));
        }
        self.interruption.get()
    }

    fn release_signals(&mut self) {
        self.signals = None;
    }
}
