//! `build --attest`, `--provenance`, `--sbom`: statements that go along with an image.
//!
//! None is made that is not asked for, as with Docker's own driver; so `BUILDX_NO_DEFAULT_ATTESTATIONS` has nothing to forbid.
//!
//! Reference: docker/buildx, `util/buildflags/attests.go`; BuildKit, `frontend/attestations` and `solver/llbsolver`.

use std::collections::BTreeMap;

use crate::build::provenance::{Mode, Options, Provenance, Version, invocation};
use crate::build::remote::Remote;
use crate::cli::command::go_bool;
use crate::cli::error::Failure;
use crate::secret::without_logins;
use crate::sys::random;
use crate::volume::csv;

use super::build_input::Input;

/// The attributes of one kind of statement, in the order they were given.
type Attributes = Vec<(String, String)>;

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// How the image was made.
    pub(super) provenance: Option<Options>,
}

impl Wanted {
    /// Reads the flags: of each kind of statement the last one counts, and `--provenance` and `--sbom` come after `--attest`.
    ///
    /// # Errors
    ///
    /// What is no such flag; a statement that nobody here makes.
    pub(super) fn parse(
        attest: &[String],
        provenance: Option<&str>,
        sbom: Option<&str>,
    ) -> Result<Wanted, Failure> {
        let mut kinds: BTreeMap<String, Option<Attributes>> = BTreeMap::new();
        for flag in attest {
            kinds.extend([read(flag)?]);
        }
        for (kind, flag) in [("provenance", provenance), ("sbom", sbom)] {
            let attributes = match flag {
                None | Some("") => continue,
                Some(text) => match go_bool(text) {
                    Ok(is_wanted) => is_wanted.then(Vec::new),
                    Err(_) => read(&format!("type={kind},{text}"))?.1,
                },
            };
            kinds.insert(kind.to_owned(), attributes);
        }
        let mut wanted = Wanted::default();
        for (kind, attributes) in kinds {
            match (kind.as_str(), attributes) {
                (_, None) => {}
                ("provenance", Some(attributes)) => {
                    wanted.provenance = Some(options(attributes)?);
                }
                ("sbom", Some(_)) => return Err(Failure::unbuilt("sbom")),
                (kind, Some(_)) => {
                    // BuildKit's words.
                    return Err(Failure::message(format!(
                        "unknown attestation type {kind:?}: use provenance"
                    )));
                }
            }
        }
        Ok(wanted)
    }
}

/// Reads `type=KIND[,disabled=BOOL][,KEY=VALUE]`: the kind, and what is said of it where it is wanted.
fn read(flag: &str) -> Result<(String, Option<Attributes>), Failure> {
    let fields = csv::split(flag).map_err(|error| Failure::message(error.to_string()))?;
    let (mut kind, mut is_wanted) = (String::new(), true);
    let mut attributes = Vec::new();
    for field in fields {
        let invalid = || Failure::message(format!("invalid value {field}"));
        let (key, value) = field.split_once('=').ok_or_else(invalid)?;
        match key.trim().to_ascii_lowercase().as_str() {
            "type" => kind = value.to_owned(),
            "disabled" => is_wanted = !go_bool(value).map_err(|_| invalid())?,
            _ => attributes.push((key.to_owned(), value.to_owned())),
        }
    }
    match kind.is_empty() {
        true => Err(Failure::message("attestation type not specified")),
        false => Ok((kind, is_wanted.then_some(attributes))),
    }
}

