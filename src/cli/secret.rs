//! Reading a password from the terminal without showing it.

use std::io;

use rustix::stdio::stdin;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// Bytes of a line, at most.
const MAX_LINE: usize = 64 << 10;

const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: u8 = 8;
const KILL_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// The terminal as it was; given back when dropped.
struct Silent(Termios);

impl Silent {
    /// Keys come one by one and unseen; also Ctrl-C, which would otherwise end the program and leave the terminal blind.
    fn start() -> io::Result<Silent> {
        let before = tcgetattr(stdin())?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin(), OptionalActions::Flush, &silent)?;
        Ok(Silent(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing back.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Reads a line; `None` where the user gives up. `prompt` is called when nothing is shown any more: who types as soon as it
/// stands there is not seen.
///
/// # Errors
///
/// Those of `prompt` and of the terminal; `InvalidData` for what is no text.
pub(crate) fn read_line<E: From<io::Error>>(
    prompt: impl FnOnce() -> Result<(), E>,
) -> Result<Option<String>, E> {
    let _silent = Silent::start()?;
    prompt()?;
    Ok(read()?)
}

fn read() -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let mut key = [0];
        match rustix::io::read(stdin(), &mut key) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        match key[0] {
            b'\n' | b'\r' => break,
            INTERRUPT => return Ok(None),
            END if line.is_empty() => return Ok(None),
            BACKSPACE | DELETE => {
                // A character may have several bytes.
                while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            KILL_LINE => line.clear(),
            _ if line.len() == MAX_LINE => return Err(io::ErrorKind::FileTooLarge.into()),
            key => line.push(key),
        }
    }
    String::from_utf8(line)
        .map(Some)
        .map_err(|_| io::ErrorKind::InvalidData.into())
}
