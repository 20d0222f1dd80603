//! `--publish` as typed, and ports as they are kept.
//!
//! The forms and the words of refusals are Docker's: docker/go-connections, nat/nat.go (`ParsePortSpec`), and docker/cli,
//! opts (`published=…,target=…`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// Address to listen on; `None` for all, of both families.
    pub host_ip: Option<IpAddr>,
    /// Port to listen on; 0 until one has been chosen.
    pub host_port: u16,
    /// Last port of the range that one is to be chosen from; equal to `host_port` where there is no choice.
    pub host_port_end: u16,
    /// Port in the container.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: Protocol,
}

/// Transport protocols that can be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Why a port was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// A part of `published=…,target=…` that is no assignment.
    #[error("invalid publish opts format (should be name=value but got '{0}')")]
    Format(String),
    /// Neither `tcp` nor `udp` nor `sctp`.
    #[error("invalid proto: {0}")]
    Protocol(String),
    /// A protocol Docker has and no user-mode network does.
    #[error("publishing sctp ports is not supported: {0}")]
    Sctp(String),
    /// Not an address.
    #[error("invalid IP address: {0}")]
    Address(String),
    /// Nothing before the slash.
    #[error("no port specified: {0}<empty>")]
    NoPort(String),
    /// Not a port or a range of ports, on the container's side.
    #[error("invalid containerPort: {0}")]
    ContainerPort(String),
    /// Not a port or a range of ports, on the host's side.
    #[error("invalid hostPort: {0}")]
    HostPort(String),
    /// `--expose` is about the container's side alone.
    #[error("invalid port format for --expose: {0}")]
    ExposedOnHost(String),
    /// Not a port or a range of ports.
    #[error("invalid range format for --expose: {0}")]
    Exposed(String),
    /// Ranges of different lengths.
    #[error("invalid ranges specified for container and host Ports: {container} and {host}")]
    Ranges {
        /// As typed.
        container: String,
        /// As typed.
        host: String,
    },
}

