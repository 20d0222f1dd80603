//! What a container's `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` hold, and how they are written.
//!
//! Docker's lines: moby, daemon/libnetwork/etchosts and daemon/libnetwork/internal/resolvconf. With the host's network the
//! container sees the host's own files.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::Error;
use super::error::failed;
use crate::bounded;
use crate::network::{Dns, Mode, ResolvConf};

/// Docker's first lines of `/etc/hosts`.
const IPV4_LINES: &str = "127.0.0.1\tlocalhost\n";

/// Docker's further lines where the container has IPv6.
const IPV6_LINES: &str = "::1\tlocalhost ip6-localhost ip6-loopback\n\
                          fe00::\tip6-localnet\n\
                          ff00::\tip6-mcastprefix\n\
                          ff02::1\tip6-allnodes\n\
                          ff02::2\tip6-allrouters\n";

/// Name servers where the host has none that a container can reach, as Docker's: moby, resolvconf.go,
/// `defaultIPv4NSs`.
const PUBLIC_NAMESERVERS: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 4, 4)),
];

/// Bytes of a file of the host's that is copied for a container in the host's network.
const MAX_BYTES: u64 = 1 << 20;

/// Returns the text of `/etc/hosts` for a container called `hostname` (and `hostname.domainname`) with these addresses;
/// `extra` are further lines.
pub fn hosts(hostname: &str, domainname: &str, extra: &[String], addresses: &[IpAddr]) -> String {
    let mut text = format!("{IPV4_LINES}{IPV6_LINES}");
    text.extend(extra.iter().map(String::as_str));
    for address in addresses {
        let line = if domainname.is_empty() {
            format!("{address}\t{hostname}\n")
        } else {
            format!("{address}\t{hostname}.{domainname} {hostname}\n")
        };
        text += &line;
    }
    text
}

/// Returns the text of `/etc/hostname`.
pub fn hostname(hostname: &str) -> String {
    format!("{hostname}\n")
}

/// Returns the text of `/etc/resolv.conf` for a container with a network of its own. `dns` are the name servers that
/// its network found reachable ([`crate::network::Attached::dns`]); what is `wanted` takes their place, and that of the
/// host's other lines.
///
/// Without a way out (`none`) the host's servers stay, those on loopback excepted, as in Docker.
pub fn resolv_conf(host: &ResolvConf, mode: &Mode, dns: &[IpAddr], wanted: &Dns) -> String {
    let host = &wanted.over(host);
    if !wanted.servers.is_empty() || matches!(mode, Mode::Host) {
        return host.render(&host.nameservers);
    }
    if !dns.is_empty() {
        return host.render(dns);
    }
    let outside: Vec<IpAddr> = (host.nameservers.iter().copied())
        .filter(|address| !address.is_loopback())
        .collect();
    if outside.is_empty() && mode.is_user_mode() {
        return host.render(&PUBLIC_NAMESERVERS);
    }
    host.render(&outside)
}

/// Returns the host's own file; empty where it has none.
///
/// # Errors
///
/// [`Error::Io`], also for one of more than [`MAX_BYTES`].
pub(super) fn of_host(path: &Path) -> Result<Vec<u8>, Error> {
    let text = bounded::read_file(path, MAX_BYTES).map_err(failed("read", path))?;
    Ok(text.unwrap_or_default())
}

/// Writes a file anew: the container may have given the last one to another of its users.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => write(path, text),
    }
}

/// A file as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    text: Vec<u8>,
    /// Inode, time of its last change, owner and mode: what a change that the text does not show would show in.
    seen: (u64, i64, i64, u32, u32, u32),
}

impl Written {
    /// Looks at the file, which has just been written with `text`.
    pub(super) fn new(path: &Path, text: &[u8]) -> Result<Written, Error> {
        Ok(Written {
            text: text.to_owned(),
            seen: seen(path)?,
        })
    }

    /// Whether the file is still as it was written, and that with `text`. Whoever could change it is gone.
    pub(super) fn still_holds(&self, path: &Path, text: &[u8]) -> bool {
        self.text == text
            && seen(path).is_ok_and(|seen| seen == self.seen)
            && fs::read(path).is_ok_and(|there| there == text)
    }
}

fn seen(path: &Path) -> Result<(u64, i64, i64, u32, u32, u32), Error> {
    let meta = fs::symlink_metadata(path).map_err(failed("read", path))?;
    Ok((
        meta.ino(),
        meta.ctime(),
        meta.ctime_nsec(),
        meta.uid(),
        meta.gid(),
        meta.mode(),
    ))
}

/// Writes a file in place: it may be bound already.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn write(path: &Path, text: &[u8]) -> Result<(), Error> {
    let mut options = File::options();
    let open = options.write(true).create(true).truncate(true).open(path);
    open.and_then(|mut file| {
        // Readable in the container for everybody, whatever the umask.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(text)
    })
    .map_err(failed("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_as_docker() {
        let address = ["172.17.0.2".parse().unwrap()];
        assert_eq!(
            hosts("f0e1d2c3b4a5", "", &[], &address),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
             ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n172.17.0.2\tf0e1d2c3b4a5\n"
        );
        assert!(
            hosts("web", "example.org", &[], &address)
                .ends_with("172.17.0.2\tweb.example.org web\n")
        );
        assert!(hosts("web", "", &[], &[]).ends_with("ip6-allrouters\n"));
        let extra = ["192.0.2.7\tdb\n".to_owned()];
        let text = hosts("web", "", &extra, &address);
        assert!(text.ends_with("ip6-allrouters\n192.0.2.7\tdb\n172.17.0.2\tweb\n"));
    }

    #[test]
    fn loopback_servers_do_not_get_in() {
        let host = ResolvConf::parse("nameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch lan\n");
        assert_eq!(
            resolv_conf(&host, &Mode::None, &[], &Dns::default()),
            "nameserver 192.0.2.1\nsearch lan\n"
        );
        assert_eq!(
            resolv_conf(
                &host,
                &Mode::User,
                &["10.0.2.3".parse().unwrap()],
                &Dns::default()
            ),
            "nameserver 10.0.2.3\nsearch lan\n"
        );
        // What was asked for does.
        let wanted = Dns {
            servers: vec!["127.0.0.1".parse().unwrap()],
            ..Dns::default()
        };
        assert_eq!(
            resolv_conf(&host, &Mode::User, &["10.0.2.3".parse().unwrap()], &wanted),
            "nameserver 127.0.0.1\nsearch lan\n"
        );
        let wanted = Dns {
            options: vec!["ndots:3".to_owned()],
            ..Dns::default()
        };
        assert_eq!(
            resolv_conf(&host, &Mode::Host, &[], &wanted),
            "nameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch lan\noptions ndots:3\n"
        );
        let stub = ResolvConf::parse("nameserver 127.0.0.53\n");
        assert_eq!(
            resolv_conf(&stub, &Mode::User, &[], &Dns::default()),
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
        );
        assert_eq!(resolv_conf(&stub, &Mode::None, &[], &Dns::default()), "");
    }
}
