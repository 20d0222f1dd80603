//! The one place that turns errors into words, hints and exit codes.
//!
//! ```text
//! Error: first line, in Docker's wording
//! Caused by: outermost cause first
//! Hint: something that can be done
//! ```
//!
//! `run` and `exec` exit with 125 for a failure of ours, 126 for a command that cannot be invoked, 127 for one that is not
//! there; other commands with 1; wrong usage is 125 everywhere, as with Docker, but for a wrong number of arguments.
//!
//! Messages quote images, registries and records: what is printed of them goes through [`line()`].

use std::error::Error;
use std::io;
use std::path::Path;

use super::causes;
use super::exit_code::{ENGINE_ERROR, USAGE_ERROR};
use super::output::escape::line;
use crate::errno::told;

/// What a command returns: the exit code.
pub(crate) type Outcome = Result<i32, Failure>;

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something to say.
    Message {
        /// First line.
        message: String,
        /// Outermost first.
        causes: Vec<String>,
        /// What the user can do about it.
        hint: Option<String>,
        /// Exit code.
        code: i32,
        /// The error in Rust's words, for `--debug`.
        debug: Option<String>,
    },
    /// A command line that cannot be understood.
    Usage {
        /// First line.
        message: String,
        /// The usage line.
        usage: Option<String>,
        /// The command that explains more.
        help: String,
        /// What may have been meant.
        hint: Option<String>,
        /// Whether the program's name goes before the first line; Docker's parser of flags leaves it out.
        named: bool,
        /// Exit code.
        code: i32,
    },
    /// A line of Docker's client.
    Plain {
        /// The line.
        message: String,
        /// Exit code.
        code: i32,
    },
    /// Everything has been said, or nobody listens.
    Quiet(i32),
}

impl Failure {
    /// A failure with one line and exit code 1.
    pub(crate) fn message(message: impl Into<String>) -> Failure {
        Failure::Message {
            message: told(&message.into()).into_owned(),
            causes: Vec::new(),
            hint: None,
            code: 1,
            debug: None,
        }
    }

    /// A flag that Docker has and this version has not.
    pub(crate) fn unbuilt(long: &str) -> Failure {
        Failure::message(format!("--{long} is not supported yet"))
            .with_hint("leave it out; it is refused rather than ignored, so that nothing runs other than asked")
            .with_code(USAGE_ERROR)
    }

    /// A failure whose first line is Docker's client's own and stands without "Error:", with exit code 1.
    pub(crate) fn plain(message: impl Into<String>) -> Failure {
        Failure::Plain {
            message: told(&message.into()).into_owned(),
            code: 1,
        }
    }

