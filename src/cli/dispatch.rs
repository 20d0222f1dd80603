//! argv → one command.
//!
//! Two levels, because building clap's definitions of all commands costs more page faults than starting a container: the
//! first word that is not a global flag picks a row of the table, and only that command's parser is built. The whole tree is
//! built for the overview, for completions and man pages, and to suggest a name for a misspelt one.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Arg, ArgAction, Args, FromArgMatches};

use super::command::{Entry, Group, Outcome};
use super::commands::{COMMANDS, GROUPS, UNBUILT_COMMANDS};
use super::context::{Context, eprint, print};
use super::environment::{self, Globals};
use super::error::Failure;
use super::exit_code::USAGE_ERROR;

/// First line of the overview.
const ABOUT: &str = "A container engine in one binary, with Docker's command line";

/// Runs the command line `arguments`, whose first is the program's name; returns the exit code.
pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let program = program_name(arguments.first());
    let mut globals = Globals::default();
    match dispatch(
        program,
        arguments.get(1..).unwrap_or_default(),
        &mut globals,
    ) {
        Ok(code) => code,
        Err(failure) => {
            eprint(&failure.render(program, globals.is_debug()));
            failure.code()
        }
    }
}

fn dispatch(program: &'static str, arguments: &[OsString], globals: &mut Globals) -> Outcome {
    let mut words = arguments;
    let parsed;
    if words.first().is_some_and(|word| starts_with_hyphen(word)) {
        let (found, rest) = parse_globals(program, arguments)?;
        *globals = found;
        parsed = rest;
        words = &parsed;
        if globals.version {
            print(&format!("{}\n", version_line(program)))?;
            return Ok(0);
        }
    }
    let Some(first) = words.first() else {
        print(&overview(program))?;
        return Ok(0);
    };
    let mut rest = &words[1..];
    let mut name = first.to_string_lossy().into_owned();
    let mut help = globals.help;
    if name == "help" && !rest.is_empty() {
        // `ctr help run` is `ctr run --help`.
        help = true;
        name = rest[0].to_string_lossy().into_owned();
        rest = &rest[1..];
    } else if name == "help" {
        print(&overview(program))?;
        return Ok(0);
    }
    let moved;
    if let Some((group, about)) = GROUPS.iter().find(|(group, _)| *group == name) {
        if matches!(*group, "buildx" | "builder") {
            moved = behind_command(rest, globals);
            rest = &moved;
        }
        let second = rest.first().filter(|word| !starts_with_hyphen(word));
        let Some(second) = second.filter(|word| word.as_os_str() != "help") else {
            print(&group_overview(program, group, about))?;
            return Ok(0);
        };
        name = format!("{name} {}", second.to_string_lossy());
        rest = &rest[1..];
    }
    let Some((entry, name)) = find(&name) else {
        return Err(unknown(program, &name));
    };
    if help {
        print(&entry.help(program, name))?;
        return Ok(0);
    }
    entry.run(name, rest, program, || {
        Ok(Context {
            settings: environment::settings(globals)?,
            program,
            warnings: globals.shows_warnings(),
            debug: globals.is_debug(),
        })
    })
}

/// Takes the flags that buildx's plugin has before the command and puts them behind its name: `buildx --builder x inspect`
/// is `buildx inspect --builder x`.
fn behind_command(words: &[OsString], globals: &mut Globals) -> Vec<OsString> {
    let mut flags = Vec::new();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        let taken = match word.to_str() {
            Some("-D" | "--debug") => {
                globals.set_debug();
                0
            }
            Some("--builder") => 2.min(rest.len()),
            Some(word) if word.starts_with("--builder=") => 1,
            _ => break,
        };
        flags.extend_from_slice(&rest[..taken]);
        rest = match taken {
            0 => after,
            taken => &rest[taken..],
        };
    }
    match rest {
        [] => Vec::new(),
        [command, after @ ..] => {
            let command = std::iter::once(command.clone());
            command.chain(flags).chain(after.iter().cloned()).collect()
        }
    }
}

