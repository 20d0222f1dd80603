//! `linux.resources` → files of cgroup version 1: the same words.
//!
//! Spec: runtime-spec, config-linux.md, "Control groups"; kernel, Documentation/admin-guide/cgroup-v1.

use oci_spec::runtime::LinuxResources;

use super::controllers::{Setting, number, text};
use super::error::Error;

/// Returns what is to be written, in order: a limit of memory comes before that of memory and swap, which it must not exceed.
///
/// # Errors
///
/// [`Error::Unsupported`] for what only version 2 has, and for what the kernel has given up.
pub(super) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>, Error> {
    let mut list = Vec::new();
    let mut put = |controller: &str, file: &str, value: Option<String>| {
        list.extend(value.map(|value| Setting {
            controller: controller.to_owned(),
            file: file.to_owned(),
            value,
        }));
    };
    let decimal = |value: i64| value.to_string();
    if let Some(memory) = resources.memory() {
        let unsupported = [
            ("memory.kernel", number(memory.kernel()).is_some()),
            ("memory.kernelTCP", number(memory.kernel_tcp()).is_some()),
        ];
        if let Some((name, _)) = unsupported.iter().find(|(_, given)| *given) {
            return Err(unsupported_here(name));
        }
        let limit = number(memory.limit());
        put("memory", "memory.limit_in_bytes", limit.map(decimal));
        let swap = number(memory.swap());
        put("memory", "memory.memsw.limit_in_bytes", swap.map(decimal));
        let soft = number(memory.reservation());
        put("memory", "memory.soft_limit_in_bytes", soft.map(decimal));
        let swappiness = memory.swappiness().map(|value| value.to_string());
        put("memory", "memory.swappiness", swappiness);
        let disable = memory.disable_oom_killer() == Some(true);
        put(
            "memory",
            "memory.oom_control",
            disable.then(|| "1".to_owned()),
        );
    }
    if let Some(cpu) = resources.cpu() {
        let realtime =
            cpu.realtime_period().unwrap_or(0) != 0 || cpu.realtime_runtime().unwrap_or(0) != 0;
        if realtime || cpu.burst().is_some() || cpu.idle().is_some() {
            return Err(unsupported_here(
                "cpu.realtimePeriod, cpu.burst and the like",
            ));
        }
        let positive =
            |value: Option<u64>| value.filter(|value| *value != 0).map(|v| v.to_string());
        put("cpu", "cpu.shares", positive(cpu.shares()));
        put("cpu", "cpu.cfs_period_us", positive(cpu.period()));
        put("cpu", "cpu.cfs_quota_us", number(cpu.quota()).map(decimal));
        put("cpuset", "cpuset.cpus", text(cpu.cpus()).map(str::to_owned));
        put("cpuset", "cpuset.mems", text(cpu.mems()).map(str::to_owned));
    }
    if let Some(pids) = resources.pids() {
        let limit = match pids.limit() {
            ..=0 => "max".to_owned(),
            limit => limit.to_string(),
        };
        put("pids", "pids.max", Some(limit));
    }
    for huge in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.limit_in_bytes", huge.page_size());
        put("hugetlb", &file, Some(huge.limit().to_string()));
    }
    if resources
        .unified()
        .as_ref()
        .is_some_and(|files| !files.is_empty())
    {
        return Err(unsupported_here("linux.resources.unified"));
    }
    Ok(list)
}

fn unsupported_here(name: &'static str) -> Error {
    Error::Unsupported { version: 1, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Vec<String>, String> {
        let resources: LinuxResources = serde_json::from_str(json).unwrap();
        let list = settings(&resources).map_err(|error| error.to_string())?;
        let line = |it: &Setting| format!("{}: {} = {}", it.controller, it.file, it.value);
        Ok(list.iter().map(line).collect())
    }

    #[test]
    fn everything_once() {
        let all = r#"{
            "memory": {"limit": 10, "swap": 20, "reservation": 5, "swappiness": 0},
            "cpu": {"shares": 512, "period": 100000, "quota": 50000, "cpus": "0", "mems": "0"},
            "pids": {"limit": 7}
        }"#;
        assert_eq!(
            of(all).unwrap(),
            [
                "memory: memory.limit_in_bytes = 10",
                "memory: memory.memsw.limit_in_bytes = 20",
                "memory: memory.soft_limit_in_bytes = 5",
                "memory: memory.swappiness = 0",
                "cpu: cpu.shares = 512",
                "cpu: cpu.cfs_period_us = 100000",
                "cpu: cpu.cfs_quota_us = 50000",
                "cpuset: cpuset.cpus = 0",
                "cpuset: cpuset.mems = 0",
                "pids: pids.max = 7",
            ]
        );
    }

    #[test]
    fn nothing_and_what_is_not_there() {
        let nothing = r#"{"memory": {"limit": 0}, "cpu": {"shares": 0, "cpus": ""}}"#;
        assert!(of(nothing).unwrap().is_empty());
        assert_eq!(
            of(r#"{"pids": {"limit": 0}}"#).unwrap(),
            ["pids: pids.max = max"]
        );
        assert!(of(r#"{"unified": {"memory.high": "1"}}"#).is_err());
    }
}
