//! The values of `build --output`.
//!
//! | type | what is made |
//! |---|---|
//! | `image` | an image here; with `push=true` at its registry, too |
//! | `registry` | the same as `image,push=true` |
//! | `docker`, `oci` | an archive of the image; `docker` without `dest` is an image here |
//! | `local` | the files, in a directory |
//! | `tar` | the files, as a tar |
//! | `cacheonly` | nothing but what the next build finds in the cache |
//!
//! Source: buildx, util/buildflags/export.go and build/opt.go; BuildKit, exporter/.

use std::path::{Path, PathBuf};

use crate::cli::error::Failure;
use crate::content::Reference;
use crate::image::archive::Format;
use crate::image::compress::Packing;
use crate::image::manifest::Compression;
use crate::registry::Credentials;
use crate::volume::csv;

/// One output.
#[derive(Debug)]
pub(super) enum Output {
    /// An image of the store.
    Image {
        names: Vec<Reference>,
        push: Option<Push>,
    },
    /// An archive of the image.
    Archive {
        names: Vec<Reference>,
        format: Format,
        place: Place,
    },
    /// `--manifest`: an image of the store in a list.
    List { name: Reference },
    /// The files.
    Files(PathBuf),
    /// The files as a tar.
    Tar(Place),
    /// Nothing.
    CacheOnly,
}

/// Where an archive goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Stdout,
    File(PathBuf),
    /// `tar=false`.
    Directory(PathBuf),
}

/// Where an image is pushed, and how.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) packing: Option<Packing>,
    /// By the place of the name.
    pub(super) credentials: Vec<Credentials>,
}

/// The options of one `--output`.
struct Options {
    kind: String,
    list: Vec<(String, String)>,
}

/// Reads one `--output`; images without a `name` are called as `tags` say.
pub(super) fn parse(flag: &str, tags: &[Reference]) -> Result<Output, Failure> {
    let fields = csv::split(flag).map_err(|error| Failure::message(error.to_string()))?;
    if let [field] = &fields[..]
        && field == flag
        && !field.starts_with("type=")
    {
        return Ok(match field.as_str() {
            "-" => Output::Tar(Place::Stdout),
            dir => Output::Files(dir.into()),
        });
    }
    let mut options = Options {
        kind: String::new(),
        list: Vec::new(),
    };
    for field in fields {
        let Some((key, value)) = field.split_once('=') else {
            return Err(Failure::message(format!("invalid value {field}")));
        };
        let (key, value) = (key.trim().to_lowercase(), value.to_owned());
        match key.as_str() {
            "type" => options.kind = value,
            _ => options.list.push((key, value)),
        }
    }
    options.output(tags)
}

impl Options {
    fn output(mut self, tags: &[Reference]) -> Result<Output, Failure> {
        let kind = self.kind.clone();
        let dest = self.take("dest").or_else(|| self.take("destination"));
        let output = match kind.as_str() {
            "" => return Err(Failure::message("type is required for output")),
            "local" => match dest.as_deref() {
                None | Some("" | "-") => {
                    return Err(Failure::message("dest is required for local exporter"));
                }
                Some(dest) => Output::Files(dest.into()),
            },
            "tar" => Output::Tar(place(dest.as_deref(), true)?),
            "cacheonly" if dest.is_none() => Output::CacheOnly,
            "docker" if dest.is_none() => Output::Image {
                names: self.names(tags)?,
                push: None,
            },
            "docker" | "oci" => {
                let as_tar = self.flag("tar")?.unwrap_or(true);
                // Layers are stored as they were made or came; nothing is compressed for an archive.
                self.accept("compression", "uncompressed");
                Output::Archive {
                    names: self.names(tags)?,
                    format: match kind.as_str() {
                        "oci" => Format::Oci,
                        _ => Format::Docker,
                    },
                    place: place(dest.as_deref(), as_tar)?,
                }
            }
            "image" | "registry" => {
                let push = self.flag("push")?.unwrap_or(kind == "registry");
                let packing = self.packing()?;
                self.accept("store", "true");
                Output::Image {
                    names: self.names(tags)?,
                    push: push.then(|| Push {
                        packing,
                        credentials: Vec::new(),
                    }),
                }
            }
            other => {
                return Err(Failure::message(format!(
                    "unsupported output type {other:?}: use local, tar, oci, docker, image, registry or cacheonly"
                )));
            }
        };
        // Documents are OCI's.
        self.accept("oci-mediatypes", "true");
        match self.list.first() {
            None => Ok(output),
            Some((key, value)) => Err(Failure::message(format!(
                "the output option {key}={value} is not supported with type={kind}"
            ))
            .with_hint("leave it out; it is refused rather than ignored")),
        }
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let at = self.list.iter().position(|(name, _)| name == key)?;
        Some(self.list.remove(at).1)
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, Failure> {
        match self.take(key).as_deref() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(Failure::message(format!(
                "invalid value {other:?} for {key}: it is true or false"
            ))),
        }
    }

