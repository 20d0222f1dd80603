//! What a scenario needs of the machine beyond the program under test.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use super::users::User;

/// Something that may be missing; the scenario is then ignored, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "the words are there before the first scenario that says them"
)]
pub(crate) enum Need {
    /// A statically linked busybox, the content of the test image.
    Busybox,
    /// What makes [`super::debian::rootfs_tar`], and a mirror that can be reached.
    DebianPackages,
    /// `pasta` or `slirp4netns`, for a network that reaches out.
    UserModeNetwork,
    /// Debian's `docker-registry`.
    DockerRegistry,
    /// An address of the machine that is not its loopback.
    OuterAddress,
    /// A program in `PATH`.
    Program(&'static str),
    /// A host and port outside, which answers within two seconds.
    Reachable(&'static str),
    /// Cgroups that the user may make, with limits of memory and of processes.
    Limits,
    /// A device or file that has to be there.
    File(&'static str),
}

impl Need {
    /// Why it is missing for `user`.
    pub(crate) fn check(self, user: &User) -> Result<(), String> {
        match self {
            Need::Busybox => super::busybox::rootfs_tar()
                .map(|_| ())
                .map_err(str::to_owned),
            Need::DebianPackages => super::debian::rootfs_tar()
                .map(|_| ())
                .map_err(str::to_owned),
            Need::UserModeNetwork => find_program("pasta")
                .or_else(|_| find_program("slirp4netns"))
                .map(|_| ())
                .map_err(|_| "neither pasta nor slirp4netns is installed".into()),
            Need::DockerRegistry => find_program("docker-registry").map(|_| ()),
            Need::OuterAddress => outer_address()
                .map(|_| ())
                .ok_or_else(|| "the machine has no network".into()),
            Need::Program(name) => find_program(name).map(|_| ()),
            Need::Reachable(place) => reachable(place),
            Need::Limits => limits(user),
            Need::File(path) if std::path::Path::new(path).exists() => Ok(()),
            Need::File(path) => Err(format!("{path} is not here")),
        }
    }
}

/// Whether the kernel limits what `user` asks it to. Unprivileged users are given cgroups by systemd.
fn limits(user: &User) -> Result<(), String> {
    let controllers = |directory: String| {
        std::fs::read_to_string(format!("{directory}/cgroup.controllers")).unwrap_or_default()
    };
    let mount = "/sys/fs/cgroup";
    let is_unified = !controllers(mount.to_owned()).is_empty();
    let offered = match (is_unified, user.uid) {
        (false, 0) => {
            let v1 = ["memory", "pids"];
            let directories = v1.map(|name| format!("{mount}/{name}"));
            let all = directories.iter().all(|directory| {
                rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_ok()
            });
            if all { v1.join(" ") } else { String::new() }
        }
        (false, _) => return Err("cgroup version 1 is for root alone".to_owned()),
        (true, 0) => controllers(mount.to_owned()),
        (true, uid) => {
            if !std::path::Path::new(&format!("/run/user/{uid}/systemd/private")).exists() {
                return Err(format!("{} has no systemd of their own", user.name));
            }
            controllers(format!(
                "{mount}/user.slice/user-{uid}.slice/user@{uid}.service"
            ))
        }
    };
    let missing = (["memory", "pids"].into_iter())
        .find(|name| !offered.split_whitespace().any(|one| one == *name));
    match missing {
        None => Ok(()),
        Some(name) => Err(format!("{} has no cgroup controller {name}", user.name)),
    }
}

/// Whether somebody answers at `place`. Asked once in a run: it takes its time where nobody does.
fn reachable(place: &'static str) -> Result<(), String> {
    static ASKED: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());
    let mut asked = ASKED.lock().expect("nobody panics with it");
    let answers = *asked.entry(place).or_insert_with(|| {
        let addresses = place.to_socket_addrs().into_iter().flatten();
        let mut tries = addresses.take(2);
        tries.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
    });
    answers
        .then_some(())
        .ok_or_else(|| format!("{place} cannot be reached"))
}

/// An address of this machine that is not its loopback.
pub(crate) fn outer_address() -> Option<IpAddr> {
    // Connecting a datagram socket sends nothing, it only looks up the route.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

/// Finds `name` in `PATH`, or in the places that an unprivileged `PATH` often lacks.
pub(crate) fn find_program(name: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| format!("{name} is not installed"))
}
