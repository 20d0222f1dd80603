//! What a container may use: Docker's `Resources`, a part of `HostConfig`.
//!
//! Words, ranges and what follows from what are those of moby, daemon/daemon_unix.go, `verifyPlatformContainerResources` and
//! `adaptContainerSettings`; of `--ulimit` those of docker/go-units, `ParseUlimit`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci_spec::runtime::{
    LinuxCpu, LinuxMemory, LinuxPidsBuilder, LinuxResources, PosixRlimit, PosixRlimitBuilder,
    PosixRlimitType,
};
use serde::{Deserialize, Serialize};

use super::Error;

/// Limits as Docker's API has them. Zero, empty and `None` are "not limited".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Resources {
    /// `-c`: relative weight, 2 to 262144.
    pub cpu_shares: i64,
    /// `-m`, bytes.
    pub memory: i64,
    /// `--cpus`, in billionths of a CPU.
    pub nano_cpus: i64,
    /// `--cgroup-parent`: an absolute path in the hierarchy, or a slice of systemd's.
    pub cgroup_parent: String,
    /// `--cpu-period`, microseconds.
    pub cpu_period: i64,
    /// `--cpu-quota`, microseconds; -1 for no limit.
    pub cpu_quota: i64,
    /// `--cpuset-cpus`: `0-3,5`.
    pub cpuset_cpus: String,
    /// `--cpuset-mems`.
    pub cpuset_mems: String,
    /// `--memory-reservation`, bytes.
    pub memory_reservation: i64,
    /// `--memory-swap`: bytes of memory and swap; -1 for no limit of swap.
    pub memory_swap: i64,
    /// `--memory-swappiness`, 0 to 100.
    pub memory_swappiness: Option<i64>,
    /// `--pids-limit`; 0 and below for no limit.
    pub pids_limit: Option<i64>,
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

/// The least limit of memory, bytes. Source: moby, `linuxMinMemory`: a container with less does not start.
const MIN_MEMORY: i64 = 6 << 20;

/// Bounds of `--cpu-period` and `--cpu-quota`, microseconds: the kernel's.
const MIN_PERIOD: i64 = 1_000;
const MAX_PERIOD: i64 = 1_000_000;

/// The period that `--cpus` is turned into a quota of, microseconds. Source: moby, daemon/oci_linux.go, `getCPUResources`.
const CPUS_PERIOD: i64 = 100_000;

/// CPUs and memory nodes are numbered below this.
const MAX_NODES: u32 = 1 << 16;