/// What `type=provenance` is asked for. Where nobody says it is mode=min and version=v0.2, as in Docker's documentation
/// ("Provenance attestations"); BuildKit by itself takes max, and lately v1.
fn options(attributes: Attributes) -> Result<Options, Failure> {
    let mut options = Options {
        mode: Mode::Min,
        version: Version::V0_2,
        builder_id: String::new(),
        is_reproducible: false,
        is_inline_only: false,
        file_name: "provenance.json".to_owned(),
    };
    for (key, value) in attributes {
        let flag = || {
            go_bool(&value)
                .map_err(|_| Failure::message(format!("failed to parse {key} flag {value:?}")))
        };
        match key.as_str() {
            "mode" => {
                options.mode = match value.as_str() {
                    "min" => Mode::Min,
                    "max" | "full" => Mode::Max,
                    _ => {
                        return Err(Failure::message(format!(
                            "invalid mode {value:?} of provenance: use min or max"
                        )));
                    }
                }
            }
            "version" => {
                options.version = match value.as_str() {
                    "v0.2" => Version::V0_2,
                    "v1" => Version::V1,
                    _ => {
                        return Err(Failure::message(format!(
                            "invalid provenance SLSA version: {value}"
                        )));
                    }
                }
            }
            "builder-id" => options.builder_id = value,
            "reproducible" => options.is_reproducible = flag()?,
            "inline-only" => options.is_inline_only = flag()?,
            "filename"
                if matches!(value.as_str(), "" | "." | "..") || value.contains(['/', '\0']) =>
            {
                return Err(Failure::message(format!("invalid filename {value:?}")));
            }
            "filename" => options.file_name = value,
            _ => {
                return Err(Failure::message(format!(
                    "the attestation option {key}={value} is not supported with type=provenance"
                ))
                .with_hint("leave it out; it is refused rather than ignored"));
            }
        }
    }
    Ok(options)
}

/// What the command line says of the build beside the options.
pub(super) struct Told<'a> {
    /// PATH.
    pub(super) path: &'a str,
    /// `-f`.
    pub(super) file: Option<&'a str>,
    pub(super) input: &'a Input,
    /// Flags in BuildKit's words.
    pub(super) arguments: BTreeMap<String, String>,
    /// Whether the build has to be told in the same bytes each time.
    pub(super) has_epoch: bool,
}

/// Puts together what is told of a build whatever it does.
pub(super) fn provenance(options: Options, told: Told<'_>) -> Result<Provenance, Failure> {
    let Input {
        dockerfile,
        context,
        ..
    } = told.input;
    let mut seed = [0; 32];
    random::fill(&mut seed)
        .map_err(|error| Failure::of(error).about("cannot read random bytes"))?;
    let invocation = (!told.has_epoch).then(|| invocation(&seed));
    let fetched = [&context.fetched, &dockerfile.fetched];
    Ok(Provenance {
        options,
        invocation,
        context: (context.fetched.as_ref()).map(|_| without_logins(told.path).into_owned()),
        file_name: match (told.file, &context.fetched) {
            (Some(file), Some(_)) if dockerfile.fetched.is_none() => file.to_owned(),
            _ => dockerfile.name.clone(),
        },
        dockerfile: dockerfile.bytes.clone(),
        fetched: fetched.into_iter().flatten().cloned().collect(),
        arguments: told.arguments,
    })
}

