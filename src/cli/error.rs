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

use std::error::Error;
use std::io;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Exit code of `run`, `create` and `exec` when it was us who failed, and of wrong flags everywhere.
pub(crate) const ENGINE_ERROR: i32 = 125;
/// See [`ENGINE_ERROR`].
pub(crate) const USAGE_ERROR: i32 = ENGINE_ERROR;

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
            message: message.into(),
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
            message: message.into(),
            code: 1,
        }
    }

    /// Sorts a library error.
    pub(crate) fn of<E: Error + 'static>(error: E) -> Failure {
        let mut causes = Vec::new();
        let mut hint = hint_for(&error);
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            hint = hint.or_else(|| hint_for(cause));
            source = cause.source();
        }
        Failure::Message {
            message: error.to_string(),
            causes,
            hint,
            code: 1,
            debug: Some(format!("{error:?}")),
        }
    }

    /// A failed write to stdout: quiet where the reader has gone.
    pub(crate) fn stdout(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::Quiet(1)
        } else {
            Failure::message(format!("cannot write to standard output: {error}"))
        }
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

    /// What is printed on stderr. `debug` adds the error in Rust's words.
    pub(crate) fn render(&self, program: &str, verbose: bool) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        match self {
            Failure::Quiet(_) => {}
            Failure::Plain { message, .. } => {
                let _ = writeln!(text, "{message}");
            }
            Failure::Message {
                message,
                causes,
                hint,
                debug,
                ..
            } => {
                let _ = writeln!(text, "Error: {message}");
                for cause in causes {
                    let _ = writeln!(text, "Caused by: {cause}");
                }
                if let Some(hint) = hint {
                    let _ = writeln!(text, "Hint: {hint}");
                }
                if let Some(debug) = debug.as_ref().filter(|_| verbose) {
                    let _ = writeln!(text, "Debug: {debug}");
                }
            }
            Failure::Usage {
                message,
                usage,
                help,
                hint,
                ..
            } => {
                let _ = writeln!(text, "{program}: {message}\n");
                if let Some(usage) = usage {
                    let _ = writeln!(text, "Usage:  {usage}\n");
                }
                let _ = writeln!(text, "Run '{help}' for more information");
                if let Some(hint) = hint {
                    let _ = writeln!(text, "Hint: {hint}");
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

/// What can be done about `error`, if it is one of those something can be done about.
fn hint_for(error: &(dyn Error + 'static)) -> Option<String> {
    let io = error.downcast_ref::<io::Error>()?;
    let text = match io.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, e.g. with \"ctr system prune\", or point --root to another filesystem"
        }
        io::ErrorKind::ReadOnlyFilesystem => "point --root to a directory that can be written",
        _ => return None,
    };
    Some(text.to_owned())
}

/// clap's complaint in Docker's words: `Ok` for one about flags, `Err` for one about the number of arguments.
pub(crate) fn usage_message(
    error: &clap::Error,
    command: &clap::Command,
    program: &str,
    name: &str,
) -> Result<String, String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let argument = text(ContextKind::InvalidArg);
    let value = text(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with("--") => {
            Ok(format!("unknown flag: {argument}"))
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') && argument.len() > 1 => {
            let letter: String = argument.chars().skip(1).take(1).collect();
            Ok(format!("unknown shorthand flag: '{letter}' in {argument}"))
        }
        ErrorKind::UnknownArgument
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::TooFewValues
        | ErrorKind::TooManyValues => {
            Err(format!("'{program} {name}' {}", argument_count(command)))
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            Ok(format!("flag needs an argument: {}", flag_name(&argument)))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let reason = error.source().map(|source| format!(": {source}"));
            Ok(format!(
                "invalid argument {value:?} for {:?} flag{}",
                flag_name(&argument),
                reason.unwrap_or_default()
            ))
        }
        ErrorKind::InvalidUtf8 => Ok("an argument is not valid UTF-8".to_owned()),
        _ => Ok(error.to_string()),
    }
}

/// clap's guess at the flag that was meant.
pub(crate) fn suggestion(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => {
            Some(format!("the most similar flag is {}", flag_name(flag)))
        }
        _ => None,
    }
}

/// `--memory <MEMORY>` → `--memory`.
fn flag_name(argument: &str) -> &str {
    argument.split([' ', '=', '[']).next().unwrap_or(argument)
}

/// Docker's sentence on how many arguments there should be.
fn argument_count(command: &clap::Command) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (mut least, mut most) = (0, Some(0));
    for positional in command.get_positionals() {
        let range = positional.get_num_args().unwrap_or_default();
        if positional.is_required_set() {
            least += range.min_values().max(1);
        }
        most = if matches!(positional.get_action(), clap::ArgAction::Append)
            || range.max_values() == usize::MAX
        {
            None
        } else {
            most.map(|most| most + range.max_values().max(1))
        };
    }
    match most {
        Some(0) => "accepts no arguments".to_owned(),
        Some(most) if most == least => format!("requires {least} argument{}", plural(least)),
        Some(most) if least == 0 => format!("requires at most {most} argument{}", plural(most)),
        Some(most) => format!("requires at least {least} and at most {most} arguments"),
        None => format!("requires at least {least} argument{}", plural(least)),
    }
}
