//! What a path argument leads to, opened once.

use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::host;
use super::supervisor::{Request, Service, Stop};
use super::target::Caller;
use crate::image::layer::memory::{self, Memory};

/// Where this process's procfs is: its working directory.
pub(super) const PROC: &str = ".";

/// A path as a call gives it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: i32,
    pub(super) path: CString,
    pub(super) follow: bool,
    /// `AT_EMPTY_PATH`
    pub(super) may_be_empty: bool,
}

/// A place as it is found from here: the working directory is the host's `/proc`.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) path: CString,
    pub(super) follow: bool,
}

impl Place {
    /// The descriptor that the call's first argument is.
    pub(super) fn of_descriptor(request: &Request) -> Place {
        Place {
            directory: request.arguments[0] as i32,
            path: CString::default(),
            follow: true,
            may_be_empty: true,
        }
    }

    /// Returns how to get there: from the caller's directory, or from the root directory, which is the caller's too.
    pub(super) fn reach(&self, caller: Caller) -> Result<Reach, Stop> {
        let path = self.path.to_bytes();
        let descriptor = |number: i32| match number {
            libc::AT_FDCWD => Ok(format!("{}/cwd", caller.thread)),
            0.. => Ok(format!("{}/fd/{number}", caller.thread)),
            _ => Err(Stop::LetGo),
        };
        // What such a name leads to is opened, never the name itself.
        let by_number = |number| -> Result<Reach, Stop> {
            Ok(Reach {
                path: CString::new(descriptor(number)?).unwrap_or_default(),
                follow: true,
            })
        };
        let path = match path {
            b"" if self.may_be_empty => return by_number(self.directory),
            b"" => return Err(Stop::LetGo),
            [b'/', ..] => match own_descriptor(path) {
                Some(number) if self.follow && number >= 0 => return by_number(number),
                _ => self.path.clone(),
            },
            // Longer than `PATH_MAX` for a few of the longest paths, which are let go.
            path => {
                let from = descriptor(self.directory)?;
                CString::new([from.as_bytes(), b"/", path].concat()).unwrap_or_default()
            }
        };
        Ok(Reach {
            path,
            follow: self.follow,
        })
    }
}

impl Reach {
    pub(super) fn open(&self) -> Result<OwnedFd, Stop> {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, !self.follow);
        rustix::fs::openat(CWD, &self.path, flags, Mode::empty()).map_err(|_| Stop::LetGo)
    }

    /// Whether what is there remembers something, without opening it.
    pub(super) fn remembers(&self) -> bool {
        memory::remembers(&self.path, self.follow)
    }
}

/// An open file and what it is.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
    pub(super) kind: FileType,
}

impl Found {
    pub(super) fn of(fd: OwnedFd) -> Result<Found, Stop> {
        let stat = rustix::fs::fstat(&fd)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        Ok(Found { fd, stat, kind })
    }

    /// The owner that it has in the kernel's eyes.
    pub(super) fn owner(&self) -> Memory {
        Memory {
            uid: self.stat.st_uid.into(),
            gid: self.stat.st_gid.into(),
            device: None,
        }
    }

    /// What it remembers; where it may be the host's, ask [`Service::recall`].
    pub(super) fn recall(&self) -> Option<Memory> {
        memory::recall(&memory::path_of(PROC, self.fd.as_fd()), self.kind)
    }

    /// Has it remember, as far as it can: on some filesystems nothing can.
    pub(super) fn remember(&self, memory: &Memory) -> Result<(), Errno> {
        let path = memory::path_of(PROC, self.fd.as_fd());
        let done = match memory {
            Memory {
                uid: 0,
                gid: 0,
                device: None,
            } => memory::forget(&path, self.kind),
            memory => memory::remember(&path, self.kind, memory),
        };
        match done {
            Err(Errno::OPNOTSUPP | Errno::PERM | Errno::INVAL) => Ok(()),
            other => other,
        }
    }
}

/// The memory of what root owns.
pub(super) const ROOTS: Memory = Memory {
    uid: 0,
    gid: 0,
    device: None,
};

impl Service {
    /// Returns what the file is to the caller: what it remembers, or everybody's.
    pub(super) fn recall(&self, request: &Request, found: &Found) -> Memory {
        if self.is_hosts(found) {
            let who = self.who(request);
            return host::everybodys(&found.stat, who.user.files, who.group.files);
        }
        found.recall().unwrap_or(ROOTS)
    }

    /// Whether nothing is remembered of the file, because it is the host's.
    pub(super) fn is_hosts(&self, found: &Found) -> bool {
        self.memories.are_not_for(found.fd.as_fd())
    }

    /// Opens what `place` leads to. Where that fails, the kernel has the better words.
    pub(super) fn locate(&self, request: &Request, place: &Place) -> Result<OwnedFd, Stop> {
        self.take_root_of(request)?;
        place.reach(request.caller)?.open()
    }

    /// Makes the caller's root directory this process's own, where the two may differ.
    pub(super) fn take_root_of(&self, request: &Request) -> Result<(), Stop> {
        if !self.roots_differ {
            return Ok(());
        }
        let take = || -> Result<(), Errno> {
            let wanted = request.caller.root()?;
            let proc = rustix::fs::openat(
                CWD,
                c".",
                OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )?;
            rustix::process::fchdir(&wanted)?;
            let taken = rustix::process::chroot(c".");
            // There is no way on without it.
            rustix::process::fchdir(&proc)?;
            taken
        };
        take().map_err(|_| Stop::LetGo)
    }
}

/// A path argument, relative to the working directory, following links.
pub(super) fn here(request: &Request, path: usize) -> Result<Place, Stop> {
    let path = request.caller.read_path(request.arguments[path]);
    Ok(Place {
        directory: libc::AT_FDCWD,
        path: path.ok_or(Stop::LetGo)?,
        follow: true,
        may_be_empty: false,
    })
}

/// A path argument, relative to a directory, following links.
pub(super) fn at(request: &Request, directory: usize, path: usize) -> Result<Place, Stop> {
    Ok(Place {
        directory: request.arguments[directory] as i32,
        ..here(request, path)?
    })
}

/// The descriptor that a path means to whoever uses it, by way of `/proc/self`, which is another one's here.
fn own_descriptor(path: &[u8]) -> Option<i32> {
    match path {
        b"/dev/stdin" => return Some(0),
        b"/dev/stdout" => return Some(1),
        b"/dev/stderr" => return Some(2),
        _ => {}
    }
    let number = path
        .strip_prefix(b"/dev/fd/")
        .or_else(|| path.strip_prefix(b"/proc/self/fd/"))?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_by_name() {
        for (path, number) in [
            (&b"/dev/stdout"[..], Some(1)),
            (b"/dev/fd/12", Some(12)),
            (b"/proc/self/fd/0", Some(0)),
            (b"/proc/self/fd/", None),
            (b"/proc/self/fd/0/x", None),
            (b"/dev/null", None),
        ] {
            assert_eq!(own_descriptor(path), number, "{path:?}");
        }
    }
}
