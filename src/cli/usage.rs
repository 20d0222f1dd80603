//! clap's complaints in the words of Docker's command line, which are those of Go's pflag and of cobra.

use std::error::Error as _;
use std::num::ParseIntError;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// clap's complaint in Docker's words: `Ok` for one about flags, `Err` for one about the number of arguments.
pub(super) fn message(
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
            let reason = error
                .source()
                .map(|source| match source.is::<ParseIntError>() {
                    // The words of Go, which people look for.
                    true => format!(": strconv.ParseInt: parsing {value:?}: invalid syntax"),
                    false => format!(": {source}"),
                });
            Ok(format!(
                "invalid argument {value:?} for {:?} flag{}",
                both_forms(flag_name(&argument), command),
                reason.unwrap_or_default()
            ))
        }
        ErrorKind::InvalidUtf8 => Ok("an argument is not valid UTF-8".to_owned()),
        _ => Ok(error.to_string()),
    }
}

/// clap's guess at the flag that was meant.
pub(super) fn suggestion(error: &clap::Error) -> Option<String> {
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

/// `--timeout` → `-t, --timeout`.
fn both_forms(flag: &str, command: &clap::Command) -> String {
    let mut arguments = command.get_arguments();
    let short = arguments
        .find(|argument| argument.get_long() == flag.strip_prefix("--"))
        .and_then(clap::Arg::get_short);
    match short {
        Some(short) => format!("-{short}, {flag}"),
        None => flag.to_owned(),
    }
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
