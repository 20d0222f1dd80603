//! `--device`: a device of the host's in a container.
//!
//! Forms and words are those of docker/cli, cli/command/container/opts.go, `parseDevice` and `validateDevice`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Docker's `DeviceMapping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceMapping {
    /// A device, or a directory with devices.
    pub path_on_host: String,
    /// Where it is inside; absolute.
    pub path_in_container: String,
    /// Of `r`, `w` and `m` (mknod).
    pub cgroup_permissions: String,
}

impl FromStr for DeviceMapping {
    type Err = String;

    /// Reads `HOST[:CONTAINER][:rwm]`.
    fn from_str(text: &str) -> Result<DeviceMapping, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (host, inside, mode) = match parts[..] {
            [host] => (host, host, "rwm"),
            [host, mode] if is_mode(mode) => (host, host, mode),
            [host, inside] => (host, inside, "rwm"),
            [host, inside, mode] => (host, inside, mode),
            _ => return Err(format!("bad format for path: {text}")),
        };
        if host.is_empty() {
            return Err(format!("bad format for path: {text}"));
        }
        if !is_mode(mode) {
            return Err(format!("bad mode specified: {mode}"));
        }
        if !host.starts_with('/') && host.contains('=') {
            return Err(format!("devices of CDI are not supported yet: {host}"));
        }
        for path in [inside, host] {
            if !Path::new(path).is_absolute() {
                return Err(format!("{path} is not an absolute path"));
            }
        }
        if !(mode.contains('r') && mode.contains('w')) {
            // Docker's device cgroup, which takes root of the host.
            return Err(format!(
                "mode {mode:?} cannot be enforced: a device is there for reading and writing (rw, rwm)"
            ));
        }
        Ok(DeviceMapping {
            path_on_host: host.to_owned(),
            path_in_container: inside.to_owned(),
            cgroup_permissions: mode.to_owned(),
        })
    }
}

impl fmt::Display for DeviceMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeviceMapping {
            path_on_host,
            path_in_container,
            cgroup_permissions,
        } = self;
        write!(f, "{path_on_host}:{path_in_container}:{cgroup_permissions}")
    }
}

/// Returns whether the text is made of `r`, `w` and `m`, each at most once.
fn is_mode(text: &str) -> bool {
    let once = |letter: char| text.matches(letter).count() <= 1;
    !text.is_empty() && text.chars().all(|c| "rwm".contains(c)) && "rwm".chars().all(once)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms() {
        for (text, all) in [
            ("/dev/a", "/dev/a:/dev/a:rwm"),
            ("/dev/a:rw", "/dev/a:/dev/a:rw"),
            ("/dev/a:/dev/b", "/dev/a:/dev/b:rwm"),
            ("/dev/a:/dev/b:mwr", "/dev/a:/dev/b:mwr"),
        ] {
            assert_eq!(text.parse::<DeviceMapping>().unwrap().to_string(), all);
        }
        for (text, words) in [
            ("", "bad format for path: "),
            ("/a:/b:rw:x", "bad format for path: /a:/b:rw:x"),
            ("/a:/b:rr", "bad mode specified: rr"),
            ("/a:b", "b is not an absolute path"),
            ("a", "a is not an absolute path"),
            ("/a:r", "mode \"r\" cannot be enforced"),
            ("nvidia.com/gpu=all", "devices of CDI are not supported"),
        ] {
            let error = text.parse::<DeviceMapping>().unwrap_err();
            assert!(error.starts_with(words), "{text}: {error}");
        }
    }
}
