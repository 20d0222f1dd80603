//! `build --volume`, as podman has it: `SRC:DST[:OPTIONS]`, both absolute.

use std::path::Path;

use crate::build::request::Volume;
use crate::cli::error::Failure;
use crate::volume::{self, RequestKind};

/// Options of mounts that `ctr run -v` does not know.
const FLAGS: [&str; 8] = [
    "bind", "rbind", "exec", "noexec", "dev", "nodev", "suid", "nosuid",
];

/// Reads the flags. The words of the errors are buildah's.
pub(super) fn volumes(flags: &[String]) -> Result<Vec<Volume>, Failure> {
    flags.iter().map(|flag| one(flag)).collect()
}

fn one(flag: &str) -> Result<Volume, Failure> {
    let parts: Vec<&str> = flag.split(':').collect();
    let (source, target, words) = match parts[..] {
        [source, target] => (source, target, ""),
        [source, target, words] => (source, target, words),
        _ => {
            return Err(Failure::message(format!(
                "incorrect volume format {flag:?}, should be host-dir:ctr-dir[:option]"
            )));
        }
    };
    for (kind, path) in [("host", source), ("container", target)] {
        if !path.starts_with('/') {
            return Err(Failure::message(format!(
                "invalid {kind} path, must be an absolute path {path:?}"
            )));
        }
    }
    std::fs::metadata(source)
        .map_err(|error| Failure::of(error).about(&format!("stat {source}")))?;
    let (ours, others): (Vec<&str>, Vec<&str>) = (words.split(','))
        .filter(|word| !word.is_empty())
        .partition(|word| *word == "O" || FLAGS.contains(word));
    let spec = [source, target, &others.join(",")].join(":");
    let request = volume::parse_volume(spec.trim_end_matches(':'), Path::new("/"))?;
    let RequestKind::Bind {
        source,
        propagation,
        ..
    } = request.kind
    else {
        return Err(Failure::message(format!("invalid volume {flag:?}")));
    };
    let is_overlay = ours.contains(&"O");
    if is_overlay && !source.is_dir() {
        return Err(Failure::message(format!(
            "invalid volume {flag:?}: only a directory can be an overlay"
        )));
    }
    let mut options = vec!["rbind".to_owned(), propagation];
    // As with `ctr run`, read-only holds for what is mounted below the source, too.
    options.push(if request.read_only { "rro" } else { "rw" }.to_owned());
    options.extend(
        ours.iter()
            .filter(|word| **word != "O")
            .map(|word| (*word).to_owned()),
    );
    Ok(Volume {
        source,
        target: request.target,
        options,
        is_overlay,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flag: &str) -> Result<Volume, String> {
        one(flag).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn options_are_those_of_a_mount() {
        let volume = read("/usr:/a/../b:ro,z,noexec").unwrap();
        assert_eq!((volume.target.as_str(), volume.is_overlay), ("/b", false));
        assert_eq!(volume.options, ["rbind", "rprivate", "rro", "noexec"]);
        assert!(read("/usr:/b:O").unwrap().is_overlay);
        assert_eq!(
            read("/usr:/b").unwrap().options,
            ["rbind", "rprivate", "rw"]
        );
    }

    #[test]
    fn refused() {
        for (flag, words) in [
            ("./usr:/b", "invalid host path, must be an absolute path"),
            ("usr:/b", "invalid host path, must be an absolute path"),
            ("/usr:b", "invalid container path, must be an absolute path"),
            ("/usr", "incorrect volume format"),
            ("/usr:/b:ro:z", "incorrect volume format"),
            ("/no/such:/b", "stat /no/such"),
            ("/usr:/b:U", "U"),
            ("/usr:/b:what", "invalid mode"),
            ("/usr:/", "invalid"),
            ("/etc/passwd:/b:O", "only a directory"),
        ] {
            let problem = read(flag).unwrap_err();
            assert!(problem.contains(words), "{flag}: {problem}");
        }
    }
}
