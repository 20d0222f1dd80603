//! Networks of containers: none, host, another container's, user-mode (`pasta`, else `slirp4netns`).
//!
//! The border is kept narrow, because a built-in stack will take the place of the helpers: [`attach`] is called once,
//! between the creation of the network namespace and the start of the process, and returns something to tear down.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// `--network`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// A private namespace with loopback only.
    None,
    /// The host's.
    Host,
    /// The one of the container with this name or id.
    Container(String),
    /// A private namespace with user-mode networking; what Docker calls `bridge` and `default`.
    User,
}

/// One published port. Spec: `docker run --publish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// Address to listen on; `None` for all.
    pub host_ip: Option<IpAddr>,
    /// Port to listen on; 0 until one has been chosen.
    pub host_port: u16,
    /// Port in the container.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: Protocol,
}

/// Transport protocols that can be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What came of attaching.
#[derive(Debug)]
pub struct Attached {
    /// The helper process to end with the container, if there is one.
    pub helper_pid: Option<u32>,
    /// Which way was taken: `pasta`, `slirp4netns`, `none`.
    pub driver: &'static str,
    /// Address inside, for `inspect` and `/etc/hosts`.
    pub address: Option<IpAddr>,
    /// Prefix length of `address`.
    pub prefix_len: u8,
    /// Default gateway inside.
    pub gateway: Option<IpAddr>,
    /// Name servers for `/etc/resolv.conf` inside.
    pub dns: Vec<IpAddr>,
    /// One-line warning for the user, where something is missing.
    pub warning: Option<String>,
}

/// Why a network could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `-p` text that is not a port.
    #[error("invalid publish opts format (should be name=value but got '{0}')")]
    Publish(String),
    /// The helper failed; its words.
    #[error("{helper} failed: {stderr}")]
    Helper {
        /// `pasta` or `slirp4netns`.
        helper: &'static str,
        /// What it printed.
        stderr: String,
    },
    /// A port is taken.
    #[error("failed to bind host port {0}: address already in use")]
    PortInUse(String),
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

/// Gives the network namespace of process `pid` (which waits to be started) a network.
///
/// # Errors
///
/// [`Error::Helper`], [`Error::PortInUse`], [`Error::Io`].
pub fn attach(
    mode: &Mode,
    pid: u32,
    ports: &[PublishedPort],
    settings: &Settings,
) -> Result<Attached, Error> {
    let _ = (mode, pid, ports, settings);
    todo!("network")
}