impl Protocol {
    /// Returns `tcp` or `udp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PublishedPort {
    /// Parses one `--publish`: `[[ip:][hostPort]:]containerPort[/protocol]`, where ports may be ranges.
    ///
    /// # Errors
    ///
    /// All of [`PortError`].
    pub fn parse(text: &str) -> Result<Vec<PublishedPort>, PortError> {
        let standard;
        let text = if text.contains('=') {
            standard = standard_notation(text)?;
            &standard
        } else {
            text
        };
        let (host_ip, host_port, container) = split_parts(text);
        let (container_port, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
        let protocol = parse_protocol(protocol, text)?;
        let host_ip = parse_address(host_ip)?;
        if container_port.is_empty() {
            return Err(PortError::NoPort(text.to_owned()));
        }
        let inside = parse_range(container_port)
            .filter(|range| range.0 != 0)
            .ok_or_else(|| PortError::ContainerPort(container_port.to_owned()))?;
        if host_port.is_empty() {
            return Ok((inside.0..=inside.1)
                .map(|port| PublishedPort::new(host_ip, (0, 0), port, protocol))
                .collect());
        }
        let outside =
            parse_range(host_port).ok_or_else(|| PortError::HostPort(host_port.to_owned()))?;
        if inside.0 == inside.1 {
            // A range for one port: the first one that is free.
            return Ok(vec![PublishedPort::new(
                host_ip, outside, inside.0, protocol,
            )]);
        }
        if outside.1 - outside.0 != inside.1 - inside.0 {
            return Err(PortError::Ranges {
                container: container_port.to_owned(),
                host: host_port.to_owned(),
            });
        }
        Ok((inside.0..=inside.1)
            .zip(outside.0..=outside.1)
            .map(|(port, host)| PublishedPort::new(host_ip, (host, host), port, protocol))
            .collect())
    }

    /// Makes a port of the parts that Docker's API keeps it in: `80/tcp`, and `HostIp` and `HostPort` of a binding.
    ///
    /// # Errors
    ///
    /// As for [`PublishedPort::parse`].
    pub fn from_binding(
        container: &str,
        host_ip: &str,
        host_port: &str,
    ) -> Result<PublishedPort, PortError> {
        let (container_port, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
        let protocol = parse_protocol(protocol, container)?;
        let port = parse_port(container_port)
            .filter(|port| *port != 0)
            .ok_or_else(|| PortError::ContainerPort(container_port.to_owned()))?;
        let range = if host_port.is_empty() {
            (0, 0)
        } else {
            parse_range(host_port).ok_or_else(|| PortError::HostPort(host_port.to_owned()))?
        };
        Ok(PublishedPort::new(
            parse_address(host_ip)?,
            range,
            port,
            protocol,
        ))
    }

    /// Returns the key of Docker's `PortBindings`: `80/tcp`.
    pub fn container_key(&self) -> String {
        format!("{}/{}", self.container_port, self.protocol)
    }

    /// Returns Docker's `HostIp`: empty for all addresses.
    pub fn host_ip_text(&self) -> String {
        self.host_ip.map(|ip| ip.to_string()).unwrap_or_default()
    }

    /// Returns Docker's `HostPort`: empty where none is asked for, a range where one is to be chosen from it.
    pub fn host_port_text(&self) -> String {
        match (self.host_port, self.host_port_end) {
            (0, _) => String::new(),
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        }
    }

    /// Returns `address:port/protocol`, for messages.
    pub(super) fn host_socket(&self) -> String {
        let address = self.host_ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let socket = SocketAddr::new(address, self.host_port);
        format!("{socket}/{}", self.protocol)
    }

    fn new(
        host_ip: Option<IpAddr>,
        (host_port, host_port_end): (u16, u16),
        container_port: u16,
        protocol: Protocol,
    ) -> PublishedPort {
        PublishedPort {
            host_ip,
            host_port,
            host_port_end,
            container_port,
            protocol,
        }
    }
}

/// Parses one `--expose`, `port[-port][/protocol]`; returns keys of Docker's `ExposedPorts`: `80/tcp`. Source: docker/cli,
/// command/container/opts.go.
///
/// # Errors
///
/// [`PortError::ExposedOnHost`], [`PortError::Exposed`], [`PortError::Protocol`].
pub fn parse_exposed(text: &str) -> Result<Vec<String>, PortError> {
    if text.contains(':') {
        return Err(PortError::ExposedOnHost(text.to_owned()));
    }
    let (range, protocol) = text.split_once('/').unwrap_or((text, ""));
    let protocol = match protocol.to_ascii_lowercase() {
        none if none.is_empty() => "tcp".to_owned(),
        known if matches!(known.as_str(), "tcp" | "udp" | "sctp") => known,
        other => return Err(PortError::Protocol(other)),
    };
    let (first, last) = parse_range(range).ok_or_else(|| PortError::Exposed(text.to_owned()))?;
    let keys = (first..=last).map(|port| format!("{port}/{protocol}"));
    Ok(keys.collect())
}

/// `published=8080,target=80,protocol=udp` → `8080:80/udp`.
fn standard_notation(text: &str) -> Result<String, PortError> {
    let (mut published, mut target, mut protocol) = ("", "", "tcp");
    for part in text.split(',') {
        let (key, value) = part
            .split_once('=')
            .ok_or_else(|| PortError::Format(part.to_owned()))?;
        match key.to_ascii_lowercase().as_str() {
            "published" => published = value,
            "target" => target = value,
            "protocol" => protocol = value,
            _ => {}
        }
    }
    Ok(format!("{published}:{target}/{protocol}"))
}

/// Splits at colons, counted from the right, because an IPv6 address has its own.
fn split_parts(text: &str) -> (&str, &str, &str) {
    let Some((rest, container)) = text.rsplit_once(':') else {
        return ("", "", text);
    };
    match rest.rsplit_once(':') {
        Some((ip, host_port)) => (ip, host_port, container),
        None => ("", rest, container),
    }
}

fn parse_protocol(protocol: &str, text: &str) -> Result<Protocol, PortError> {
    match protocol.to_ascii_lowercase().as_str() {
        "tcp" | "" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Err(PortError::Sctp(text.to_owned())),
        other => Err(PortError::Protocol(other.to_owned())),
    }
}

fn parse_address(ip: &str) -> Result<Option<IpAddr>, PortError> {
    if ip.is_empty() {
        return Ok(None);
    }
    let bare = match ip.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').unwrap_or(ip),
        None => ip,
    };
    bare.parse()
        .map(Some)
        .map_err(|_| PortError::Address(bare.to_owned()))
}

fn parse_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (parse_port(first)?, parse_port(last)?),
        None => {
            let port = parse_port(text)?;
            (port, port)
        }
    };
    (first <= last).then_some((first, last))
}