impl Resources {
    /// Checks what can be checked without the kernel, and fills in what follows: with a limit of memory alone, there is as much
    /// swap again.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] in Docker's words.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let online = |kind: &str, is_asked: bool| match is_asked {
            true => std::fs::read_to_string(format!("/sys/devices/system/{kind}/online"))
                .unwrap_or_default()
                .trim()
                .to_owned(),
            false => String::new(),
        };
        let cpus = online("cpu", self.nano_cpus != 0 || !self.cpuset_cpus.is_empty());
        let nodes = online("node", !self.cpuset_mems.is_empty());
        self.settle_on(&cpus, &nodes)
    }

    /// As [`Resources::settle`], on a machine with these CPUs and memory nodes.
    fn settle_on(&mut self, cpus: &str, nodes: &str) -> Result<(), Error> {
        let refuse = |is_wrong: bool, words: &str| match is_wrong {
            true => Err(Error::Invalid(words.to_owned())),
            false => Ok(()),
        };
        let too_little = |bytes: i64| bytes != 0 && (0..MIN_MEMORY).contains(&bytes);
        refuse(
            too_little(self.memory),
            "Minimum memory limit allowed is 6MB",
        )?;
        refuse(
            self.memory > 0 && self.memory_swap > 0 && self.memory_swap < self.memory,
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        )?;
        refuse(
            self.memory == 0 && self.memory_swap > 0,
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        )?;
        if let Some(number) = self.memory_swappiness.filter(|it| !(0..=100).contains(it)) {
            return Err(Error::Invalid(format!(
                "Invalid value: {number}, valid memory swappiness range is 0-100"
            )));
        }
        refuse(
            too_little(self.memory_reservation),
            "Minimum memory reservation allowed is 6MB",
        )?;
        refuse(
            self.memory > 0 && self.memory_reservation > self.memory,
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        )?;
        refuse(
            self.nano_cpus > 0 && self.cpu_period > 0,
            "Conflicting options: Nano CPUs and CPU Period cannot both be set",
        )?;
        refuse(
            self.nano_cpus > 0 && self.cpu_quota > 0,
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
        )?;
        let count = parse_list(cpus).map_or(0, |list| list.len());
        if self.nano_cpus != 0
            && count > 0
            && !(0..=count as i64 * 1_000_000_000).contains(&self.nano_cpus)
        {
            return Err(Error::Invalid(format!(
                "Range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available"
            )));
        }
        refuse(
            self.cpu_shares < 0,
            &format!(
                "invalid CPU shares ({}): value must be a positive integer",
                self.cpu_shares
            ),
        )?;
        refuse(
            self.cpu_period != 0 && !(MIN_PERIOD..=MAX_PERIOD).contains(&self.cpu_period),
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        )?;
        refuse(
            (1..MIN_PERIOD).contains(&self.cpu_quota),
            "CPU cfs quota can not be less than 1ms (i.e. 1000)",
        )?;
        check_list(&self.cpuset_cpus, cpus, "cpus", "CPUs")?;
        check_list(&self.cpuset_mems, nodes, "mems", "memory nodes")?;
        check_parent(&self.cgroup_parent)?;
        if self.memory > 0 && self.memory_swap == 0 {
            self.memory_swap = self.memory.saturating_mul(2);
        }
        Ok(())
    }

    /// Returns what the container as a whole may use, in the specification's words; `None` where nothing is limited.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the specification's own types refuse something.
    pub(super) fn limits(&self) -> Result<Option<LinuxResources>, Error> {
        let refused = |error: oci_spec::OciSpecError| Error::Invalid(error.to_string());
        let mut resources = LinuxResources::default();
        resources.set_devices(None);
        let nothing = resources.clone();
        let given = |value: i64| (value != 0).then_some(value);
        let memory = [self.memory, self.memory_swap, self.memory_reservation];
        if memory != [0; 3] || self.memory_swappiness.is_some() {
            let mut memory = LinuxMemory::default();
            memory
                .set_limit(given(self.memory))
                .set_swap(given(self.memory_swap))
                .set_reservation(given(self.memory_reservation))
                .set_swappiness(self.memory_swappiness.and_then(|it| u64::try_from(it).ok()));
            resources.set_memory(Some(memory));
        }
        let (period, quota) = match self.nano_cpus {
            0 => (self.cpu_period, self.cpu_quota),
            nano => (
                CPUS_PERIOD,
                nano.saturating_mul(CPUS_PERIOD) / 1_000_000_000,
            ),
        };
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let positive = |value: i64| u64::try_from(value).ok().filter(|value| *value != 0);
        let (cpus, mems) = (text(&self.cpuset_cpus), text(&self.cpuset_mems));
        if [self.cpu_shares, period, quota] != [0; 3] || cpus.is_some() || mems.is_some() {
            let mut cpu = LinuxCpu::default();
            cpu.set_shares(positive(self.cpu_shares))
                .set_period(positive(period))
                .set_quota(given(quota))
                .set_cpus(cpus)
                .set_mems(mems);
            resources.set_cpu(Some(cpu));
        }
        if let Some(limit) = self.pids_limit.filter(|limit| *limit > 0) {
            let pids = LinuxPidsBuilder::default().limit(limit).build();
            resources.set_pids(Some(pids.map_err(refused)?));
        }
        Ok((resources != nothing).then_some(resources))
    }

    /// Returns where the cgroup is to be, in the specification's words, if it is to be anywhere: `name` is the container's.
    pub(super) fn cgroups_path(&self, name: &str) -> PathBuf {
        match self.cgroup_parent.as_str() {
            "" => PathBuf::from(format!("ctr-{name}")),
            path if path.starts_with('/') => Path::new(path).join(format!("ctr-{name}")),
            slice => PathBuf::from(format!("{slice}:ctr:{name}")),
        }
    }

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

/// Checks `--cgroup-parent`.
fn check_parent(parent: &str) -> Result<(), Error> {
    let is_slice = parent.ends_with(".slice") && !parent.contains(['/', ':']);
    let is_path = parent.starts_with('/') && parent.split('/').all(|part| part != "..");
    match parent.is_empty() || is_slice || is_path {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "invalid cgroup parent {parent:?}: it is an absolute path in the cgroup hierarchy, or a slice of systemd's named as \"xxx.slice\""
        ))),
    }
}

