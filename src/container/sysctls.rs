//! `--sysctl`: kernel parameters of the container's own namespaces.

use super::Error;
use crate::network::Mode;

/// Those of the IPC namespace.
const OF_IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
];

/// Reads `NAME=VALUE`, for clap. Which names there are, and the words, are docker/cli's (opts/opts.go, `ValidateSysctl`).
///
/// # Errors
///
/// A parameter that is not of one container alone; a name without a value.
pub fn parse(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| {
        let namespaces = ["net.", "fs.mqueue."];
        // A slash in a name stands for a dot in a file's: two of them would lead out of the directory.
        if name.contains("//") {
            return false;
        }
        OF_IPC.contains(name) || namespaces.iter().any(|prefix| name.starts_with(prefix))
    });
    match pair {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!("sysctl '{text}' is not allowed")),
    }
}

/// Refuses to change the host's. The words are runc's (libcontainer/configs/validate).
pub(super) fn check<'a>(
    names: impl IntoIterator<Item = &'a String>,
    network: &Mode,
) -> Result<(), Error> {
    let mut names = names.into_iter();
    match names.find(|name| *network == Mode::Host && name.starts_with("net.")) {
        Some(name) => Err(Error::Invalid(format!(
            "sysctl {name:?} not allowed in host network namespace"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_of_namespaces() {
        for (name, value) in [
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.ping_group_range", "0 0"),
            ("kernel.sem", "1=2"),
            ("fs.mqueue.msg_max", ""),
        ] {
            let pair = (name.to_owned(), value.to_owned());
            assert_eq!(parse(&format!("{name}={value}")), Ok(pair));
        }
        for wrong in [
            "kernel.hostname=a",
            "kernel.sem",
            "vm.swappiness=1",
            "=1",
            "netx=1",
            "net.//.kernel.panic=1",
        ] {
            let words = format!("sysctl '{wrong}' is not allowed");
            assert_eq!(parse(wrong), Err(words));
        }
    }
}
