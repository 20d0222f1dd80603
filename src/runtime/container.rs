//! A container's spec → the steps of its first process, in the order the kernel forces.
//!
//! The namespaces first, then the root directory, then everything inside it by descriptor, then the jump into it; the
//! process's own settings last, when the parent has said go. What needs no ids runs before the id maps are written, beside
//! the helpers that write them.

use std::ffi::CStr;
use std::io;
use std::rc::Rc;

use oci_spec::runtime::{LinuxNamespaceType, Mount, Process, Spec};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::MountPropagationFlags;
use rustix::process::{Gid, Uid};

use super::console::{Session, Streams, Terminal};
use super::devices::{self, Links};
use super::emulation::Emulation;
use super::inside::InsidePath;
use super::kernel::{DomainName, HostName, Loopback, Sysctl};
use super::lookup::{Execute, FindCommand};
use super::masks::{Mask, ReadOnly};
use super::mounts::{self, MountStep, SetReadOnly};
use super::namespaces::{Namespaces, Unshare};
use super::options;
use super::process::{
    self, Conceal, Confine, Credentials, EnterWorkingDirectory, Keyring, MakeWorkingDirectory,
    Signals,
};
use super::rootfs::{self, Isolate, MakeRoot, Pivot, RootAttributes, TryRoot};
use super::seccomp::Filter;
use super::step::{Plan, State, Step};
use super::stub_steps::{FindStubPath, PlaceStub};
use super::{Error, Launch, Stdio};
use crate::sys::mount::Attributes;
use crate::sys::stub::REPORT_FD;

/// Namespaces that the child is born in. It makes the others itself, while the parent has the id maps written.
pub(super) const AT_BIRTH: libc::c_int = libc::CLONE_NEWUSER | libc::CLONE_NEWPID;

/// The steps of a container's first process.
pub(super) fn plan(
    launch: &Launch<'_>,
    namespaces: &Namespaces,
    emulation: Option<&Emulation>,
) -> Result<Plan, Error> {
    let spec = launch.spec;
    let mut plan = Plan::default();
    plan.push(Begin);
    plan.push(Unshare {
        flags: namespaces.new & !AT_BIRTH,
    });

    let mut mounts = mount_steps(launch)?;
    let propagation = root_propagation(spec)?;
    let slave = MountPropagationFlags::DOWNSTREAM;
    let follows_host = mounts.iter().any(MountStep::follows_host)
        || propagation.is_some_and(|(flags, _)| flags != MountPropagationFlags::PRIVATE);
    if follows_host {
        mounts.iter_mut().for_each(MountStep::default_to_private);
    }
    plan.push(Isolate {
        propagation: match follows_host {
            true => slave,
            false => MountPropagationFlags::PRIVATE,
        },
    });

    // What needs no ids, beside the helpers that write the maps.
    kernel_steps(&mut plan, spec, namespaces)?;
    let (root, attach) = rootfs::prepare(launch.root, launch.id_map.is_some())?;
    let root = Rc::new(root);
    if namespaces.new & libc::CLONE_NEWUSER != 0 {
        plan.push(TryRoot(Rc::clone(&root)));
        plan.push(AwaitMaps);
    }
    if launch.id_map.is_some() {
        plan.push(BecomeRoot);
    }
    plan.push(PlaceStub);
    plan.push(MakeRoot(root));
    plan.push(attach);
    inside_steps(&mut plan, launch, mounts)?;
    if let Some((flags, recursive)) = propagation {
        plan.push(RootAttributes {
            attributes: Attributes {
                propagation: flags.bits().into(),
                ..Attributes::default()
            },
            recursive,
        });
    }
    plan.push(Pivot);
    if spec
        .root()
        .as_ref()
        .is_some_and(|root| root.readonly().unwrap_or(false))
    {
        plan.push(RootAttributes {
            attributes: Attributes {
                set: libc::MOUNT_ATTR_RDONLY,
                ..Attributes::default()
            },
            recursive: false,
        });
    }
    plan.push(AwaitStart);
    plan.push(Conceal);
    let process = process::of(spec)?;
    process_steps(
        &mut plan,
        process,
        emulation,
        launch.filter,
        Signals {
            block: launch.init,
            follow_parent: true,
            ignored: crate::sys::signal::ignored(),
        },
        // Nobody else is in its mount namespace yet.
        true,
    )?;
    Ok(plan)
}

