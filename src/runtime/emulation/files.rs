//! Calls about files: what they are about is opened once, and everything is done to what was opened.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::call::Kind;
use super::supervisor::{Answer, DONE, Request, Service, Stop};
use super::target::Caller;
use crate::image::layer::memory::{self, Device, Memory};
use crate::sys::stat::{StatBytes, StatxBytes};

/// Where this process's procfs is: its working directory.
const PROC: &str = ".";

/// Set-user-ID, set-group-ID, and permission to execute, of a mode.
const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const EXECUTABLE: u32 = 0o111;
const GROUP_EXECUTABLE: u32 = 0o010;

/// Bytes of `struct open_how` of linux/openat2.h: flags, mode, resolve.
const OPEN_HOW: usize = 24;

/// A path as a call gives it.
#[derive(Debug)]
struct Place {
    directory: i32,
    path: CString,
    follow: bool,
    /// `AT_EMPTY_PATH`
    may_be_empty: bool,
}

/// A place as it is found from here: the working directory is the host's `/proc`.
#[derive(Debug)]
struct Reach {
    path: CString,
    follow: bool,
}

impl Place {
    /// The descriptor that the call's first argument is.
    fn of_descriptor(request: &Request) -> Place {
        Place {
            directory: request.arguments[0] as i32,
            path: CString::default(),
            follow: true,
            may_be_empty: true,
        }
    }

    /// Returns how to get there: from the caller's directory, or from the root directory, which is the caller's too.
    fn reach(&self, caller: Caller) -> Result<Reach, Stop> {
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
    fn open(&self) -> Result<OwnedFd, Stop> {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, !self.follow);
        rustix::fs::openat(CWD, &self.path, flags, Mode::empty()).map_err(|_| Stop::LetGo)
    }

    /// Whether what is there remembers something, without opening it.
    fn remembers(&self) -> bool {
        memory::remembers(&self.path, self.follow)
    }
}

/// A name that is not there yet, perhaps.
#[derive(Debug)]
struct NewName {
    parent: OwnedFd,
    name: CString,
}

/// An open file and what it is.
#[derive(Debug)]
struct Found {
    fd: OwnedFd,
    stat: Stat,
    kind: FileType,
}

impl Found {
    fn of(fd: OwnedFd) -> Result<Found, Stop> {
        let stat = rustix::fs::fstat(&fd)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        Ok(Found { fd, stat, kind })
    }

    fn recall(&self) -> Option<Memory> {
        memory::recall(&memory::path_of(PROC, self.fd.as_fd()), self.kind)
    }

