//! The process of the spec: who it is, what it may do, where it starts.
//!
//! The order is forced. Groups before the user, because only root may change groups. The bounding set before the user
//! changes, because dropping needs `CAP_SETPCAP`. The parent-death signal after the last change of ids, which clears it.
//! The seccomp filter as late as can be, so that it need not allow what we do: with `no_new_privs` after the last
//! capability is gone, without it just before, because loading then takes `CAP_SYS_ADMIN` (as runc has it).
//!
//! Spec: runtime-spec, config.md, "Process".

use std::io;
use std::os::fd::AsFd as _;

use oci_spec::runtime::{Process, Spec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Gid, Signal, Uid};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::Error;
use super::caps::Sets;
use super::inside::{self, InsidePath};
use super::seccomp::Filter;
use super::step::{State, Step};
use crate::sys::signal::Ignored;

/// Capabilities are numbered up to here; the highest the kernel knows is lower.
const CAPABILITY_BITS: u32 = 63;

/// `umask` of a process for which none is given, as runc has it.
const DEFAULT_UMASK: u32 = 0o022;

/// Returns the process of a spec that was checked to have one.
pub(super) fn of(spec: &Spec) -> Result<&Process, Error> {
    spec.process()
        .as_ref()
        .ok_or_else(|| Error::Unsupported("a container without a process".to_owned()))
}

/// Keeps processes of the container from looking into this one, which still is the engine's binary (CVE-2016-9962).
#[derive(Debug)]
pub(super) struct Conceal;

impl Step for Conceal {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        Ok(rustix::process::set_dumpable_behavior(
            DumpableBehavior::NotDumpable,
        )?)
    }

    fn words(&self) -> String {
        "error making the process non-dumpable".to_owned()
    }
}

/// Leaves the keys of the user who started the container behind.
#[derive(Debug)]
pub(super) struct Keyring;

impl Step for Keyring {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        // A kernel without keys, a filter of an outer container that hides them, or a user with too many of them: the
        // container gets no keyring of its own then, and Docker's profile keeps it from using any.
        let _ = crate::sys::keyring::join_new_session();
        Ok(())
    }

    fn words(&self) -> String {
        "error making a session keyring".to_owned()
    }
}

/// Everything about credentials.
#[derive(Debug)]
pub(super) struct Credentials {
    uid: u32,
    gid: u32,
    groups: Vec<Gid>,
    sets: Sets,
    no_new_privileges: bool,
    /// Executing programs as id 0 gives it no capabilities.
    confined: bool,
}

impl Credentials {
    /// The ids and capabilities of `process`. `confined`: it is somebody whom the kernel knows as root only.
    pub(super) fn new(process: &Process, confined: bool) -> Credentials {
        let user = process.user();
        let groups = user.additional_gids().as_deref().unwrap_or_default();
        Credentials {
            uid: user.uid(),
            gid: user.gid(),
            groups: groups.iter().copied().map(Gid::from_raw).collect(),
            sets: Sets::new(process.capabilities().as_ref()),
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            confined,
        }
    }

    fn set_ids(&self) -> io::Result<()> {
        match rustix::thread::set_thread_groups(&self.groups) {
            // A one-id map comes at the price of `setgroups`, see user_namespaces(7).
            Ok(()) | Err(Errno::PERM) => {}
            // A group that does not exist here is no group the process could be in. Those that do are kept one by one.
            Err(Errno::INVAL) => self.set_known_groups()?,
            Err(error) => return Err(error.into()),
        }
        let gid = Gid::from_raw(self.gid);
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        let uid = Uid::from_raw(self.uid);
        Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
    }

    /// Takes the groups of which the kernel says that they exist in this namespace.
    fn set_known_groups(&self) -> io::Result<()> {
        /// As many as are looked at: images name a handful.
        const MAX_GROUPS: usize = 64;
        let mut known = [Gid::ROOT; MAX_GROUPS];
        let mut count = 0;
        for group in self.groups.iter().take(MAX_GROUPS) {
            known[count] = *group;
            if rustix::thread::set_thread_groups(&known[..=count]).is_ok() {
                count += 1;
            }
        }
        Ok(rustix::thread::set_thread_groups(&known[..count])?)
    }

