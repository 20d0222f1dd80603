//! What a container is told of names beyond what its network says: `--add-host`, `--dns`, `--dns-option`, `--dns-search`.
//!
//! Words and forms are those of docker/cli, opts/hosts.go and opts/opts.go.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use super::ResolvConf;

/// What stands for an address of the host. Source: docker/cli, opts/hosts.go, `hostGatewayName`.
const HOST_GATEWAY: &str = "host-gateway";

/// Addresses of documentation (RFC 5737, RFC 3849), to which nothing is sent: the kernel says which of the host's addresses
/// it would send from.
const OUTSIDE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// Bytes of a domain name. Source: RFC 1035, 2.3.4.
const MAX_DOMAIN: usize = 255;

/// `--add-host`: a line more in `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHost {
    name: String,
    /// As typed, without brackets; `None` for `host-gateway`.
    address: Option<String>,
}

/// There is no address that a container could reach the host at. Docker's words: moby, daemon/container_operations.go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to derive the IP value for host-gateway")]
pub struct NoHostAddress;

impl ExtraHost {
    /// Returns the line of `/etc/hosts`.
    ///
    /// # Errors
    ///
    /// [`NoHostAddress`] for `host-gateway` on a machine without a network.
    pub fn line(&self) -> Result<String, NoHostAddress> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None => host_address()?.to_string(),
        };
        Ok(format!("{address}\t{}\n", self.name))
    }
}

impl FromStr for ExtraHost {
    type Err = String;

    /// Reads `NAME:ADDRESS` or `NAME=ADDRESS`; the address may be in brackets.
    fn from_str(text: &str) -> Result<ExtraHost, String> {
        let split = text.split_once('=').or_else(|| text.split_once(':'));
        let (name, address) = split
            .filter(|(name, _)| {
                let is_odd = |c: char| c == ':' || c.is_whitespace() || c.is_control();
                !name.is_empty() && !name.contains(is_odd)
            })
            .ok_or_else(|| format!("bad format for add-host: {text:?}"))?;
        let name = name.to_owned();
        if address == HOST_GATEWAY {
            let address = None;
            return Ok(ExtraHost { name, address });
        }
        let bare = address.strip_prefix('[');
        let bare = bare.and_then(|rest| rest.strip_suffix(']'));
        let address = bare.unwrap_or(address);
        match address.parse::<IpAddr>() {
            Ok(_) => Ok(ExtraHost {
                name,
                address: Some(address.to_owned()),
            }),
            Err(_) => Err(format!("invalid IP address in add-host: {address:?}")),
        }
    }
}

impl fmt::Display for ExtraHost {
    /// As `HostConfig.ExtraHosts` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.as_deref().unwrap_or(HOST_GATEWAY);
        write!(f, "{}:{address}", self.name)
    }
}

/// Returns the host's address on the way out: where the helpers of this module let a container reach what listens on the host.
fn host_address() -> Result<IpAddr, NoHostAddress> {
    let own = |outside: IpAddr| {
        let any: IpAddr = match outside {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        // The discard protocol's port. A datagram socket that connects sends nothing.
        socket.connect(SocketAddr::new(outside, 9)).ok()?;
        let own = socket.local_addr().ok()?.ip();
        (!own.is_unspecified() && !own.is_loopback()).then_some(own)
    };
    OUTSIDE.into_iter().find_map(own).ok_or(NoHostAddress)
}

/// `--dns` and its like: what takes the place of the host's in `/etc/resolv.conf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// `--dns`.
    pub servers: Vec<IpAddr>,
    /// `--dns-search`; `.` alone for none.
    pub search: Vec<String>,
    /// `--dns-option`.
    pub options: Vec<String>,
}

impl Dns {
    /// Returns whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.search.is_empty() && self.options.is_empty()
    }

    /// Returns what a container gets whose network offers `host`. Source: moby,
    /// daemon/libnetwork/internal/resolvconf, `OverrideSearch` and its like.
    pub(crate) fn over(&self, host: &ResolvConf) -> ResolvConf {
        let mut conf = host.clone();
        if !self.servers.is_empty() {
            conf.nameservers.clone_from(&self.servers);
        }
        if !self.search.is_empty() {
            let search = self.search.iter().filter(|domain| *domain != ".");
            conf.search = search.cloned().collect();
        }
        if !self.options.is_empty() {
            conf.options.clone_from(&self.options);
        }
        conf
    }
}

