//! The command line: the only part that prints, exits, or reads the environment.
//!
//! ```text
//! dispatch     argv → one command; builds that command's parser only
//! command      what every command says about itself, and how its flags behave as Docker's
//! commands/    one file per command: a clap struct and a short call into the library
//! environment  environment and global flags → Settings
//! error        what a failure prints, and its exit code; causes: library errors → hints and codes; usage: clap's
//!              complaints → Docker's words
//! output/      tables, --format, sizes, times, progress of transfers and builds
//! template/    Go templates
//! inspect/     the JSON of `inspect`
//! ```
//!
//! Exit codes and words are those of Docker's command line, version 28.

mod causes;
mod command;
mod commands;
mod context;
mod dispatch;
mod environment;
mod error;
mod exit_code;
#[cfg(test)]
mod generated;
mod inspect;
mod labels;
mod output;
mod secret;
mod streams;
mod template;
mod usage;
mod variables;

use crate::sys;

pub use command::Names;
pub use dispatch::{Page, command_tree, pages};

/// Runs the program; returns its exit code.
///
/// SIGPIPE keeps its default action (the entry point is C's): `ctr ps | head -1` ends as quietly as `ls | head -1`.
pub fn main() -> i32 {
    // Before anything is opened, which could get one of their numbers.
    if sys::file::open_missing_streams().is_err() {
        return 1;
    }
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    dispatch::run(&arguments)
}
