//! What a container asks for: its limits in the words of the version there is, and the place of its cgroup.

use std::path::Path;

use oci_spec::runtime::LinuxResources;

use super::controllers::{Setting, attempt};
use super::error::Error;
use super::place::Hierarchies;
use super::{legacy, unified};

/// What a cgroup is made for.
pub(super) struct Wish {
    pub(super) settings: Vec<Setting>,
    pub(super) legacy: bool,
    /// Controllers, each once.
    pub(super) needed: Vec<String>,
}

impl Wish {
    /// Turns `resources` into the words of the version that has what they ask for.
    pub(super) fn new(
        resources: Option<&LinuxResources>,
        places: &Hierarchies,
    ) -> Result<Wish, Error> {
        let nothing = LinuxResources::default();
        let resources = resources.unwrap_or(&nothing);
        let first = unified::settings(resources);
        // Which controllers are asked for is the same in both.
        let version_1 = legacy::settings(resources);
        let named = first
            .as_ref()
            .or(version_1.as_ref())
            .map(|list| needed(list));
        let needed = named.unwrap_or_default();
        // A controller is in one hierarchy only.
        let is_legacy = match needed.is_empty() {
            true => places.unified.is_none(),
            false => needed.iter().any(|name| places.legacy_of(name).is_some()),
        };
        Ok(Wish {
            settings: match is_legacy {
                true => version_1?,
                false => first?,
            },
            legacy: is_legacy,
            needed,
        })
    }

    /// The beginning of a message.
    pub(super) fn attempt(&self) -> String {
        attempt(&self.needed)
    }
}

fn needed(settings: &[Setting]) -> Vec<String> {
    let mut names: Vec<String> = settings.iter().map(|it| it.controller.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Where the specification wants the cgroup.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted<'p> {
    /// A name; the place is ours to choose.
    Name(&'p str),
    /// Exactly there.
    Path(&'p Path),
    /// In this slice of the service manager's, a scope of this name.
    Slice(&'p str, String),
}

impl<'p> Wanted<'p> {
    /// Reads `cgroupsPath`: `/absolute/path`, `SLICE:PREFIX:NAME` (the convention of runc and crun), or a name.
    pub(super) fn parse(path: &'p Path) -> Result<Wanted<'p>, Error> {
        let invalid = || Error::Invalid(format!("{path:?} is no place for a cgroup"));
        let is_plain = |name: &str| !name.is_empty() && !name.contains('/') && name != "..";
        if path.is_absolute() {
            let has_name = path.file_name().is_some() && path.parent().is_some();
            let is_straight = !path.components().any(|part| part.as_os_str() == "..");
            return match has_name && is_straight {
                true => Ok(Wanted::Path(path)),
                false => Err(invalid()),
            };
        }
        let text = path.to_str().ok_or_else(invalid)?;
        match text.split(':').collect::<Vec<_>>()[..] {
            [name] if is_plain(name) => Ok(Wanted::Name(name)),
            [slice, prefix, name] if [slice, prefix, name].into_iter().all(is_plain) => {
                Ok(Wanted::Slice(slice, format!("{prefix}-{name}")))
            }
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_specification_s_words() {
        let parse = |text: &'static str| Wanted::parse(Path::new(text));
        assert_eq!(parse("ctr-1").unwrap(), Wanted::Name("ctr-1"));
        assert_eq!(parse("/a/b").unwrap(), Wanted::Path(Path::new("/a/b")));
        assert_eq!(
            parse("user.slice:ctr:1").unwrap(),
            Wanted::Slice("user.slice", "ctr-1".to_owned())
        );
        for wrong in ["", "/", "/a/../b", "a/b", "a:b", "a::b", ".."] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
