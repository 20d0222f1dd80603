//! `linux.resources` → files of cgroup version 2.
//!
//! Spec: runtime-spec, config-linux.md, "Control groups"; kernel, Documentation/admin-guide/cgroup-v2.rst. How the words of
//! version 1, in which the specification speaks, are turned: opencontainers/cgroups, utils.go and fs2.

use oci_spec::runtime::LinuxResources;

use super::controllers::{Setting, number, text};
use super::error::Error;

/// The kernel's default period of `cpu.max`, microseconds.
const PERIOD: u64 = 100_000;

/// Returns what is to be written, in order.
///
/// # Errors
///
/// [`Error::Unsupported`] for what version 2 does not have; [`Error::Invalid`] for limits that contradict each other.
pub(super) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>, Error> {
    let mut list = Vec::new();
    let mut put = |controller: &str, file: &str, value: String| {
        list.push(Setting {
            controller: controller.to_owned(),
            file: file.to_owned(),
            value,
        });
    };
    if let Some(memory) = resources.memory() {
        let unsupported = [
            ("memory.swappiness", memory.swappiness().is_some()),
            ("memory.kernel", number(memory.kernel()).is_some()),
            ("memory.kernelTCP", number(memory.kernel_tcp()).is_some()),
            (
                "memory.disableOOMKiller",
                memory.disable_oom_killer() == Some(true),
            ),
        ];
        if let Some((name, _)) = unsupported.iter().find(|(_, given)| *given) {
            return Err(unsupported_here(name));
        }
        let limit = number(memory.limit());
        if let Some(limit) = limit {
            put("memory", "memory.max", or_max(limit));
        }
        if let Some(swap) = swap(limit, number(memory.swap()))? {
            put("memory", "memory.swap.max", or_max(swap));
        }
        if let Some(low) = number(memory.reservation()) {
            put("memory", "memory.low", or_max(low));
        }
    }
    if let Some(cpu) = resources.cpu() {
        let realtime =
            cpu.realtime_period().unwrap_or(0) != 0 || cpu.realtime_runtime().unwrap_or(0) != 0;
        if realtime {
            return Err(unsupported_here(
                "cpu.realtimePeriod and cpu.realtimeRuntime",
            ));
        }
        if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
            put("cpu", "cpu.weight", weight(shares).to_string());
        }
        let quota = number(cpu.quota());
        let period = cpu.period().filter(|period| *period != 0);
        if quota.is_some() || period.is_some() {
            let quota = or_max(quota.unwrap_or(-1));
            let value = format!("{quota} {}", period.unwrap_or(PERIOD));
            put("cpu", "cpu.max", value);
        }
        if let Some(burst) = cpu.burst() {
            put("cpu", "cpu.max.burst", burst.to_string());
        }
        if let Some(idle) = cpu.idle() {
            put("cpu", "cpu.idle", idle.to_string());
        }
        if let Some(cpus) = text(cpu.cpus()) {
            put("cpuset", "cpuset.cpus", cpus.to_owned());
        }
        if let Some(nodes) = text(cpu.mems()) {
            put("cpuset", "cpuset.mems", nodes.to_owned());
        }
    }
    if let Some(pids) = resources.pids() {
        put(
            "pids",
            "pids.max",
            or_max(if pids.limit() == 0 { -1 } else { pids.limit() }),
        );
    }
    for huge in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.max", huge.page_size());
        put("hugetlb", &file, huge.limit().to_string());
    }
    let mut further: Vec<_> = resources.unified().iter().flatten().collect();
    further.sort_unstable();
    for (file, value) in further {
        let controller = file
            .split_once('.')
            .map_or("", |(controller, _)| controller);
        if file.contains('/') || controller.is_empty() || controller == "cgroup" {
            return Err(Error::Invalid(format!(
                "{file:?} is no file of a controller"
            )));
        }
        put(controller, file, value.clone());
    }
    Ok(list)
}

fn unsupported_here(name: &'static str) -> Error {
    Error::Unsupported { version: 2, name }
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
