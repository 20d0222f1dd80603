//! `--security-opt`: `no-new-privileges`, `seccomp=`, `systempaths=unconfined`, `apparmor=`, `label=`, `emulation=`.
//!
//! Words and separators but those of `emulation` are Docker's: docker/cli `parseSecurityOpts`, `parseSystemPaths`; moby
//! `parseSecurityOpt`.

use std::path::Path;

use super::Error;
use super::record::HostConfig;
use crate::runtime::seccomp::{self, Filter, Host, Profile};

/// Paths that a container does not get to see. Source: moby, daemon/pkg/oci/defaults.go, and Docker 28's additions.
pub(super) const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Paths that a container does not get to write. Source: as above.
pub(super) const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Where the kernel says whether it has AppArmor, and SELinux.
const APPARMOR_SWITCH: &str = "/sys/module/apparmor/parameters/enabled";
const SELINUX_MOUNT: &str = "/sys/fs/selinux/enforce";

/// The options in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Security {
    pub(super) no_new_privileges: bool,
    pub(super) seccomp: Seccomp,
    /// An AppArmor profile, where the kernel has AppArmor.
    pub(super) apparmor: Option<String>,
    unconfined_paths: bool,
    emulation: Option<bool>,
    privileged: bool,
}

/// Which seccomp profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Seccomp {
    #[default]
    Default,
    Unconfined,
    /// The text of a profile.
    Profile(String),
}

/// Turns the options as typed into what the record keeps: the path of a seccomp profile becomes its content, as Docker's
/// client does. Also settles masked and read-only paths. `host.security_opt` is what was typed.
pub(super) fn settle(host: &mut HostConfig, base_dir: &Path) -> Result<(), Error> {
    let mut options = host.security_opt.take().unwrap_or_default();
    inline_profiles(&mut options, base_dir)?;
    let security = Security::parse(&options)?;
    // Docker's client takes this one out; the lists say it.
    options.retain(|option| value_of(option, "systempaths").is_none());
    let open = security.unconfined_paths || host.privileged;
    let list = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    if !open {
        host.masked_paths = list(&MASKED_PATHS);
        host.readonly_paths = list(&READONLY_PATHS);
    }
    host.security_opt = (!options.is_empty()).then_some(options);
    Ok(())
}

/// Replaces the paths of seccomp profiles, relative to `base_dir`, by the profiles. What has been replaced stays as it is.
///
/// # Errors
///
/// [`Error::Profile`] for what cannot be read or is no profile; [`Error::Invalid`] for another option that is wrong.
pub fn inline_profiles(options: &mut [String], base_dir: &Path) -> Result<(), Error> {
    for option in options.iter_mut() {
        if let Some((separator, value)) = value_of(option, "seccomp")
            && !matches!(value, "unconfined" | "builtin")
            && !value.starts_with('{')
        {
            let path = base_dir.join(value);
            let text = std::fs::read(&path).map_err(|source| {
                Error::Profile(seccomp::ProfileError::Open {
                    path: value.into(),
                    source,
                })
            })?;
            Profile::parse(&text)?;
            let profile: serde_json::Value =
                serde_json::from_slice(&text).map_err(seccomp::ProfileError::Decode)?;
            *option = format!("seccomp{separator}{profile}");
        }
    }
    Security::parse(options).map(|_| ())
}

/// Returns separator and value of `key=value` or `key:value`.
fn value_of<'o>(option: &'o str, key: &str) -> Option<(char, &'o str)> {
    let rest = option.strip_prefix(key)?;
    let separator = rest.chars().next()?;
    matches!(separator, '=' | ':').then_some((separator, &rest[1..]))
}

impl Security {
    /// Reads what a record keeps.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] in Docker's words.
    pub(super) fn of(host: &HostConfig) -> Result<Security, Error> {
        let mut security = Security::parse(host.security_opt.as_deref().unwrap_or_default())?;
        security.privileged = host.privileged;
        if host.privileged && security.seccomp == Seccomp::Default {
            security.seccomp = Seccomp::Unconfined;
        }
        Ok(security)
    }