    /// Has it remember, as far as it can: on some filesystems nothing can.
    fn remember(&self, memory: &Memory) -> Result<(), Errno> {
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
const ROOTS: Memory = Memory {
    uid: 0,
    gid: 0,
    device: None,
};

impl Service {
    pub(super) fn chown(&self, request: &Request) -> Result<Answer, Stop> {
        let (place, ids) = match request.call.kind {
            Kind::ChownFile => (Place::of_descriptor(request), 1),
            Kind::ChownAt => {
                let flags = request.arguments[4] as i32;
                let known = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH;
                if flags & !known != 0 {
                    return Err(Errno::INVAL.into());
                }
                let place = Place {
                    follow: flags & libc::AT_SYMLINK_NOFOLLOW == 0,
                    may_be_empty: flags & libc::AT_EMPTY_PATH != 0,
                    ..at(request, 0, 1)?
                };
                (place, 2)
            }
            kind => {
                let follow = kind == Kind::Chown { follow: true };
                let place = Place {
                    follow,
                    ..here(request, 0)?
                };
                (place, 1)
            }
        };
        let found = Found::of(self.locate(request, &place)?)?;
        let given = |index| Some(request.user_or_group(index)).filter(|id| *id != u32::MAX);
        let (uid, gid) = (given(ids), given(ids + 1));
        let old = found.recall().unwrap_or(ROOTS);
        self.may_chown(request, &old, uid, gid)?;
        self.still_waits(request)?;
        // To the ids there are: what a change of owner does beside it – setuid bits and capabilities go, the time of
        // change is now – and whether it can be done at all is the kernel's to say.
        rustix::fs::chownat(
            &found.fd,
            c"",
            uid.map(|_| Uid::ROOT),
            gid.map(|_| Gid::ROOT),
            AtFlags::EMPTY_PATH,
        )?;
        found.remember(&Memory {
            uid: uid.map_or(old.uid, u64::from),
            gid: gid.map_or(old.gid, u64::from),
            device: old.device,
        })?;
        Ok(DONE)
    }

    /// The kernel's rule (fs/attr.c, `chown_ok` and `chgrp_ok`).
    fn may_chown(
        &self,
        request: &Request,
        old: &Memory,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> Result<(), Stop> {
        let who = self.who(request);
        let owns = u64::from(who.user.files) == old.uid;
        let uid_ok = uid.is_none_or(|uid| owns && u64::from(uid) == old.uid);
        let gid_ok = gid.is_none_or(|gid| owns && (who.is_in(gid) || u64::from(gid) == old.gid));
        match who.is_root() || (uid_ok && gid_ok) {
            true => Ok(()),
            false => Err(Errno::PERM.into()),
        }
    }

    pub(super) fn stat(&self, request: &Request) -> Result<Answer, Stop> {
        let kind = request.call.kind;
        if kind != Kind::Statx && !request.call.native {
            return Err(Stop::LetGo);
        }
        let flags = |index: usize| request.arguments[index] as i32;
        let placed = |flags: i32| -> Result<Place, Stop> {
            Ok(Place {
                follow: flags & libc::AT_SYMLINK_NOFOLLOW == 0,
                may_be_empty: flags & libc::AT_EMPTY_PATH != 0,
                ..at(request, 0, 1)?
            })
        };
        let place = match kind {
            Kind::StatFile => Place::of_descriptor(request),
            Kind::StatAt => placed(flags(3))?,
            Kind::Statx => placed(flags(2))?,
            kind => Place {
                follow: kind == Kind::Stat { follow: true },
                ..here(request, 0)?
            },
        };
        self.take_root_of(request)?;
        let reach = place.reach(request.caller)?;
        // Nearly everything is root's, and this is asked more often than everything else together.
        if !reach.remembers() {
            return Err(Stop::LetGo);
        }
        let found = Found::of(reach.open()?)?;
        let memory = found.recall().ok_or(Stop::LetGo)?;
        let id = |id: u64| u32::try_from(id).map_err(|_| Stop::LetGo);
        let (uid, gid) = (id(memory.uid)?, id(memory.gid)?);
        let device_mode = |device: &Device| {
            let kind = match device.block {
                true => libc::S_IFBLK,
                false => libc::S_IFCHR,
            };
            kind | (found.stat.st_mode & !libc::S_IFMT)
        };
        let refused = |_| Stop::LetGo;
        let (address, bytes) = if kind == Kind::Statx {
            let mask = request.arguments[3] as u32;
            // How fresh it has to be is all that the flags can still say.
            let flags = flags(2) & (libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC);
            let mut bytes = StatxBytes::of(found.fd.as_fd(), flags, mask).map_err(refused)?;
            bytes.set_owner(uid, gid);
            if let Some(device) = &memory.device {
                bytes.set_device(device_mode(device), device.major, device.minor);
            }
            (request.arguments[4], bytes.0.to_vec())
        } else {
            let mut bytes = StatBytes::of(found.fd.as_fd()).map_err(refused)?;
            bytes.set_owner(uid, gid);
            if let Some(device) = &memory.device {
                let number = rustix::fs::makedev(device.major, device.minor);
                bytes.set_device(device_mode(device), number);
            }
            let index = if kind == Kind::StatAt { 2 } else { 1 };
            (request.arguments[index], bytes.0.to_vec())
        };
        self.still_waits(request)?;
        request.caller.write(address, &bytes).ok_or(Errno::FAULT)?;
        Ok(DONE)
    }

    pub(super) fn create(&self, request: &Request) -> Result<Answer, Stop> {
        let arguments = &request.arguments;
        let (place, flags, mode) = match request.call.kind {
            Kind::Create => {
                let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
                (here(request, 0)?, flags, arguments[1])
            }
            Kind::Open => (here(request, 0)?, arguments[1] as i32, arguments[2]),
            Kind::OpenAt => (at(request, 0, 1)?, arguments[2] as i32, arguments[3]),
            _ => {
                let mut how = [0; OPEN_HOW];
                request
                    .caller
                    .read(arguments[2], &mut how)
                    .ok_or(Stop::LetGo)?;
                let word = |at: usize| {
                    let mut word = [0; 8];
                    word.copy_from_slice(&how[at..at + 8]);
                    u64::from_ne_bytes(word)
                };
                // Ways of resolving that nothing here can promise; nobody creates files so.
                if word(16) != 0 {
                    return Err(Stop::LetGo);
                }
                (at(request, 0, 1)?, word(0) as i32, word(8))
            }
        };
        // As the kernel numbers them on this architecture; 32-bit programs share all that matter.
        let flags = OFlags::from_bits_retain(flags as u32);
        let temporary = flags.contains(OFlags::TMPFILE);
        if !temporary && !flags.contains(OFlags::CREATE) {
            return Err(Stop::LetGo);
        }
        let opened = |new: &NewName, owner: &Memory| -> Result<OwnedFd, Stop> {
            let umask = request.caller.umask().ok_or(Stop::LetGo)?;
            self.still_waits(request)?;
            let mode = Mode::from_raw_mode(mode as u32 & 0o7777 & !umask);
            let extra = match temporary {
                true => OFlags::CLOEXEC,
                false => OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            };
            // Whatever is there by now, or cannot be, is the kernel's to say.
            let fd = rustix::fs::openat(&new.parent, &new.name, flags | extra, mode)
                .map_err(|_| Stop::LetGo)?;
            let found = Found::of(fd)?;
            found.remember(owner)?;
            Ok(found.fd)
        };
        let close_on_exec = flags.contains(OFlags::CLOEXEC);
        if temporary {
            let parent = Found::of(self.locate(request, &place)?)?;
            let owner = self.owner_in(request, &parent);
            if owner == ROOTS {
                return Err(Stop::LetGo);
            }
            let new = NewName {
                parent: parent.fd,
                name: c".".to_owned(),
            };
            return Ok(Answer::Descriptor(opened(&new, &owner)?, close_on_exec));
        }
        if place.path.to_bytes().ends_with(b"/") {
            return Err(Stop::LetGo);
        }
        let (new, owner) = self.new_name(request, &place, false)?;
        // Before the umask is asked for, which takes longer.
        if !is_missing(&new) {
            return Err(Stop::LetGo);
        }
        Ok(Answer::Descriptor(opened(&new, &owner)?, close_on_exec))
    }

    pub(super) fn make_directory(&self, request: &Request) -> Result<Answer, Stop> {
        let (place, mode) = match request.call.kind {
            Kind::MakeDirectory => (here(request, 0)?, request.arguments[1]),
            _ => (at(request, 0, 1)?, request.arguments[2]),
        };
        let (new, owner) = self.new_name(request, &place, false)?;
        let umask = request.caller.umask().ok_or(Stop::LetGo)?;
        self.still_waits(request)?;
        let mode = Mode::from_raw_mode(mode as u32 & 0o1777 & !umask);
        rustix::fs::mkdirat(&new.parent, &new.name, mode)?;
        finish(&new, &owner)
    }

    pub(super) fn make_link(&self, request: &Request) -> Result<Answer, Stop> {
        let place = match request.call.kind {
            Kind::MakeLink => here(request, 1)?,
            _ => at(request, 1, 2)?,
        };
        let (new, owner) = self.new_name(request, &place, false)?;
        let target = request.caller.read_path(request.arguments[0]);
        let target = target.ok_or(Stop::LetGo)?;
        self.still_waits(request)?;
        rustix::fs::symlinkat(&target, &new.parent, &new.name)?;
        finish(&new, &owner)
    }

    pub(super) fn make_node(&self, request: &Request) -> Result<Answer, Stop> {
        let (place, first) = match request.call.kind {
            Kind::MakeNode => (here(request, 0)?, 1),
            _ => (at(request, 0, 1)?, 2),
        };
        let mode = request.arguments[first] as u32;
        let number = u64::from(request.arguments[first + 1] as u32);
        let kind = FileType::from_raw_mode(mode);
        let device = match kind {
            // What overlayfs takes for a whiteout is nobody's device.
            FileType::CharacterDevice if number == 0 => return Err(Stop::LetGo),
            FileType::CharacterDevice | FileType::BlockDevice => Some(Device {
                block: kind == FileType::BlockDevice,
                major: rustix::fs::major(number),
                minor: rustix::fs::minor(number),
            }),
            FileType::RegularFile | FileType::Fifo | FileType::Socket => None,
            // No type at all is a regular file, and everything else is refused.
            _ => return Err(Stop::LetGo),
        };
        if device.is_some() && !self.who(request).is_root() {
            return Err(Errno::PERM.into());
        }
        let (new, owner) = self.new_name(request, &place, device.is_some())?;
        let umask = request.caller.umask().ok_or(Stop::LetGo)?;
        self.still_waits(request)?;
        let kind = match device {
            Some(_) => FileType::RegularFile,
            None => kind,
        };
        let mode = Mode::from_raw_mode(mode & 0o7777 & !umask);
        rustix::fs::mknodat(&new.parent, &new.name, kind, mode, 0)?;
        finish(&new, &Memory { device, ..owner })
    }

    /// Executing a program changes ids: that of a setuid program to its owner's. For a caller who is not root in any way;
    /// that root runs the setuid program of somebody else is not emulated.
    pub(super) fn execute(&mut self, request: &Request) -> Result<Answer, Stop> {
        let who = self.who(request);
        if who.is_root() && who.makes_roots_files() && who.user.saved == 0 {
            return Err(Stop::LetGo);
        }
        let place = match request.call.kind {
            Kind::Execute => here(request, 0)?,
            _ => {
                let flags = request.arguments[4] as i32;
                Place {
                    follow: flags & libc::AT_SYMLINK_NOFOLLOW == 0,
                    may_be_empty: flags & libc::AT_EMPTY_PATH != 0,
                    ..at(request, 0, 1)?
                }
            }
        };
        let found = Found::of(self.locate(request, &place)?)?;
        let mode = found.stat.st_mode;
        if found.kind != FileType::RegularFile || mode & EXECUTABLE == 0 {
            return Err(Stop::LetGo);
        }
        let owner = found.recall().unwrap_or(ROOTS);
        let gives = |bits: u32, id: u64| match mode & bits == bits {
            true if !is_script(&found) => u32::try_from(id).ok(),
            _ => None,
        };
        let user = gives(SETUID, owner.uid);
        let group = gives(SETGID | GROUP_EXECUTABLE, owner.gid);
        self.become_other(request, |who| {
            who.execute(user, group);
            Ok(())
        })?;
        Err(Stop::LetGo)
    }

    /// Opens what `place` leads to. Where that fails, the kernel has the better words.
    fn locate(&self, request: &Request, place: &Place) -> Result<OwnedFd, Stop> {
        self.take_root_of(request)?;
        place.reach(request.caller)?.open()
    }

    /// Opens the directory that `place` is a name in, and says whose what the caller makes there will be. Let go where it is
    /// root's anyway, which is nearly always, unless `also_roots`.
    fn new_name(
        &self,
        request: &Request,
        place: &Place,
        also_roots: bool,
    ) -> Result<(NewName, Memory), Stop> {
        let path = place.path.to_bytes();
        let end = path.iter().rposition(|byte| *byte != b'/');
        let path = &path[..end.map_or(0, |at| at + 1)];
        let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..=at], &path[at + 1..]),
            None => (&b"."[..], path),
        };
        if matches!(name, b"" | b"." | b"..") {
            return Err(Stop::LetGo);
        }
        let c_string = |bytes: &[u8]| CString::new(bytes).map_err(|_| Stop::LetGo);
        let parent = Place {
            directory: place.directory,
            path: c_string(parent)?,
            follow: true,
            may_be_empty: false,
        };
        self.take_root_of(request)?;
        let reach = parent.reach(request.caller)?;
        let who = self.who(request);
        if who.makes_roots_files() && !also_roots {
            let stat = rustix::fs::stat(&reach.path).map_err(|_| Stop::LetGo)?;
            if stat.st_mode & SETGID == 0 {
                return Err(Stop::LetGo);
            }
        }
        let parent = Found::of(reach.open()?)?;
        let owner = self.owner_in(request, &parent);
        match owner {
            ROOTS if !also_roots => Err(Stop::LetGo),
            owner => Ok((
                NewName {
                    parent: parent.fd,
                    name: c_string(name)?,
                },
                owner,
            )),
        }
    }

