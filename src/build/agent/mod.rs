//! An agent for ssh with keys from files: `--ssh ID=KEY`.
//!
//! RUN sees a socket, as with any agent, and never the key. It is served by a process of its own, which ends with the one that
//! has started it: it holds one end of a pipe, and that process alone the other.
//!
//! ```text
//! RUN_DIR/build-…/agent-N   the sockets; see [`BuildDir`]
//! ```
//!
//! Keys can be listed and used; nothing can be added, removed or locked.
//!
//! Spec: draft-miller-ssh-agent, section 5. Reference: BuildKit, session/sshforward/sshprovider.

mod key;
mod wire;

use std::fs::{File, Permissions};
use std::io::{self, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};

use crate::store::BuildDir;
use crate::sys::process::{Side, exit_now, fork, wait};
use wire::{Reader, put_string};

pub use key::{Key, KeyError};

/// Bytes of a message. Source: OpenSSH, `ssh-agent.c`, `AGENT_MAX_LEN`.
const MAX_MESSAGE: usize = 256 << 10;
/// Clients at the same time.
const MAX_CLIENTS: usize = 64;

/// Messages. Spec: draft-miller-ssh-agent, section 7.1.
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Agents that run until this is dropped.
#[derive(Debug)]
pub struct Agents {
    /// When the last of these ends is closed, the agents end.
    lives: Vec<PipeWriter>,
    dir: BuildDir,
}

impl Agents {
    /// Prepares a place below `run_dir`, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// Those of making and locking it.
    pub fn new(run_dir: &Path) -> io::Result<Agents> {
        Ok(Agents {
            dir: BuildDir::create(run_dir).map_err(io::Error::other)?,
            lives: Vec::new(),
        })
    }

    /// Starts an agent for `keys` and returns its socket. The calling process has one thread.
    ///
    /// # Errors
    ///
    /// Those of making the socket and the process.
    pub fn start(&mut self, keys: Vec<Key>) -> io::Result<PathBuf> {
        let path = self.dir.path().join(format!("agent-{}", self.lives.len()));
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let (end, life) = io::pipe()?;
        match fork()? {
            Side::Parent(child) => {
                self.lives.push(life);
                wait(child)?;
                Ok(path)
            }
            Side::Child => {
                drop(life);
                self.lives.clear();
                // The build waits for all its children; this is not one of its steps.
                match fork() {
                    Ok(Side::Child) => exit_now(u8::from(serve(&listener, &end, keys).is_err())),
                    Ok(Side::Parent(_)) => exit_now(0),
                    Err(_) => exit_now(1),
                }
            }
        }
    }
}

/// Serves until the other side of `end` is closed.
fn serve(listener: &UnixListener, end: &io::PipeReader, keys: Vec<Key>) -> io::Result<()> {
    // Neither Ctrl-C nor who waits for the end of our output means this process.
    rustix::process::setsid()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    let keys = Arc::new(keys);
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(end.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if !fds[1].revents().is_empty() {
            return Ok(());
        }
        if fds[0].revents().is_empty() {
            continue;
        }
        let (client, _) = listener.accept()?;
        if clients.load(Ordering::Relaxed) >= MAX_CLIENTS {
            continue;
        }
        clients.fetch_add(1, Ordering::Relaxed);
        let (keys, count) = (keys.clone(), clients.clone());
        let started = thread::Builder::new().spawn(move || {
            // A client that goes away, or talks nonsense, is no client any more.
            let _ = converse(client, &keys);
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if started.is_err() {
            // There are too many processes for now: the client is told so by the end of its connection.
            clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn converse(mut client: UnixStream, keys: &[Key]) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_MESSAGE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut request = vec![0; length];
        client.read_exact(&mut request)?;
        let mut message = Vec::new();
        put_string(&mut message, &answer(&request, keys));
        client.write_all(&message)?;
    }
}

fn answer(request: &[u8], keys: &[Key]) -> Vec<u8> {
    let mut reader = Reader(request);
    match reader.byte() {
        Some(REQUEST_IDENTITIES) => {
            let mut answer = vec![IDENTITIES_ANSWER];
            let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
            answer.extend_from_slice(&count.to_be_bytes());
            for key in keys {
                put_string(&mut answer, &key.public);
                put_string(&mut answer, key.comment.as_bytes());
            }
            answer
        }
        Some(SIGN_REQUEST) => sign(reader, keys).unwrap_or_else(|| vec![FAILURE]),
        _ => vec![FAILURE],
    }
}

fn sign(mut reader: Reader<'_>, keys: &[Key]) -> Option<Vec<u8>> {
    let (public, data) = (reader.string()?, reader.string()?);
    let flags = reader.number()?;
    let key = keys.iter().find(|key| key.public == public)?;
    let mut answer = vec![SIGN_RESPONSE];
    put_string(&mut answer, &key.sign(data, flags)?);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_fails() {
        for request in [
            &b""[..],
            b"\x0d",
            b"\x11\0\0\0\0",
            b"\x0d\0\0\0\x01x\0\0\0\0\0\0\0\0",
        ] {
            assert_eq!(answer(request, &[]), [FAILURE]);
        }
        assert_eq!(answer(b"\x0b", &[]), [IDENTITIES_ANSWER, 0, 0, 0, 0]);
    }
}