    fn parse(options: &[String]) -> Result<Security, Error> {
        let mut security = Security::default();
        for option in options {
            let invalid = || Error::Invalid(format!("invalid --security-opt: {option:?}"));
            if option == "no-new-privileges" {
                security.no_new_privileges = true;
            } else if let Some((_, value)) = value_of(option, "no-new-privileges") {
                security.no_new_privileges = match value {
                    "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                    "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                    _ => return Err(invalid()),
                };
            } else if let Some((_, value)) = value_of(option, "seccomp") {
                security.seccomp = match value {
                    "unconfined" => Seccomp::Unconfined,
                    "builtin" => Seccomp::Default,
                    text => Seccomp::Profile(text.to_owned()),
                };
            } else if let Some((_, value)) = value_of(option, "systempaths") {
                if value != "unconfined" {
                    return Err(invalid());
                }
                security.unconfined_paths = true;
            } else if let Some((_, value)) = value_of(option, "apparmor") {
                // As in Docker, nothing to do where the kernel has no AppArmor.
                let enabled =
                    std::fs::read(APPARMOR_SWITCH).is_ok_and(|text| text.starts_with(b"Y"));
                security.apparmor = (enabled && value != "unconfined").then(|| value.to_owned());
            } else if let Some((_, value)) = value_of(option, "emulation") {
                security.emulation = match value {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => return Err(invalid()),
                };
            } else if let Some((_, value)) = value_of(option, "label") {
                // As in Docker, nothing to do where the kernel has no SELinux.
                if value != "disable" && Path::new(SELINUX_MOUNT).exists() {
                    return Err(Error::Invalid(format!(
                        "--security-opt {option}: SELinux labels are not supported"
                    )));
                }
            } else {
                return Err(invalid());
            }
        }
        Ok(security)
    }

    /// Whether owners and ids are emulated where there is but one id.
    ///
    /// Where nobody says, not for those who are confined by nothing: that is asked for to start engines and sandboxes inside,
    /// which make user namespaces of the ids that the kernel knows, and have supervisors of their own, of which there can
    /// be one. A build has no such use: what it makes is to be the same for everybody.
    pub(super) fn emulates(&self) -> bool {
        let confined = !self.privileged && self.seccomp != Seccomp::Unconfined;
        self.emulation.unwrap_or(confined)
    }

    /// As [`Security::emulates`], for a step of a build.
    pub(super) fn emulates_for_layers(&self) -> bool {
        self.emulation.unwrap_or(true)
    }

    /// Compiles the filter; `None` for unconfined.
    ///
    /// # Errors
    ///
    /// [`Error::Profile`].
    pub(super) fn filter(&self, capabilities: &[&str]) -> Result<Option<Filter>, Error> {
        let has = |name: &str| capabilities.contains(&name);
        Ok(match &self.seccomp {
            Seccomp::Unconfined => None,
            Seccomp::Default => Some(seccomp::default_filter(&has)),
            Seccomp::Profile(text) => {
                let profile = Profile::parse(text.as_bytes())?;
                Some(profile.compile(&Host::current(&has))?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(options: &[&str], dir: &Path) -> Result<HostConfig, Error> {
        let mut host = HostConfig {
            security_opt: Some(options.iter().map(|o| (*o).to_owned()).collect()),
            ..HostConfig::default()
        };
        settle(&mut host, dir).map(|()| host)
    }

    #[test]
    fn dockers_options() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("p.json"),
            r#"{ "defaultAction": "SCMP_ACT_ALLOW" }"#,
        )
        .unwrap();
        let host = settled(
            &["no-new-privileges", "seccomp=p.json", "label:disable"],
            dir.path(),
        )
        .unwrap();
        let security = Security::of(&host).unwrap();
        assert!(security.no_new_privileges);
        assert_eq!(
            security.seccomp,
            Seccomp::Profile(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#.to_owned())
        );
        assert!(security.filter(&[]).unwrap().is_some());
        assert_eq!(host.masked_paths.len(), MASKED_PATHS.len());

        let host = settled(
            &["systempaths=unconfined", "seccomp:unconfined"],
            dir.path(),
        )
        .unwrap();
        assert!(host.masked_paths.is_empty() && host.readonly_paths.is_empty());
        assert_eq!(
            host.security_opt.as_deref(),
            Some(&["seccomp:unconfined".to_owned()][..])
        );
        assert!(Security::of(&host).unwrap().filter(&[]).unwrap().is_none());
    }

    #[test]
    fn emulation_is_for_the_confined() {
        let emulates = |options: &[&str], privileged| {
            let host = HostConfig {
                security_opt: Some(options.iter().map(|o| (*o).to_owned()).collect()),
                privileged,
                ..HostConfig::default()
            };
            let security = Security::of(&host).unwrap();
            (security.emulates(), security.emulates_for_layers())
        };
        assert_eq!(emulates(&[], false), (true, true));
        assert_eq!(emulates(&["emulation=off"], false), (false, false));
        assert_eq!(emulates(&["seccomp=unconfined"], false), (false, true));
        assert_eq!(emulates(&[], true), (false, true));
        assert_eq!(emulates(&["emulation=on"], true), (true, true));
    }

    #[test]
    fn refuses_the_rest_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for wrong in [
            "nonsense",
            "no-new-privileges=maybe",
            "systempaths=all",
            "seccomp=/no/such/file",
            "emulation=maybe",
        ] {
            assert!(settled(&[wrong], dir.path()).is_err(), "{wrong}");
        }
    }
}
