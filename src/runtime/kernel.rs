//! Settings of the new namespaces: host name, domain name, sysctls, the loopback interface.
//!
//! Spec: runtime-spec, config.md, "Hostname", "Domainname"; config-linux.md, "Sysctl".

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd as _;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Error;
use super::inside::{self, c_string};
use super::step::{State, Step, present};

/// Sets the host name.
#[derive(Debug)]
pub(super) struct HostName(pub(super) String);

impl Step for HostName {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        Ok(rustix::system::sethostname(self.0.as_bytes())?)
    }

    fn words(&self) -> String {
        format!("error setting the host name to {:?}", self.0)
    }
}

/// Sets the NIS domain name.
#[derive(Debug)]
pub(super) struct DomainName(pub(super) String);

impl Step for DomainName {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        Ok(rustix::system::setdomainname(self.0.as_bytes())?)
    }

    fn words(&self) -> String {
        format!("error setting the domain name to {:?}", self.0)
    }
}

/// Writes one file of `/proc/sys`, in the procfs that was mounted for this container.
#[derive(Debug)]
pub(super) struct Sysctl {
    path: CString,
    value: String,
    is_dispensable: bool,
}

impl Sysctl {
    /// `name` has dots or slashes between its parts. What is dispensable is done without where `/proc` is another
    /// container's, because this one may not have its own.
    pub(super) fn new(name: &str, value: &str, is_dispensable: bool) -> Result<Sysctl, Error> {
        // `a/b.c` is the file `b.c`: as sysctl(8) has it, the first separator says which of the two separates.
        let slashes = name.find('/').unwrap_or(usize::MAX) < name.find('.').unwrap_or(usize::MAX);
        let path = if slashes {
            name.to_owned()
        } else {
            name.chars()
                .map(|character| match character {
                    '.' => '/',
                    '/' => '.',
                    other => other,
                })
                .collect()
        };
        Ok(Sysctl {
            path: c_string(format!("sys/{path}"))?,
            value: value.to_owned(),
            is_dispensable,
        })
    }
}

impl Step for Sysctl {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let proc = present(&state.proc)?;
        let file = match inside::open_same_mount(proc, &self.path, OFlags::WRONLY) {
            // There the other container has mounted `sys` for reading only.
            Err(Errno::XDEV | Errno::ROFS) if self.is_dispensable => return Ok(()),
            opened => opened?,
        };
        rustix::io::write(&file, self.value.as_bytes())?;
        Ok(())
    }

    fn words(&self) -> String {
        format!(
            "error writing {:?} to /proc/{}",
            self.value,
            self.path.to_string_lossy()
        )
    }
}

/// Brings the loopback interface of a new network namespace up.
#[derive(Debug)]
pub(super) struct Loopback;

impl Step for Loopback {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        crate::sys::network::loopback_up(socket.as_fd())
    }

    fn words(&self) -> String {
        "error bringing the loopback interface up".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sysctls() {
        for (name, path) in [
            ("net.ipv4.ip_forward", c"sys/net/ipv4/ip_forward"),
            (
                "net/ipv4/conf/eth0.1/rp_filter",
                c"sys/net/ipv4/conf/eth0.1/rp_filter",
            ),
            (
                "net.ipv4.conf.eth0/1.rp_filter",
                c"sys/net/ipv4/conf/eth0.1/rp_filter",
            ),
        ] {
            assert_eq!(Sysctl::new(name, "1", false).unwrap().path.as_c_str(), path);
        }
    }
}
