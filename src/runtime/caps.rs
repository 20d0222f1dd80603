//! Capabilities by name and by number. See `capabilities(7)`.

use std::collections::HashSet;

use oci_spec::runtime::{Capability, LinuxCapabilities};
use rustix::thread::CapabilitySet;

/// The five sets of a process, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sets {
    pub(super) bounding: CapabilitySet,
    pub(super) effective: CapabilitySet,
    pub(super) permitted: CapabilitySet,
    pub(super) inheritable: CapabilitySet,
    pub(super) ambient: CapabilitySet,
}

impl Sets {
    /// Sets that are not given are empty.
    pub(super) fn new(capabilities: Option<&LinuxCapabilities>) -> Sets {
        let bits = |pick: fn(&LinuxCapabilities) -> &Option<HashSet<Capability>>| {
            capabilities
                .and_then(|capabilities| pick(capabilities).as_ref())
                .map_or(CapabilitySet::empty(), |set| {
                    set.iter().map(|capability| one(*capability)).collect()
                })
        };
        Sets {
            bounding: bits(LinuxCapabilities::bounding),
            effective: bits(LinuxCapabilities::effective),
            permitted: bits(LinuxCapabilities::permitted),
            inheritable: bits(LinuxCapabilities::inheritable),
            ambient: bits(LinuxCapabilities::ambient),
        }
    }
}

fn one(capability: Capability) -> CapabilitySet {
    use Capability as C;
    match capability {
        C::Chown => CapabilitySet::CHOWN,
        C::DacOverride => CapabilitySet::DAC_OVERRIDE,
        C::DacReadSearch => CapabilitySet::DAC_READ_SEARCH,
        C::Fowner => CapabilitySet::FOWNER,
        C::Fsetid => CapabilitySet::FSETID,
        C::Kill => CapabilitySet::KILL,
        C::Setgid => CapabilitySet::SETGID,
        C::Setuid => CapabilitySet::SETUID,
        C::Setpcap => CapabilitySet::SETPCAP,
        C::LinuxImmutable => CapabilitySet::LINUX_IMMUTABLE,
        C::NetBindService => CapabilitySet::NET_BIND_SERVICE,
        C::NetBroadcast => CapabilitySet::NET_BROADCAST,
        C::NetAdmin => CapabilitySet::NET_ADMIN,
        C::NetRaw => CapabilitySet::NET_RAW,
        C::IpcLock => CapabilitySet::IPC_LOCK,
        C::IpcOwner => CapabilitySet::IPC_OWNER,
        C::SysModule => CapabilitySet::SYS_MODULE,
        C::SysRawio => CapabilitySet::SYS_RAWIO,
        C::SysChroot => CapabilitySet::SYS_CHROOT,
        C::SysPtrace => CapabilitySet::SYS_PTRACE,
        C::SysPacct => CapabilitySet::SYS_PACCT,
        C::SysAdmin => CapabilitySet::SYS_ADMIN,
        C::SysBoot => CapabilitySet::SYS_BOOT,
        C::SysNice => CapabilitySet::SYS_NICE,
        C::SysResource => CapabilitySet::SYS_RESOURCE,
        C::SysTime => CapabilitySet::SYS_TIME,
        C::SysTtyConfig => CapabilitySet::SYS_TTY_CONFIG,
        C::Mknod => CapabilitySet::MKNOD,
        C::Lease => CapabilitySet::LEASE,
        C::AuditWrite => CapabilitySet::AUDIT_WRITE,
        C::AuditControl => CapabilitySet::AUDIT_CONTROL,
        C::Setfcap => CapabilitySet::SETFCAP,
        C::MacOverride => CapabilitySet::MAC_OVERRIDE,
        C::MacAdmin => CapabilitySet::MAC_ADMIN,
        C::Syslog => CapabilitySet::SYSLOG,
        C::WakeAlarm => CapabilitySet::WAKE_ALARM,
        C::BlockSuspend => CapabilitySet::BLOCK_SUSPEND,
        C::AuditRead => CapabilitySet::AUDIT_READ,
        C::Perfmon => CapabilitySet::PERFMON,
        C::Bpf => CapabilitySet::BPF,
        C::CheckpointRestore => CapabilitySet::CHECKPOINT_RESTORE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_sets_are_empty() {
        let sets = Sets::new(None);
        assert_eq!(sets.bounding, CapabilitySet::empty());
        assert_eq!(sets.ambient, CapabilitySet::empty());
    }

    #[test]
    fn names_become_bits() {
        let mut capabilities = LinuxCapabilities::default();
        capabilities.set_bounding(Some(HashSet::from([Capability::Chown, Capability::Kill])));
        capabilities.set_effective(None);
        let sets = Sets::new(Some(&capabilities));
        assert_eq!(sets.bounding.bits(), 1 | 1 << 5);
        assert_eq!(sets.effective, CapabilitySet::empty());
    }
}