    /// Sorts a library error.
    pub(crate) fn of<E: Error + 'static>(error: E) -> Failure {
        let mut lines = Vec::new();
        let mut hint = None;
        let mut code = 1;
        let mut link: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = link {
            let sorted = causes::sort(error);
            lines.push(told(&error.to_string()).into_owned());
            hint = hint.or(sorted.hint);
            code = sorted.code.unwrap_or(code);
            link = error.source();
        }
        // Docker says in one line why a command cannot be run, and scripts look for it.
        if code > ENGINE_ERROR {
            lines = vec![lines.join(": ")];
        }
        let causes = lines.split_off(1);
        Failure::Message {
            message: lines.concat(),
            causes,
            hint,
            code,
            debug: Some(format!("{error:?}")),
        }
    }

    /// A failed write to stdout: quiet where the reader has gone.
    pub(crate) fn stdout(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::Quiet(1)
        } else {
            Failure::unwritable("stdout", &error)
        }
    }

    /// A failed write to `stream`, which is `stdout` or `stderr`. Go's words, which are Docker's.
    pub(crate) fn unwritable(stream: &str, error: &io::Error) -> Failure {
        Failure::message(format!("write /dev/{stream}: {}", told(&error.to_string())))
    }

    /// An operation on a file, in Go's words, which are Docker's: `open out.tar: permission denied`.
    pub(crate) fn on_file(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Failure {
        let path = path.display().to_string();
        move |error| Failure::message(format!("{operation} {path}: {error}"))
    }

    /// Puts before the first line what was to be done, and to what.
    pub(crate) fn about(mut self, what: &str) -> Failure {
        if let Failure::Message { message, .. } = &mut self {
            *message = format!("{what}: {message}");
        }
        self
    }

    /// Adds a hint.
    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> Failure {
        if let Failure::Message { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// Sets the exit code.
    pub(crate) fn with_code(mut self, new: i32) -> Failure {
        match &mut self {
            Failure::Message { code, .. }
            | Failure::Usage { code, .. }
            | Failure::Plain { code, .. }
            | Failure::Quiet(code) => *code = new,
        }
        self
    }

    /// Makes it a failure of `run`, `create` or `exec`: 125, unless something more precise is known.
    pub(crate) fn or_engine_error(self) -> Failure {
        if self.code() == 1 {
            self.with_code(ENGINE_ERROR)
        } else {
            self
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> i32 {
        match self {
            Failure::Message { code, .. }
            | Failure::Usage { code, .. }
            | Failure::Plain { code, .. }
            | Failure::Quiet(code) => *code,
        }
    }

    /// Returns first line and causes in one, for a warning.
    pub(crate) fn in_a_line(&self) -> String {
        match self {
            Failure::Message {
                message, causes, ..
            } => [message]
                .into_iter()
                .chain(causes)
                .cloned()
                .collect::<Vec<_>>()
                .join(": "),
            Failure::Usage { message, .. } | Failure::Plain { message, .. } => message.clone(),
            Failure::Quiet(_) => String::new(),
        }
    }

    /// What is printed on stderr. `debug` adds the error in Rust's words.
    pub(crate) fn render(&self, program: &str, verbose: bool) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        match self {
            Failure::Quiet(_) => {}
            Failure::Plain { message, .. } => {
                let _ = writeln!(text, "{}", line(message));
            }
            Failure::Message {
                message,
                causes,
                hint,
                debug,
                ..
            } => {
                let _ = writeln!(text, "Error: {}", line(message));
                for cause in causes {
                    let _ = writeln!(text, "Caused by: {}", line(cause));
                }
                if let Some(hint) = hint {
                    let _ = writeln!(text, "Hint: {}", line(hint));
                }
                if let Some(debug) = debug.as_ref().filter(|_| verbose) {
                    let _ = writeln!(text, "Debug: {}", line(debug));
                }
            }
            Failure::Usage {
                message,
                usage,
                help,
                hint,
                named,
                ..
            } => {
                if *named {
                    let _ = write!(text, "{program}: ");
                }
                // clap's own words may have several lines.
                for words in message.lines() {
                    let _ = writeln!(text, "{}", line(words));
                }
                text.push('\n');
                if let Some(usage) = usage {
                    let _ = writeln!(text, "Usage:  {}\n", line(usage));
                }
                let _ = writeln!(text, "Run '{}' for more information", line(help));
                if let Some(hint) = hint {
                    let _ = writeln!(text, "Hint: {}", line(hint));
                }
            }
        }
        text
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::of(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_causes_and_hints() {
        let failure = Failure::of(crate::userns::Error::Unshare(io::Error::from_raw_os_error(
            libc::EPERM,
        )));
        let text = failure.render("ctr", false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Error: cannot create a user namespace");
        assert_eq!(lines[1], "Caused by: operation not permitted");
        assert!(lines[2].starts_with("Hint: "));
        assert_eq!(failure.or_engine_error().code(), 125);
    }

    #[test]
    fn the_terminal_obeys_no_error() {
        let evil = "\x1b[2J\u{9b}31mx\nError: y";
        let failure = Failure::Message {
            message: evil.to_owned(),
            causes: vec![evil.to_owned()],
            hint: Some(evil.to_owned()),
            code: 1,
            debug: Some(evil.to_owned()),
        };
        let usage = Failure::Usage {
            message: evil.to_owned(),
            usage: Some(evil.to_owned()),
            help: evil.to_owned(),
            hint: Some(evil.to_owned()),
            named: true,
            code: 125,
        };
        for (failure, lines) in [(failure, 4), (Failure::plain(evil), 1), (usage, 7)] {
            let text = failure.render("ctr", true);
            assert_eq!(text.lines().count(), lines, "{text:?}");
            assert!(
                !text.contains(|c: char| c != '\n' && c.is_control()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_command_that_cannot_run_is_one_line() {
        let failure = Failure::of(crate::runtime::Error::CommandNotExecutable {
            command: "/etc".to_owned(),
            source: io::Error::from_raw_os_error(libc::EACCES),
        });
        assert_eq!(
            failure.render("ctr", false),
            "Error: exec: \"/etc\": permission denied\n"
        );
        assert_eq!(failure.or_engine_error().code(), 126);
    }
}