/// Checks `wanted`, a list of CPUs or memory nodes, against those there are. Source of the words: moby, daemon/daemon_unix.go.
fn check_list(wanted: &str, there: &str, flag: &str, what: &str) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let list = parse_list(wanted)
        .ok_or_else(|| Error::Invalid(format!("Invalid value {wanted} for cpuset {flag}")))?;
    // A machine without memory nodes has no list of them; the kernel then has the last word.
    match parse_list(there) {
        Some(known) if !list.is_subset(&known) => Err(Error::Invalid(format!(
            "Requested {what} are not available - requested {wanted}, available: {there}"
        ))),
        _ => Ok(()),
    }
}

/// Reads `0-3,5`; `None` for what is no such list, or an empty one.
fn parse_list(text: &str) -> Option<BTreeSet<u32>> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|it| *it < MAX_NODES);
    let mut all = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
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

    fn refused(change: impl FnOnce(&mut Resources)) -> String {
        let mut resources = Resources::default();
        change(&mut resources);
        match resources.settle_on("0-1", "0") {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_docker_refuses() {
        assert!(refused(|it| it.memory = 5 << 20).contains("Minimum memory limit"));
        assert!(refused(|it| it.memory_swap = 9 << 20).contains("always set the Memory limit"));
        assert!(
            refused(|it| (it.memory, it.memory_swap) = (9 << 20, 8 << 20)).contains("memoryswap")
        );
        assert!(refused(|it| it.memory_swappiness = Some(101)).contains("range is 0-100"));
        assert!(refused(|it| it.nano_cpus = 2_500_000_000).contains("from 0.01 to 2.00"));
        assert!(refused(|it| (it.nano_cpus, it.cpu_quota) = (1, 5000)).contains("CPU Quota"));
        assert!(refused(|it| it.cpu_period = 999).contains("1ms"));
        assert!(refused(|it| it.cpu_quota = 999).contains("1ms"));
        assert!(refused(|it| it.cpu_shares = -1).contains("positive integer"));
        let cpus = |list: &'static str| refused(|it| it.cpuset_cpus = list.to_owned());
        assert_eq!(cpus("0,1"), "");
        assert_eq!(
            cpus("0-2"),
            "Requested CPUs are not available - requested 0-2, available: 0-1"
        );
        for wrong in ["1-0", "x", "0,", "4294967296"] {
            assert_eq!(
                cpus(wrong),
                format!("Invalid value {wrong} for cpuset cpus")
            );
        }
        for parent in ["a/b", "/a/../b", "x.slice/y", "x"] {
            let words = refused(|it| it.cgroup_parent = parent.to_owned());
            assert!(words.contains("invalid cgroup parent"), "{parent}");
        }
    }

    #[test]
    fn limits_in_the_specification_s_words() {
        let json = |mut resources: Resources| {
            resources.settle_on("0-3", "0").unwrap();
            serde_json::to_value(resources.limits().unwrap()).unwrap()
        };
        assert!(json(Resources::default()).is_null());
        // 0 and below are no limit; neither makes a cgroup.
        for none in [0, -1] {
            assert!(
                json(Resources {
                    pids_limit: Some(none),
                    ..Resources::default()
                })
                .is_null()
            );
        }
        let all = json(Resources {
            memory: 32 << 20,
            nano_cpus: 1_500_000_000,
            cpu_shares: 512,
            cpuset_cpus: "0".to_owned(),
            pids_limit: Some(9),
            ..Resources::default()
        });
        assert_eq!(all["memory"]["limit"], 32 << 20);
        assert_eq!(all["memory"]["swap"], 64 << 20);
        assert_eq!(all["cpu"]["quota"], 150_000);
        assert_eq!(all["cpu"]["period"], 100_000);
        assert_eq!(all["cpu"]["shares"], 512);
        assert_eq!(all["cpu"]["cpus"], "0");
        assert_eq!(all["pids"]["limit"], 9);
        let place = |parent: &str| {
            let cgroup_parent = parent.to_owned();
            let it = Resources {
                cgroup_parent,
                ..Resources::default()
            };
            it.cgroups_path("1").to_str().unwrap().to_owned()
        };
        assert_eq!(place(""), "ctr-1");
        assert_eq!(place("/a/b"), "/a/b/ctr-1");
        assert_eq!(place("a.slice"), "a.slice:ctr:1");
    }

    #[test]
    fn the_last_ulimit_of_a_name_holds() {
        let resources = Resources {
            ulimits: ["core=1", "nofile=5:6", "core=2"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
            ..Resources::default()
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
