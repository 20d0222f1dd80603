//! One image of a layout in a directory: into the store without a name, for a build that begins with it.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::Error;
use super::container::Container;
use super::found;
use super::layout::{annotated_tag, blob_path};
use super::load::{LoadOptions, bring};
use crate::content::{Digest, Reference};
use crate::image::layer::UnpackOptions;
use crate::image::manifest::Descriptor;
use crate::image::{Image, Platform, Silent};
use crate::store::{Lease, Store};

/// The tag that is meant where none is named.
const LATEST: &str = "latest";

/// Names an image of a layout: `PATH[:TAG][@DIGEST]`.
///
/// Source: docker/buildx, `util/ocilayout`, and `resolveDigest` of `build/opt.go`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutImage {
    /// The directory with `oci-layout` and `index.json`.
    pub dir: PathBuf,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl fmt::Display for LayoutImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci-layout://{}", self.dir.display())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl LayoutImage {
    /// Reads the name. What is no tag and no digest belongs to the path.
    pub fn parse(text: &str) -> LayoutImage {
        let split = |text: &str, sign: char| {
            let (path, word) = text.rsplit_once(sign)?;
            Some((path.to_owned(), word.to_owned()))
        };
        let (mut path, mut digest) = (text.to_owned(), None);
        if let Some((before, word)) = split(&path, '@')
            && let Ok(parsed) = word.parse::<Digest>()
        {
            (path, digest) = (before, Some(parsed));
        }
        let mut tag = None;
        if let Some((before, word)) = split(&path, ':')
            && !word.contains('/')
            && format!("a:{word}").parse::<Reference>().is_ok()
        {
            (path, tag) = (before, Some(word));
        }
        let dir = path.into();
        LayoutImage { dir, tag, digest }
    }

    /// Brings the image into the store, and returns it. Only `lease` keeps it there. The process is inside the user's id map
    /// and has one thread, which does everything.
    ///
    /// # Errors
    ///
    /// All of [`Error`] that are about reading; [`Error::NoSuch`].
    pub fn take(
        &self,
        store: &Store,
        lease: &mut Lease,
        platform: Option<&Platform>,
        unpack: UnpackOptions,
    ) -> Result<Image, Error> {
        let container = Container::of_directory(&self.dir)?;
        let pick = |entries: &[Descriptor]| self.pick(&container, entries);
        let found = found::find_one(&container, platform, &pick)?;
        let options = LoadOptions {
            platform: platform.cloned(),
            unpack,
            workers: NonZeroUsize::MIN,
        };
        let target = bring(store, lease, &found, &options, &Silent, &mut Vec::new())?;
        Ok(Image::load(store, &target, platform)?)
    }

    /// Picks by digest, which need not be listed; by tag; or the only one there is.
    fn pick(&self, container: &Container, entries: &[Descriptor]) -> Result<Descriptor, Error> {
        if let Some(digest) = &self.digest {
            let listed = entries.iter().find(|entry| entry.digest == *digest);
            return match listed {
                Some(entry) => Ok(entry.clone()),
                None => Ok(Descriptor {
                    media_type: String::new(),
                    digest: digest.clone(),
                    size: container.section(&blob_path(digest))?.len(),
                    platform: None,
                    annotations: serde_json::Map::new(),
                }),
            };
        }
        let tag = self.tag.as_deref().unwrap_or(LATEST);
        let tagged = |entry: &&Descriptor| annotated_tag(&entry.annotations) == Some(tag);
        match (entries.iter().find(tagged), entries) {
            (Some(entry), _) | (None, [entry]) => Ok(entry.clone()),
            _ => Err(Error::NoSuch(tag.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tags_and_digests() {
        let digest = Digest::sha256_of(b"x");
        let with_digest = |text: &str| format!("{text}@{digest}");
        for (text, dir, tag, has_digest) in [
            ("/a/b".to_owned(), "/a/b", None, false),
            ("a:1.2".to_owned(), "a", Some("1.2"), false),
            ("a:1/b".to_owned(), "a:1/b", None, false),
            ("./a@b".to_owned(), "./a@b", None, false),
            (with_digest("/a"), "/a", None, true),
            (with_digest("/a:v1"), "/a", Some("v1"), true),
        ] {
            let read = LayoutImage::parse(&text);
            assert_eq!(read.dir, PathBuf::from(dir), "{text}");
            assert_eq!(read.tag.as_deref(), tag, "{text}");
            assert_eq!(read.digest.is_some(), has_digest, "{text}");
        }
    }
}
