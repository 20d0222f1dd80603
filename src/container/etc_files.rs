//! The files that are bound over a container's `/etc`: which, and when they are written.
//!
//! They lie in a directory of the container's (or of a build's step). They are written before there is a network, and
//! completed once its helper says what it has given.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use super::hosts::Written;
use super::record::Record;
use super::{Error, hosts};
use crate::network::{Dns, ExtraHost, Mode, ResolvConf};

/// What a container is told of names, beside its own and what its network says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// `--add-host`.
    pub extra_hosts: Vec<ExtraHost>,
    /// `--dns` and its like.
    pub dns: Dns,
    /// Which of `hosts`, `hostname` and `resolv.conf` in `/etc` stay as the image has them.
    pub image_files: Vec<&'static str>,
}

impl Names {
    /// Returns the paths of the files that are bound over the image's.
    pub fn bound_files(&self) -> impl Iterator<Item = &'static str> {
        bound(&self.image_files).map(|(_, place)| place)
    }
}

/// All of them: name in the container's directory, place in the container.
const ALL: [(&str, &str); 3] = [
    ("resolv.conf", "/etc/resolv.conf"),
    ("hostname", "/etc/hostname"),
    ("hosts", "/etc/hosts"),
];

/// Returns the files that are bound where `image_files` stay the image's: name in the container's directory, and place in
/// the container.
pub(super) fn bound<T: AsRef<str>>(
    image_files: &[T],
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_left = |name: &str| image_files.iter().any(|other| other.as_ref() == name);
    ALL.into_iter().filter(move |(name, _)| !is_left(name))
}

/// What the files of one container say.
#[derive(Debug)]
pub(super) struct EtcFiles<'a> {
    record: &'a Record,
    mode: &'a Mode,
    /// Lines of `--add-host`.
    extra: Vec<String>,
    dns: Dns,
}

impl<'a> EtcFiles<'a> {
    /// Takes from the record what it says about names; the container's network is `mode`.
    ///
    /// # Errors
    ///
    /// [`Error::HostGateway`]; [`Error::Invalid`] for a record with something else than flags can have put there.
    pub(super) fn of(record: &'a Record, mode: &'a Mode) -> Result<EtcFiles<'a>, Error> {
        let host = &record.host_config;
        let mut extra = Vec::new();
        for text in host.extra_hosts.iter().flatten() {
            let host: ExtraHost = text.parse().map_err(Error::Invalid)?;
            extra.push(host.line()?);
        }
        let mut servers = Vec::new();
        for text in &host.dns {
            let invalid = |_| Error::Invalid(format!("invalid IP address: {text}"));
            servers.push(text.parse().map_err(invalid)?);
        }
        let dns = Dns {
            servers,
            search: host.dns_search.clone(),
            options: host.dns_options.clone(),
        };
        Ok(EtcFiles {
            record,
            mode,
            extra,
            dns,
        })
    }

    /// Writes all of them into `dir`, anew. `servers` are the name servers that the network is known to reach.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn write(&self, dir: &Path, servers: &[IpAddr]) -> Result<(), Error> {
        for (name, text) in self.texts(servers)? {
            hosts::replace(&dir.join(name), &text)?;
        }
        Ok(())
    }

    /// As [`EtcFiles::write`], where containers that follow each other share `dir`: what is as the last one was given it
    /// stays. `written` tells what that was. Whoever could write to the files is gone.
    ///
    /// # Errors
    ///
    /// As there.
    pub(super) fn write_changed(
        &self,
        dir: &Path,
        servers: &[IpAddr],
        written: &mut BTreeMap<&'static str, Written>,
    ) -> Result<(), Error> {
        for (name, text) in self.texts(servers)? {
            let path = dir.join(name);
            let last = written.get(name);
            if !last.is_some_and(|written| written.still_holds(&path, &text)) {
                hosts::replace(&path, &text)?;
                written.insert(name, Written::new(&path, &text)?);
            }
        }
        Ok(())
    }

    /// The files' names, and what they say.
    fn texts(&self, servers: &[IpAddr]) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
        let files = bound(&self.record.host_config.image_files);
        let text = |(name, place)| -> Result<(&'static str, Vec<u8>), Error> {
            let text = match name {
                "hostname" => hosts::hostname(&self.record.config.hostname).into_bytes(),
                "hosts" => self.hosts(None, place)?,
                _ => self.resolv_conf(servers, place)?,
            };
            Ok((name, text))
        };
        files.map(text).collect()
    }

    /// Writes the name servers that the network has found reachable, in place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn put_servers(&self, dir: &Path, servers: &[IpAddr]) -> Result<(), Error> {
        self.put(dir, "resolv.conf", |place| self.resolv_conf(servers, place))
    }

    /// Writes the container's own address, in place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn put_address(&self, dir: &Path, address: IpAddr) -> Result<(), Error> {
        self.put(dir, "hosts", |place| self.hosts(Some(address), place))
    }

    fn put(
        &self,
        dir: &Path,
        name: &str,
        text: impl FnOnce(&str) -> Result<Vec<u8>, Error>,
    ) -> Result<(), Error> {
        let mut files = bound(&self.record.host_config.image_files);
        match files.find(|(other, _)| *other == name) {
            Some((name, place)) => hosts::write(&dir.join(name), &text(place)?),
            None => Ok(()),
        }
    }

    fn hosts(&self, own: Option<IpAddr>, place: &str) -> Result<Vec<u8>, Error> {
        if matches!(self.mode, Mode::Host) {
            // The host's own, by content: the container's is a file of its own, as in Docker.
            let mut text = hosts::of_host(Path::new(place))?;
            if !self.extra.is_empty() && text.last().is_some_and(|byte| *byte != b'\n') {
                text.push(b'\n');
            }
            text.extend(self.extra.iter().flat_map(|line| line.bytes()));
            return Ok(text);
        }
        let config = &self.record.config;
        let addresses: Vec<IpAddr> = own.into_iter().collect();
        let text = hosts::hosts(
            &config.hostname,
            &config.domainname,
            &self.extra,
            &addresses,
        );
        Ok(text.into_bytes())
    }

    fn resolv_conf(&self, servers: &[IpAddr], place: &str) -> Result<Vec<u8>, Error> {
        if matches!(self.mode, Mode::Host) && self.dns.is_empty() {
            return hosts::of_host(Path::new(place));
        }
        let host = ResolvConf::of_host();
        let text = hosts::resolv_conf(&host, self.mode, servers, &self.dns);
        Ok(text.into_bytes())
    }
}
