//! The platforms whose images can be built here: this machine's, and those that an emulator is registered for.

use std::fs;
use std::path::Path;

use crate::image::Platform;

/// Where the kernel lists the programs that run foreign programs. See the kernel's `binfmt-misc`.
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";

/// QEMU's names of processors and what runs on them; as the registrations are called that `qemu-user-static` and
/// `tonistiigi/binfmt` make.
const EMULATED: [(&str, &[&str]); 10] = [
    ("x86_64", &["linux/amd64"]),
    ("aarch64", &["linux/arm64"]),
    ("riscv64", &["linux/riscv64"]),
    ("ppc64le", &["linux/ppc64le"]),
    ("s390x", &["linux/s390x"]),
    ("i386", &["linux/386"]),
    ("mips64el", &["linux/mips64le"]),
    ("mips64", &["linux/mips64"]),
    ("loongarch64", &["linux/loong64"]),
    ("arm", &["linux/arm/v7", "linux/arm/v6"]),
];

/// Returns them, this machine's first.
pub(super) fn runnable() -> Vec<String> {
    let mut all = vec![Platform::host().to_string()];
    all.extend(emulated(Path::new(REGISTERED)));
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|platform| seen.insert(platform.clone()));
    all
}

fn emulated(registered: &Path) -> impl Iterator<Item = String> {
    let is_enabled = move |processor: &str| {
        let text = fs::read_to_string(registered.join(format!("qemu-{processor}")));
        text.is_ok_and(|text| text.starts_with("enabled"))
    };
    (EMULATED.into_iter())
        .filter(move |(processor, _)| is_enabled(processor))
        .flat_map(|(_, platforms)| platforms.iter().map(|platform| (*platform).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_and_enabled() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("qemu-aarch64", "enabled\ninterpreter /usr/bin/qemu\n"),
            ("qemu-arm", "enabled\n"),
            ("qemu-s390x", "disabled\n"),
            ("register", ""),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let all: Vec<String> = emulated(dir.path()).collect();
        assert_eq!(all, ["linux/arm64", "linux/arm/v7", "linux/arm/v6"]);
        assert_eq!(runnable()[0], Platform::host().to_string());
    }
}
