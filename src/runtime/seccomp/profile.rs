//! Profiles from files: moby's language, of which the runtime-spec's `LinuxSeccomp` is a part.
//!
//! Spec: runtime-spec, config-linux.md, "Seccomp"; moby/profiles, seccomp/seccomp.go, for `archMap`, `includes`, `excludes`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use oci_spec::runtime::LinuxSeccomp;
use serde::Deserialize;

use super::arch::Arch;
use super::policy::{Action, Condition, Op, Policy, Rule};
use super::{DEFAULT_FLAGS, Filter, MAX_INSTRUCTIONS, compile};

/// Largest file, in bytes. moby's has 14,000.
const FILE_LIMIT: u64 = 1024 * 1024;

/// What an action without `errnoRet` returns.
const EPERM: u32 = 1;

/// The largest errno the kernel hands on: `MAX_ERRNO`.
const MAX_ERRNO: u32 = 4095;

/// Why a profile was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file. Docker's words: docker/cli, command/container/opts.go.
    #[error("opening seccomp profile ({}) failed", path.display())]
    Open {
        /// As typed.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// More than [`FILE_LIMIT`].
    #[error("seccomp profile is larger than {FILE_LIMIT} bytes")]
    TooLarge,
    /// Not JSON, or of another shape. Docker's words: moby/profiles, seccomp/seccomp_linux.go.
    #[error("decoding seccomp profile failed")]
    Decode(#[source] serde_json::Error),
    /// `architectures` beside `archMap`. Docker's words.
    #[error(
        "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'"
    )]
    BothArchitectures,
    /// `name` beside `names`. Docker's words.
    #[error(
        "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'"
    )]
    BothNames,
    /// A word that nothing is known of.
    #[error("invalid {what} in seccomp profile: {value:?}")]
    Invalid {
        /// `action`, `architecture`, …
        what: &'static str,
        /// As written.
        value: String,
    },
    /// A word that is known and not followed.
    #[error("{0} in a seccomp profile is not supported")]
    Unsupported(&'static str),
    /// More rules than the kernel takes.
    #[error("seccomp profile compiles to {0} instructions, the kernel takes {MAX_INSTRUCTIONS}")]
    TooManyInstructions(usize),
}

/// A profile as read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    default_action: String,
    #[serde(default)]
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    arch_map: Option<Vec<ArchMapping>>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    listener_path: Option<String>,
    #[serde(default)]
    syscalls: Option<Vec<Syscalls>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMapping {
    architecture: String,
    #[serde(default)]
    sub_architectures: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Syscalls {
    /// The form of profiles before Docker 1.13.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    names: Option<Vec<String>>,
    action: String,
    #[serde(default)]
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<Argument>>,
    #[serde(default)]
    includes: Option<Circumstances>,
    #[serde(default)]
    excludes: Option<Circumstances>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u8,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Circumstances {
    #[serde(default)]
    caps: Option<Vec<String>>,
    #[serde(default)]
    arches: Option<Vec<String>>,
    #[serde(default)]
    min_kernel: Option<String>,
}

/// What a profile's conditions are asked of.
pub struct Host<'a> {
    /// The kernel's own architecture.
    pub arch: Arch,
    /// Version and patch level of the running kernel: `6.18.2` is 6, 18.
    pub kernel: (u32, u32),
    /// Whether the container's bounding set has a capability, by its name with `CAP_`.
    pub has_capability: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("arch", &self.arch)
            .field("kernel", &self.kernel)
            .finish_non_exhaustive()
    }
}

