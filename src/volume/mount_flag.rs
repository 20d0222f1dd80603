//! `--mount type=bind|volume|tmpfs,source=…,target=…[,…]`.

use std::path::{Path, PathBuf};

use crate::units::parse_ram_bytes;

use super::{
    DEFAULT_PROPAGATION, Error, MountRequest, PROPAGATIONS, RequestKind, absolute_source,
    check_target, clean, csv,
};

/// Words of `MountPoint.mode` for what only `--mount` can say of a bind mount.
pub(super) const NON_RECURSIVE: &str = "bind-nonrecursive";
/// See [`NON_RECURSIVE`]: read-only for the mount itself, not for those below it.
pub(super) const WRITABLE_BELOW: &str = "bind-recursive=writable";
/// See [`NON_RECURSIVE`]: read-only for all, or an error where the kernel cannot.
pub(super) const READ_ONLY_BELOW: &str = "bind-recursive=readonly";

/// The fields as typed.
#[derive(Default)]
struct Fields {
    kind: String,
    source: String,
    target: String,
    read_only: bool,
    propagation: Option<String>,
    recursion: Option<&'static str>,
    no_copy: bool,
    labels: Vec<(String, String)>,
    tmpfs: Vec<String>,
    /// Prefixes of keys that belong to one type only.
    groups: Vec<&'static str>,
}

/// Reads the argument of `--mount`. A source that begins with a dot is relative to `cwd`.
///
/// # Errors
///
/// [`Error::MountFlag`], [`Error::Config`]; [`Error::Unsupported`] for what Docker can and this program cannot.
pub fn parse_mount(text: &str, cwd: &Path) -> Result<MountRequest, Error> {
    let fields = read_fields(text, cwd)?;
    for group in &fields.groups {
        if *group != fields.kind {
            return Err(Error::MountFlag(format!(
                "cannot mix '{group}-*' options with mount type '{}'",
                fields.kind
            )));
        }
    }
    let config = |problem: String| Error::Config {
        spec: None,
        kind: fields.kind.clone(),
        problem,
    };
    if fields.target.is_empty() {
        return Err(Error::MountFlag("target is required".to_owned()));
    }
    let target = check_target(&fields.target).map_err(config)?;
    let kind = match fields.kind.as_str() {
        "bind" => {
            if fields.source.is_empty() {
                return Err(config("field Source must not be empty".to_owned()));
            }
            if !fields.source.starts_with('/') {
                return Err(config(format!(
                    "invalid mount path: '{}' mount path must be absolute",
                    fields.source
                )));
            }
            let propagation = match &fields.propagation {
                None => DEFAULT_PROPAGATION,
                Some(word) if PROPAGATIONS.contains(&word.as_str()) => word,
                Some(word) => return Err(config(format!("invalid propagation mode: {word}"))),
            };
            RequestKind::Bind {
                source: PathBuf::from(clean(&fields.source)),
                create_source: false,
                propagation: propagation.to_owned(),
                mode: fields.recursion.unwrap_or_default().to_owned(),
            }
        }
        "volume" => {
            if fields.read_only && fields.source.is_empty() {
                return Err(config(
                    "must not set ReadOnly mode when using anonymous volumes".to_owned(),
                ));
            }
            RequestKind::Volume {
                name: Some(fields.source.clone()).filter(|name| !name.is_empty()),
                copy: !fields.no_copy,
                labels: fields.labels.clone(),
                mode: String::new(),
            }
        }
        "tmpfs" => {
            if !fields.source.is_empty() {
                return Err(config("field Source must not be specified".to_owned()));
            }
            RequestKind::Tmpfs {
                options: fields.tmpfs.join(","),
                short_form: false,
            }
        }
        "image" | "npipe" | "cluster" => {
            return Err(Error::Unsupported(format!(
                "the mount type {:?}",
                fields.kind
            )));
        }
        _ => return Err(config("mount type unknown".to_owned())),
    };
    Ok(MountRequest {
        target,
        read_only: fields.read_only,
        kind,
        bind: None,
    })
}

