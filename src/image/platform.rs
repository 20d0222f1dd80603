//! Platforms: `os/architecture[/variant]`, normalised and ranked as containerd does.
//!
//! Spec: image-spec, image-index.md, "platform"; containerd/platforms, `Normalize` and `platformVector`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an image was made for. Always normalised: `arm64` never carries the variant `v8`, `arm` always has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Platform {
    /// Go's name of the processor: `amd64`, `arm64`, `arm`, …
    pub architecture: String,
    /// Go's name of the operating system.
    pub os: String,
    /// `v7` and the like; `None` where the architecture has no need for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Not one to three words of letters, digits, `.`, `_` and `-`.
    #[error(
        "{0:?} is an invalid platform: it must be \"os/architecture[/variant]\", like \"linux/arm64\""
    )]
    Format(String),
    /// A single word that is neither an operating system nor an architecture.
    #[error("{0:?}: unknown operating system or architecture")]
    Unknown(String),
}

impl Platform {
    /// Returns the platform of these three names, normalised.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "" => "linux".to_owned(),
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = variant.unwrap_or("").to_ascii_lowercase();
        let (architecture, variant) = normalise(&architecture.to_ascii_lowercase(), &variant);
        Platform {
            architecture,
            os,
            variant: (!variant.is_empty()).then_some(variant),
        }
    }

    /// Returns the platform of this machine's processor, without asking the kernel more than `uname(2)`.
    pub fn host() -> Self {
        let machine = rustix::system::uname();
        let machine = machine.machine().to_string_lossy();
        // A 32-bit program on a 64-bit kernel still runs 64-bit images: the kernel's word counts, not the program's.
        match machine.as_ref() {
            "armv8l" => Platform::new("linux", "arm", Some("v8")),
            "armv7l" => Platform::new("linux", "arm", Some("v7")),
            "armv6l" => Platform::new("linux", "arm", Some("v6")),
            "armv5tel" | "armv5l" => Platform::new("linux", "arm", Some("v5")),
            other => Platform::new("linux", other, None),
        }
    }

    /// Returns the platforms that a machine of this platform can run, best first.
    pub fn runnable(&self) -> Vec<Platform> {
        let mut all = vec![self.clone()];
        let with = |architecture: &str, variant: &str| {
            Platform::new(&self.os, architecture, Some(variant))
        };
        let arm_below = |from: u8| (5..=from).rev().map(move |v| format!("v{v}"));
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm64", _) => {
                all.extend(arm_below(8).map(|v| with("arm", &v)));
            }
            ("arm", Some(variant)) => {
                let level = variant
                    .trim_start_matches('v')
                    .parse::<u8>()
                    .unwrap_or(7)
                    .min(9);
                all.extend(arm_below(level.saturating_sub(1)).map(|v| with("arm", &v)));
            }
            ("amd64", _) => all.push(with("386", "")),
            _ => {}
        }
        all
    }

    /// Returns how well an image of platform `image` fits a machine of this platform: 0 is best, `None` not at all.
    pub fn rank(&self, image: &Platform) -> Option<usize> {
        self.runnable()
            .iter()
            .position(|candidate| candidate == image)
    }

    /// Returns whether an image of platform `image` is what someone who asks for this platform by name wants: the variant
    /// counts only where it was named or where the architecture always has one.
    pub fn accepts(&self, image: &Platform) -> bool {
        self.os == image.os
            && self.architecture == image.architecture
            && (self.variant.is_none() || self.variant == image.variant)
    }
}

fn normalise(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        // Levels of amd64 are a property of the packages inside; every amd64 image is asked for as `amd64`.
        ("x86_64" | "x86-64" | "amd64", _) => ("amd64", ""),
        ("i386" | "i486" | "i586" | "i686" | "x86" | "386", _) => ("386", ""),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", other) => ("arm64", other),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        ("loongarch64" | "loong64", other) => ("loong64", other),
        (architecture, variant) => (architecture, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

const KNOWN_OS: [&str; 9] = [
    "linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "solaris", "wasip1",
];
const KNOWN_ARCHITECTURES: [&str; 16] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64",
    "ppc64le", "riscv64", "s390x", "sparc64", "wasm", "riscv",
];

impl FromStr for Platform {
    type Err = PlatformError;

    /// Reads `os/architecture[/variant]`, `os` alone or `architecture` alone; what is left out is the host's.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let quoted = || text.chars().take(80).collect::<String>();
        let word = |w: &str| {
            (1..=64).contains(&w.len())
                && w.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        let words: Vec<&str> = text.splitn(4, '/').collect();
        if !words.iter().all(|w| word(w)) {
            return Err(PlatformError::Format(quoted()));
        }
        match words[..] {
            [os, architecture] => Ok(Platform::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Platform::new(os, architecture, Some(variant))),
            [one] => {
                let lower = one.to_ascii_lowercase();
                if KNOWN_OS.contains(&lower.as_str()) {
                    let host = Platform::host();
                    return Ok(Platform::new(
                        one,
                        &host.architecture,
                        host.variant.as_deref(),
                    ));
                }
                let platform = Platform::new("linux", one, None);
                if KNOWN_ARCHITECTURES.contains(&platform.architecture.as_str()) {
                    Ok(platform)
                } else {
                    Err(PlatformError::Unknown(quoted()))
                }
            }
            _ => Err(PlatformError::Format(quoted())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(default)]
            os: String,
            #[serde(default)]
            architecture: String,
            #[serde(default)]
            variant: Option<String>,
        }
        let raw = Raw::deserialize(deserializer)?;
        Ok(Platform::new(
            &raw.os,
            &raw.architecture,
            raw.variant.as_deref(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn normalises() {
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("arm64", "linux/arm64"),
            ("linux/riscv64", "linux/riscv64"),
        ] {
            assert_eq!(p(text).to_string(), expected, "{text}");
        }
        assert_eq!(p("linux").architecture, Platform::host().architecture);
    }

    #[test]
    fn refuses() {
        for bad in [
            "",
            "/",
            "linux/",
            "linux//v7",
            "a/b/c/d",
            "linux/am d64",
            "toaster",
            "linux/\0",
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ranks() {
        let arm64 = p("linux/arm64");
        assert_eq!(arm64.rank(&p("linux/arm64")), Some(0));
        assert!(arm64.rank(&p("linux/arm/v8")) < arm64.rank(&p("linux/arm/v7")));
        assert!(arm64.rank(&p("linux/arm/v7")) < arm64.rank(&p("linux/arm/v6")));
        assert_eq!(arm64.rank(&p("linux/amd64")), None);
        let v6 = p("linux/arm/v6");
        assert_eq!(v6.rank(&p("linux/arm/v7")), None);
        assert_eq!(v6.rank(&p("linux/arm/v5")), Some(1));
        assert_eq!(p("linux/amd64").rank(&p("linux/386")), Some(1));
        assert_eq!(p("linux/amd64").rank(&p("windows/amd64")), None);
    }
}
