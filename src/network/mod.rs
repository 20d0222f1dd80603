//! Networks of containers: none, host, another container's, user-mode (`pasta`, else `slirp4netns`).
//!
//! The border is kept narrow, because a built-in stack will take the place of the helpers: [`attach`] is called once,
//! between the creation of the network namespace and the start of the process, and returns something to tear down.
//!
//! Whatever the helper, a container finds itself at 10.0.2.100/24 behind 10.0.2.2, reaches what the host reaches, and
//! nothing of the host's loopback. `host` and `container:NAME` need nothing from here: the runtime joins a namespace.

mod helper;
mod listen;
mod mode;
mod names;
mod pasta;
mod port;
mod resolver;
mod slirp;

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;

pub use helper::Helper;
pub use mode::{Mode, ModeError};
pub use names::{Dns, ExtraHost, NoHostAddress, check_search_domain};
pub use port::{PortError, Protocol, PublishedPort, parse_exposed};
pub use resolver::ResolvConf;

use crate::settings::{Settings, find_program};

/// The container's address. slirp4netns's own choice in its default network, taken for pasta as well.
pub const GUEST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 100);

/// Bits of the container's network.
pub const GUEST_PREFIX_LEN: u8 = 24;

/// The container's gateway.
pub const GUEST_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Where a helper serves DNS from the host's own resolver.
pub const GUEST_DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

/// What came of attaching.
#[derive(Debug)]
pub struct Attached {
    /// The helper process to end with the container, if there is one.
    pub helper: Option<Helper>,
    /// Which way was taken: `pasta`, `slirp4netns`, `none`, `host`, `container`.
    pub driver: &'static str,
    /// Address inside, for `inspect` and `/etc/hosts`.
    pub address: Option<IpAddr>,
    /// Prefix length of `address`.
    pub prefix_len: u8,
    /// Default gateway inside.
    pub gateway: Option<IpAddr>,
    /// Name servers for `/etc/resolv.conf` inside; empty where there are none to be reached.
    pub dns: Vec<IpAddr>,
    /// Ports as they are listened on, one per address of the host, with the numbers that were chosen.
    pub ports: Vec<PublishedPort>,
    /// One-line warning for the user, where something is missing.
    pub warning: Option<String>,
}

