//! The user's terminal: raw while a container has it, as it was before on every way out.

use std::os::fd::BorrowedFd;

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

/// A terminal in raw mode; dropped, it is as it was.
#[derive(Debug)]
pub(super) struct RawMode<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> RawMode<'a> {
    /// Puts `fd` into raw mode; `None` if it is no terminal.
    ///
    /// # Errors
    ///
    /// The errno of `tcsetattr(3)`.
    pub(super) fn enter(fd: BorrowedFd<'a>) -> rustix::io::Result<Option<RawMode<'a>>> {
        if !isatty(fd) {
            return Ok(None);
        }
        let before = tcgetattr(fd)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(fd, OptionalActions::Now, &raw)?;
        let terminal = fd;
        Ok(Some(RawMode { terminal, before }))
    }
}

impl Drop for RawMode<'_> {
    fn drop(&mut self) {
        // The terminal may be gone, and nobody is there to be told.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Returns rows and columns of a terminal; `None` for what is none, or has no size.
pub fn size(fd: BorrowedFd<'_>) -> Option<(u16, u16)> {
    let size = tcgetwinsize(fd).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