    fn drop_bounding(&self) -> io::Result<()> {
        for number in 0..CAPABILITY_BITS {
            let capability = CapabilitySet::from_bits_retain(1 << number);
            if self.sets.bounding.contains(capability) {
                continue;
            }
            match rustix::thread::remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                // The kernel knows no capability from here on.
                Err(Errno::INVAL) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The sets as far as this process can have them: less than asked for where the engine itself is confined.
    fn within(&self, permitted: CapabilitySet) -> CapabilitySets {
        CapabilitySets {
            effective: self.sets.effective & permitted,
            permitted: self.sets.permitted & permitted,
            inheritable: self.sets.inheritable & permitted,
        }
    }

    fn raise_ambient(&self) -> io::Result<()> {
        rustix::thread::clear_ambient_capability_set()?;
        for capability in self.sets.ambient.iter() {
            match rustix::thread::configure_capability_in_ambient_set(capability, true) {
                // What is not both permitted and inheritable cannot be ambient; runc warns and goes on.
                Ok(()) | Err(Errno::PERM | Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Step for Credentials {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        if self.no_new_privileges {
            rustix::thread::set_no_new_privs(true)?;
        }
        let permitted = rustix::thread::capabilities(None)?.permitted;
        self.drop_bounding()?;
        rustix::thread::set_keep_capabilities(true)?;
        self.set_ids()?;
        rustix::thread::set_keep_capabilities(false)?;
        if self.confined {
            let bits = CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED;
            rustix::thread::set_capabilities_secure_bits(bits)?;
        }
        // Everything is kept until the filter is loaded.
        rustix::thread::set_capabilities(
            None,
            CapabilitySets {
                effective: permitted,
                permitted,
                inheritable: self.sets.inheritable & permitted,
            },
        )?;
        self.raise_ambient()
    }

    fn words(&self) -> String {
        format!("error switching to user {}:{}", self.uid, self.gid)
    }
}

/// Loads the filter and gives up all capabilities that the process is not to have.
#[derive(Debug)]
pub(super) struct Confine {
    credentials: Credentials,
    /// Comes first: what the other one refuses is refused.
    supervised: Option<Filter>,
    filter: Option<Filter>,
}

impl Confine {
    pub(super) fn new(
        process: &Process,
        supervised: Option<Filter>,
        filter: Option<&Filter>,
    ) -> Confine {
        Confine {
            credentials: Credentials::new(process, false),
            supervised,
            filter: filter.cloned(),
        }
    }

    fn load_filter(&self, state: &State<'_>) -> io::Result<()> {
        if let Some(filter) = &self.supervised {
            let listener = crate::sys::seccomp::load_supervised(&filter.program)?;
            state.sync.report_listener(listener.as_fd())?;
        }
        match &self.filter {
            Some(filter) => crate::sys::seccomp::load(&filter.program, filter.flags),
            None => Ok(()),
        }
    }
}

impl Step for Confine {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let permitted = rustix::thread::capabilities(None)?.permitted;
        let sets = self.credentials.within(permitted);
        if self.credentials.no_new_privileges {
            rustix::thread::set_capabilities(None, sets)?;
            self.load_filter(state)
        } else {
            self.load_filter(state)?;
            Ok(rustix::thread::set_capabilities(None, sets)?)
        }
    }

    fn words(&self) -> String {
        match self.filter.as_ref().or(self.supervised.as_ref()) {
            Some(_) => "error loading seccomp filter into kernel".to_owned(),
            None => "error setting capabilities".to_owned(),
        }
    }
}

/// Makes the working directory, as Docker does for `WORKDIR` and `--workdir`.
#[derive(Debug)]
pub(super) struct MakeWorkingDirectory(pub(super) InsidePath);

impl Step for MakeWorkingDirectory {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        match self.0.ensure_directory(state.root()?) {
            // A read-only volume: whether the directory can be entered shows later.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(()),
            other => other.map(|_| ()),
        }
    }

    fn words(&self) -> String {
        format!("mkdir {}", self.0.display())
    }
}

/// Enters the working directory, as the process's user.
#[derive(Debug)]
pub(super) struct EnterWorkingDirectory {
    pub(super) path: InsidePath,
    pub(super) umask: Option<u32>,
}

impl Step for EnterWorkingDirectory {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let directory = inside::open(state.root()?, self.path.as_c_str(), flags)?;
        rustix::process::fchdir(&directory)?;
        crate::sys::file::check_working_directory()?;
        let umask = self.umask.unwrap_or(DEFAULT_UMASK);
        rustix::process::umask(Mode::from_raw_mode(umask & 0o777));
        Ok(())
    }

    fn words(&self) -> String {
        format!(
            "chdir to cwd ({:?}) set in config.json failed",
            self.path.display()
        )
    }
}

/// Gives the process the signals of a fresh one, and has it die with its parent.
#[derive(Debug)]
pub(super) struct Signals {
    /// The stub that stays as process 1 wants them all blocked.
    pub(super) block: bool,
    /// Whether the end of the parent ends the process.
    pub(super) follow_parent: bool,
    /// What this one ignores.
    pub(super) ignored: Ignored,
}

impl Step for Signals {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        crate::sys::signal::reset_dispositions(self.ignored);
        crate::sys::signal::block_all(self.block)?;
        if self.follow_parent {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // It may have died before.
            if !state.sync.parent_lives() {
                return Err(Errno::OWNERDEAD.into());
            }
        }
        Ok(())
    }

    fn words(&self) -> String {
        "error preparing the process's signals".to_owned()
    }
}
