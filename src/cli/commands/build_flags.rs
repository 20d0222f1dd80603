//! The values of `build`'s flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::agent::{Agents, Key, KeyError};
use crate::build::request::{Isolation, PullPolicy};
use crate::cli::command::go_bool;
use crate::cli::context::Context;
use crate::cli::environment;
use crate::cli::error::Failure;
use crate::cli::exit_code::USAGE_ERROR;
use crate::cli::output::time::parse_duration;
use crate::container;
use crate::network::Mode;
use crate::units;

/// Bytes of a secret. Source: BuildKit, session/secrets, `MaxSecretSize`.
const MAX_SECRET_BYTES: u64 = 500 << 10;

/// Bytes of a private key's file: RSA keys of 4096 bits have three thousand.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// `--build-arg NAME[=VALUE]`; a name alone takes the value from the environment, or is none at all.
pub(super) fn build_args(flags: &[String]) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    for flag in flags {
        match flag.split_once('=') {
            Some((name, value)) => drop(args.insert(name.to_owned(), value.to_owned())),
            None => args.extend(environment::set(flag).map(|value| (flag.clone(), value))),
        }
    }
    args
}

/// `BUILDKIT_CONTEXT_KEEP_GIT_DIR`, of the command line: whether a repository that is the context keeps its `.git`.
pub(super) fn keep_git_dir(flags: &[String]) -> bool {
    let args = build_args(flags);
    let value = args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR");
    value.is_some_and(|value| matches!(value.as_str(), "1" | "true"))
}

/// `--env NAME[=VALUE]` and `--unsetenv NAME`, as changes; a name alone takes the value from the environment, if it has one.
pub(super) fn env(set: &[String], unset: &[String]) -> Vec<(String, Option<String>)> {
    let taken = unset.iter().map(|name| (name.clone(), None));
    let given = set.iter().filter_map(|flag| match flag.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), Some(value.to_owned()))),
        None => environment::set(flag).map(|value| (flag.clone(), Some(value))),
    });
    taken.chain(given).collect()
}

/// `--secret id=ID[,src=FILE|,env=NAME]`, and `type=file|env`, which buildx knows as well.
pub(super) fn secrets(flags: &[String]) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut secrets = BTreeMap::new();
    for flag in flags {
        let (mut id, mut src, mut env, mut kind) = (None, None, None, None);
        for option in flag.split(',') {
            let Some((key, value)) = option.split_once('=') else {
                return Err(Failure::message(format!(
                    "invalid field '{option}' must be a key=value pair"
                )));
            };
            match key {
                "id" => id = Some(value),
                "src" | "source" => src = Some(value),
                "env" => env = Some(value),
                "type" if matches!(value, "file" | "env") => kind = Some(value),
                "type" => {
                    return Err(Failure::message(format!(
                        "unsupported secret type {value:?}"
                    )));
                }
                _ => {
                    return Err(Failure::message(format!(
                        "unexpected key '{key}' in '{option}'"
                    )));
                }
            }
        }
        let id = id.ok_or_else(|| Failure::message(format!("secret {flag:?} has no id")))?;
        // As buildx: without more, the variable of that name if there is one, else the file of that name.
        let from_env = match (env, src, kind) {
            (Some(name), _, _) => Some(name),
            (None, Some(name), Some("env")) => Some(name),
            (None, None, Some("env")) => Some(id),
            (None, None, None) if environment::set(id).is_some() => Some(id),
            _ => None,
        };
        let value = match from_env {
            Some(name) => environment::set(name).unwrap_or_default().into_bytes(),
            None => {
                let path = PathBuf::from(src.unwrap_or(id));
                let read = crate::bounded::read_file(&path, MAX_SECRET_BYTES);
                let missing = || {
                    Failure::message(format!(
                        "failed to stat {}: no such file or directory",
                        path.display()
                    ))
                };
                read.map_err(|error| {
                    Failure::message(format!("secret {id}: {}: {error}", path.display()))
                })?
                .ok_or_else(missing)?
            }
        };
        secrets.insert(id.to_owned(), value);
    }
    Ok(secrets)
}

/// The sockets of agents by id, and those agents that run for the build alone.
pub(super) struct Sockets {
    pub(super) by_id: BTreeMap<String, PathBuf>,
    pub(super) _own: Option<Agents>,
}

