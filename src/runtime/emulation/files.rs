//! Calls about what is there: its owner, what it looks like, and whose it makes who executes it.

use std::ffi::CStr;
use std::os::fd::AsFd as _;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, StatVfsMountFlags, Uid};
use rustix::io::Errno;

use super::call::Kind;
use super::place::{Found, PROC, Place, ROOTS, at, here};
use super::supervisor::{Answer, DONE, Request, Service, Stop};
use crate::image::layer::memory::{self, Device, Memory};
use crate::sys::stat::{StatBytes, StatxBytes};

/// Set-user-ID, set-group-ID, and permission to execute, of a mode.
const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const EXECUTABLE: u32 = 0o111;
const GROUP_EXECUTABLE: u32 = 0o010;
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
        let given = |index| Some(request.user_or_group(index)).filter(|id| *id != u32::MAX);
        let (uid, gid) = (given(ids), given(ids + 1));
        self.take_root_of(request)?;
        let reach = place.reach(request.caller)?;
        let to_root = uid.unwrap_or(0) == 0 && gid.unwrap_or(0) == 0;
        // What every file of a package is done to: giving root what is root's.
        if to_root && self.who(request).is_powerful() && !reach.remembers() {
            return Err(Stop::LetGo);
        }
        let found = Found::of(reach.open()?)?;
        let old = self.recall(request, &found);
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
        if self.is_hosts(&found) {
            return Ok(DONE);
        }
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
        match who.is_powerful() || (uid_ok && gid_ok) {
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
        let in_proc = place.path.to_bytes().starts_with(b"/proc/");
        // Nearly everything is root's, and this is asked more often than everything else together.
        let may_be_everybodys =
            !self.memories.are_everywhere() && !self.who(request).makes_roots_files();
        if !may_be_everybodys && !in_proc && !reach.remembers() {
            return Err(Stop::LetGo);
        }
        let found = Found::of(reach.open()?)?;
        let of_process = || self.owner_of_process(place.path.to_bytes(), &found);
        let memory = match in_proc.then(of_process).flatten() {
            Some(owner) => owner,
            None => self.recall(request, &found),
        };
        if memory == ROOTS {
            return Err(Stop::LetGo);
        }
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

    /// Tells the names of a file's attributes without those by which it remembers: a program that copies all attributes must
    /// not copy the owner with them.
    pub(super) fn list_attributes(&self, request: &Request) -> Result<Answer, Stop> {
        let place = match request.call.kind {
            Kind::ListAttributesOfFile => Place::of_descriptor(request),
            kind => Place {
                follow: kind == Kind::ListAttributes { follow: true },
                ..here(request, 0)?
            },
        };
        self.take_root_of(request)?;
        let reach = place.reach(request.caller)?;
        if !reach.remembers() {
            return Err(Stop::LetGo);
        }
        let found = Found::of(reach.open()?)?;
        if self.is_hosts(&found) {
            return Err(Stop::LetGo);
        }
        let names = memory::other_names(&memory::path_of(PROC, found.fd.as_fd()), found.kind)?;
        let [_, address, room, ..] = request.arguments;
        if room != 0 {
            if room < names.len() as u64 {
                return Err(Errno::RANGE.into());
            }
            self.still_waits(request)?;
            request.caller.write(address, &names).ok_or(Errno::FAULT)?;
        }
        Ok(Answer::Value(names.len() as i64))
    }

    /// Executing a program changes ids: that of a setuid program to its owner's. For a caller who is not root in any way;
    /// that root runs the setuid program of somebody else is not emulated.
    pub(super) fn execute(&mut self, request: &Request) -> Result<Answer, Stop> {
        // The first process begins with this.
        if self.identities.is_unknown(request.caller.thread) {
            self.still_waits(request)?;
            let who = self.who(request).clone();
            self.identities.assign(request.caller.thread, who)?;
        }
        let who = self.who(request);
        let mut same = who.clone();
        same.execute(None, None);
        if who.is_powerful() && who.makes_roots_files() && same == *who {
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
        let owner = self.recall(request, &found);
        let gives = |bits: u32, id: u64| match mode & bits == bits {
            true if !is_script(&found) => u32::try_from(id).ok(),
            _ => None,
        };
        let mut user = gives(SETUID, owner.uid);
        let mut group = gives(SETGID | GROUP_EXECUTABLE, owner.gid);
        // As in the kernel (fs/exec.c, `bprm_fill_uid`).
        let gives_anything = user.is_some() || group.is_some();
        if gives_anything && (is_nosuid(&found) || !request.caller.may_gain_privileges()) {
            (user, group) = (None, None);
        }
        self.become_other(request, |who| {
            who.execute(user, group);
            Ok(())
        })?;
        Err(Stop::LetGo)
    }
}

/// Whether setuid bits mean nothing where the file is.
fn is_nosuid(found: &Found) -> bool {
    rustix::fs::fstatvfs(&found.fd)
        .is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::NOSUID))
}

/// Whether the kernel would execute another program for it, to which its setuid bits do not go.
fn is_script(found: &Found) -> bool {
    let path: &CStr = &memory::path_of(PROC, found.fd.as_fd());
    let mut first = [0; 2];
    let read = rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|fd| rustix::io::read(fd, &mut first));
    read == Ok(2) && first == *b"#!"
}
