//! The values of `build --cache-from` and `--cache-to`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::build::cache::{CacheTarget, Place};
use crate::cli::error::Failure;
use crate::content::Reference;
use crate::image::compress::Packing;
use crate::image::manifest::Compression;

/// Options of BuildKit's that say how it writes what this program writes in one way only.
const WITHOUT_EFFECT: [&str; 5] = [
    "oci-mediatypes",
    "image-manifest",
    "force-compression",
    "platform-split",
    "tag",
];

/// Reads `--cache-from`s. A name alone is an image's.
pub(super) fn sources(flags: &[String]) -> Result<Vec<Place>, Failure> {
    let mut places = Vec::new();
    for flag in flags {
        let mut options = match flag.contains('=') {
            true => Options::parse("--cache-from", flag)?,
            false => Options::named("--cache-from", flag),
        };
        let place = match options.kind()?.as_str() {
            "local" => Place::Local(PathBuf::from(options.required("src")?)),
            "registry" => options.registry()?,
            other => return Err(options.unknown_kind(other)),
        };
        options.finish()?;
        places.push(place);
    }
    Ok(places)
}

/// Reads `--cache-to`s. A name alone is a registry's.
pub(super) fn targets(flags: &[String]) -> Result<Vec<CacheTarget>, Failure> {
    let mut targets = Vec::new();
    for flag in flags {
        let mut options = match flag.as_str() {
            "inline" => Options::parse("--cache-to", "type=inline")?,
            flag if flag.contains('=') => Options::parse("--cache-to", flag)?,
            flag => Options::named("--cache-to", flag),
        };
        let kind = options.kind()?;
        let place = match kind.as_str() {
            "inline" => None,
            "local" => Some(Place::Local(PathBuf::from(options.required("dest")?))),
            "registry" => Some(options.registry()?),
            other => return Err(options.unknown_kind(other)),
        };
        let all_stages = match options.take("mode").as_deref() {
            None | Some("min") => false,
            Some("max") if place.is_some() => true,
            Some("max") => {
                return Err(Failure::message(
                    "--cache-to type=inline knows mode=min alone: an image has no layers of other stages",
                ));
            }
            Some(other) => return Err(options.invalid("mode", other)),
        };
        let target = CacheTarget {
            all_stages,
            packing: options.packing()?,
            mounts: options.boolean("mounts")?,
            ignore_error: options.boolean("ignore-error")?,
            place,
        };
        if target.place.is_none() && target.mounts {
            return Err(options.invalid("mounts", "true"));
        }
        options.finish()?;
        targets.push(target);
    }
    Ok(targets)
}

/// `KEY=VALUE,…` of one flag.
struct Options {
    flag: &'static str,
    values: BTreeMap<String, String>,
}

impl Options {
    fn parse(flag: &'static str, text: &str) -> Result<Options, Failure> {
        let mut values = BTreeMap::new();
        for option in text.split(',') {
            let Some((key, value)) = option.split_once('=') else {
                return Err(Failure::message(format!(
                    "invalid value {option} of {flag}: expected KEY=VALUE"
                )));
            };
            values.insert(key.trim().to_ascii_lowercase(), value.to_owned());
        }
        Ok(Options { flag, values })
    }

    fn named(flag: &'static str, name: &str) -> Options {
        let values = [("type", "registry"), ("ref", name)];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Options {
            flag,
            values: values.map(owned).into(),
        }
    }

    fn take(&mut self, key: &str) -> Option<String> {
        self.values.remove(key)
    }

    fn required(&mut self, key: &str) -> Result<String, Failure> {
        let flag = self.flag;
        self.take(key)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Failure::message(format!("{flag} needs {key}=")))
    }

    fn kind(&mut self) -> Result<String, Failure> {
        self.required("type")
    }

    fn registry(&mut self) -> Result<Place, Failure> {
        let reference: Reference = self.required("ref")?.parse()?;
        Ok(Place::Registry(Box::new(reference.with_default_tag())))
    }

    fn boolean(&mut self, key: &str) -> Result<bool, Failure> {
        match self.take(key).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => Err(self.invalid(key, other)),
        }
    }

    fn packing(&mut self) -> Result<Packing, Failure> {
        let compression = match self.take("compression").as_deref() {
            None | Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            Some("uncompressed") => Compression::None,
            Some(other) => return Err(self.invalid("compression", other)),
        };
        let level = match self.take("compression-level") {
            None => None,
            Some(text) => match text.parse() {
                Ok(level) => Some(level),
                Err(_) => return Err(self.invalid("compression-level", &text)),
            },
        };
        Ok(Packing::new(compression, level)?)
    }

    fn invalid(&self, key: &str, value: &str) -> Failure {
        Failure::message(format!("invalid value {value:?} of {key} in {}", self.flag))
    }

    fn unknown_kind(&self, kind: &str) -> Failure {
        Failure::message(format!(
            "{} type={kind} is not supported: use registry, local or inline",
            self.flag
        ))
    }

    /// Refuses what nobody has asked for.
    fn finish(mut self) -> Result<(), Failure> {
        for key in WITHOUT_EFFECT {
            self.take(key);
        }
        match self.values.keys().next() {
            Some(key) => Err(Failure::message(format!(
                "unknown option {key} of {}",
                self.flag
            ))),
            None => Ok(()),
        }
    }
}
