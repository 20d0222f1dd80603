//! The host's `/etc/resolv.conf`, as far as a container needs it. See `resolv.conf(5)`.

use std::net::IpAddr;
use std::path::Path;

use crate::bounded;

/// Longest file that is read, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// What `/etc/resolv.conf` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// `nameserver` lines that hold an address, in order. A zone (`fe80::1%eth0`) means nothing inside and is left out.
    pub nameservers: Vec<IpAddr>,
    /// Words of the last `search` or `domain` line.
    pub search: Vec<String>,
    /// Words of all `options` lines.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the host's file; an empty answer where there is none, or none that can be read.
    pub fn of_host() -> ResolvConf {
        match bounded::read_file(Path::new("/etc/resolv.conf"), FILE_LIMIT) {
            Ok(Some(text)) => ResolvConf::parse(&String::from_utf8_lossy(&text)),
            Ok(None) | Err(_) => ResolvConf::default(),
        }
    }

    /// Parses the text of such a file. Lines it does not know are left out.
    pub fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => conf
                    .nameservers
                    .extend(words.next().and_then(|word| word.parse::<IpAddr>().ok())),
                Some("search" | "domain") => conf.search = words.map(str::to_owned).collect(),
                Some("options") => conf.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        conf
    }

    /// Returns whether some name server is on the host's own loopback (systemd-resolved, dnsmasq), where a container with a
    /// network of its own cannot reach it.
    pub fn has_loopback(&self) -> bool {
        self.nameservers.iter().any(IpAddr::is_loopback)
    }

    /// Returns the text for a container whose name servers are `nameservers`.
    pub fn render(&self, nameservers: &[IpAddr]) -> String {
        let mut text = String::new();
        for address in nameservers {
            text += &format!("nameserver {address}\n");
        }
        if !self.search.is_empty() {
            text += &format!("search {}\n", self.search.join(" "));
        }
        if !self.options.is_empty() {
            text += &format!("options {}\n", self.options.join(" "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_search_and_options() {
        let conf = ResolvConf::parse(
            "# made by hand\nnameserver 127.0.0.53 # stub\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\n\
             domain old.example\nsearch a.example b.example\noptions edns0\noptions trust-ad ; why not\nsortlist x\n",
        );
        assert!(conf.has_loopback());
        assert_eq!(
            conf.render(&["192.0.2.1".parse().unwrap()]),
            "nameserver 192.0.2.1\nsearch a.example b.example\noptions edns0 trust-ad\n"
        );
        assert_eq!(
            conf.nameservers,
            ["127.0.0.53", "192.0.2.1"].map(|ip| ip.parse::<IpAddr>().unwrap())
        );
    }

    #[test]
    fn nothing_is_something() {
        assert_eq!(ResolvConf::parse("").render(&[]), "");
        assert!(!ResolvConf::parse("nameserver 10.0.0.1").has_loopback());
        assert!(ResolvConf::parse("nameserver ::1").has_loopback());
    }
}
