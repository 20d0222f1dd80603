//! Work that needs another namespace, or threads that shall end with it, done by a forked child. These allocate.

use std::io::{self, Read, Write};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::process::{Side, exit_now, fork, wait};

/// What became of a child.
#[derive(Debug)]
pub struct Ended {
    /// What its work returned; 128+n where a signal ended it.
    pub code: u8,
    /// What it had to say.
    pub words: String,
}

/// Bytes of words that are read from a child.
const MAX_WORDS: u64 = 8 << 10;

/// Runs `work` in a child process and returns its exit code: what `work` returned, 128+n where signal n ended it. The
/// calling process must have one thread.
///
/// # Errors
///
/// The errno of `fork(2)` or `waitpid(2)`.
pub fn in_child(work: impl FnOnce() -> u8) -> io::Result<u8> {
    match fork()? {
        Side::Child => exit_now(work()),
        Side::Parent(pid) => wait(pid),
    }
}

/// Has the calling process killed when `parent`, which has forked it, ends. The kernel forgets it when the process enters a
/// user namespace, so it comes after that. See `PR_SET_PDEATHSIG(2const)`.
///
/// # Errors
///
/// `ESRCH` where the parent has ended already.
pub fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before the tie was made.
    match getppid() == Some(parent) {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

/// As [`in_child`], for work that has words for its failure.
///
/// # Errors
///
/// Those of [`in_child`], `pipe(2)` and `read(2)`.
pub fn speaking_child(work: impl FnOnce(&mut dyn Write) -> u8) -> io::Result<Ended> {
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
