//! Free ports of the host: found, held until the helper takes them, or reported as taken in Docker's words.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::{Error, Protocol, PublishedPort};

/// Sockets bound to the host's side of published ports. Dropping it frees them for the helper.
#[derive(Debug)]
pub(super) struct Reservation {
    /// With address and number as bound.
    ports: Vec<PublishedPort>,
    sockets: Vec<OwnedFd>,
}

/// Binds every port, choosing one where a range or none is given.
///
/// "All addresses" means all of IPv4. Listening on IPv6 as well, a helper would take connections to `localhost` that a server
/// inside which knows IPv4 only cannot answer, where a client that is refused goes on to 127.0.0.1.
///
/// # Errors
///
/// [`Error::PortInUse`], [`Error::Bind`].
pub(super) fn reserve(ports: &[PublishedPort]) -> Result<Reservation, Error> {
    let mut reservation = Reservation {
        ports: Vec::with_capacity(ports.len()),
        sockets: Vec::with_capacity(ports.len()),
    };
    for port in ports {
        let (chosen, socket) = reserve_one(port)?;
        reservation.ports.push(PublishedPort {
            host_ip: Some(chosen.ip()),
            host_port: chosen.port(),
            host_port_end: chosen.port(),
            ..port.clone()
        });
        reservation.sockets.push(socket);
    }
    Ok(reservation)
}

impl Reservation {
    /// Frees the ports for the helper; returns them with address and number.
    pub(super) fn release(self) -> Vec<PublishedPort> {
        self.ports
    }
}

/// Returns whether binding the port takes `CAP_NET_BIND_SERVICE`.
pub(super) fn needs_privilege(port: &PublishedPort) -> bool {
    let first_free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(1024);
    port.host_port < first_free
}

fn reserve_one(port: &PublishedPort) -> Result<(SocketAddr, OwnedFd), Error> {
    let address = port.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let mut failure = None;
    for candidate in port.host_port..=port.host_port_end {
        let error = match bind(address, candidate, port.protocol) {
            Ok(bound) => return Ok(bound),
            Err(errno) => errno,
        };
        let address = format!("{}/{}", SocketAddr::new(address, candidate), port.protocol);
        match error {
            // The first failure is the one that speaks of the port as typed.
            Errno::ADDRINUSE => failure = failure.or(Some(address)),
            errno => {
                return Err(Error::Bind {
                    address,
                    source: errno.into(),
                });
            }
        }
    }
    Err(Error::PortInUse(failure.unwrap_or_default()))
}

fn bind(address: IpAddr, port: u16, protocol: Protocol) -> Result<(SocketAddr, OwnedFd), Errno> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let kind = match protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // Connections that linger in TIME_WAIT are no reason to refuse; a listener still is. For UDP the option would allow
    // two owners of one port.
    if protocol == Protocol::Tcp {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &SocketAddr::new(address, port))?;
    if protocol == Protocol::Tcp {
        // Two sockets that both allow reuse exclude each other only once one of them listens.
        rustix::net::listen(&socket, 0)?;
    }
    let actual = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((actual, socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_in_dockers_words() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let ports = PublishedPort::parse(&format!("127.0.0.1:{port}:80")).unwrap();
        assert_eq!(
            reserve(&ports).unwrap_err().to_string(),
            format!("failed to bind host port 127.0.0.1:{port}/tcp: address already in use")
        );
        // The same number is free for the other protocol, and a range has other numbers.
        assert!(
            reserve(&PublishedPort::parse(&format!("127.0.0.1:{port}:80/udp")).unwrap()).is_ok()
        );
    }

    #[test]
    fn a_free_port_is_chosen() {
        let reservation = reserve(&PublishedPort::parse("127.0.0.1::80-81/udp").unwrap()).unwrap();
        let [first, second] = &reservation.ports[..] else {
            panic!("{reservation:?}");
        };
        assert_ne!(first.host_port, 0);
        assert_ne!(first.host_port, second.host_port);
    }

    #[test]
    fn the_first_free_port_of_a_range() {
        let (taken, port) = (0..100)
            .find_map(|_| {
                let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let port = taken.local_addr().unwrap().port();
                let next = port.checked_add(1)?;
                std::net::TcpListener::bind(("127.0.0.1", next)).ok()?;
                Some((taken, port))
            })
            .unwrap();
        let text = format!("127.0.0.1:{port}-{}:80", port + 1);
        let reservation = reserve(&PublishedPort::parse(&text).unwrap()).unwrap();
        assert_eq!(reservation.ports[0].host_port, port + 1);
        drop(taken);
    }

    #[test]
    fn the_same_port_twice() {
        let mut ports = PublishedPort::parse("127.0.0.1::80").unwrap();
        let chosen = reserve(&ports).unwrap().ports[0].host_port;
        ports = PublishedPort::parse(&format!("127.0.0.1:{chosen}:80")).unwrap();
        ports.extend(PublishedPort::parse(&format!("127.0.0.1:{chosen}:81")).unwrap());
        assert!(matches!(reserve(&ports), Err(Error::PortInUse(_))));
    }
}
