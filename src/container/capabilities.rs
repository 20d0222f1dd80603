//! `--cap-add`, `--cap-drop`, `--privileged`: which capabilities a container gets.
//!
//! The rules and their order are moby's (daemon/pkg/oci/caps/utils.go).

use std::collections::HashSet;

use oci_spec::runtime::{Capability, LinuxCapabilities, LinuxCapabilitiesBuilder};

use super::Error;
use super::record::HostConfig;
use crate::runtime::seccomp::DEFAULT_CAPABILITIES;

/// Every capability, by number. Source: capabilities(7), linux/capability.h.
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

const ALL: &str = "ALL";

/// Normalizes a flag's values: upper case, `CAP_` in front, `ALL` as it is.
///
/// # Errors
///
/// [`Error::Invalid`] in Docker's words; `flag` is `CapAdd` or `CapDrop`.
pub(super) fn normalize(values: &[String], flag: &str) -> Result<Vec<String>, Error> {
    let mut list = Vec::new();
    for value in values {
        let upper = value.to_ascii_uppercase();
        let name = match upper.as_str() {
            ALL | "CAP_ALL" => ALL.to_owned(),
            name if name.starts_with("CAP_") => upper,
            name => format!("CAP_{name}"),
        };
        if name != ALL && !NAMES.contains(&name.as_str()) {
            return Err(Error::Invalid(format!(
                "invalid {flag}: unknown capability: {name:?}"
            )));
        }
        if !list.contains(&name) {
            list.push(name);
        }
    }
    Ok(list)
}

/// Returns the container's capabilities by name.
pub(super) fn granted(host: &HostConfig) -> Vec<&str> {
    let known = NAMES.iter().copied();
    if host.privileged {
        return known.collect();
    }
    let add = host.cap_add.as_deref().unwrap_or_default();
    let drop = host.cap_drop.as_deref().unwrap_or_default();
    let has = |list: &[String], name: &str| list.iter().any(|entry| entry == name);
    if has(add, ALL) {
        return known.filter(|name| !has(drop, name)).collect();
    }
    let added = add.iter().map(String::as_str);
    if has(drop, ALL) {
        return added.collect();
    }
    let kept = (DEFAULT_CAPABILITIES.iter().copied()).filter(|name| !has(drop, name));
    let mut list: Vec<&str> = kept.collect();
    for name in added {
        if !list.contains(&name) {
            list.push(name);
        }
    }
    list
}

/// Returns the sets of a process: bounding, effective and permitted alike, nothing inheritable or ambient, as Docker does
/// since CVE-2022-24769. The kernel takes the last two away from a process that is not root.
pub(super) fn sets(granted: &[&str]) -> LinuxCapabilities {
    let set: HashSet<Capability> = (granted.iter())
        .filter_map(|name| name.trim_start_matches("CAP_").parse().ok())
        .collect();
    LinuxCapabilitiesBuilder::default()
        .bounding(set.clone())
        .effective(set.clone())
        .permitted(set)
        .inheritable(HashSet::new())
        .ambient(HashSet::new())
        .build()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted_for(add: &[&str], drop: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| {
            list.iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let host = HostConfig {
            cap_add: Some(normalize(&owned(add), "CapAdd").unwrap()),
            cap_drop: Some(normalize(&owned(drop), "CapDrop").unwrap()),
            ..HostConfig::default()
        };
        granted(&host).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn as_docker_decides() {
        assert_eq!(granted_for(&[], &[]).len(), 14);
        assert_eq!(granted_for(&["net_admin"], &["ALL"]), ["CAP_NET_ADMIN"]);
        assert_eq!(granted_for(&["ALL"], &["CAP_MKNOD"]).len(), 40);
        assert_eq!(granted_for(&["sys_admin", "CHOWN"], &["mknod"]).len(), 14);
        assert!(granted_for(&[], &["all"]).is_empty());
        let error = normalize(&["nope".to_owned()], "CapAdd").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid CapAdd: unknown capability: \"CAP_NOPE\""
        );
    }

    #[test]
    fn every_name_is_known_to_the_runtime_spec() {
        let sets = sets(&NAMES);
        assert_eq!(sets.bounding().as_ref().unwrap().len(), NAMES.len());
    }
}