fn mount_steps(launch: &Launch<'_>) -> Result<Vec<MountStep>, Error> {
    let mounts: &[Mount] = launch.spec.mounts().as_deref().unwrap_or_default();
    mounts
        .iter()
        .map(|mount| mounts::prepare(mount, launch.bundle, launch.id_map))
        .collect()
}

fn root_propagation(spec: &Spec) -> Result<Option<(MountPropagationFlags, bool)>, Error> {
    let Some(name) = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.rootfs_propagation().as_deref())
        .filter(|name| !name.is_empty())
    else {
        return Ok(None);
    };
    match options::propagation(name) {
        Some(kind) => Ok(Some(kind)),
        None => Err(Error::Unsupported(format!(
            "linux.rootfsPropagation {name:?}"
        ))),
    }
}

/// Host name, domain name, loopback.
fn kernel_steps(plan: &mut Plan, spec: &Spec, namespaces: &Namespaces) -> Result<(), Error> {
    let names = [spec.hostname(), spec.domainname()];
    let named = names
        .iter()
        .any(|name| name.as_deref().is_some_and(|name| !name.is_empty()));
    if named && !namespaces.has_own(LinuxNamespaceType::Uts) {
        return Err(Error::Unsupported(
            "a host name without a UTS namespace of its own".to_owned(),
        ));
    }
    let [host, domain] = names.map(|name| name.clone().filter(|name| !name.is_empty()));
    if let Some(name) = host {
        plan.push(HostName(name));
    }
    if let Some(name) = domain {
        plan.push(DomainName(name));
    }
    if namespaces.new & libc::CLONE_NEWNET != 0 {
        plan.push(Loopback);
    }
    Ok(())
}

/// Everything that is put inside the root.
fn inside_steps(plan: &mut Plan, launch: &Launch<'_>, mounts: Vec<MountStep>) -> Result<(), Error> {
    const DEV: &CStr = c"/dev";
    let linux = launch.spec.linux().as_ref();
    let inside = |path: &str| InsidePath::new(path.as_ref());

    // A /dev of the host's comes with the host's devices, dead in a user namespace but for those that are bound again.
    let own_dev = !mounts.iter().any(|mount| mount.is_bind_at(DEV));
    let host_dev = mounts.iter().any(|mount| mount.binds(DEV, DEV));
    let mut read_only_dev = false;
    for mut mount in mounts {
        if own_dev && mount.is_new_at(DEV) {
            read_only_dev = mount.take_read_only();
        }
        plan.push(mount);
    }
    let devices = linux
        .and_then(|linux| linux.devices().as_deref())
        .unwrap_or_default();
    if own_dev || (host_dev && launch.id_map.is_some()) {
        for device in devices::prepare(devices, launch.device_sources, launch.id_map)? {
            plan.push(device);
        }
    }
    if own_dev {
        plan.push(Links {
            directory: inside("/dev")?,
        });
    }
    let process = process::of(launch.spec)?;
    if let Stdio::Terminal { size } = launch.stdio {
        plan.push(Terminal::new(size, process.user().uid(), true)?);
    }
    plan.push(MakeWorkingDirectory(InsidePath::new(process.cwd())?));
    if let Some(sysctls) = linux.and_then(|linux| linux.sysctl().as_ref()) {
        let mut sysctls: Vec<_> = sysctls.iter().collect();
        sysctls.sort_unstable();
        for (name, value) in sysctls {
            let is_dispensable = launch.dispensable_sysctls.contains(&name.as_str());
            plan.push(Sysctl::new(name, value, is_dispensable)?);
        }
    }
    if let Some(paths) = linux.and_then(|linux| linux.readonly_paths().as_ref()) {
        plan.push(ReadOnly::new(paths)?);
    }
    if let Some(paths) = linux.and_then(|linux| linux.masked_paths().as_ref()) {
        plan.push(Mask::new(paths)?);
    }
    if read_only_dev {
        plan.push(SetReadOnly {
            target: inside("/dev")?,
        });
    }
    Ok(())
}

