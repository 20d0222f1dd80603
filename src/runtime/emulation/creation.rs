//! Calls that make something: whose it is, and that it remembers.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Scope;
use super::call::Kind;
use super::place::{Found, Place, ROOTS, at, here};
use super::supervisor::{Answer, DONE, Request, Service, Stop};
use crate::image::layer::memory::{Device, Memory};

/// Set-group-ID, of a mode.
const SETGID: u32 = 0o2000;

/// Of linux/capability.h.
const CAP_MKNOD: u32 = 27;

/// Bytes of `struct open_how` of linux/openat2.h: flags, mode, resolve.
const OPEN_HOW: usize = 24;

/// A name that is not there yet, perhaps.
#[derive(Debug)]
struct NewName {
    parent: OwnedFd,
    name: CString,
}

impl NewName {
    /// Opens what was just made.
    fn open(&self) -> Result<Found, Stop> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Found::of(rustix::fs::openat(
            &self.parent,
            &self.name,
            flags,
            Mode::empty(),
        )?)
    }
}

impl Service {
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
            if self.is_hosts(&parent) {
                return Err(Stop::LetGo);
            }
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
        let is_powerful = match self.scope {
            Scope::Everything => self.who(request).is_powerful(),
            Scope::Devices => request.caller.is_root_with(CAP_MKNOD).ok_or(Stop::LetGo)?,
        };
        if device.is_some() && !is_powerful {
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
        let made = new.open()?;
        let owner = match self.scope {
            Scope::Everything => owner,
            // Every owner there is is a true one.
            Scope::Devices => made.owner(),
        };
        made.remember(&Memory { device, ..owner })?;
        Ok(DONE)
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
        if self.is_hosts(&parent) {
            return Err(Stop::LetGo);
        }
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
}

fn is_missing(new: &NewName) -> bool {
    let stat = rustix::fs::statat(&new.parent, &new.name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_err_and(|errno| errno == Errno::NOENT)
}

/// Has what was just made remember its owner.
fn finish(new: &NewName, owner: &Memory) -> Result<Answer, Stop> {
    new.open()?.remember(owner)?;
    Ok(DONE)
}
