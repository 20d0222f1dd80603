//! `linux.resources` → files of cgroup version 2.
//!
//! Spec: runtime-spec, config-linux.md, "Control groups"; kernel, Documentation/admin-guide/cgroup-v2.rst. How the words of
//! version 1, in which the specification speaks, are turned: opencontainers/cgroups, utils.go and fs2.

use std::collections::HashMap;

use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};

use super::controllers::{Setting, Settings, is_realtime, number, refuse};
use super::error::Error;

/// Of the cgroups that this is about.
const VERSION: u8 = 2;

/// The kernel's default period of `cpu.max`, microseconds.
const PERIOD: u64 = 100_000;

/// Returns what is to be written, in order.
///
/// # Errors
///
/// [`Error::Unsupported`] for what version 2 does not have; [`Error::Invalid`] for limits that contradict each other.
pub(super) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>, Error> {
    let mut list = Settings::default();
    if let Some(it) = resources.memory() {
        memory(it, &mut list)?;
    }
    if let Some(it) = resources.cpu() {
        cpu(it, &mut list)?;
    }
    if let Some(pids) = resources.pids() {
        let limit = number(Some(pids.limit())).unwrap_or(-1);
        list.put("pids", "pids.max", Some(or_max(limit)));
    }
    for huge in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.max", huge.page_size());
        list.put("hugetlb", &file, Some(huge.limit()));
    }
    if let Some(files) = resources.unified() {
        by_name(files, &mut list)?;
    }
    Ok(list.into_list())
}

fn memory(memory: &LinuxMemory, list: &mut Settings) -> Result<(), Error> {
    let of_version_1 = [
        ("memory.swappiness", memory.swappiness().is_some()),
        ("memory.kernel", number(memory.kernel()).is_some()),
        ("memory.kernelTCP", number(memory.kernel_tcp()).is_some()),
        (
            "memory.disableOOMKiller",
            memory.disable_oom_killer() == Some(true),
        ),
    ];
    refuse(VERSION, &of_version_1)?;
    let limit = number(memory.limit());
    let swap = swap(limit, number(memory.swap()))?;
    let low = number(memory.reservation());
    list.put("memory", "memory.max", limit.map(or_max));
    list.put("memory", "memory.swap.max", swap.map(or_max));
    list.put("memory", "memory.low", low.map(or_max));
    Ok(())
}

fn cpu(cpu: &LinuxCpu, list: &mut Settings) -> Result<(), Error> {
    let words = "cpu.realtimePeriod and cpu.realtimeRuntime";
    refuse(VERSION, &[(words, is_realtime(cpu))])?;
    list.put("cpu", "cpu.weight", number(cpu.shares()).map(weight));
    let (quota, period) = (number(cpu.quota()), number(cpu.period()));
    let max = (quota.is_some() || period.is_some()).then(|| {
        let quota = or_max(quota.unwrap_or(-1));
        format!("{quota} {}", period.unwrap_or(PERIOD))
    });
    list.put("cpu", "cpu.max", max);
    list.put("cpu", "cpu.max.burst", cpu.burst());
    list.put("cpu", "cpu.idle", cpu.idle());
    list.put_cpuset(cpu);
    Ok(())
}

/// Files that the specification's words do not reach.
fn by_name(files: &HashMap<String, String>, list: &mut Settings) -> Result<(), Error> {
    let mut files: Vec<_> = files.iter().collect();
    files.sort_unstable();
    for (file, value) in files {
        let controller = file
            .split_once('.')
            .map_or("", |(controller, _)| controller);
        if file.contains('/') || controller.is_empty() || controller == "cgroup" {
            return Err(Error::Invalid(format!(
                "{file:?} is no file of a controller"
            )));
        }
        list.put(controller, file, Some(value));
    }
    Ok(())
}

fn or_max(value: i64) -> String {
    match value {
        ..0 => "max".to_owned(),
        value => value.to_string(),
    }
}

/// Memory and swap together → swap alone.
fn swap(memory: Option<i64>, both: Option<i64>) -> Result<Option<i64>, Error> {
    match (memory, both) {
        (Some(-1), None) => Ok(Some(-1)),
        (_, None) => Ok(None),
        (_, Some(-1)) => Ok(Some(-1)),
        (None | Some(-1), Some(_)) => Err(Error::Invalid(
            "a limit of memory and swap needs a limit of memory".to_owned(),
        )),
        (Some(memory), Some(both)) if both < memory => Err(Error::Invalid(
            "the limit of memory and swap is lower than that of memory".to_owned(),
        )),
        (Some(memory), Some(both)) => Ok(Some(both - memory)),
    }
}