/// Why a network could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The helper failed; its words.
    #[error("{helper} failed: {stderr}")]
    Helper {
        /// `pasta` or `slirp4netns`.
        helper: &'static str,
        /// What it printed.
        stderr: String,
    },
    /// The helper asked for by name is not there.
    #[error("could not find {0}")]
    NoHelper(&'static str),
    /// A port is taken. Docker's words: moby, libnetwork/portmapper.
    #[error("failed to bind host port {0}: address already in use")]
    PortInUse(String),
    /// A port cannot be had for another reason: permission, an address of another host.
    #[error("failed to bind host port {address}")]
    Bind {
        /// `address:port/protocol`.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something this helper cannot do.
    #[error("{helper} cannot publish ports on IPv6 addresses: {port}")]
    Ipv6Port {
        /// `slirp4netns`.
        helper: &'static str,
        /// `address:port/protocol`.
        port: String,
    },
    /// A system call.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// What a helper works in.
#[derive(Debug)]
struct Namespaces {
    net: OwnedFd,
    /// Its owner, to be joined first; `None` where the helper may enter `net` as it is.
    user: Option<OwnedFd>,
}

impl Attached {
    /// Ends what serves the network; its ports are free when this returns.
    pub fn detach(self) {
        if let Some(helper) = self.helper {
            helper.stop();
        }
    }

    fn without_helper(driver: &'static str) -> Attached {
        Attached {
            helper: None,
            driver,
            address: None,
            prefix_len: 0,
            gateway: None,
            dns: Vec::new(),
            ports: Vec::new(),
            warning: None,
        }
    }

    fn user_mode(driver: &'static str, helper: Helper) -> Attached {
        Attached {
            helper: Some(helper),
            address: Some(GUEST_ADDRESS.into()),
            prefix_len: GUEST_PREFIX_LEN,
            gateway: Some(GUEST_GATEWAY.into()),
            ..Attached::without_helper(driver)
        }
    }
}

/// Gives the network namespace of process `pid` (which waits to be started) a network.
///
/// The helper is a child of the calling thread and dies with it: call this where the container's life is watched over.
///
/// # Errors
///
/// [`Error::Helper`], [`Error::NoHelper`], [`Error::PortInUse`], [`Error::Bind`], [`Error::Ipv6Port`], [`Error::Io`].
pub fn attach(
    mode: &Mode,
    pid: u32,
    ports: &[PublishedPort],
    settings: &Settings,
) -> Result<Attached, Error> {
    match mode {
        Mode::None => Ok(Attached::without_helper("none")),
        Mode::Host => Ok(Attached::without_helper("host")),
        Mode::Container(_) => Ok(Attached::without_helper("container")),
        Mode::Pasta => with_pasta(pid, ports, settings)?.ok_or(Error::NoHelper("pasta")),
        Mode::Slirp4netns => {
            with_slirp(pid, ports, settings)?.ok_or(Error::NoHelper("slirp4netns"))
        }
        Mode::User => best(pid, ports, settings),
    }
}

/// The first helper that works. A port that is taken is nobody's fault but the port's, and is reported at once.
fn best(pid: u32, ports: &[PublishedPort], settings: &Settings) -> Result<Attached, Error> {
    let failure = match with_pasta(pid, ports, settings) {
        Ok(Some(attached)) => return Ok(attached),
        Ok(None) => None,
        Err(error @ Error::Helper { .. }) => Some(error),
        Err(error) => return Err(error),
    };
    match (with_slirp(pid, ports, settings), failure) {
        (Ok(Some(attached)), _) => Ok(attached),
        (Err(error), None) => Err(error),
        (_, Some(error)) => Err(error),
        (Ok(None), None) => Ok(Attached {
            warning: Some(
                "no network for the container: install the package passt (or slirp4netns)"
                    .to_owned(),
            ),
            ..Attached::without_helper("none")
        }),
    }
}

fn with_pasta(
    pid: u32,
    ports: &[PublishedPort],
    settings: &Settings,
) -> Result<Option<Attached>, Error> {
    let Some(program) = find_program("pasta", &settings.path) else {
        return Ok(None);
    };
    let host = ResolvConf::of_host();
    let ports = listen::reserve(ports)?.release();
    let root = settings.uid == 0;
    // Root keeps the power to bind low ports where one is asked for, and gives it up with all others where not.
    let join = !root || (!ports.iter().any(listen::needs_privilege) && !shares_userns(pid)?);
    let command = pasta::Command {
        program: &program,
        namespaces: namespaces_of(pid, join)?,
        as_root: root,
        ports: &ports,
        forward_dns: host.has_loopback(),
    };
    let helper = pasta::start(command)?;
    Ok(Some(Attached {
        dns: reachable(&host),
        ports,
        ..Attached::user_mode("pasta", helper)
    }))
}

fn with_slirp(
    pid: u32,
    ports: &[PublishedPort],
    settings: &Settings,
) -> Result<Option<Attached>, Error> {
    let Some(program) = find_program("slirp4netns", &settings.path) else {
        return Ok(None);
    };
    let host = ResolvConf::of_host();
    let ports = listen::reserve(ports)?.release();
    let namespaces = namespaces_of(pid, settings.uid != 0)?;
    let socket = settings.run_dir.join(format!("slirp4netns-{pid}.sock"));
    let helper = slirp::start(&program, namespaces, &ports, &socket)?;
    Ok(Some(Attached {
        dns: reachable(&host),
        ports,
        ..Attached::user_mode("slirp4netns", helper)
    }))
}

/// The host's name servers as the container reaches them: those on the host's loopback through the helper.
fn reachable(host: &ResolvConf) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for &address in &host.nameservers {
        let address = if address.is_loopback() {
            GUEST_DNS.into()
        } else {
            address
        };
        if !servers.contains(&address) {
            servers.push(address);
        }
    }
    servers
}

/// Opens the namespaces of `pid`, the user namespace where the helper is to `join` it.
fn namespaces_of(pid: u32, join: bool) -> Result<Namespaces, Error> {
    let open = |kind: &str| {
        let path = format!("/proc/{pid}/ns/{kind}");
        std::fs::File::open(&path)
            .map(OwnedFd::from)
            .map_err(|source| helper::io(format!("open {path}"), source))
    };
    Ok(Namespaces {
        net: open("net")?,
        user: join.then(|| open("user")).transpose()?,
    })
}

/// Whether `pid` has no user namespace of its own (root with `--privileged`).
fn shares_userns(pid: u32) -> Result<bool, Error> {
    let identity = |process: &str| {
        let path = format!("/proc/{process}/ns/user");
        std::fs::read_link(&path).map_err(|source| helper::io(format!("read {path}"), source))
    };
    Ok(identity("self")? == identity(&pid.to_string())?)
}
