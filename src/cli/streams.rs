//! ctr's own standard streams, as the library wants them.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::fcntl_dupfd_cloexec;
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

/// Has what goes to stderr go to the file `path`, which is emptied, until the result is dropped.
///
/// # Errors
///
/// A file that cannot be written.
pub(crate) fn stderr_to(path: &Path) -> Result<Redirected, Failure> {
    let redirect = || -> io::Result<Redirected> {
        let file = File::create(path)?;
        // Above those that every program knows by number.
        let before = fcntl_dupfd_cloexec(stdio::stderr(), 3)?;
        stdio::dup2_stderr(&file)?;
        Ok(Redirected { before })
    };
    redirect().map_err(Failure::on_file("open", path))
}

/// See [`stderr_to`].
#[derive(Debug)]
pub(crate) struct Redirected {
    before: OwnedFd,
}

impl Drop for Redirected {
    fn drop(&mut self) {
        let _ = stdio::dup2_stderr(&self.before);
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