/// 2…262144 → 1…10000, as runc up to 1.3 and crun up to 1.23 have it: what Docker 28 and podman 5 give a container.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings of resources as the specification writes them.
    fn of(json: &str) -> Result<Vec<String>, String> {
        let resources: LinuxResources = serde_json::from_str(json).unwrap();
        let list = settings(&resources).map_err(|error| error.to_string())?;
        let line = |it: &Setting| format!("{}: {} = {}", it.controller, it.file, it.value);
        Ok(list.iter().map(line).collect())
    }

    fn one(json: &str) -> String {
        of(json).unwrap().join(", ")
    }

    #[test]
    fn memory() {
        assert_eq!(
            one(r#"{"memory": {"limit": 33554432, "swap": 67108864, "reservation": 1048576}}"#),
            "memory: memory.max = 33554432, memory: memory.swap.max = 33554432, memory: memory.low = 1048576"
        );
        // As much as memory alone: no swap.
        assert_eq!(
            one(r#"{"memory": {"limit": 5, "swap": 5}}"#),
            "memory: memory.max = 5, memory: memory.swap.max = 0"
        );
        assert_eq!(
            one(r#"{"memory": {"limit": 5, "swap": -1}}"#),
            "memory: memory.max = 5, memory: memory.swap.max = max"
        );
        assert_eq!(
            one(r#"{"memory": {"limit": -1}}"#),
            "memory: memory.max = max, memory: memory.swap.max = max"
        );
        assert_eq!(one(r#"{"memory": {"limit": 0, "swap": 0}}"#), "");
        assert!(of(r#"{"memory": {"swap": 5}}"#).is_err());
        assert!(of(r#"{"memory": {"limit": 6, "swap": 5}}"#).is_err());
        assert_eq!(
            of(r#"{"memory": {"swappiness": 10}}"#).unwrap_err(),
            "cgroup version 2 has no memory.swappiness"
        );
    }

    #[test]
    fn cpu() {
        for (shares, weight) in [(2, 1), (512, 20), (1024, 39), (262_144, 10_000), (1, 1)] {
            assert_eq!(
                one(&format!(r#"{{"cpu": {{"shares": {shares}}}}}"#)),
                format!("cpu: cpu.weight = {weight}")
            );
        }
        let quota = |words: &str| one(&format!(r#"{{"cpu": {{{words}}}}}"#));
        assert_eq!(
            quota(r#""quota": 50000, "period": 200000"#),
            "cpu: cpu.max = 50000 200000"
        );
        assert_eq!(quota(r#""quota": 50000"#), "cpu: cpu.max = 50000 100000");
        assert_eq!(quota(r#""period": 5000"#), "cpu: cpu.max = max 5000");
        assert_eq!(quota(r#""quota": -1"#), "cpu: cpu.max = max 100000");
        assert_eq!(
            quota(r#""cpus": "0-1", "mems": "0""#),
            "cpuset: cpuset.cpus = 0-1, cpuset: cpuset.mems = 0"
        );
        assert!(of(r#"{"cpu": {"realtimeRuntime": 5}}"#).is_err());
    }

    #[test]
    fn processes_huge_pages_and_files_by_name() {
        assert_eq!(one(r#"{"pids": {"limit": 9}}"#), "pids: pids.max = 9");
        assert_eq!(one(r#"{"pids": {"limit": -1}}"#), "pids: pids.max = max");
        assert_eq!(
            one(r#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 4096}]}"#),
            "hugetlb: hugetlb.2MB.max = 4096"
        );
        assert_eq!(
            one(r#"{"unified": {"memory.high": "7", "io.weight": "default 9"}}"#),
            "io: io.weight = default 9, memory: memory.high = 7"
        );
        for wrong in ["../memory.max", "cgroup.procs", "nodot"] {
            assert!(of(&format!(r#"{{"unified": {{"{wrong}": "1"}}}}"#)).is_err());
        }
    }
}
