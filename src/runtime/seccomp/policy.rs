//! What a filter decides, independent of where that was written: the compiler's input.

use super::arch::Arch;

/// What happens to a call. See `seccomp(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The thread ends.
    KillThread,
    /// The process ends.
    KillProcess,
    /// `SIGSYS`.
    Trap,
    /// The call fails with this errno.
    Errno(u16),
    /// A supervisor decides; without one the call fails with `ENOSYS`.
    Notify,
    /// A tracer is told, with this number; without one the call fails with `ENOSYS`.
    Trace(u16),
    /// The call is made, and logged.
    Log,
    /// The call is made.
    Allow,
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// `argument != value`
    NotEqual,
    /// `argument < value`, as all comparisons without sign.
    Less,
    /// `argument <= value`
    LessOrEqual,
    /// `argument == value`
    Equal,
    /// `argument >= value`
    GreaterOrEqual,
    /// `argument > value`
    Greater,
    /// `argument & mask == value`
    MaskedEqual {
        /// The bits that count.
        mask: u64,
    },
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    /// 0 to 5.
    pub(crate) argument: u8,
    /// How it is compared.
    pub(crate) op: Op,
    /// With what.
    pub(crate) value: u64,
}

/// What happens to some calls when all conditions hold.
#[derive(Debug, Clone)]
pub(crate) struct Rule<'a> {
    /// Names of calls. Those an architecture does not have are left out there.
    pub(crate) names: Vec<&'a str>,
    /// What happens.
    pub(crate) action: Action,
    /// All must hold; none: always.
    pub(crate) conditions: Vec<Condition>,
}

/// What happens to every call of every architecture.
///
/// For one call, a rule without conditions beats those with, the first of its kind beats later ones, and rules that say what
/// the default says do not count. That is what runc makes of a profile by way of libseccomp. A call that is newer than all
/// those the policy names fails with `ENOSYS` where the default is to refuse, so that programs fall back to what they did
/// before there was such a call (runc, libcontainer/seccomp/patchbpf).
#[derive(Debug, Clone)]
pub(crate) struct Policy<'a> {
    /// What happens where no rule speaks.
    pub(crate) default: Action,
    /// Calls of other architectures kill the thread, as libseccomp has it.
    pub(crate) arches: Vec<Arch>,
    /// In order.
    pub(crate) rules: Vec<Rule<'a>>,
}

impl Action {
    /// Returns the value that a filter returns for it: `SECCOMP_RET_*` of linux/seccomp.h.
    pub(crate) fn return_value(self) -> u32 {
        match self {
            Action::KillThread => 0,
            Action::KillProcess => 0x8000_0000,
            Action::Trap => 0x0003_0000,
            Action::Errno(errno) => 0x0005_0000 | u32::from(errno),
            Action::Notify => 0x7fc0_0000,
            Action::Trace(data) => 0x7ff0_0000 | u32::from(data),
            Action::Log => 0x7ffc_0000,
            Action::Allow => 0x7fff_0000,
        }
    }

    /// Returns whether a call that nobody thought of is refused.
    pub(crate) fn refuses(self) -> bool {
        !matches!(
            self,
            Action::Notify | Action::Trace(_) | Action::Log | Action::Allow
        )
    }
}
