//! What every command says about itself, and how its flags are made to behave as Docker's.
//!
//! Docker parses with Go's pflag, clap has habits of its own. [`Entry::parser`] levels the differences: booleans take
//! `--flag=false`, an option's value may start with a hyphen, the last of several equal options counts, and every flag
//! that Docker knows is known: built, accepted without effect where it has none on Linux, or refused by name.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args};

use super::context::Context;
use super::error::Failure;
pub(crate) use super::error::Outcome;
use super::exit_code::USAGE_ERROR;

/// A command line, without the program, and what it does.
pub(crate) type Example = (&'static str, &'static str);

/// One command: its flags are `Self`, its description their doc comment.
pub(crate) trait Command: Args {
    /// What follows the name in the usage line.
    const USAGE: &'static str;
    /// Command lines, each followed by what it does, for `--help` and the man page.
    const EXAMPLES: &'static [Example];
    /// Flags that are refused by name.
    const UNBUILT: &'static [Flag] = &[];
    /// Flags that have no effect here, accepted for the sake of scripts.
    const IGNORED: &'static [Flag] = &[];
    /// Exit code for a missing or superfluous argument.
    const MISUSE: i32 = 1;
    /// What its arguments name, for completion.
    const NAMES: Names = Names::None;

    /// Does it.
    fn run(self, context: &Context) -> Outcome;
}

/// What the arguments of a command name, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Nothing that could be listed.
    None,
    /// Containers in any state.
    Containers,
    /// Containers that run.
    Running,
    /// Images.
    Images,
    /// An image first, then words of the container's own.
    ImageThenCommand,
    /// A running container first, then words of the container's own.
    RunningThenCommand,
    /// Volumes.
    Volumes,
    /// Any object.
    Any,
}

/// A flag that is known by name only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    long: &'static str,
    short: Option<char>,
    takes_value: bool,
}

impl Flag {
    /// A flag with a value.
    pub(crate) const fn value(long: &'static str) -> Flag {
        Flag {
            long,
            short: None,
            takes_value: true,
        }
    }

    /// A boolean.
    pub(crate) const fn switch(long: &'static str) -> Flag {
        Flag {
            long,
            short: None,
            takes_value: false,
        }
    }

    /// The same with a one-letter form.
    pub(crate) const fn short(self, short: char) -> Flag {
        Flag {
            short: Some(short),
            ..self
        }
    }

    /// The name without hyphens.
    pub(crate) const fn name(self) -> &'static str {
        self.long
    }

    /// Returns whether it was typed.
    pub(crate) fn is_given(self, matches: &ArgMatches) -> bool {
        matches.value_source(self.long) == Some(ValueSource::CommandLine)
    }

    /// Its definition, hidden from help.
    pub(crate) fn arg(self) -> Arg {
        let arg = Arg::new(self.long).long(self.long).hide(true);
        let arg = match self.short {
            Some(short) => arg.short(short),
            None => arg,
        };
        if self.takes_value {
            arg.action(ArgAction::Append)
        } else {
            arg.action(ArgAction::SetTrue)
        }
    }
}

/// Where a command stands in the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Docker's "Common Commands".
    Common,
    /// Everything else.
    Other,
    /// Only under `container`, `image`, `volume`, `system`.
    Management,
    /// Not shown.
    Hidden,
}

/// A row of the table of commands.
pub(crate) struct Entry {
    /// Every way to type it, words separated by one space; the first names its man page.
    pub(crate) names: &'static [&'static str],
    /// Where it is listed.
    pub(crate) group: Group,
    /// What follows the name in the usage line.
    pub(crate) usage: &'static str,
    /// Command lines and what they do.
    pub(crate) examples: &'static [Example],
    /// What its arguments name.
    pub(crate) argument_names: Names,
    unbuilt: &'static [Flag],
    ignored: &'static [Flag],
    misuse: i32,
    augment: fn(clap::Command) -> clap::Command,
    run: fn(&ArgMatches, &Context) -> Outcome,
}