/// Checks a domain of `--dns-search`.
///
/// # Errors
///
/// Docker's words: docker/cli, opts/opts.go, `ValidateDNSSearch`.
pub fn check_search_domain(text: &str) -> Result<String, String> {
    let domain = text.trim_matches(' ');
    if domain == "." {
        return Ok(domain.to_owned());
    }
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels = domain.strip_suffix('.').unwrap_or(domain);
    let has_letter = domain.bytes().any(|byte| byte.is_ascii_alphabetic());
    match has_letter && domain.len() <= MAX_DOMAIN && labels.split('.').all(is_label) {
        true => Ok(domain.to_owned()),
        false => Err(format!("{text} is not a valid domain")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(text: &str) -> ExtraHost {
        text.parse().unwrap()
    }

    #[test]
    fn hosts_in_all_their_forms() {
        for (text, kept, line) in [
            ("a:1.2.3.4", "a:1.2.3.4", "1.2.3.4\ta\n"),
            ("a=1.2.3.4", "a:1.2.3.4", "1.2.3.4\ta\n"),
            ("b:::1", "b:::1", "::1\tb\n"),
            ("b:[::1]", "b:::1", "::1\tb\n"),
            ("b=[fe80::1]", "b:fe80::1", "fe80::1\tb\n"),
            // As typed.
            (
                "c=0:0:0:0:0:0:0:1",
                "c:0:0:0:0:0:0:0:1",
                "0:0:0:0:0:0:0:1\tc\n",
            ),
        ] {
            assert_eq!(extra(text).to_string(), kept);
            assert_eq!(extra(text).line().unwrap(), line);
            // Of a record.
            assert_eq!(extra(kept), extra(text));
        }
        for text in ["a:host-gateway", "a=host-gateway"] {
            assert_eq!(extra(text).to_string(), "a:host-gateway");
        }
        for (text, words) in [
            ("a", "bad format for add-host: \"a\""),
            (":1.2.3.4", "bad format for add-host: \":1.2.3.4\""),
            ("a:b=::1", "bad format for add-host: \"a:b=::1\""),
            ("a\nb:1.2.3.4", "bad format for add-host: \"a\\nb:1.2.3.4\""),
            ("a:b", "invalid IP address in add-host: \"b\""),
            ("a:", "invalid IP address in add-host: \"\""),
            (
                "a:1.2.3.4\n",
                "invalid IP address in add-host: \"1.2.3.4\\n\"",
            ),
        ] {
            assert_eq!(text.parse::<ExtraHost>(), Err(words.to_owned()));
        }
    }

    #[test]
    fn what_is_asked_for_takes_the_place_of_the_host_s() {
        let host = ResolvConf::parse("nameserver 192.0.2.1\nsearch lan\noptions edns0\n");
        assert_eq!(Dns::default().over(&host), host);
        let dns = Dns {
            servers: vec!["192.0.2.9".parse().unwrap()],
            search: vec![".".to_owned()],
            options: vec!["ndots:5".to_owned()],
        };
        let conf = dns.over(&host);
        assert_eq!(
            conf.render(&conf.nameservers),
            "nameserver 192.0.2.9\noptions ndots:5\n"
        );
    }

    #[test]
    fn domains_to_search() {
        for domain in [".", "lan", "a.example.", "x-1.example", " lan "] {
            assert_eq!(check_search_domain(domain), Ok(domain.trim().to_owned()));
        }
        let long = format!("{}a", "a.".repeat(128));
        for domain in ["", "1.2", "-a", "a-", "a..b", "a b", "a\nb", &long] {
            let words = format!("{domain} is not a valid domain");
            assert_eq!(check_search_domain(domain), Err(words));
        }
    }
}
