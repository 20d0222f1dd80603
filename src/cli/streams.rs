//! ctr's own standard streams, as the library wants them.

use rustix::stdio;
use rustix::termios::isatty;

use super::command;
use super::context::eprint;
use super::error::Failure;
use crate::container::stream::{self, Outcome, Streams};

/// Returns the three streams; stdin only where it feeds the container.
pub(crate) fn own(stdin: bool) -> Streams<'static> {
    Streams {
        stdin: stdin.then(stdio::stdin),
        stdout: stdio::stdout(),
        stderr: stdio::stderr(),
    }
}

/// Returns the exit code that a client's end gives the program. Leaving is success.
pub(crate) fn exit_code(outcome: Outcome) -> command::Outcome {
    match outcome {
        Outcome::Exited(code) => Ok(code),
        Outcome::Detached => Ok(0),
        Outcome::Interrupted(signal) => Ok(128 + signal),
        // Docker's words, and its exit code even for `run`.
        Outcome::Forced => {
            eprint("\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n");
            Ok(1)
        }
        Outcome::Unwritable { stream, errno } => {
            let error = std::io::Error::from_raw_os_error(errno);
            eprint(&Failure::unwritable(stream, &error).render("", false));
            Ok(1)
        }
    }
}

/// Returns whether stdin is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    isatty(stdio::stdin())
}

/// Returns whether stdout is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    isatty(stdio::stdout())
}

/// Returns whether stderr, where progress goes, is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    isatty(stdio::stderr())
}

/// Returns rows and columns of the terminal, if there is one.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    stream::terminal_size(stdio::stdout()).or_else(|| stream::terminal_size(stdio::stdin()))
}