impl Entry {
    /// The row of command `C`.
    pub(crate) const fn of<C: Command>(group: Group, names: &'static [&'static str]) -> Entry {
        Entry {
            names,
            group,
            usage: C::USAGE,
            examples: C::EXAMPLES,
            argument_names: C::NAMES,
            unbuilt: C::UNBUILT,
            ignored: C::IGNORED,
            misuse: C::MISUSE,
            augment: C::augment_args,
            run: run::<C>,
        }
    }

    /// The definition as people read it: for help, man pages, completions. `name` is one of `names`.
    pub(crate) fn definition(&self, program: &'static str, name: &'static str) -> clap::Command {
        let last = name.rsplit(' ').next().unwrap_or(name);
        let command = clap::Command::new(last)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .override_usage(format!("{program} {name} {}", self.usage))
            .arg(
                Arg::new("help")
                    .long("help")
                    .action(ArgAction::HelpShort)
                    .help("Print usage"),
            );
        (self.augment)(command)
    }

    /// The definition that parses.
    fn parser(&self, program: &'static str, name: &'static str) -> clap::Command {
        let mut command = self.definition(program, name);
        for flag in self.unbuilt.iter().chain(self.ignored) {
            command = command.arg(flag.arg());
        }
        with_pflag_manners(command)
    }

    /// Parses `arguments` (those after the name) and runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`], and what the command itself returns.
    pub(crate) fn run(
        &self,
        name: &'static str,
        arguments: &[OsString],
        program: &'static str,
        context: impl FnOnce() -> Result<Context, Failure>,
    ) -> Outcome {
        let mut command = self.parser(program, name);
        command.set_bin_name(format!("{program} {name}"));
        let words = std::iter::once(OsString::from(name)).chain(arguments.iter().cloned());
        let matches = match command.try_get_matches_from_mut(words) {
            Ok(matches) => matches,
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                super::context::print(&self.help(program, name))?;
                return Ok(0);
            }
            Err(error) => return Err(self.usage_failure(&error, &command, program, name)),
        };
        for flag in self.unbuilt {
            if flag.is_given(&matches) {
                return Err(Failure::unbuilt(flag.long));
            }
        }
        (self.run)(&matches, &context()?)
    }

    /// The text of `--help`, laid out as Docker's.
    pub(crate) fn help(&self, program: &'static str, name: &'static str) -> String {
        use std::fmt::Write as _;
        let mut tail = String::new();
        if self.names.len() > 1 {
            let aliases: Vec<String> = self
                .names
                .iter()
                .map(|name| format!("{program} {name}"))
                .collect();
            let _ = write!(tail, "\nAliases:\n  {}\n", aliases.join(", "));
        }
        let mut examples = String::new();
        if !self.examples.is_empty() {
            examples.push_str("\nExamples:\n");
            for (line, what) in self.examples {
                let _ = write!(examples, "  # {what}\n  {program} {line}\n");
            }
        }
        let body = self
            .definition(program, name)
            .help_template(format!(
                "Usage:  {{usage}}\n\n{{about}}\n{tail}\nOptions:\n{{options}}\n"
            ))
            .render_help();
        format!("{body}{examples}")
    }

    /// clap's complaint in Docker's words.
    fn usage_failure(
        &self,
        error: &clap::Error,
        command: &clap::Command,
        program: &'static str,
        name: &'static str,
    ) -> Failure {
        let (message, code, named) = match super::usage::message(error, command, program, name) {
            Ok(about_flags) => (about_flags, USAGE_ERROR, false),
            Err(about_arguments) => (about_arguments, self.misuse, true),
        };
        Failure::Usage {
            message,
            usage: Some(format!("{program} {name} {}", self.usage)),
            help: format!("{program} {name} --help"),
            hint: super::usage::suggestion(error),
            named,
            code,
        }
    }
}

fn run<C: Command>(matches: &ArgMatches, context: &Context) -> Outcome {
    C::from_arg_matches(matches)
        .map_err(|error| Failure::message(error.to_string()).with_code(USAGE_ERROR))?
        .run(context)
}

/// Makes a definition parse as Go's pflag does.
pub(crate) fn with_pflag_manners(command: clap::Command) -> clap::Command {
    command.args_override_self(true).mut_args(as_pflag)
}

fn as_pflag(arg: Arg) -> Arg {
    if arg.is_positional() {
        return arg;
    }
    match arg.get_action() {
        ArgAction::SetTrue => {
            let arg = arg
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .value_parser(go_bool);
            if arg.get_default_values().is_empty() {
                arg.default_value("false")
            } else {
                arg
            }
        }
        ArgAction::Set | ArgAction::Append => arg.allow_hyphen_values(true),
        _ => arg,
    }
}

/// Go's `strconv.ParseBool`.
///
/// # Errors
///
/// Go's words for what is no truth value.
pub(crate) fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {text:?}: invalid syntax"
        )),
    }
}