    /// Takes an option that asks for what is so anyway.
    fn accept(&mut self, key: &str, value: &str) {
        self.list
            .retain(|(name, given)| name != key || given != value);
    }

    /// `-t`, else `name=`, which may be several with commas.
    fn names(&mut self, tags: &[Reference]) -> Result<Vec<Reference>, Failure> {
        let own = self.take("name").unwrap_or_default();
        if !tags.is_empty() {
            return Ok(tags.to_vec());
        }
        let names = own.split(',').filter(|name| !name.is_empty());
        names.map(tag).collect()
    }

    /// How layers are compressed on the way to a registry.
    fn packing(&mut self) -> Result<Option<Packing>, Failure> {
        let level = self.take("compression-level");
        let level = level
            .map(|text| {
                text.parse::<u32>()
                    .map_err(|_| Failure::message(format!("invalid compression-level {text:?}")))
            })
            .transpose()?;
        let compression = match self.take("compression").as_deref() {
            None if level.is_none() => return Ok(None),
            None | Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            Some(other) => {
                return Err(Failure::message(format!(
                    "unknown compression {other:?}: must be \"gzip\" or \"zstd\""
                )));
            }
        };
        Ok(Some(Packing::new(compression, level)?))
    }
}

/// Reads the name of an image that is made.
pub(super) fn tag(text: &str) -> Result<Reference, Failure> {
    let name = text.parse::<Reference>().map_err(|error| {
        // buildx's words: of several names it says which.
        Failure::message(format!("invalid tag {text:?}: {error}"))
    })?;
    match name.digest() {
        Some(_) => Err(Failure::message(format!(
            "invalid tag {text:?}: it has a digest"
        ))),
        None => Ok(name.with_default_tag()),
    }
}

fn place(dest: Option<&str>, as_tar: bool) -> Result<Place, Failure> {
    match (dest, as_tar) {
        (None | Some("" | "-"), true) => Ok(Place::Stdout),
        (None | Some("" | "-"), false) => Err(Failure::message(
            "dest is required for an output with tar=false",
        )),
        (Some(dest), true) if Path::new(dest).is_dir() => Err(Failure::message(format!(
            "destination {dest:?} is a directory, it has to be a file"
        ))),
        (Some(dest), true) => Ok(Place::File(dest.into())),
        (Some(dest), false) => Ok(Place::Directory(dest.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flag: &str) -> Output {
        parse(flag, &[]).unwrap()
    }

    #[test]
    fn short_and_long() {
        assert!(matches!(read("out"), Output::Files(dir) if dir == Path::new("out")));
        assert!(matches!(read("-"), Output::Tar(Place::Stdout)));
        assert!(matches!(read("type=tar"), Output::Tar(Place::Stdout)));
        assert!(matches!(
            read("type=local,dest=a b"),
            Output::Files(dir) if dir == Path::new("a b")
        ));
        let Output::Image { names, push } = read("type=image,\"name=a,b:1\",push=true") else {
            panic!("no image");
        };
        assert!(push.is_some());
        assert_eq!(names.len(), 2);
        assert!(matches!(
            read("type=docker"),
            Output::Image { push: None, .. }
        ));
        assert!(matches!(read("type=cacheonly"), Output::CacheOnly));
        assert!(matches!(
            read("type=oci,dest=d,tar=false"),
            Output::Archive {
                format: Format::Oci,
                place: Place::Directory(_),
                ..
            }
        ));
    }

    #[test]
    fn refused_by_name() {
        for (flag, words) in [
            ("type=local", "dest is required"),
            ("type=cacheonly,dest=x", "unsupported output type"),
            ("type=cacheonly,name=x", "name=x is not supported"),
            ("type=moby", "unsupported output type"),
            ("dest=x,tar=true", "type is required"),
            ("type=tar,x", "invalid value x"),
            ("type=local,dest=d,platform-split=false", "platform-split"),
            ("type=image,push=maybe", "maybe"),
            ("type=oci,tar=false", "dest is required"),
            ("type=oci,dest=x,compression=estargz", "compression=estargz"),
            ("type=image,name=A", "reference"),
        ] {
            let error = format!("{:?}", parse(flag, &[]).unwrap_err());
            assert!(error.contains(words), "{flag}: {error}");
        }
    }
}
