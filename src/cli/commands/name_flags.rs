//! Flags about the names that a container, or a RUN, knows: those that `run`, `create` and `build` share.

use clap::Args;

use crate::cli::error::Failure;
use crate::container::Names;
use crate::network::{Dns, ExtraHost, check_search_domain};

#[derive(Debug, Args)]
pub(crate) struct NameFlags {
    /// Add a line to /etc/hosts; "host-gateway" is the address of this machine
    #[arg(long, value_name = "NAME:IP")]
    add_host: Vec<ExtraHost>,
    /// Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    dns: Vec<String>,
    /// Set options of /etc/resolv.conf
    #[arg(
        long,
        visible_alias = "dns-opt",
        value_name = "OPTION",
        value_delimiter = ',',
        value_parser = dns_option
    )]
    dns_option: Vec<String>,
    /// Look for names in these domains, too; "." for none
    #[arg(
        long,
        value_name = "DOMAIN",
        value_delimiter = ',',
        value_parser = check_search_domain
    )]
    dns_search: Vec<String>,
    /// Leave /etc/hostname as the image has it
    #[arg(long)]
    no_hostname: bool,
    /// Leave /etc/hosts as the image has it
    #[arg(long)]
    no_hosts: bool,
}

impl NameFlags {
    /// Returns what was asked for.
    ///
    /// # Errors
    ///
    /// What is no address, and flags that contradict each other, in the words of docker/cli (opts/opts.go) and buildah
    /// (pkg/parse).
    pub(crate) fn names(&self) -> Result<Names, Failure> {
        let refuse = |is_wrong: bool, words: &str| match is_wrong {
            true => Err(Failure::message(words)),
            false => Ok(()),
        };
        let no_dns = self.dns.iter().any(|server| server == "none");
        refuse(
            no_dns && self.dns.len() > 1,
            "invalid --dns, --dns=none may not be used with any other --dns options",
        )?;
        refuse(
            no_dns && !self.dns_search.is_empty(),
            "invalid --dns-search, --dns-search may not be used with --dns=none",
        )?;
        refuse(
            no_dns && !self.dns_option.is_empty(),
            "invalid --dns-option, --dns-option may not be used with --dns=none",
        )?;
        refuse(
            self.no_hosts && !self.add_host.is_empty(),
            "--no-hosts and --add-host conflict, can not be used together",
        )?;
        let mut servers = Vec::new();
        for text in self.dns.iter().filter(|text| *text != "none") {
            let server = text.trim().parse();
            servers.push(server.map_err(|_| {
                Failure::message(format!("{text:?} is not a correctly formatted IP address"))
            })?);
        }
        let files = [
            ("hosts", self.no_hosts),
            ("hostname", self.no_hostname),
            ("resolv.conf", no_dns),
        ];
        Ok(Names {
            extra_hosts: self.add_host.clone(),
            dns: Dns {
                servers,
                search: self.dns_search.clone(),
                options: self.dns_option.clone(),
            },
            image_files: (files.into_iter())
                .filter_map(|(name, is_left)| is_left.then_some(name))
                .collect(),
        })
    }
}

/// Takes one word: a line break in it would begin a line of its own.
fn dns_option(text: &str) -> Result<String, String> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    match text.is_empty() || text.contains(is_odd) {
        true => Err(format!("{text:?} is no option of resolv.conf")),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: NameFlags,
    }

    fn names(words: &[&str]) -> Result<Names, String> {
        let words = ["ctr"].iter().chain(words);
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.flags.names().map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let all = names(&["--dns", "1.1.1.1,::1", "--dns-opt", "a", "--dns-option=b:1"]).unwrap();
        assert_eq!((all.dns.servers.len(), all.dns.options.len()), (2, 2));
        let none = names(&["--dns", "none", "--no-hosts", "--no-hostname"]).unwrap();
        assert_eq!(none.image_files, ["hosts", "hostname", "resolv.conf"]);
        for (wrong, words) in [
            (
                &["--dns", "none", "--dns", "1.1.1.1"][..],
                "any other --dns",
            ),
            (&["--dns", "none", "--dns-search", "a"], "--dns-search may"),
            (&["--dns", "none", "--dns-option", "a"], "--dns-option may"),
            (&["--no-hosts", "--add-host", "a:1.1.1.1"], "conflict"),
            (&["--dns", "x"], "correctly formatted IP address"),
            (&["--dns-search", "1"], "is not a valid domain"),
            (&["--dns-option", "a b"], "no option of resolv.conf"),
            (&["--add-host", "a"], "bad format for add-host"),
        ] {
            let error = names(wrong).unwrap_err();
            assert!(error.contains(words), "{wrong:?}: {error}");
        }
    }
}
