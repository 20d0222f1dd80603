//! ctr's own standard streams, as the library wants them.

use rustix::stdio;
use rustix::termios::{isatty, tcgetwinsize};

use crate::container::stream::Streams;

/// Returns the three streams; stdin only where it feeds the container.
pub(crate) fn own(stdin: bool) -> Streams<'static> {
    Streams {
        stdin: stdin.then(stdio::stdin),
        stdout: stdio::stdout(),
        stderr: stdio::stderr(),
    }
}

/// Returns whether stdin is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    isatty(stdio::stdin())
}

/// Returns whether stderr, where progress goes, is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    isatty(stdio::stderr())
}

/// Returns rows and columns of the terminal, if there is one.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdio::stdout())
        .or_else(|_| tcgetwinsize(stdio::stdin()))
        .ok()?;
    Some((size.ws_row, size.ws_col))
}
