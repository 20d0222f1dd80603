//! `--tmpfs PATH[:OPTIONS]`, and the options that a tmpfs has.

use super::{Error, MountRequest, RequestKind, check_target};

/// What Docker mounts every tmpfs with; later words override earlier ones.
const DEFAULTS: &str = "noexec,nosuid,nodev,rprivate";

/// Flags, each with the one it undoes.
const FLAGS: [(&str, &str); 10] = [
    ("ro", "rw"),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("noexec", "exec"),
    ("sync", "async"),
    ("dirsync", ""),
    ("remount", ""),
    ("noatime", "atime"),
    ("nodiratime", "diratime"),
    ("relatime", "norelatime"),
];

/// Options with a value, of `tmpfs(5)`.
const VALUES: [&str; 7] = [
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "size",
    "mpol",
];

/// Reads the argument of `--tmpfs`.
///
/// # Errors
///
/// [`Error::TmpfsTarget`], [`Error::TmpfsOption`].
pub fn parse_tmpfs(text: &str) -> Result<MountRequest, Error> {
    let (path, options) = text.split_once(':').unwrap_or((text, ""));
    let target = check_target(path).map_err(|problem| Error::TmpfsTarget {
        target: path.to_owned(),
        problem,
    })?;
    let read_only = merge(options)?.iter().any(|option| option == "ro");
    Ok(MountRequest {
        target,
        read_only,
        kind: RequestKind::Tmpfs {
            options: options.to_owned(),
            short_form: true,
        },
        bind: None,
    })
}

/// Returns the mount options of a tmpfs: the defaults, overridden by `options`, each once, in the order of their last
/// mention.
///
/// # Errors
///
/// [`Error::TmpfsOption`] for one that a tmpfs does not have.
pub(super) fn merge(options: &str) -> Result<Vec<String>, Error> {
    let mut merged: Vec<String> = Vec::new();
    for option in DEFAULTS.split(',').chain(options.split(',')) {
        if option.is_empty() || option == "defaults" {
            continue;
        }
        let family = family_of(option).ok_or_else(|| Error::TmpfsOption(option.to_owned()))?;
        merged.retain(|other| family_of(other) != Some(family));
        merged.push(option.to_owned());
    }
    Ok(merged)
}

/// Returns the name of the group of options of which only one can hold.
fn family_of(option: &str) -> Option<&'static str> {
    if super::PROPAGATIONS.contains(&option) {
        return Some("propagation");
    }
    if let Some((key, _)) = option.split_once('=') {
        return VALUES.into_iter().find(|known| *known == key);
    }
    FLAGS
        .into_iter()
        .find(|(flag, opposite)| *flag == option || *opposite == option)
        .map(|(flag, _)| flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_over_the_defaults() {
        for (options, merged) in [
            ("", "noexec,nosuid,nodev,rprivate"),
            (
                "exec,size=64k,size=1m",
                "nosuid,nodev,rprivate,exec,size=1m",
            ),
            ("rw,ro", "noexec,nosuid,nodev,rprivate,ro"),
        ] {
            assert_eq!(merge(options).unwrap().join(","), merged);
        }
        assert!(merge("size").is_err());
        assert!(merge("tmpcopyup").is_err());
    }

    #[test]
    fn parses() {
        let request = parse_tmpfs("/run/:ro,mode=755").unwrap();
        assert_eq!(request.target, "/run");
        assert!(request.read_only);
        assert!(parse_tmpfs("run").is_err());
        assert!(parse_tmpfs("/").is_err());
        assert!(parse_tmpfs("/run:fast").is_err());
    }
}
