//! Free ports of the host: found, held until the helper takes them, or reported as taken in Docker's words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::{Error, Protocol, PublishedPort};

/// How often another ephemeral port is tried when the one chosen for IPv4 is taken in IPv6.
const EPHEMERAL_TRIES: usize = 16;

/// Sockets bound to the host's side of published ports. Dropping it frees them for the helper.
#[derive(Debug)]
pub(super) struct Reservation {
    /// The ports as asked for, with `host_port` chosen.
    pub(super) ports: Vec<PublishedPort>,
    /// One per address and port that was really bound.
    pub(super) bound: Vec<PublishedPort>,
    sockets: Vec<OwnedFd>,
}

/// Binds every port, choosing one where a range or none is given.
///
/// # Errors
///
/// [`Error::PortInUse`], [`Error::Bind`].
pub(super) fn reserve(ports: &[PublishedPort]) -> Result<Reservation, Error> {
    let mut reservation = Reservation {
        ports: Vec::with_capacity(ports.len()),
        bound: Vec::new(),
        sockets: Vec::new(),
    };
    for port in ports {
        let chosen = reservation.reserve_one(port)?;
        reservation.ports.push(PublishedPort {
            host_port: chosen,
            host_port_end: chosen,
            ..port.clone()
        });
    }
    Ok(reservation)
}

impl Reservation {
    /// Frees the ports for the helper; returns them as asked for and as bound.
    pub(super) fn release(self) -> (Vec<PublishedPort>, Vec<PublishedPort>) {
        (self.ports, self.bound)
    }

    fn reserve_one(&mut self, port: &PublishedPort) -> Result<u16, Error> {
        let tries = match port.host_port {
            0 => vec![0; EPHEMERAL_TRIES],
            first => (first..=port.host_port_end).collect(),
        };
        let mut failure = None;
        for candidate in tries {
            match bind_all(port, candidate) {
                Ok((chosen, sockets)) => {
                    for (address, socket) in sockets {
                        self.bound.push(PublishedPort {
                            host_ip: Some(address),
                            host_port: chosen,
                            host_port_end: chosen,
                            ..port.clone()
                        });
                        self.sockets.push(socket);
                    }
                    return Ok(chosen);
                }
                // The first failure is the one that speaks of the port as typed.
                Err((address, Errno::ADDRINUSE)) => {
                    failure.get_or_insert(Error::PortInUse(address));
                }
                Err((address, errno)) => {
                    return Err(Error::Bind {
                        address,
                        source: errno.into(),
                    });
                }
            }
        }
        Err(failure.unwrap_or_else(|| Error::PortInUse(port.host_port_text())))
    }
}

/// Binds `candidate` (0: whatever the kernel chooses) on all addresses of `port`.
fn bind_all(
    port: &PublishedPort,
    candidate: u16,
) -> Result<(u16, Vec<(IpAddr, OwnedFd)>), (String, Errno)> {
    let everywhere = [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ];
    let addresses = match &port.host_ip {
        Some(address) => std::slice::from_ref(address),
        None => &everywhere,
    };
    let mut chosen = candidate;
    let mut sockets = Vec::with_capacity(addresses.len());
    for address in addresses {
        match bind(*address, chosen, port.protocol) {
            Ok((actual, socket)) => {
                chosen = actual;
                sockets.push((*address, socket));
            }
            // A host without IPv6 has all its addresses in IPv4.
            Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
                if port.host_ip.is_none() && address.is_ipv6() => {}
            Err(errno) => {
                let address = SocketAddr::new(*address, chosen);
                return Err((format!("{address}/{}", port.protocol), errno));
            }
        }
    }
    Ok((chosen, sockets))
}

fn bind(address: IpAddr, port: u16, protocol: Protocol) -> Result<(u16, OwnedFd), Errno> {
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
    Ok((actual.port(), socket))
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
        assert_eq!(reservation.bound, reservation.ports);
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
