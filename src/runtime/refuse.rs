//! What the spec can say and this runtime does not do: refused by name, never ignored.

use oci_spec::runtime::{Linux, LinuxResources, Process, Spec, User};

use super::Error;

/// Checks the whole spec.
pub(super) fn check(spec: &Spec) -> Result<(), Error> {
    refuse(
        "hooks",
        spec.hooks()
            .as_ref()
            .is_some_and(|hooks| *hooks != oci_spec::runtime::Hooks::default()),
    )?;
    refuse("solaris", spec.solaris().is_some())?;
    refuse("windows", spec.windows().is_some())?;
    refuse("vm", spec.vm().is_some())?;
    refuse("zos", spec.zos().is_some())?;
    if let Some(linux) = spec.linux() {
        check_linux(linux)?;
    }
    match spec.process() {
        Some(process) => check_process(process),
        None => Err(Error::Unsupported(
            "a container without a process".to_owned(),
        )),
    }
}

fn check_linux(linux: &Linux) -> Result<(), Error> {
    refuse(
        "linux.netDevices",
        linux
            .net_devices()
            .as_ref()
            .is_some_and(|map| !map.is_empty()),
    )?;
    refuse("linux.intelRdt", linux.intel_rdt().is_some())?;
    refuse("linux.memoryPolicy", linux.memory_policy().is_some())?;
    refuse("linux.personality", linux.personality().is_some())?;
    refuse(
        "linux.timeOffsets",
        linux
            .time_offsets()
            .as_ref()
            .is_some_and(|map| !map.is_empty()),
    )?;
    refuse("linux.mountLabel", is_given(linux.mount_label().as_ref()))?;
    match linux.resources() {
        Some(resources) => check_resources(resources),
        None => Ok(()),
    }
}

/// The list of devices is what every spec carries; the user namespace keeps the container from making any. What the other
/// limits need is said by `cgroup`.
fn check_resources(resources: &LinuxResources) -> Result<(), Error> {
    refuse("linux.resources.blockIO", resources.block_io().is_some())?;
    refuse("linux.resources.network", resources.network().is_some())?;
    refuse("linux.resources.rdma", resources.rdma().is_some())
}

/// Checks a process, of a container or of an exec.
pub(super) fn check_process(process: &Process) -> Result<(), Error> {
    refuse(
        "process.apparmorProfile",
        is_given(process.apparmor_profile().as_ref()),
    )?;
    refuse(
        "process.selinuxLabel",
        is_given(process.selinux_label().as_ref()),
    )?;
    refuse("process.ioPriority", process.io_priority().is_some())?;
    refuse("process.scheduler", process.scheduler().is_some())?;
    refuse(
        "process.execCPUAffinity",
        process.exec_cpu_affinity().is_some(),
    )?;
    refuse("process.commandLine", process.command_line().is_some())?;
    check_user(process.user())?;
    if process.args().as_ref().is_none_or(Vec::is_empty) {
        return Err(Error::Unsupported("a process without arguments".to_owned()));
    }
    Ok(())
}

/// 4294967295 is no id: to `setresuid(2)` it means "leave it as it is", which here would be root.
fn check_user(user: &User) -> Result<(), Error> {
    let groups = user.additional_gids().as_deref().unwrap_or_default();
    let mut ids = [user.uid(), user.gid()]
        .into_iter()
        .chain(groups.iter().copied());
    refuse(
        "the user or group id 4294967295",
        ids.any(|id| id == u32::MAX),
    )
}

fn is_given(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

fn refuse(what: &str, given: bool) -> Result<(), Error> {
    match given {
        true => Err(Error::Unsupported(what.to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{LinuxBlockIoBuilder, LinuxBuilder, LinuxResourcesBuilder};

    fn spec() -> Spec {
        let mut spec = Spec::default();
        let mut process = Process::default();
        process.set_apparmor_profile(None);
        spec.set_process(Some(process));
        spec.set_linux(Some(Linux::default()));
        spec
    }

    #[test]
    fn a_plain_spec_passes() {
        let mut spec = spec();
        spec.set_linux(None);
        check(&spec).unwrap();
    }

    #[test]
    fn an_id_that_means_no_change_is_refused() {
        let minus_one = u32::MAX;
        for (uid, gid, groups) in [
            (minus_one, 1, vec![]),
            (1, minus_one, vec![]),
            (1, 1, vec![1, minus_one]),
        ] {
            let mut user = User::default();
            user.set_uid(uid)
                .set_gid(gid)
                .set_additional_gids(Some(groups));
            let mut process = Process::default();
            process.set_apparmor_profile(None).set_user(user);
            assert!(matches!(
                check_process(&process),
                Err(Error::Unsupported(words)) if words.contains("4294967295")
            ));
        }
    }

    #[test]
    fn limits_are_refused_by_name() {
        let mut spec = spec();
        let weight = LinuxBlockIoBuilder::default()
            .weight(5_u16)
            .build()
            .unwrap();
        let resources = LinuxResourcesBuilder::default()
            .block_io(weight)
            .build()
            .unwrap();
        let linux = LinuxBuilder::default()
            .resources(resources)
            .build()
            .unwrap();
        spec.set_linux(Some(linux));
        let error = check(&spec).unwrap_err();
        assert_eq!(error.to_string(), "not supported: linux.resources.blockIO");
    }
}