/// From "go" to the execution: the same for a container's first process and for a later one. `trust_proc`: nobody inside
/// can mount anything on `/proc` meanwhile.
pub(super) fn process_steps(
    plan: &mut Plan,
    process: &Process,
    emulation: Option<&Emulation>,
    filter: Option<&Filter>,
    signals: Signals,
    trust_proc: bool,
) -> Result<(), Error> {
    let seen = emulation.map(|emulation| emulation.seen(process));
    let process = seen.as_ref().unwrap_or(process);
    let supervised = emulation.map(Emulation::filter);
    let arguments = process.args().as_deref().unwrap_or_default();
    let environment = process.env().as_deref().unwrap_or_default();
    let command = arguments.first().map_or("", String::as_str);
    plan.push(Keyring);
    plan.push(Session);
    plan.push(Streams {
        uid: process.user().uid(),
    });
    plan.push(Credentials::new(
        process,
        emulation.is_some_and(Emulation::confined),
    ));
    plan.push(EnterWorkingDirectory {
        path: InsidePath::new(process.cwd())?,
        umask: process.user().umask(),
    });
    plan.push(signals);
    plan.push(FindCommand::new(command, environment)?);
    plan.push(CloseOnExec);
    if (filter.is_some() || supervised.is_some()) && trust_proc {
        plan.push(FindStubPath);
    }
    plan.push(Confine::new(process, supervised, filter));
    plan.push(Execute::new(arguments, environment)?);
    Ok(())
}

/// Puts the process in order before anything else.
#[derive(Debug)]
pub(super) struct Begin;

impl Step for Begin {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        // The numbers up to the stub's are overwritten later; nothing that is opened from now on may have one of them.
        crate::sys::file::occupy_up_to(state.sync.as_fd(), REPORT_FD)?;
        // Modes are as they are given; the process's own umask comes last.
        rustix::process::umask(Mode::empty());
        Ok(())
    }

    fn words(&self) -> String {
        "error preparing the container process".to_owned()
    }
}

/// Waits until the parent has had the id maps written.
#[derive(Debug)]
struct AwaitMaps;

impl Step for AwaitMaps {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        state.sync.wait()
    }

    fn words(&self) -> String {
        "error waiting for the id maps".to_owned()
    }
}

/// Takes the ids 0 of the user namespace. In a map without them the process stays what it is: its capabilities, not its
/// number, give it power.
#[derive(Debug)]
struct BecomeRoot;

impl Step for BecomeRoot {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        // EPERM: `setgroups` is denied. EINVAL: id 0 is not mapped.
        let lenient = |result: rustix::io::Result<()>| match result {
            Ok(()) | Err(Errno::PERM | Errno::INVAL) => Ok(()),
            Err(error) => Err(io::Error::from(error)),
        };
        lenient(rustix::thread::set_thread_groups(&[]))?;
        lenient(rustix::thread::set_thread_res_gid(
            Gid::ROOT,
            Gid::ROOT,
            Gid::ROOT,
        ))?;
        lenient(rustix::thread::set_thread_res_uid(
            Uid::ROOT,
            Uid::ROOT,
            Uid::ROOT,
        ))
    }

    fn words(&self) -> String {
        "error becoming root of the user namespace".to_owned()
    }
}

/// Says that everything is set up, hands the terminal over, and waits for the parent's word.
#[derive(Debug)]
pub(super) struct AwaitStart;

impl Step for AwaitStart {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let master = state.master.take();
        let fd = master.as_ref().map(std::os::fd::AsFd::as_fd);
        state.sync.report_ready(fd)?;
        drop(master);
        state.sync.wait()
    }

    fn words(&self) -> String {
        "error waiting to be started".to_owned()
    }
}

/// Marks every descriptor but the standard streams, so that none gets into the program (CVE-2024-21626).
#[derive(Debug)]
struct CloseOnExec;

impl Step for CloseOnExec {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        crate::sys::file::close_on_exec_from(REPORT_FD)
    }

    fn words(&self) -> String {
        "error marking descriptors close-on-exec".to_owned()
    }
}
