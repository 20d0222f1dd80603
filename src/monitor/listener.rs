//! The attach socket: `DIR/attach`, where DIR is the container's part of the run directory.
//!
//! Socket addresses hold 108 bytes and run directories may be longer (`$XDG_RUNTIME_DIR` of a test, a deep `--runroot`), so
//! the name goes through a descriptor of the directory: `/proc/self/fd/N/attach`.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The socket's name in the directory.
const NAME: &str = "attach";

/// Clients that wait to be accepted.
const BACKLOG: i32 = 16;

/// Makes `dir` and the socket in it. What an earlier monitor left is replaced: the caller holds the container's lock.
pub(super) fn listen(dir: &Path) -> io::Result<OwnedFd> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_dir_all(dir)?;
            DirBuilder::new().mode(0o700).create(dir)?;
        }
        made => made?,
    }
    let (socket, _dir, address) = socket_and_address(dir)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Connects to the monitor whose directory is `dir`.
///
/// # Errors
///
/// `NotFound` or `ConnectionRefused`: there is no monitor.
pub fn connect(dir: &Path) -> io::Result<OwnedFd> {
    let (socket, _dir, address) = socket_and_address(dir)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}

/// The directory's descriptor must live as long as the address is used.
fn socket_and_address(dir: &Path) -> io::Result<(OwnedFd, OwnedFd, SocketAddrUnix)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(dir, flags, Mode::empty())?;
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()))?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((socket, dir, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_do() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("x".repeat(200));
        assert!(connect(&dir).is_err());
        let listener = listen(&dir).unwrap();
        let client = connect(&dir).unwrap();
        rustix::net::accept(&listener).unwrap();
        drop(listener);
        assert!(connect(&dir).is_err());
        drop(client);
        // What a killed monitor left does not stand in the way.
        listen(&dir).unwrap();
    }
}