impl Profile {
    /// Reads the profile in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ProfileError::Open`], [`ProfileError::TooLarge`], [`ProfileError::Decode`].
    pub fn read(path: &Path) -> Result<Profile, ProfileError> {
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut text))
            .map_err(|source| ProfileError::Open {
                path: path.to_owned(),
                source,
            })?;
        Profile::parse(&text)
    }

    /// Parses a profile.
    ///
    /// # Errors
    ///
    /// [`ProfileError::TooLarge`], [`ProfileError::Decode`].
    pub fn parse(text: &[u8]) -> Result<Profile, ProfileError> {
        if text.len() as u64 > FILE_LIMIT {
            return Err(ProfileError::TooLarge);
        }
        serde_json::from_slice(text).map_err(ProfileError::Decode)
    }

    /// Takes over a runtime-spec's profile.
    ///
    /// # Errors
    ///
    /// [`ProfileError::Decode`].
    pub fn from_spec(seccomp: &LinuxSeccomp) -> Result<Profile, ProfileError> {
        serde_json::to_value(seccomp)
            .and_then(serde_json::from_value)
            .map_err(ProfileError::Decode)
    }

    /// Compiles the profile for a container on `host`.
    ///
    /// # Errors
    ///
    /// All of [`ProfileError`] but those of reading.
    pub fn compile(&self, host: &Host<'_>) -> Result<Filter, ProfileError> {
        let program = compile::compile(&self.policy(host)?);
        if program.len() > MAX_INSTRUCTIONS {
            return Err(ProfileError::TooManyInstructions(program.len()));
        }
        Ok(Filter {
            program: program.into(),
            flags: self.filter_flags()?,
        })
    }

    /// Resolves every condition on the host and the container.
    pub(super) fn policy(&self, host: &Host<'_>) -> Result<Policy<'_>, ProfileError> {
        if self.listener_path.is_some() {
            return Err(ProfileError::Unsupported("listenerPath"));
        }
        let mut rules = Vec::new();
        for syscalls in self.syscalls.iter().flatten() {
            let names: Vec<&str> = match (&syscalls.name, &syscalls.names) {
                (Some(_), Some(names)) if !names.is_empty() => {
                    return Err(ProfileError::BothNames);
                }
                (Some(name), _) => vec![name],
                (None, names) => names.iter().flatten().map(String::as_str).collect(),
            };
            if !syscalls.applies(host)? {
                continue;
            }
            let conditions = syscalls.args.iter().flatten().map(Argument::condition);
            rules.push(Rule {
                names,
                action: action(&syscalls.action, syscalls.errno_ret)?,
                conditions: conditions.collect::<Result<_, _>>()?,
            });
        }
        Ok(Policy {
            default: action(&self.default_action, self.default_errno_ret)?,
            arches: self.arches(host.arch)?,
            rules,
        })
    }

    /// The kernel's own architecture and those named beside it. Names of others are none of this kernel's business.
    fn arches(&self, host: Arch) -> Result<Vec<Arch>, ProfileError> {
        let named: Vec<&str> = match (&self.architectures, &self.arch_map) {
            (Some(list), Some(map)) if !list.is_empty() && !map.is_empty() => {
                return Err(ProfileError::BothArchitectures);
            }
            (_, Some(map)) if !map.is_empty() => map
                .iter()
                .filter(|entry| entry.architecture == host.profile_name())
                .flat_map(|entry| entry.sub_architectures.iter().flatten())
                .map(String::as_str)
                .collect(),
            (list, _) => list.iter().flatten().map(String::as_str).collect(),
        };
        let mut arches = vec![host];
        for name in named {
            if !name.starts_with("SCMP_ARCH_") {
                return Err(invalid("architecture", name));
            }
            match Arch::of_profile(name) {
                Some(arch) if host.family().contains(&arch) && !arches.contains(&arch) => {
                    arches.push(arch);
                }
                _ => {}
            }
        }
        Ok(arches)
    }

    fn filter_flags(&self) -> Result<u32, ProfileError> {
        let Some(named) = &self.flags else {
            return Ok(DEFAULT_FLAGS);
        };
        let mut flags = 0;
        for flag in named {
            flags |= match flag.as_str() {
                // Of no use to a process with one thread, which is what a container starts as.
                "SECCOMP_FILTER_FLAG_TSYNC" => 0,
                "SECCOMP_FILTER_FLAG_LOG" => libc::SECCOMP_FILTER_FLAG_LOG as u32,
                "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW as u32,
                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => {
                    return Err(ProfileError::Unsupported(
                        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
                    ));
                }
                other => return Err(invalid("flag", other)),
            };
        }
        Ok(flags)
    }
}

impl Syscalls {
    /// moby/profiles, seccomp/seccomp_linux.go, `setupSeccomp`: every capability included must be there and none of those
    /// excluded, the architecture must be among those included and not among those excluded.
    fn applies(&self, host: &Host<'_>) -> Result<bool, ProfileError> {
        let excludes = self.excludes.as_ref();
        if let Some(excludes) = excludes
            && (excludes.has_arch(host)
                || excludes
                    .caps
                    .iter()
                    .flatten()
                    .any(|cap| (host.has_capability)(cap))
                || excludes
                    .kernel()?
                    .is_some_and(|version| host.kernel >= version))
        {
            return Ok(false);
        }
        let Some(includes) = &self.includes else {
            return Ok(true);
        };
        let any_arch = includes.arches.as_ref().is_none_or(Vec::is_empty);
        Ok((any_arch || includes.has_arch(host))
            && includes
                .caps
                .iter()
                .flatten()
                .all(|cap| (host.has_capability)(cap))
            && includes
                .kernel()?
                .is_none_or(|version| host.kernel >= version))
    }
}

impl Circumstances {
    fn has_arch(&self, host: &Host<'_>) -> bool {
        self.arches
            .iter()
            .flatten()
            .any(|arch| arch == host.arch.go_name())
    }

    fn kernel(&self) -> Result<Option<(u32, u32)>, ProfileError> {
        let Some(text) = self.min_kernel.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let version = text
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        version
            .map(Some)
            .ok_or_else(|| invalid("kernel version", text))
    }
}

impl Argument {
    fn condition(&self) -> Result<Condition, ProfileError> {
        if self.index > 5 {
            return Err(invalid("argument index", &self.index.to_string()));
        }
        let (op, value) = match self.op.as_str() {
            "SCMP_CMP_NE" => (Op::NotEqual, self.value),
            "SCMP_CMP_LT" => (Op::Less, self.value),
            "SCMP_CMP_LE" => (Op::LessOrEqual, self.value),
            "SCMP_CMP_EQ" => (Op::Equal, self.value),
            "SCMP_CMP_GE" => (Op::GreaterOrEqual, self.value),
            "SCMP_CMP_GT" => (Op::Greater, self.value),
            "SCMP_CMP_MASKED_EQ" => (Op::MaskedEqual { mask: self.value }, self.value_two),
            other => return Err(invalid("operator", other)),
        };
        Ok(Condition {
            argument: self.index,
            op,
            value,
        })
    }
}

fn action(name: &str, errno: Option<u32>) -> Result<Action, ProfileError> {
    let errno = errno.unwrap_or(EPERM);
    let number = u16::try_from(errno)
        .ok()
        .filter(|_| errno <= MAX_ERRNO)
        .ok_or_else(|| invalid("errnoRet", &errno.to_string()))?;
    Ok(match name {
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_ERRNO" => Action::Errno(number),
        "SCMP_ACT_TRACE" => Action::Trace(number),
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_NOTIFY" => return Err(ProfileError::Unsupported("SCMP_ACT_NOTIFY")),
        other => return Err(invalid("action", other)),
    })
}

fn invalid(what: &'static str, value: &str) -> ProfileError {
    ProfileError::Invalid {
        what,
        value: value.to_owned(),
    }
}