/// The flags in the words of BuildKit's frontend; `plain` are those with one value. Source: buildx, build/opt.go,
/// `toSolveOpt`.
pub(super) fn frontend_arguments(
    build_args: &BTreeMap<String, String>,
    labels: &[(String, String)],
    contexts: &[String],
    plain: impl Iterator<Item = (&'static str, Option<String>)>,
) -> BTreeMap<String, String> {
    let build_args = build_args.iter();
    let build_args = build_args.map(|(name, value)| (format!("build-arg:{name}"), value.clone()));
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| (format!("label:{name}"), value.clone()));
    let contexts = contexts.iter().map(|context| {
        let (name, value) = context.split_once('=').unwrap_or((context, ""));
        // Where the user's files are is nobody's business.
        let is_elsewhere = value.starts_with("docker-image://")
            || matches!(Remote::of_context(value), Ok(Some(_)));
        let value = match is_elsewhere {
            true => value.to_owned(),
            false if value.starts_with("oci-layout://") => format!("oci-layout://{name}"),
            false => format!("local:{name}"),
        };
        (format!("context:{name}"), value)
    });
    let plain = plain.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    build_args
        .chain(labels)
        .chain(contexts)
        .chain(plain)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(
        attest: &[&str],
        provenance: Option<&str>,
        sbom: Option<&str>,
    ) -> Result<Option<Options>, String> {
        let attest: Vec<String> = attest.iter().map(|text| (*text).to_owned()).collect();
        let wanted = Wanted::parse(&attest, provenance, sbom);
        let wanted = wanted.map_err(|failure| failure.render("ctr", false))?;
        Ok(wanted.provenance)
    }

    #[test]
    fn none_may_be_asked_for() {
        for attest in [
            &[][..],
            &["type=provenance,disabled=true"],
            &["type=sbom,generator=x", "disabled=1,type=sbom"],
        ] {
            assert_eq!(wanted(attest, None, None).unwrap(), None);
        }
        assert_eq!(wanted(&[], Some("false"), Some("0")).unwrap(), None);
        let attest = &["type=provenance,mode=max"];
        assert_eq!(wanted(attest, Some("false"), None).unwrap(), None);
        assert_eq!(wanted(&[], Some("disabled=true"), Some("")).unwrap(), None);
    }

    #[test]
    fn what_is_asked_for() {
        let plain = wanted(&[], Some("true"), None).unwrap().unwrap();
        assert_eq!((plain.mode, plain.version), (Mode::Min, Version::V0_2));
        assert!(!plain.is_inline_only && !plain.is_reproducible);
        assert_eq!(
            wanted(&["type=provenance"], None, None).unwrap(),
            Some(plain)
        );
        let text = "mode=max,version=v1,inline-only=true,reproducible=1,builder-id=https://ci/1";
        let all = wanted(&["type=provenance"], Some(text), None).unwrap();
        assert_eq!(
            all,
            Some(Options {
                mode: Mode::Max,
                version: Version::V1,
                builder_id: "https://ci/1".to_owned(),
                is_reproducible: true,
                is_inline_only: true,
                file_name: "provenance.json".to_owned(),
            })
        );
    }

    #[test]
    fn contexts_are_told_without_the_users_directories() {
        let contexts = [
            "a=../dir",
            "b=oci-layout:///home/user/layout:1",
            "c=docker-image://alpine:3",
            "d=https://h/x.git",
            "e=git@h:x.git",
        ];
        let told = frontend_arguments(
            &BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            &[("l".to_owned(), "m".to_owned())],
            &contexts.map(str::to_owned),
            [("target", None), ("shm-size", Some("1m".to_owned()))].into_iter(),
        );
        let told: Vec<(&str, &str)> = told
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            told,
            [
                ("build-arg:A", "1"),
                ("context:a", "local:a"),
                ("context:b", "oci-layout://b"),
                ("context:c", "docker-image://alpine:3"),
                ("context:d", "https://h/x.git"),
                ("context:e", "git@h:x.git"),
                ("label:l", "m"),
                ("shm-size", "1m"),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (attest, provenance, sbom, name) in [
            (&[][..], Some("mode=some"), None, "invalid mode"),
            (&[], Some("version=v2"), None, "SLSA version: v2"),
            (&[], Some("filename=../x"), None, "invalid filename"),
            (&[], Some("inline-only=maybe"), None, "inline-only"),
            (&[], Some("capture-usage=true"), None, "capture-usage=true"),
            (&[], None, Some("true"), "--sbom is not"),
            (&["type=sbom"], Some("false"), None, "--sbom is not"),
            (&["type=other"], None, None, "unknown attestation type"),
            (&["disabled=true"], None, None, "type not specified"),
            (
                &["type=sbom,disabled=no"],
                None,
                None,
                "invalid value disabled=no",
            ),
            (&["sbom"], None, None, "invalid value sbom"),
        ] {
            let words = wanted(attest, provenance, sbom).unwrap_err();
            assert!(words.contains(name), "{words}");
        }
    }
}
