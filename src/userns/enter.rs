//! Moving a whole process into a user namespace: a new one, or one that is there.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::process::{Gid, Uid};

use super::{Error, IdMap, write_maps};
use crate::settings::Settings;
use crate::sys::child::speaking_child;
use crate::sys::namespace::{setns, unshare};
use crate::sys::process::{Side, exit_now, fork, wait};
use crate::sys::rights;

/// Moves the calling process, which must have one thread, into a new user and mount namespace with `map` and makes it
/// root there. For commands that touch layer contents (pull, import, prune, …). Does nothing where the map is this process's
/// own ([`IdMap::is_own`]).
///
/// Its groups stay: through them the user reads what she builds from, and writes what she is given. What concerns files of
/// hers is done with her own rights, see [`rights::as_caller`].
///
/// # Errors
///
/// All of [`Error`].
pub fn enter(map: &IdMap, settings: &Settings) -> Result<(), Error> {
    if map.is_own() {
        return Ok(());
    }
    let writer = Writer::fork(map, settings)?;
    rights::remember_own();
    match unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) {
        Ok(()) => writer.finish()?,
        Err(error) => {
            writer.dismiss();
            return Err(Error::Unshare(error));
        }
    }
    take_root_ids().map_err(Error::Unshare)
}

/// A copy of this process that stays in the old namespace, where the right to write maps is.
struct Writer {
    pid: u32,
    /// A byte is the sign that the namespace is there; its end, that there will be none.
    go: io::PipeWriter,
    /// What went wrong, in words; nothing if all went well.
    words: io::PipeReader,
}

impl Writer {
    fn fork(map: &IdMap, settings: &Settings) -> Result<Writer, Error> {
        let (wait_go, go) = io::pipe().map_err(Error::Unshare)?;
        let (words, report) = io::pipe().map_err(Error::Unshare)?;
        let target = std::process::id();
        match fork().map_err(Error::Unshare)? {
            Side::Child => {
                drop((go, words));
                if !matches!(io::Read::read(&mut &wait_go, &mut [0]), Ok(1)) {
                    exit_now(1);
                }
                if let Err(error) = write_maps(target, map, settings) {
                    let _ = io::Write::write_all(&mut &report, pack(&error).as_bytes());
                    exit_now(1);
                }
                exit_now(0)
            }
            Side::Parent(pid) => {
                drop(report);
                Ok(Writer { pid, go, words })
            }
        }
    }

    /// Ends it without a map.
    fn dismiss(self) {
        drop(self.go);
        // Only there to be reaped; its exit code says nothing.
        let _ = wait(self.pid);
    }

    fn finish(self) -> Result<(), Error> {
        // If it is gone already, its exit code and words say more than this failed write would.
        let _ = rustix::io::write(&self.go, &[1]);
        drop(self.go);
        let mut words = String::new();
        let read = io::Read::read_to_string(&mut &self.words, &mut words);
        let code = wait(self.pid).map_err(Error::Unshare)?;
        read.map_err(Error::Unshare)?;
        match code {
            0 => Ok(()),
            _ => Err(unpack(&words)),
        }
    }
}

/// [`Error`] as lines of text, for the way from one process to another.
fn pack(error: &Error) -> String {
    match error {
        Error::Helper {
            what,
            command,
            stderr,
        } => format!("{what}\n{command}\n{stderr}"),
        Error::Write { path, source } | Error::Read { path, source } => {
            format!("{}\n{path}\n", source.raw_os_error().unwrap_or(libc::EIO))
        }
        Error::Unshare(source) => format!("{}\n\n", source.raw_os_error().unwrap_or(libc::EIO)),
    }
}

fn unpack(words: &str) -> Error {
    let mut lines = words.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (first, second, third) = (next(), next(), next());
    let what = match first.as_str() {
        "user IDs" => "user IDs",
        "group IDs" => "group IDs",
        errno => {
            let source = io::Error::from_raw_os_error(errno.parse().unwrap_or(libc::EIO));
            return match second.as_str() {
                "" => Error::Unshare(source),
                path => Error::Write {
                    path: path.to_owned(),
                    source,
                },
            };
        }
    };
    Error::Helper {
        what,
        command: second,
        stderr: third,
    }
}

/// Runs `work` in a forked child that has joined `userns` as its root; returns the child's exit code. For removing what
/// a container's ids own after it has ended, without paying for a new map.
///
/// # Errors
///
/// [`Error::Unshare`] where joining or forking fails.
pub fn run_joined(userns: BorrowedFd<'_>, work: impl FnOnce() -> u8) -> Result<u8, Error> {
    let ended = speaking_child(|words| {
        match setns(userns, libc::CLONE_NEWUSER).and_then(|()| take_root_ids()) {
            Ok(()) => work(),
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                // A parent that is gone has no use for it.
                let _ = write!(words, "{errno}");
                1
            }
        }
    })
    .map_err(Error::Unshare)?;
    match ended.words.parse() {
        Ok(errno) => Err(Error::Unshare(io::Error::from_raw_os_error(errno))),
        Err(_) => Ok(ended.code),
    }
}

/// Takes the ids 0. In a map without an id 0 the process stays what it is:
/// its capabilities, not its number, give it power there.
fn take_root_ids() -> io::Result<()> {
    let ignore_unmapped = |result: rustix::io::Result<()>| match result {
        // EINVAL: id 0 is not mapped.
        Err(rustix::io::Errno::INVAL) | Ok(()) => Ok(()),
        Err(error) => Err(io::Error::from(error)),
    };
    ignore_unmapped(rustix::thread::set_thread_res_gid(
        Gid::ROOT,
        Gid::ROOT,
        Gid::ROOT,
    ))?;
    ignore_unmapped(rustix::thread::set_thread_res_uid(
        Uid::ROOT,
        Uid::ROOT,
        Uid::ROOT,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_survive_the_way_between_processes() {
        let errors = [
            Error::Helper {
                what: "group IDs",
                command: "newgidmap 7 0 1 1".to_owned(),
                stderr: "two\nlines".to_owned(),
            },
            Error::Write {
                path: "/proc/7/uid_map".to_owned(),
                source: io::Error::from_raw_os_error(libc::EPERM),
            },
            Error::Unshare(io::Error::from_raw_os_error(libc::ENOSPC)),
        ];
        for error in errors {
            assert_eq!(format!("{:?}", unpack(&pack(&error))), format!("{error:?}"));
        }
    }
}
