//! Work that needs another namespace, done by a forked child.

use std::io::{self, Read, Write};

use crate::sys::process::{Side, exit_now, fork, wait};

/// What became of a child.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What its work returned; 128+n where a signal ended it.
    pub(crate) code: u8,
    /// What it had to say.
    pub(crate) words: String,
}

/// Bytes of words that are read from a child.
const MAX_WORDS: u64 = 8 << 10;

/// Runs `work` in a child process. The calling process must have one thread.
pub(super) fn in_child(work: impl FnOnce() -> u8) -> io::Result<Ended> {
    speaking_child(|_| work())
}

/// As [`in_child`], for work that has words for its failure.
pub(crate) fn speaking_child(work: impl FnOnce(&mut dyn Write) -> u8) -> io::Result<Ended> {
    let (listen, speak) = io::pipe()?;
    match fork()? {
        Side::Child => {
            drop(listen);
            let code = work(&mut &speak);
            drop(speak);
            exit_now(code)
        }
        Side::Parent(pid) => {
            drop(speak);
            let mut words = Vec::new();
            let read = listen.take(MAX_WORDS).read_to_end(&mut words);
            let code = wait(pid)?;
            read?;
            Ok(Ended {
                code,
                words: String::from_utf8_lossy(&words).trim().to_owned(),
            })
        }
    }
}