/// `--ssh default|ID[=SOCKET|=KEY[,KEY…]]`.
///
/// Reference: BuildKit, session/sshforward/sshprovider, `toAgentSource`.
pub(super) fn agents(context: &Context, flags: &[String]) -> Result<Sockets, Failure> {
    let mut by_id = BTreeMap::new();
    let mut own: Option<Agents> = None;
    for flag in flags {
        let (id, paths) = match flag.split_once('=') {
            Some((id, paths)) => (id, paths.split(',').map(PathBuf::from).collect()),
            None => {
                let set = environment::set("SSH_AUTH_SOCK").map(PathBuf::from);
                (flag.as_str(), set.into_iter().collect::<Vec<_>>())
            }
        };
        if paths.is_empty() || paths.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(Failure::message(
                "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set",
            ));
        }
        let socket = match &paths[..] {
            [path] if is_socket(path) => path.clone(),
            paths => {
                let keys = keys(id, paths)?;
                let started = match &mut own {
                    Some(own) => own.start(keys),
                    None => Agents::new(&context.settings.run_dir)
                        .and_then(|agents| own.insert(agents).start(keys)),
                };
                started.map_err(|error| {
                    Failure::of(error).about(&format!("--ssh {id}: cannot start an agent"))
                })?
            }
        };
        by_id.insert(id.to_owned(), socket);
    }
    Ok(Sockets { by_id, _own: own })
}

fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let meta = path.metadata();
    meta.is_ok_and(|meta| meta.file_type().is_socket())
}

/// Reads the keys that an agent gets.
fn keys(id: &str, paths: &[PathBuf]) -> Result<Vec<Key>, Failure> {
    let mut keys = Vec::new();
    for path in paths {
        let shown = path.display();
        if is_socket(path) {
            return Err(Failure::message(format!(
                "--ssh {id}: only a single socket is allowed, and no keys beside it"
            )));
        }
        let text = crate::bounded::read_file(path, MAX_KEY_BYTES)
            .map_err(|error| Failure::message(format!("--ssh {id}: {shown}: {error}")))?
            .ok_or_else(|| {
                Failure::message(format!("--ssh {id}: {shown}: no such file or directory"))
            })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        keys.push(Key::parse(&text, &name).map_err(|error| {
            let failure = Failure::message(format!("--ssh {id}: {shown}: {error}"));
            match error {
                KeyError::Encrypted => failure.with_hint(format!(
                    "ssh-add {shown}, which asks for the passphrase, and --ssh {id} alone use your agent"
                )),
                _ => failure,
            }
        })?);
    }
    Ok(keys)
}

/// `--annotation [manifest:]NAME=VALUE`: what is made is one manifest, without an index.
pub(super) fn annotations(flags: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut annotations = Vec::new();
    for flag in flags {
        let (name, value) = flag.split_once('=').ok_or_else(|| {
            Failure::message(format!("invalid annotation {flag:?}, expected key=value"))
        })?;
        let name = match name.split_once(':') {
            Some(("manifest", name)) => name,
            Some((kind @ ("index" | "manifest-descriptor" | "index-descriptor"), _)) => {
                return Err(Failure::message(format!(
                    "annotations of type {kind} are not supported: {flag}"
                )));
            }
            _ => name,
        };
        annotations.push((name.to_owned(), value.to_owned()));
    }
    Ok(annotations)
}

/// `--shm-size 64m`.
pub(super) fn shm_size(flag: Option<&str>) -> Result<Option<u64>, Failure> {
    let Some(text) = flag else {
        return Ok(None);
    };
    units::parse_ram_bytes(text).map(Some).ok_or_else(|| {
        // Docker's words, and its exit code for what cannot be read.
        Failure::message(format!(
            "invalid argument {text:?} for \"--shm-size\" flag: invalid size: '{text}'"
        ))
        .with_code(USAGE_ERROR)
    })
}

/// `--security-opt`, with the profiles in it.
pub(super) fn security(flags: &[String]) -> Result<Vec<String>, Failure> {
    let mut options = flags.to_vec();
    let base_dir = std::env::current_dir()
        .map_err(|error| Failure::message(format!("cannot find the current directory: {error}")))?;
    container::inline_profiles(&mut options, &base_dir)?;
    Ok(options)
}

/// `--isolation`, or what buildah's images say instead.
pub(super) fn isolation(flag: Option<&str>) -> Result<Isolation, Failure> {
    let wanted = flag.map(str::to_owned);
    let wanted = wanted.or_else(|| environment::set("BUILDAH_ISOLATION"));
    match wanted.as_deref() {
        None | Some("" | "auto" | "default" | "oci" | "rootless") => Ok(Isolation::Namespaces),
        Some("chroot") => Ok(Isolation::Chroot),
        Some("none") => Err(Failure::message(
            "--isolation none is not supported: chroot is the least there is",
        )),
        Some(other) => Err(Failure::message(format!(
            "unrecognized isolation type {other:?}: use auto, oci, rootless or chroot"
        ))),
    }
}

/// `--network`; without it that of the host where RUN is isolated by nothing but files.
pub(super) fn network(flag: Option<&str>, isolation: Isolation) -> Result<Mode, Failure> {
    match flag {
        None | Some("" | "default") if isolation == Isolation::Chroot => Ok(Mode::Host),
        // podman's and buildah's words for it.
        None | Some("" | "default" | "private" | "bridge") => Ok(Mode::User),
        Some("pasta") => Ok(Mode::Pasta),
        Some("slirp4netns") => Ok(Mode::Slirp4netns),
        Some("none") => Ok(Mode::None),
        Some("host") => Ok(Mode::Host),
        Some(other) => Err(Failure::message(format!(
            "network mode {other:?} not supported by build: use default, none or host"
        ))),
    }
}

