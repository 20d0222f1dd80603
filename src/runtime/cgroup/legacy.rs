//! `linux.resources` → files of cgroup version 1: the same words.
//!
//! Spec: runtime-spec, config-linux.md, "Control groups"; kernel, Documentation/admin-guide/cgroup-v1.

use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};

use super::controllers::{Setting, Settings, is_realtime, number, refuse};
use super::error::Error;

/// Of the cgroups that this is about.
const VERSION: u8 = 1;

/// Returns what is to be written, in order.
///
/// # Errors
///
/// [`Error::Unsupported`] for what only version 2 has, and for what the kernel has given up.
pub(super) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>, Error> {
    let mut list = Settings::default();
    if let Some(it) = resources.memory() {
        memory(it, &mut list)?;
    }
    if let Some(it) = resources.cpu() {
        cpu(it, &mut list)?;
    }
    if let Some(pids) = resources.pids() {
        let limit = match pids.limit() {
            ..=0 => "max".to_owned(),
            limit => limit.to_string(),
        };
        list.put("pids", "pids.max", Some(limit));
    }
    for huge in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.limit_in_bytes", huge.page_size());
        list.put("hugetlb", &file, Some(huge.limit()));
    }
    let has_files = (resources.unified().as_ref()).is_some_and(|files| !files.is_empty());
    refuse(VERSION, &[("linux.resources.unified", has_files)])?;
    Ok(list.into_list())
}

/// The limit of memory comes before that of memory and swap, which it must not exceed.
fn memory(memory: &LinuxMemory, list: &mut Settings) -> Result<(), Error> {
    let gone = [
        ("memory.kernel", number(memory.kernel()).is_some()),
        ("memory.kernelTCP", number(memory.kernel_tcp()).is_some()),
    ];
    refuse(VERSION, &gone)?;
    let mut put = |file, value| list.put("memory", file, value);
    put("memory.limit_in_bytes", number(memory.limit()));
    put("memory.memsw.limit_in_bytes", number(memory.swap()));
    put("memory.soft_limit_in_bytes", number(memory.reservation()));
    list.put("memory", "memory.swappiness", memory.swappiness());
    let disable = memory.disable_oom_killer() == Some(true);
    list.put("memory", "memory.oom_control", disable.then_some(1));
    Ok(())
}

fn cpu(cpu: &LinuxCpu, list: &mut Settings) -> Result<(), Error> {
    let of_version_2 = is_realtime(cpu) || cpu.burst().is_some() || cpu.idle().is_some();
    let words = "cpu.realtimePeriod, cpu.burst and the like";
    refuse(VERSION, &[(words, of_version_2)])?;
    list.put("cpu", "cpu.shares", number(cpu.shares()));
    list.put("cpu", "cpu.cfs_period_us", number(cpu.period()));
    list.put("cpu", "cpu.cfs_quota_us", number(cpu.quota()));
    list.put_cpuset(cpu);
    Ok(())
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
