//! `pasta(1)`: no packet is translated, connections are made anew on the host.
//!
//! It runs in the foreground as our child, so that its process id is known and it can be held by
//! [`crate::sys::helper::die_with_caller`]. For that it must not change its credentials: instead of `--userns`, which makes it
//! join by itself, it is started inside the container's user namespace. What is left to it is to enter the network
//! namespace, which it gets as its standard input, because in there it may not look into `/proc/PID/ns` of the container.
//! Its process id, written to its standard output, says that it is ready.
//!
//! To bind ports below 1024 for root it stays in root's user namespace, from where it may enter any network namespace.

use std::net::IpAddr;
use std::path::Path;
use std::process;

use super::helper::{self, Helper};
use super::{Error, GUEST_ADDRESS, GUEST_DNS, GUEST_GATEWAY, GUEST_PREFIX_LEN, Namespaces};
use super::{Protocol, PublishedPort};
use crate::sys;

/// What to start.
#[derive(Debug)]
pub(super) struct Command<'a> {
    pub(super) program: &'a Path,
    pub(super) namespaces: Namespaces,
    /// Started by root.
    pub(super) as_root: bool,
    /// Ports to publish, each with an address.
    pub(super) ports: &'a [PublishedPort],
    /// Serve DNS at [`GUEST_DNS`] from the host's first name server.
    pub(super) forward_dns: bool,
}

/// Starts pasta; returns when the network is there.
pub(super) fn start(pasta: Command<'_>) -> Result<Helper, Error> {
    let (ready, stdout) = std::io::pipe().map_err(|source| helper::io("pipe", source))?;
    let mut command = process::Command::new(pasta.program);
    command
        .args(arguments(pasta.ports, pasta.forward_dns))
        .env_clear()
        .current_dir("/")
        .stdin(pasta.namespaces.net)
        .stdout(stdout);
    if pasta.as_root {
        // Its default is to become `nobody`, who may not enter the namespace.
        command.args(["--runas", "0:0"]);
    }
    if let Some(userns) = pasta.namespaces.user {
        sys::helper::join_userns(&mut command, userns);
    }
    helper::start(command, "pasta", ready.into(), None)
}

fn arguments(ports: &[PublishedPort], forward_dns: bool) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--foreground",
        "--quiet",
        "--pid",
        "/proc/self/fd/1",
        "--netns",
        "/proc/self/fd/0",
        "--netns-only",
        "--no-netns-quit",
        "--config-net",
        // Neither the host's loopback nor its other address is to be reached through the gateway's.
        "--no-map-gw",
        "--tcp-ns",
        "none",
        "--udp-ns",
        "none",
    ]
    .map(str::to_owned)
    .into();
    arguments.extend([
        "--address".to_owned(),
        GUEST_ADDRESS.to_string(),
        "--netmask".to_owned(),
        GUEST_PREFIX_LEN.to_string(),
        "--gateway".to_owned(),
        GUEST_GATEWAY.to_string(),
    ]);
    if forward_dns {
        arguments.extend(["--dns-forward".to_owned(), GUEST_DNS.to_string()]);
    }
    for (protocol, option) in [
        (Protocol::Tcp, "--tcp-ports"),
        (Protocol::Udp, "--udp-ports"),
    ] {
        let mut specs = ports
            .iter()
            .filter(|port| port.protocol == protocol)
            .map(specification)
            .peekable();
        if specs.peek().is_none() {
            // Its default is to forward whatever is listened on inside.
            arguments.extend([option.to_owned(), "none".to_owned()]);
        }
        for spec in specs {
            arguments.extend([option.to_owned(), spec]);
        }
    }
    arguments
}

/// `[ADDRESS/]PORT:PORT`.
fn specification(port: &PublishedPort) -> String {
    let address = match port.host_ip {
        None => String::new(),
        Some(IpAddr::V4(address)) => format!("{address}/"),
        Some(IpAddr::V6(address)) => format!("{address}/"),
    };
    format!("{address}{}:{}", port.host_port, port.container_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_as_arguments() {
        let mut ports = PublishedPort::parse("127.0.0.1:8080:80").unwrap();
        ports.extend(PublishedPort::parse("[::1]:8081-8082:81-82").unwrap());
        let text = arguments(&ports, true).join(" ");
        assert!(text.contains("--dns-forward 10.0.2.3"), "{text}");
        assert!(
            text.ends_with(
                "--tcp-ports 127.0.0.1/8080:80 --tcp-ports ::1/8081:81 --tcp-ports ::1/8082:82 --udp-ports none"
            ),
            "{text}"
        );
    }
}
