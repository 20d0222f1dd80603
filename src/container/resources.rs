//! What a container may use: Docker's `Resources`, a part of `HostConfig`.
//!
//! Words, ranges and what follows from what are those of moby, daemon/daemon_unix.go, `verifyPlatformContainerResources` and
//! `adaptContainerSettings`; of `--ulimit` those of docker/go-units, `ParseUlimit`.

use std::str::FromStr;

use oci_spec::runtime::{PosixRlimit, PosixRlimitBuilder, PosixRlimitType};
use serde::{Deserialize, Serialize};

use super::Error;

/// Limits as Docker's API has them. Zero, empty and `None` are "not limited".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Resources {
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
}

/// One `--ulimit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ulimit {
    /// `nofile`, `core`, …
    pub name: String,
    /// -1 for no limit.
    pub hard: i64,
    /// -1 for no limit.
    pub soft: i64,
}

/// Names of `--ulimit`.
const ULIMITS: [(&str, PosixRlimitType); 15] = {
    use PosixRlimitType as Kind;
    [
        ("core", Kind::RlimitCore),
        ("cpu", Kind::RlimitCpu),
        ("data", Kind::RlimitData),
        ("fsize", Kind::RlimitFsize),
        ("locks", Kind::RlimitLocks),
        ("memlock", Kind::RlimitMemlock),
        ("msgqueue", Kind::RlimitMsgqueue),
        ("nice", Kind::RlimitNice),
        ("nofile", Kind::RlimitNofile),
        ("nproc", Kind::RlimitNproc),
        ("rss", Kind::RlimitRss),
        ("rtprio", Kind::RlimitRtprio),
        ("rttime", Kind::RlimitRttime),
        ("sigpending", Kind::RlimitSigpending),
        ("stack", Kind::RlimitStack),
    ]
};

impl FromStr for Ulimit {
    type Err = String;

    /// Reads `NAME=SOFT[:HARD]`; without `HARD` both are the same.
    fn from_str(text: &str) -> Result<Ulimit, String> {
        let (name, values) =
            (text.split_once('=')).ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
        if !ULIMITS.iter().any(|(known, _)| *known == name) {
            return Err(format!("invalid ulimit type: {name}"));
        }
        let number = |text: &str| {
            text.parse::<i64>()
                .ok()
                .filter(|number| *number >= -1)
                .ok_or_else(|| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
        };
        let (soft, hard) = match values.split(':').collect::<Vec<_>>()[..] {
            [both] => (number(both)?, number(both)?),
            [soft, hard] => (number(soft)?, number(hard)?),
            _ => {
                return Err(format!(
                    "too many limit values - {values}, can only have up to two - `soft[:hard]`"
                ));
            }
        };
        let below = "ulimit soft limit must be less than or equal to hard limit";
        if hard != -1 && soft == -1 {
            return Err(format!("{below}: soft: -1 (unlimited), hard: {hard}"));
        }
        if hard != -1 && soft > hard {
            return Err(format!("{below}: {soft} > {hard}"));
        }
        Ok(Ulimit {
            name: name.to_owned(),
            hard,
            soft,
        })
    }
}

impl std::fmt::Display for Ulimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}:{}", self.name, self.soft, self.hard)
    }
}

impl Resources {
    /// Returns the process's limits: those of `--ulimit`, the last of a name, and the number of open files in any case.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a name of a record that is none.
    pub(super) fn rlimits(&self, open_files: u64) -> Result<Vec<PosixRlimit>, Error> {
        let mut rlimits = vec![rlimit(
            PosixRlimitType::RlimitNofile,
            open_files,
            open_files,
        )?];
        for ulimit in &self.ulimits {
            let known = ULIMITS.iter().find(|(name, _)| *name == ulimit.name);
            let (_, kind) = known
                .ok_or_else(|| Error::Invalid(format!("invalid ulimit type: {}", ulimit.name)))?;
            // The kernel's "unlimited" is all bits set, as -1 is.
            let one = rlimit(*kind, ulimit.soft as u64, ulimit.hard as u64)?;
            rlimits.retain(|other| other.typ() != *kind);
            rlimits.push(one);
        }
        Ok(rlimits)
    }
}

fn rlimit(kind: PosixRlimitType, soft: u64, hard: u64) -> Result<PosixRlimit, Error> {
    PosixRlimitBuilder::default()
        .typ(kind)
        .soft(soft)
        .hard(hard)
        .build()
        .map_err(|error| Error::Invalid(error.to_string()))
}

/// Checks `--oom-score-adj`. Returns a warning where this user may not have it.
///
/// # Errors
///
/// [`Error::Invalid`] for a number that the kernel does not know.
pub(super) fn check_oom_score(score: i32) -> Result<Option<String>, Error> {
    if !(-1000..=1000).contains(&score) {
        return Err(Error::Invalid(format!(
            "Invalid value {score}, range for oom score adj is [-1000, 1000]"
        )));
    }
    if score == 0 {
        return Ok(None);
    }
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    let own: i32 = own.trim().parse().unwrap_or(0);
    let may_lower = rustix::thread::capabilities(None).is_ok_and(|sets| {
        sets.effective
            .contains(rustix::thread::CapabilitySet::SYS_RESOURCE)
    });
    Ok((score < own && !may_lower).then(|| {
        format!("lowering the oom score adjustment to {score} takes CAP_SYS_RESOURCE: it is left at {own}")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulimits_are_read_as_docker_reads_them() {
        let one = |text: &str| text.parse::<Ulimit>().map(|limit| limit.to_string());
        assert_eq!(one("nofile=1024"), Ok("nofile=1024:1024".to_owned()));
        assert_eq!(one("core=0:-1"), Ok("core=0:-1".to_owned()));
        assert_eq!(one("cpu=-1"), Ok("cpu=-1:-1".to_owned()));
        for (wrong, words) in [
            ("nofile", "invalid ulimit argument: nofile"),
            ("files=1", "invalid ulimit type: files"),
            (
                "nofile=2:1",
                "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
            ),
            (
                "nofile=-1:1",
                "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 1",
            ),
            (
                "nofile=1:2:3",
                "too many limit values - 1:2:3, can only have up to two - `soft[:hard]`",
            ),
            (
                "nofile=x",
                "strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "nofile=-2",
                "strconv.ParseInt: parsing \"-2\": invalid syntax",
            ),
        ] {
            assert_eq!(one(wrong), Err(words.to_owned()));
        }
    }

    #[test]
    fn the_last_ulimit_of_a_name_holds() {
        let resources = Resources {
            ulimits: ["core=1", "nofile=5:6", "core=2"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
        };
        let limits: Vec<_> = (resources.rlimits(100).unwrap().iter())
            .map(|limit| (limit.typ(), limit.soft(), limit.hard()))
            .collect();
        assert_eq!(
            limits,
            [
                (PosixRlimitType::RlimitNofile, 5, 6),
                (PosixRlimitType::RlimitCore, 2, 2)
            ]
        );
        assert_eq!(Resources::default().rlimits(7).unwrap()[0].soft(), 7);
    }
}
