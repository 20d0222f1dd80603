//! `-v [SRC:]DST[:OPTS]`.
//!
//! Docker reads it twice: the client's parser counts colons, the Engine's knows the options. So do we, for the same words
//! in the same cases.

use std::path::{Path, PathBuf};

use super::{
    DEFAULT_PROPAGATION, Error, MountRequest, PROPAGATIONS, RequestKind, absolute_source,
    check_target, clean,
};

/// The words after the second colon.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mode {
    read_only: bool,
    propagation: Option<&'static str>,
    /// `Some(false)`: `nocopy`.
    copy: Option<bool>,
}

/// Reads the argument of `-v`. A source that begins with a dot is relative to `cwd`; any other that is not absolute is the
/// name of a volume.
///
/// # Errors
///
/// [`Error::EmptySpec`], [`Error::Colons`], [`Error::Spec`], [`Error::Mode`], [`Error::Config`]; [`Error::Unsupported`] for
/// podman's `O`, `U` and `idmap`.
pub fn parse_volume(spec: &str, cwd: &Path) -> Result<MountRequest, Error> {
    if spec.is_empty() {
        return Err(Error::EmptySpec);
    }
    let colons = |problem| Error::Colons {
        spec: spec.to_owned(),
        problem,
    };
    let parts: Vec<&str> = spec.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(colons("empty section between colons"));
    }
    let (source, target, mode_text) = match parts[..] {
        [target] => (None, target, ""),
        // A target and a mode: an anonymous volume cannot have one.
        [_, mode] if parse_mode(mode).is_ok() => return Err(Error::Spec(spec.to_owned())),
        [source, target] => (Some(source), target, ""),
        [source, target, mode] => (Some(source), target, mode),
        _ => return Err(colons("too many colons")),
    };
    let mode = parse_mode(mode_text)?;
    let source = source.map(|source| absolute_source(source, cwd));
    let is_bind = source.as_ref().is_some_and(|s| s.starts_with('/'));
    let config = |problem: String| Error::Config {
        spec: Some(spec.to_owned()),
        kind: if is_bind { "bind" } else { "volume" }.to_owned(),
        problem,
    };
    let clean_target = check_target(target).map_err(config)?;
    let bind = source.as_ref().map(|source| match mode_text {
        "" => format!("{source}:{target}"),
        mode => format!("{source}:{target}:{mode}"),
    });
    let kind = match source {
        Some(source) if is_bind => {
            if mode.copy.is_some() {
                return Err(config(
                    "field VolumeOptions must not be specified".to_owned(),
                ));
            }
            RequestKind::Bind {
                source: PathBuf::from(clean(&source)),
                create_source: true,
                propagation: mode.propagation.unwrap_or(DEFAULT_PROPAGATION).to_owned(),
                mode: mode_text.to_owned(),
            }
        }
        name => {
            if mode.propagation.is_some() {
                return Err(config("field BindOptions must not be specified".to_owned()));
            }
            RequestKind::Volume {
                name,
                copy: mode.copy.unwrap_or(true),
                labels: Vec::new(),
                mode: mode_text.to_owned(),
            }
        }
    };
    Ok(MountRequest {
        target: clean_target,
        read_only: mode.read_only,
        kind,
        bind,
    })
}

/// Reads the words; one of each sort at most.
fn parse_mode(text: &str) -> Result<Mode, Error> {
    let mut mode = Mode::default();
    if text.is_empty() {
        return Ok(mode);
    }
    let (mut access, mut label, mut consistency) = (false, false, false);
    for word in text.split(',') {
        // SELinux labels and macOS's consistency words are taken as on a Docker host that has neither.
        let doubled = match word {
            "ro" | "rw" => {
                mode.read_only = word == "ro";
                std::mem::replace(&mut access, true)
            }
            "z" | "Z" => std::mem::replace(&mut label, true),
            "consistent" | "cached" | "delegated" => std::mem::replace(&mut consistency, true),
            "copy" | "nocopy" => mode.copy.replace(word == "copy").is_some(),
            "O" => {
                return Err(Error::Unsupported(
                    "the volume option \"O\" (overlay)".to_owned(),
                ));
            }
            "U" => {
                return Err(Error::Unsupported(
                    "the volume option \"U\" (chown)".to_owned(),
                ));
            }
            _ if word.starts_with("idmap") => {
                return Err(Error::Unsupported("the volume option \"idmap\"".to_owned()));
            }
            _ => match PROPAGATIONS.iter().find(|known| **known == word) {
                Some(known) => mode.propagation.replace(known).is_some(),
                None => return Err(Error::Mode(text.to_owned())),
            },
        };
        if doubled {
            return Err(Error::Mode(text.to_owned()));
        }
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(spec: &str) -> Result<MountRequest, Error> {
        parse_volume(spec, Path::new("/work/dir"))
    }

    #[test]
    fn binds() {
        let request = parse("/src/../etc:/dst/:ro,rshared,z").unwrap();
        assert_eq!(request.target, "/dst");
        assert!(request.read_only);
        assert_eq!(
            request.bind.as_deref(),
            Some("/src/../etc:/dst/:ro,rshared,z")
        );
        let RequestKind::Bind {
            source,
            create_source,
            propagation,
            mode,
        } = request.kind
        else {
            panic!("not a bind")
        };
        assert_eq!(source, Path::new("/etc"));
        assert!(create_source);
        assert_eq!((&*propagation, &*mode), ("rshared", "ro,rshared,z"));
        let relative = parse("./data:/d").unwrap();
        assert_eq!(relative.bind.as_deref(), Some("/work/dir/data:/d"));
        assert!(matches!(relative.kind, RequestKind::Bind { .. }));
    }

    #[test]
    fn volumes() {
        let named = parse("data:/d:nocopy").unwrap();
        let RequestKind::Volume { name, copy, .. } = named.kind else {
            panic!("not a volume")
        };
        assert_eq!((name.as_deref(), copy), (Some("data"), false));
        let anonymous = parse("/d").unwrap();
        assert_eq!(anonymous.bind, None);
        assert!(matches!(
            anonymous.kind,
            RequestKind::Volume {
                name: None,
                copy: true,
                ..
            }
        ));
    }

    #[test]
    fn refusals_in_dockers_words() {
        for (spec, words) in [
            ("", "invalid empty volume spec"),
            (":/d", "invalid spec: :/d: empty section between colons"),
            ("a:", "invalid spec: a:: empty section between colons"),
            ("a:/b:ro:x", "invalid spec: a:/b:ro:x: too many colons"),
            ("/d:ro", "invalid volume specification: '/d:ro'"),
            ("/a:/b:rw,ro", "invalid mode: rw,ro"),
            ("/a:/b:fast", "invalid mode: fast"),
            (
                "/a:/",
                "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: \
                 destination can't be '/'",
            ),
            (
                "a:b",
                "invalid volume specification: 'a:b': invalid mount config for type \"volume\": invalid mount path: 'b' \
                 mount path must be absolute",
            ),
            (
                "/a:/b:nocopy",
                "invalid volume specification: '/a:/b:nocopy': invalid mount config for type \"bind\": field VolumeOptions \
                 must not be specified",
            ),
            (
                "/a:/b:O",
                "the volume option \"O\" (overlay) is not supported",
            ),
        ] {
            assert_eq!(parse(spec).unwrap_err().to_string(), words, "{spec}");
        }
    }
}