/// As Go's `strconv.ParseUint`: digits only, no sign.
fn parse_port(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ip|host|container/protocol`, joined by spaces.
    fn show(text: &str) -> Result<String, PortError> {
        let ports = PublishedPort::parse(text)?;
        Ok(ports
            .iter()
            .map(|port| {
                format!(
                    "{}|{}|{}",
                    port.host_ip_text(),
                    port.host_port_text(),
                    port.container_key()
                )
            })
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn exposed() {
        let keys = |text: &str| parse_exposed(text).map(|keys| keys.join(" "));
        for (text, expected) in [
            ("80", "80/tcp"),
            ("53/UDP", "53/udp"),
            ("7-9/sctp", "7/sctp 8/sctp 9/sctp"),
        ] {
            assert_eq!(keys(text).unwrap(), expected);
        }
        for (text, words) in [
            ("1:80", "invalid port format for --expose: 1:80"),
            ("", "invalid range format for --expose: "),
            ("9-7", "invalid range format for --expose: 9-7"),
            ("65536", "invalid range format for --expose: 65536"),
            ("80/icmp", "invalid proto: icmp"),
        ] {
            assert_eq!(keys(text).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("80", "||80/tcp"),
            ("8080:80", "|8080|80/tcp"),
            ("0:80", "||80/tcp"),
            ("08:80", "|8|80/tcp"),
            (":80", "||80/tcp"),
            ("127.0.0.1:8080:80", "127.0.0.1|8080|80/tcp"),
            ("127.0.0.1::80", "127.0.0.1||80/tcp"),
            ("[::1]:8080:80", "::1|8080|80/tcp"),
            ("::1:8080:80/udp", "::1|8080|80/udp"),
            ("[::]::53/UDP", "::||53/udp"),
            ("80/", "||80/tcp"),
            ("80-82/udp", "||80/udp ||81/udp ||82/udp"),
            ("8000-8002:80-82", "|8000|80/tcp |8001|81/tcp |8002|82/tcp"),
            ("8000-8010:80", "|8000-8010|80/tcp"),
            ("published=8080,target=80,protocol=udp", "|8080|80/udp"),
        ] {
            assert_eq!(show(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(PublishedPort::parse("1-65535").unwrap().len(), 65535);
    }

    /// Measured with Docker's CLI 28.2.
    #[test]
    fn refusals() {
        for (text, expected) in [
            ("abc", "invalid containerPort: abc"),
            ("99999", "invalid containerPort: 99999"),
            ("+80", "invalid containerPort: +80"),
            ("80-70", "invalid containerPort: 80-70"),
            ("x:80", "invalid hostPort: x"),
            ("65536:80", "invalid hostPort: 65536"),
            ("127.0.0.1:80", "invalid hostPort: 127.0.0.1"),
            ("80/foo", "invalid proto: foo"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("[fe80::1%eth0]:80:80", "invalid IP address: fe80::1%eth0"),
            (
                "80-90:1-3",
                "invalid ranges specified for container and host Ports: 1-3 and 80-90",
            ),
            (
                "8080:80-90",
                "invalid ranges specified for container and host Ports: 80-90 and 8080",
            ),
            ("", "no port specified: <empty>"),
            ("80:", "no port specified: 80:<empty>"),
            ("name=value", "no port specified: :/tcp<empty>"),
            (
                "target=80,x",
                "invalid publish opts format (should be name=value but got 'x')",
            ),
            ("80/sctp", "publishing sctp ports is not supported: 80/sctp"),
        ] {
            assert_eq!(show(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn bindings_round_trip() {
        for text in ["127.0.0.1:8080:80", "8000-8010:80/udp", "[::1]::443"] {
            let port = PublishedPort::parse(text).unwrap().remove(0);
            let again = PublishedPort::from_binding(
                &port.container_key(),
                &port.host_ip_text(),
                &port.host_port_text(),
            );
            assert_eq!(again, Ok(port));
        }
    }
}