    /// The owner of what the caller makes in the directory `parent`.
    fn owner_in(&self, request: &Request, parent: &Found) -> Memory {
        let who = self.who(request);
        let gid = match parent.stat.st_mode & SETGID {
            0 => who.group.files.into(),
            _ => parent.recall().unwrap_or(ROOTS).gid,
        };
        Memory {
            uid: who.user.files.into(),
            gid,
            device: None,
        }
    }

    /// Makes the caller's root directory this process's own, where the two may differ.
    fn take_root_of(&self, request: &Request) -> Result<(), Stop> {
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
fn here(request: &Request, path: usize) -> Result<Place, Stop> {
    let path = request.caller.read_path(request.arguments[path]);
    Ok(Place {
        directory: libc::AT_FDCWD,
        path: path.ok_or(Stop::LetGo)?,
        follow: true,
        may_be_empty: false,
    })
}

/// A path argument, relative to a directory, following links.
fn at(request: &Request, directory: usize, path: usize) -> Result<Place, Stop> {
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

fn is_missing(new: &NewName) -> bool {
    let stat = rustix::fs::statat(&new.parent, &new.name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_err_and(|errno| errno == Errno::NOENT)
}

/// Has what was just made remember its owner.
fn finish(new: &NewName, owner: &Memory) -> Result<Answer, Stop> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&new.parent, &new.name, flags, Mode::empty())?;
    Found::of(fd)?.remember(owner)?;
    Ok(DONE)
}

/// Whether the kernel would execute another program for it, to which its setuid bits do not go.
fn is_script(found: &Found) -> bool {
    let path: &CStr = &memory::path_of(PROC, found.fd.as_fd());
    let mut first = [0; 2];
    let read = rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|fd| rustix::io::read(fd, &mut first));
    read == Ok(2) && first == *b"#!"
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