/// `docker` when called by that name, so that `ln -s ctr docker` serves scripts.
fn program_name(argument: Option<&OsString>) -> &'static str {
    let base = argument.and_then(|argument| Path::new(argument).file_name());
    if base == Some(OsStr::new("docker")) {
        "docker"
    } else {
        "ctr"
    }
}

/// What `--version` prints. Scripts parse Docker's line.
fn version_line(program: &str) -> String {
    if program == "docker" {
        format!(
            "Docker version {}, build ctr",
            super::commands::version::DOCKER_VERSION
        )
    } else {
        format!("ctr version {}", env!("CARGO_PKG_VERSION"))
    }
}

fn starts_with_hyphen(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

/// Splits the global flags off; the command's words come back untouched.
fn parse_globals(
    program: &'static str,
    arguments: &[OsString],
) -> Result<(Globals, Vec<OsString>), Failure> {
    const WORDS: &str = "words";
    let mut command = globals_definition(program).arg(
        Arg::new(WORDS)
            .action(ArgAction::Append)
            .num_args(0..)
            .trailing_var_arg(true)
            .value_parser(clap::value_parser!(OsString)),
    );
    for flag in environment::UNBUILT_GLOBALS {
        command = command.arg(flag.arg());
    }
    command = super::command::with_pflag_manners(command);
    let words = std::iter::once(OsString::from(program)).chain(arguments.iter().cloned());
    let failure = |error: &clap::Error, command: &clap::Command| {
        let message =
            super::usage::message(error, command, program, "").unwrap_or_else(|message| message);
        Failure::Usage {
            message,
            usage: Some(format!("{program} [OPTIONS] COMMAND [ARG...]")),
            help: format!("{program} --help"),
            hint: None,
            named: false,
            code: USAGE_ERROR,
        }
    };
    let matches = command
        .try_get_matches_from_mut(words)
        .map_err(|error| failure(&error, &command))?;
    for flag in environment::UNBUILT_GLOBALS {
        if flag.is_given(&matches) {
            return Err(Failure::unbuilt(flag.name()));
        }
    }
    let rest = matches
        .get_many::<OsString>(WORDS)
        .unwrap_or_default()
        .cloned()
        .collect();
    let globals = Globals::from_arg_matches(&matches).map_err(|error| failure(&error, &command))?;
    Ok((globals, rest))
}

fn globals_definition(program: &'static str) -> clap::Command {
    Globals::augment_args(
        clap::Command::new(program)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .disable_help_subcommand(true),
    )
    .about(ABOUT)
}

fn find(typed: &str) -> Option<(&'static Entry, &'static str)> {
    COMMANDS.iter().find_map(|entry| {
        let name = entry.names.iter().find(|name| **name == typed)?;
        Some((entry, *name))
    })
}

fn unknown(program: &'static str, typed: &str) -> Failure {
    let group = typed.split_once(' ').map(|(group, _)| group);
    if UNBUILT_COMMANDS.contains(&typed) {
        return Failure::message(format!("'{program} {typed}' is not supported yet"));
    }
    let suggestion = {
        let tree = command_tree_of(program);
        let words = std::iter::once(program).chain(typed.split(' '));
        match tree.try_get_matches_from(words) {
            Err(error) => match error.get(clap::error::ContextKind::SuggestedSubcommand) {
                Some(clap::error::ContextValue::Strings(names)) => names.last().cloned(),
                _ => None,
            },
            Ok(_) => None,
        }
    };
    let prefix = group.map_or(program.to_owned(), |group| format!("{program} {group}"));
    Failure::Usage {
        message: format!("unknown command: {program} {typed}"),
        usage: group.map(|group| format!("{program} {group} COMMAND")),
        help: format!("{prefix} --help"),
        hint: suggestion.map(|name| format!("the most similar command is '{prefix} {name}'")),
        named: true,
        code: 1,
    }
}

/// What `ctr` alone prints, grouped as Docker's.
fn overview(program: &'static str) -> String {
    let mut text = format!("Usage:  {program} [OPTIONS] COMMAND\n\n{ABOUT}\n");
    let commands = |group: Group| {
        COMMANDS
            .iter()
            .filter(move |entry| entry.group == group)
            .map(|entry| (entry.names[0], about_of(entry, program)))
            .collect::<Vec<_>>()
    };
    let groups = GROUPS
        .iter()
        .map(|(group, about)| (*group, (*about).to_owned()))
        .collect();
    for (heading, list) in [
        ("Common Commands", commands(Group::Common)),
        ("Management Commands", groups),
        ("Commands", commands(Group::Other)),
    ] {
        text.push_str(&listing(heading, &list));
    }
    let options = globals_definition(program)
        .help_template("{options}")
        .render_help();
    text.push_str(&format!(
        "\nGlobal Options:\n{options}\nRun '{program} COMMAND --help' for more information on a command.\n"
    ));
    text
}

/// What `ctr container` alone prints.
fn group_overview(program: &'static str, group: &str, about: &str) -> String {
    let mut list: Vec<(&str, String)> = COMMANDS
        .iter()
        .filter_map(|entry| {
            let words = entry
                .names
                .iter()
                .find_map(|name| name.strip_prefix(group)?.strip_prefix(' '))?;
            Some((words, about_of(entry, program)))
        })
        .collect();
    list.sort_unstable();
    format!(
        "Usage:  {program} {group} COMMAND\n\n{about}\n{}\nRun '{program} {group} COMMAND --help' for more information on a command.\n",
        listing("Commands", &list)
    )
}

fn listing(heading: &str, list: &[(&str, String)]) -> String {
    let width = list.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: String = list
        .iter()
        .map(|(name, about)| format!("  {name:width$}   {about}\n"))
        .collect();
    format!("\n{heading}:\n{lines}")
}

fn about_of(entry: &Entry, program: &'static str) -> String {
    entry
        .definition(program, entry.names[0])
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Returns the definitions of all commands, for completions and man pages.
pub fn command_tree() -> clap::Command {
    command_tree_of("ctr")
}

fn command_tree_of(program: &'static str) -> clap::Command {
    let mut root = globals_definition(program);
    let visible = || COMMANDS.iter().filter(|entry| entry.group != Group::Hidden);
    for entry in visible() {
        for name in entry.names.iter().filter(|name| !name.contains(' ')) {
            root = root.subcommand(entry.definition(program, name));
        }
    }
    for (group, about) in GROUPS {
        let mut parent = clap::Command::new(*group)
            .about(*about)
            .disable_help_flag(true)
            .disable_help_subcommand(true);
        for entry in visible() {
            for name in entry.names {
                if name
                    .strip_prefix(group)
                    .is_some_and(|rest| rest.starts_with(' '))
                {
                    parent = parent.subcommand(entry.definition(program, name));
                }
            }
        }
        root = root.subcommand(parent);
    }
    root
}

/// A command as its man page shows it.
#[derive(Debug)]
pub struct Page {
    /// `run`, `container prune`.
    pub name: &'static str,
    /// All ways to type it, `name` included.
    pub names: &'static [&'static str],
    /// Command lines (without the program) and what they do.
    pub examples: &'static [(&'static str, &'static str)],
    /// What its arguments name.
    pub arguments: super::Names,
    /// Flags and description.
    pub definition: clap::Command,
}

/// Returns every command that has a man page.
pub fn pages() -> Vec<Page> {
    COMMANDS
        .iter()
        .filter(|entry| entry.group != Group::Hidden)
        .map(|entry| Page {
            name: entry.names[0],
            names: entry.names,
            examples: entry.examples,
            arguments: entry.argument_names,
            definition: entry.definition("ctr", entry.names[0]),
        })
        .collect()
}
