//! Locks that the kernel frees when their holder dies.
//!
//! Staged things are locked with `flock(2)`, which takes directories as well as files. Containers are locked with open
//! file description locks (`fcntl(2)`, `F_OFD_SETLK`): these are inherited by fork like flock's, and can also be *asked
//! about* without being taken, so that `ps` never makes a `start` beside it believe that the container is running.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// Waits for the exclusive flock.
pub(in crate::store) fn flock_wait(file: impl AsFd) -> io::Result<()> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
        .map_err(io::Error::from)
}

/// Takes the exclusive flock; `false` if somebody has it.
pub(super) fn try_flock(file: impl AsFd) -> io::Result<bool> {
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether `path` still names the open `file`: between creating and locking it somebody may have removed or renamed it.
pub(crate) fn still_names(path: &Path, file: &File) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok(named.ino() == ours.ino() && named.dev() == ours.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The whole file, however long it gets.
fn whole(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Takes the exclusive open file description lock; `false` if somebody has it.
pub(crate) fn try_ofd_lock(file: &File) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole(libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Waits for the exclusive open file description lock.
pub(crate) fn ofd_lock_wait(file: &File) -> io::Result<()> {
    ofd_wait(file, libc::F_WRLCK)
}

/// Waits for the shared open file description lock. The file is open for reading.
pub(crate) fn ofd_lock_shared_wait(file: &File) -> io::Result<()> {
    ofd_wait(file, libc::F_RDLCK)
}

fn ofd_wait(file: &File, kind: libc::c_int) -> io::Result<()> {
    loop {
        match fcntl(file, FcntlArg::F_OFD_SETLKW(&whole(kind))) {
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Whether somebody holds the open file description lock. Takes nothing.
pub(crate) fn is_ofd_locked(file: &File) -> io::Result<bool> {
    let mut answer = whole(libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut answer))?;
    Ok(answer.l_type != libc::F_UNLCK as libc::c_short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_without_taking() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || File::options().write(true).open(file.path()).unwrap();
        let (one, two, three) = (open(), open(), open());
        assert!(!is_ofd_locked(&one).unwrap());
        assert!(try_ofd_lock(&two).unwrap());
        assert!(is_ofd_locked(&one).unwrap());
        assert!(!try_ofd_lock(&three).unwrap());
        // A duplicate shares the lock, as a forked child does.
        let dup = two.try_clone().unwrap();
        drop(two);
        assert!(is_ofd_locked(&one).unwrap());
        drop(dup);
        assert!(!is_ofd_locked(&one).unwrap());
        ofd_lock_wait(&three).unwrap();
    }

    #[test]
    fn flock_excludes() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (
            File::open(dir.path()).unwrap(),
            File::open(dir.path()).unwrap(),
        );
        flock_wait(&one).unwrap();
        assert!(!try_flock(&two).unwrap());
        drop(one);
        assert!(try_flock(&two).unwrap());
        assert!(still_names(dir.path(), &two).unwrap());
        dir.close().unwrap();
        assert!(!still_names(Path::new("/nonexistent"), &two).unwrap());
    }
}