/// `--pull`: a truth value, as Docker has it, or one of podman's and buildah's words.
pub(super) fn pull(text: &str) -> Result<PullPolicy, String> {
    match text {
        "always" => Ok(PullPolicy::Always),
        "missing" | "ifmissing" => Ok(PullPolicy::Missing),
        "newer" | "ifnewer" => Ok(PullPolicy::Newer),
        "never" => Ok(PullPolicy::Never),
        text => match go_bool(text) {
            Ok(true) => Ok(PullPolicy::Always),
            Ok(false) => Ok(PullPolicy::Missing),
            Err(_) => Err(format!(
                "unrecognized pull policy {text:?}: use always, missing, newer or never"
            )),
        },
    }
}

/// `--cache-ttl`.
pub(super) fn cache_ttl(text: &str) -> Result<Duration, String> {
    let nanoseconds = parse_duration(text).and_then(|all| u64::try_from(all).ok());
    nanoseconds
        .map(Duration::from_nanos)
        .ok_or_else(|| format!("invalid duration {text:?}"))
}

/// `--userns`: whether it is the host's.
pub(super) fn shares_users(flag: Option<&str>) -> Result<bool, Failure> {
    match flag {
        None | Some("" | "private" | "container" | "auto") => Ok(false),
        Some("host") => Ok(true),
        Some(other) => Err(Failure::message(format!(
            "user namespace {other:?} not supported by build: use private, auto or host"
        ))),
    }
}

/// What the Dockerfile may do because the user says so.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Entitlements {
    /// `security.insecure`
    pub(super) insecure: bool,
    /// `network.host`
    pub(super) host_network: bool,
}

/// `--allow`, several with commas.
pub(super) fn entitlements(flags: &[String]) -> Result<Entitlements, Failure> {
    let mut allowed = Entitlements::default();
    for entitlement in flags.iter().flat_map(|text| text.split(',')) {
        match entitlement {
            "security.insecure" => allowed.insecure = true,
            "network.host" => allowed.host_network = true,
            other => {
                return Err(Failure::message(format!(
                    "unknown entitlement {other:?}: use network.host or security.insecure"
                )));
            }
        }
    }
    Ok(allowed)
}

/// `--format`, or what buildah's environment says instead: whether it is Docker's.
pub(super) fn has_docker_format(flag: Option<&str>) -> Result<bool, Failure> {
    let wanted = flag.map(str::to_owned);
    let wanted = wanted.or_else(|| environment::set("BUILDAH_FORMAT"));
    match wanted.as_deref() {
        None | Some("" | "oci") => Ok(false),
        Some("docker") => Ok(true),
        Some(other) => Err(Failure::message(format!(
            "unrecognized image type {other:?}: use oci or docker"
        ))),
    }
}

/// `--timestamp`, `--source-date-epoch`, `SOURCE_DATE_EPOCH`: seconds since 1970.
pub(super) fn epoch(
    flag: Option<&str>,
    build_args: &BTreeMap<String, String>,
) -> Result<Option<i64>, Failure> {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    let (name, text) = match flag {
        Some(text) => ("--timestamp", Some(text.to_owned())),
        None => {
            let given = build_args.get(VARIABLE).cloned();
            (VARIABLE, given.or_else(|| environment::set(VARIABLE)))
        }
    };
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let seconds: Option<i64> = text.parse().ok().filter(|seconds| *seconds >= 0);
    seconds.map(Some).ok_or_else(|| {
        Failure::message(format!(
            "invalid {name}: {text:?} is no number of seconds since 1970"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn words_for_pulling() {
        for (texts, policy) in [
            (&["always", "true", "1", "T"][..], PullPolicy::Always),
            (&["missing", "ifmissing", "false", "0"], PullPolicy::Missing),
            (&["newer", "ifnewer"], PullPolicy::Newer),
            (&["never"], PullPolicy::Never),
        ] {
            for text in texts {
                assert_eq!(pull(text), Ok(policy), "{text}");
            }
        }
        assert!(pull("sometimes").is_err());
        assert_eq!(cache_ttl("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "1", "-1h", "x"] {
            assert!(cache_ttl(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "hunter2").unwrap();
        let flag = format!("id=a,src={}", file.display());
        assert_eq!(secrets(&[flag]).unwrap()["a"], b"hunter2");
        for bad in [
            "",
            "src=x",
            "id=a,x=y",
            "id=a,type=vault",
            "id=a,src=/nonexistent",
        ] {
            assert!(secrets(&strings(&[bad])).is_err(), "{bad}");
        }
    }
}
