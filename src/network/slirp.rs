//! `slirp4netns(1)`: a TCP/IP stack of its own, which the container's packets end in.
//!
//! It forks a child that joins the container's namespaces and hands the tap device back; the process that stays keeps its
//! credentials, so [`crate::sys::helper::die_with_caller`] holds it, and so does its own `--exit-fd`. Ports are published over its
//! API socket, one request each.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::helper::{self, Helper};
use super::{Error, GUEST_ADDRESS, Namespaces, PublishedPort};
use crate::sys;

/// The largest its documentation names; as podman's.
const MTU: &str = "65520";

/// How long the API may take to answer.
const API_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer of the API, in bytes.
const API_LIMIT: u64 = 64 * 1024;

/// Starts slirp4netns for the namespaces and publishes `ports`. `socket` is a path nobody else uses.
pub(super) fn start(
    program: &Path,
    namespaces: Namespaces,
    ports: &[PublishedPort],
    socket: &Path,
) -> Result<Helper, Error> {
    // It would listen on all addresses of IPv4 instead.
    if let Some(port) = ports
        .iter()
        .find(|p| p.host_ip.is_some_and(|ip| ip.is_ipv6()))
    {
        return Err(Error::Ipv6Port {
            helper: "slirp4netns",
            port: port.host_socket(),
        });
    }
    let pipe = || std::io::pipe().map_err(|source| helper::io("pipe", source));
    let (ready_read, ready_write) = pipe()?;
    let (exit_read, exit_write) = pipe()?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    // It reports every forwarded connection, long after we stopped listening. (pasta ignores the signal by itself, and takes
    // offence where it is ignored already.)
    sys::helper::ignore_broken_pipes(&mut command);
    let ready = sys::helper::inherit(&mut command, ready_write.into());
    let exit = sys::helper::inherit(&mut command, exit_read.into());
    command.args([
        "--configure",
        "--disable-host-loopback",
        "--enable-ipv6",
        "--mtu",
        MTU,
    ]);
    command.arg(format!("--ready-fd={ready}"));
    command.arg(format!("--exit-fd={exit}"));
    if !ports.is_empty() {
        command.arg("--api-socket").arg(socket);
    }
    let net = sys::helper::inherit(&mut command, namespaces.net);
    command.arg("--netns-type=path");
    if let Some(userns) = namespaces.user {
        let user = sys::helper::inherit(&mut command, userns);
        command.arg(format!("--userns-path=/proc/self/fd/{user}"));
    }
    command.args([&format!("/proc/self/fd/{net}"), "tap0"]);
    let exit_write: OwnedFd = exit_write.into();
    let helper = helper::start(command, "slirp4netns", ready_read.into(), Some(exit_write))?;
    let published = ports.iter().try_for_each(|port| publish(socket, port));
    // Nobody asks it anything later.
    let _ = std::fs::remove_file(socket);
    match published {
        Ok(()) => Ok(helper),
        Err(error) => {
            helper.stop();
            Err(error)
        }
    }
}

/// Spec: slirp4netns(1), "API SOCKET", `add_hostfwd`.
fn publish(socket: &Path, port: &PublishedPort) -> Result<(), Error> {
    let failed = |source| helper::io("publish a port through slirp4netns", source);
    let request = request(port).to_string();
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(API_TIMEOUT)).map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    stream.shutdown(std::net::Shutdown::Write).map_err(failed)?;
    let mut answer = String::new();
    stream
        .take(API_LIMIT)
        .read_to_string(&mut answer)
        .map_err(failed)?;
    let answer: serde_json::Value =
        serde_json::from_str(answer.trim_end_matches('\0')).map_err(|e| failed(e.into()))?;
    match answer.get("error") {
        None => Ok(()),
        Some(_) => Err(Error::PortInUse(port.host_socket())),
    }
}

fn request(port: &PublishedPort) -> serde_json::Value {
    let mut arguments = serde_json::json!({
        "proto": port.protocol.as_str(),
        "host_port": port.host_port,
        "guest_addr": GUEST_ADDRESS.to_string(),
        "guest_port": port.container_port,
    });
    if let Some(IpAddr::V4(address)) = port.host_ip {
        arguments["host_addr"] = address.to_string().into();
    }
    serde_json::json!({"execute": "add_hostfwd", "arguments": arguments})
}