fn read_fields(text: &str, cwd: &Path) -> Result<Fields, Error> {
    let mut fields = Fields {
        kind: "volume".to_owned(),
        ..Fields::default()
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::MountFlag("value is empty".to_owned()));
    }
    for field in csv::split(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), value),
            // Docker's booleans, which are true without a value.
            None => match field.to_ascii_lowercase() {
                key if ["readonly", "ro", "volume-nocopy", "bind-nonrecursive"]
                    .contains(&&*key) =>
                {
                    (key, "true")
                }
                _ => {
                    return Err(Error::MountFlag(format!(
                        "invalid field '{field}' must be a key=value pair"
                    )));
                }
            },
        };
        let invalid = || Error::MountFlag(format!("invalid value for {key}: {value}"));
        for group in ["bind", "volume", "tmpfs"] {
            if key
                .strip_prefix(group)
                .is_some_and(|rest| rest.starts_with('-'))
            {
                fields.groups.push(group);
            }
        }
        match key.as_str() {
            "type" => fields.kind = value.to_ascii_lowercase(),
            "source" | "src" => fields.source = absolute_source(value, cwd),
            "target" | "dst" | "destination" => fields.target = value.to_owned(),
            "readonly" | "ro" => fields.read_only = parse_bool(value).ok_or_else(invalid)?,
            "consistency" => {}
            "bind-propagation" => fields.propagation = Some(value.to_ascii_lowercase()),
            "bind-nonrecursive" => {
                if parse_bool(value).ok_or_else(invalid)? {
                    fields.recursion = Some(NON_RECURSIVE);
                }
            }
            "bind-recursive" => {
                fields.recursion = match value {
                    "enabled" => None,
                    "disabled" => Some(NON_RECURSIVE),
                    "writable" => Some(WRITABLE_BELOW),
                    "readonly" => Some(READ_ONLY_BELOW),
                    _ => return Err(invalid()),
                }
            }
            "volume-nocopy" => fields.no_copy = parse_bool(value).ok_or_else(invalid)?,
            "volume-label" => {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                if !name.is_empty() {
                    fields.labels.push((name.to_owned(), value.to_owned()));
                }
            }
            "volume-driver" if matches!(value, "" | "local") => {}
            "volume-driver" | "volume-opt" | "volume-subpath" | "image-subpath" => {
                return Err(Error::Unsupported(format!("the mount option {field:?}")));
            }
            "tmpfs-size" => {
                let bytes = parse_ram_bytes(value).ok_or_else(invalid)?;
                fields.tmpfs.push(format!("size={bytes}"));
            }
            "tmpfs-mode" => {
                let mode = u32::from_str_radix(value, 8).map_err(|_| invalid())?;
                fields.tmpfs.push(format!("mode={mode:o}"));
            }
            _ => {
                return Err(Error::MountFlag(format!(
                    "unexpected key '{key}' in '{field}'"
                )));
            }
        }
    }
    if fields.kind.is_empty() {
        return Err(Error::MountFlag("type is required".to_owned()));
    }
    check_recursion(&fields)?;
    Ok(fields)
}

/// The rules of Docker's client on `bind-recursive`.
fn check_recursion(fields: &Fields) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::MountFlag(text.to_owned()));
    match fields.recursion {
        Some(WRITABLE_BELOW) if !fields.read_only => refuse(
            "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
        ),
        Some(READ_ONLY_BELOW) if !fields.read_only => refuse(
            "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
        ),
        Some(READ_ONLY_BELOW) if fields.propagation.as_deref() != Some("rprivate") => refuse(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
        ),
        _ => Ok(()),
    }
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MountRequest, Error> {
        parse_mount(text, Path::new("/work"))
    }

    #[test]
    fn reads_each_type() {
        let bind = parse("type=bind,src=./a,dst=/b,readonly,bind-propagation=rslave").unwrap();
        assert!(bind.read_only);
        assert_eq!(
            bind.kind,
            RequestKind::Bind {
                source: "/work/a".into(),
                create_source: false,
                propagation: "rslave".to_owned(),
                mode: String::new(),
            }
        );
        let volume = parse("source=data,target=/d,volume-nocopy,volume-label=a=b=c").unwrap();
        assert_eq!(
            volume.kind,
            RequestKind::Volume {
                name: Some("data".to_owned()),
                copy: false,
                labels: vec![("a".to_owned(), "b=c".to_owned())],
                mode: String::new(),
            }
        );
        let tmpfs = parse("type=tmpfs,destination=/t,tmpfs-size=64k,tmpfs-mode=0700").unwrap();
        assert_eq!(
            tmpfs.kind,
            RequestKind::Tmpfs {
                options: "size=65536,mode=700".to_owned(),
                short_form: false,
            }
        );
        let quoted = parse("type=bind,\"src=/a,b\",dst=/c").unwrap();
        assert!(
            matches!(quoted.kind, RequestKind::Bind { source, .. } if source == Path::new("/a,b"))
        );
    }

    #[test]
    fn refusals_in_dockers_words() {
        for (text, words) in [
            ("", "value is empty"),
            ("type=bind,src=/a", "target is required"),
            ("foo", "invalid field 'foo' must be a key=value pair"),
            ("foo=bar", "unexpected key 'foo' in 'foo=bar'"),
            ("dst=/a,ro=maybe", "invalid value for ro: maybe"),
            (
                "type=tmpfs,dst=/a,volume-nocopy",
                "cannot mix 'volume-*' options with mount type 'tmpfs'",
            ),
            (
                "type=volume,dst=/a,ro",
                "invalid mount config for type \"volume\": must not set ReadOnly mode when using anonymous volumes",
            ),
            (
                "type=tmpfs,src=/x,dst=/a",
                "invalid mount config for type \"tmpfs\": field Source must not be specified",
            ),
            (
                "type=bind,dst=/a",
                "invalid mount config for type \"bind\": field Source must not be empty",
            ),
            (
                "type=disk,dst=/a",
                "invalid mount config for type \"disk\": mount type unknown",
            ),
            (
                "type=bind,src=/x,dst=/a,bind-recursive=writable",
                "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), words, "{text}");
        }
    }
}
