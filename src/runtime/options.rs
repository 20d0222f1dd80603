//! Mount options as `mount(8)` and the runtime-spec spell them.
//!
//! Spec: runtime-spec, config.md, "Linux mount options".

use rustix::mount::MountPropagationFlags;

use super::Error;
use crate::sys::mount::Attributes;

const RDONLY: u64 = libc::MOUNT_ATTR_RDONLY;
const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;
const NOATIME: u64 = libc::MOUNT_ATTR_NOATIME;
const STRICTATIME: u64 = libc::MOUNT_ATTR_STRICTATIME;
const NODIRATIME: u64 = libc::MOUNT_ATTR_NODIRATIME;
const NOSYMFOLLOW: u64 = libc::MOUNT_ATTR_NOSYMFOLLOW;
/// The two bits that say how access times are kept; they are changed together.
const ATIME: u64 = libc::MOUNT_ATTR__ATIME;

/// Each option with the flags it sets and those it clears.
const FLAGS: &[(&str, u64, u64)] = &[
    ("ro", RDONLY, 0),
    ("rw", 0, RDONLY),
    ("nosuid", NOSUID, 0),
    ("suid", 0, NOSUID),
    ("nodev", NODEV, 0),
    ("dev", 0, NODEV),
    ("noexec", NOEXEC, 0),
    ("exec", 0, NOEXEC),
    ("nosymfollow", NOSYMFOLLOW, 0),
    ("symfollow", 0, NOSYMFOLLOW),
    ("noatime", NOATIME, ATIME),
    ("atime", 0, ATIME),
    ("relatime", 0, ATIME),
    ("norelatime", STRICTATIME, ATIME),
    ("strictatime", STRICTATIME, ATIME),
    ("nostrictatime", 0, ATIME),
    ("nodiratime", NODIRATIME, 0),
    ("diratime", 0, NODIRATIME),
];

/// Each propagation; with an `r` before it, for everything below as well.
const PROPAGATIONS: &[(&str, MountPropagationFlags)] = &[
    ("private", MountPropagationFlags::PRIVATE),
    ("slave", MountPropagationFlags::DOWNSTREAM),
    ("shared", MountPropagationFlags::SHARED),
    ("unbindable", MountPropagationFlags::UNBINDABLE),
];

/// Flags of the filesystem rather than of the mount, which `fsconfig(2)` takes by name.
const FILESYSTEM_FLAGS: &[&str] = &["sync", "dirsync", "lazytime", "mand"];

/// Options that say what is the default anyway.
const NO_OPERATION: &[&str] = &["defaults", "async", "nolazytime", "nomand", "norro", "loud"];

/// A mount's options, sorted by what they act on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `bind` or `rbind`: whether what is mounted below the source comes along.
    pub(super) bind: Option<bool>,
    /// For the mount itself.
    pub(super) own: Attributes,
    /// For the mount and everything below it.
    pub(super) recursive: Attributes,
    /// In the order given, each with whether it is recursive.
    pub(super) propagation: Vec<(MountPropagationFlags, bool)>,
    /// For the filesystem: a flag, or a key with its value.
    pub(super) data: Vec<(String, Option<String>)>,
}

/// Sorts `options`.
pub(super) fn parse(options: &[String]) -> Result<Options, Error> {
    let mut parsed = Options::default();
    for option in options {
        parse_one(option, &mut parsed)?;
    }
    Ok(parsed)
}

/// `rootfsPropagation` and mount propagation by name.
pub(super) fn propagation(name: &str) -> Option<(MountPropagationFlags, bool)> {
    let find = |name: &str| PROPAGATIONS.iter().find(|entry| entry.0 == name);
    match find(name) {
        Some(entry) => Some((entry.1, false)),
        None => find(name.strip_prefix('r')?).map(|entry| (entry.1, true)),
    }
}

fn parse_one(option: &str, parsed: &mut Options) -> Result<(), Error> {
    let flag = |name: &str| FLAGS.iter().find(|entry| entry.0 == name);
    if let Some((_, set, clear)) = flag(option) {
        apply(&mut parsed.own, *set, *clear);
    } else if let Some(kind) = propagation(option) {
        parsed.propagation.push(kind);
    } else if let Some((_, set, clear)) = option.strip_prefix('r').and_then(flag) {
        apply(&mut parsed.recursive, *set, *clear);
    } else if FILESYSTEM_FLAGS.contains(&option) {
        parsed.data.push((option.to_owned(), None));
    } else if !NO_OPERATION.contains(&option) {
        match option {
            "bind" => parsed.bind = Some(false),
            "rbind" => parsed.bind = Some(true),
            "remount" | "tmpcopyup" | "idmap" | "ridmap" | "silent" => {
                return Err(Error::Unsupported(format!("mount option {option:?}")));
            }
            _ => match option.split_once('=') {
                Some((key, value)) => parsed.data.push((key.to_owned(), Some(value.to_owned()))),
                None => parsed.data.push((option.to_owned(), None)),
            },
        }
    }
    Ok(())
}

/// A later option takes back what an earlier one said.
fn apply(attributes: &mut Attributes, set: u64, clear: u64) {
    attributes.set = (attributes.set & !clear) | set;
    attributes.clear = (attributes.clear & !set) | clear;
    if clear & ATIME != 0 {
        // The kernel wants the whole field cleared when any value of it is set.
        attributes.clear |= ATIME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[&str]) -> Options {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        parse(&options).unwrap()
    }

    #[test]
    fn flags_are_set_and_taken_back() {
        let options = of(&["nosuid", "nodev", "ro", "dev"]);
        assert_eq!(options.own.set, NOSUID | RDONLY);
        assert_eq!(options.own.clear, NODEV);
        assert_eq!(options.recursive, Attributes::default());
    }

    #[test]
    fn access_times_are_one_field() {
        let options = of(&["noatime", "strictatime"]);
        assert_eq!(options.own.set, STRICTATIME);
        assert_eq!(options.own.clear, ATIME);
        assert_eq!(of(&["relatime"]).own.set, 0);
    }

    #[test]
    fn an_r_in_front_means_everything_below() {
        let options = of(&["rbind", "rro", "rnosuid", "rslave", "private"]);
        assert_eq!(options.bind, Some(true));
        assert_eq!(options.own, Attributes::default());
        assert_eq!(options.recursive.set, RDONLY | NOSUID);
        assert_eq!(
            options.propagation,
            [
                (MountPropagationFlags::DOWNSTREAM, true),
                (MountPropagationFlags::PRIVATE, false)
            ]
        );
    }

    #[test]
    fn relatime_is_no_recursive_option() {
        assert_eq!(of(&["relatime"]).recursive, Attributes::default());
    }

    #[test]
    fn the_rest_is_for_the_filesystem() {
        let options = of(&["size=64k", "newinstance", "sync", "defaults"]);
        assert_eq!(
            options.data,
            [
                ("size".to_owned(), Some("64k".to_owned())),
                ("newinstance".to_owned(), None),
                ("sync".to_owned(), None)
            ]
        );
    }

    #[test]
    fn what_is_not_done_is_refused() {
        for option in ["idmap", "tmpcopyup", "remount"] {
            assert!(matches!(
                parse(&[option.to_owned()]),
                Err(Error::Unsupported(_))
            ));
        }
    }
}
