//! The image config: what an image says about itself and about the processes it is made for.
//!
//! The fields are those of image-spec's config.md and those that Docker adds: `Healthcheck`, `OnBuild`, `Shell`,
//! `ArgsEscaped`. Fields nobody knows are kept, so that a config that is written again loses nothing. `null` and a
//! missing field mean the same, as in Go.
//!
//! Everything in here comes from outside and is kept literally. In particular an `Env` entry without `=` is *not* a wish to
//! be given the host's value of that name (CVE-2026-57231): see [`Config::environment`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Platform;
use crate::content::{Digest, limits};

/// An image config as a whole; its digest is the image ID.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfiguration {
    /// Go's name of the processor.
    #[serde(deserialize_with = "or_null")]
    pub architecture: String,
    /// `v7` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Go's name of the operating system.
    #[serde(deserialize_with = "or_null")]
    pub os: String,
    /// When it was made, RFC 3339; not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Docker's: what `commit -m` or `import -m` said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Docker's: the version that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_version: Option<String>,
    /// Defaults for the container's process.
    #[serde(deserialize_with = "or_null")]
    pub config: Config,
    /// The layers.
    #[serde(deserialize_with = "or_null")]
    pub rootfs: RootFs,
    /// How each layer came to be.
    #[serde(deserialize_with = "or_null")]
    pub history: Vec<History>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Defaults for the container's process: the `config` object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// `user[:group]`, names or numbers.
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `{"80/tcp": {}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<BTreeMap<String, Value>>,
    /// `K=V`, literally; see [`Config::environment`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// The command that arguments are given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Default arguments, or the command where there is no entrypoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// `HEALTHCHECK`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Windows: the command line is already one string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_escaped: Option<bool>,
    /// `{"/data": {}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<BTreeMap<String, Value>>,
    /// Working directory.
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Triggers for builds from this image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Signal that asks the process to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Shell of the shell form of commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Docker's `HealthConfig`. Durations are nanoseconds, 0 is "inherit".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `NONE`, `CMD` and arguments, or `CMD-SHELL` and a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Vec<String>>,
    /// Between two checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// Of one check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// During which failures do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_period: Option<i64>,
    /// Between two checks during the start period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_interval: Option<i64>,
    /// Failures in a row that make it unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The `rootfs` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", deserialize_with = "or_null")]
    pub kind: String,
    /// Digests of the layers' uncompressed tars, lowest first.
    #[serde(deserialize_with = "or_null")]
    pub diff_ids: Vec<Digest>,
}

impl Default for RootFs {
    fn default() -> Self {
        RootFs {
            kind: "layers".to_owned(),
            diff_ids: Vec::new(),
        }
    }
}

/// One entry of `history`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// RFC 3339; not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction or command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it made no layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_layer: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Why bytes are not an image config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or JSON of another shape; the source says where.
    #[error("invalid image config")]
    Json(#[source] serde_json::Error),
    /// More than [`limits::MAX_CONFIG_BYTES`].
    #[error("image config of {0} bytes is larger than the {max} allowed", max = limits::MAX_CONFIG_BYTES)]
    TooLarge(u64),
    /// More layers or more history than allowed.
    #[error("image config: {field} has {count} entries, more than the {limit} allowed")]
    TooMany {
        /// `rootfs.diff_ids` or `history`.
        field: &'static str,
        /// As found.
        count: usize,
        /// As allowed.
        limit: usize,
    },
    /// `rootfs.type` is not `layers`.
    #[error("image config: rootfs.type is {0:?}, only \"layers\" is known")]
    RootFs(String),
}

impl ImageConfiguration {
    /// Reads a config.
    ///
    /// # Errors
    ///
    /// All of [`ConfigError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() as u64 > limits::MAX_CONFIG_BYTES {
            return Err(ConfigError::TooLarge(bytes.len() as u64));
        }
        let config: ImageConfiguration =
            serde_json::from_slice(bytes).map_err(ConfigError::Json)?;
        let counts = [
            (
                "rootfs.diff_ids",
                config.rootfs.diff_ids.len(),
                limits::MAX_LAYERS,
            ),
            ("history", config.history.len(), limits::MAX_HISTORY),
        ];
        for (field, count, limit) in counts {
            if count > limit {
                return Err(ConfigError::TooMany {
                    field,
                    count,
                    limit,
                });
            }
        }
        if !matches!(config.rootfs.kind.as_str(), "layers" | "") {
            let kind = config.rootfs.kind.chars().take(80).collect();
            return Err(ConfigError::RootFs(kind));
        }
        Ok(config)
    }

    /// Returns the config as it is stored; its digest is the image ID.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and maps with string keys always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns what the image was made for. Fields left out are Linux and the host's processor, as in Docker.
    pub fn platform(&self) -> Platform {
        if self.architecture.is_empty() {
            let host = Platform::host();
            return Platform {
                os: Platform::new(&self.os, "", None).os,
                ..host
            };
        }
        Platform::new(&self.os, &self.architecture, self.variant.as_deref())
    }
}

impl Config {
    /// Returns the entries of `Env` that set a variable. Others are left out: Docker and podman take `NAME` on the
    /// *command line* as "copy from the host"; from an image that would leak the host's environment (CVE-2026-57231).
    pub fn environment(&self) -> impl Iterator<Item = &str> {
        self.env
            .iter()
            .flatten()
            .map(String::as_str)
            .filter(|entry| entry.find('=').is_some_and(|at| at > 0) && !entry.contains('\0'))
    }
}

/// `null` is a missing field, as in Go.
fn or_null<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_it_does_not_know() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"User":"1000","Env":["A=1","PATH"],"Healthcheck":{"Test":["CMD","x"],"Interval":3},"OnBuild":null,"Shell":["/bin/sh","-c"],"ArgsEscaped":true,"Later":7},"rootfs":{"type":"layers","diff_ids":[]},"history":null,"container":"abc"}"#;
        let config = ImageConfiguration::parse(text.as_bytes()).unwrap();
        assert_eq!(config.config.user, "1000");
        assert_eq!(config.config.environment().collect::<Vec<_>>(), ["A=1"]);
        assert_eq!(config.extra["container"], "abc");
        assert_eq!(config.config.extra["Later"], 7);
        let again = serde_json::to_value(&config).unwrap();
        assert_eq!(again["config"]["Later"], 7);
        assert_eq!(again["container"], "abc");
        assert_eq!(again["config"]["Env"][1], "PATH");
    }

    #[test]
    fn refuses_wrong_shapes() {
        for bad in [
            "",
            "[]",
            "null",
            r#"{"config":{"Env":"A=1"}}"#,
            r#"{"config":{"Env":[1]}}"#,
            r#"{"config":[]}"#,
            r#"{"rootfs":{"type":"layers","diff_ids":["sha256:zz"]}}"#,
            r#"{"rootfs":{"type":"blocks"}}"#,
            r#"{"config":{"Labels":{"a":1}}}"#,
        ] {
            assert!(ImageConfiguration::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn refuses_ten_thousand_layers() {
        let digest = format!("\"sha256:{}\"", "a".repeat(64));
        let text = format!(
            r#"{{"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            vec![digest; 10_000].join(",")
        );
        let error = ImageConfiguration::parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "image config: rootfs.diff_ids has 10000 entries, more than the 127 allowed"
        );
    }
}
