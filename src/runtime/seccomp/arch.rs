//! Architectures as seccomp sees them: one token per system call convention, two conventions behind x86_64's.

use super::syscall_numbers::{__, SYSCALLS};

/// A system call convention. The discriminant is its column in the table of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// x86, 64 bits.
    X86_64,
    /// x86, 32 bits (i386).
    X86,
    /// x86, 64-bit registers and 32-bit pointers. Shares its token with [`Arch::X86_64`]; bit 30 of the number tells them apart.
    X32,
    /// ARM, 64 bits.
    Aarch64,
    /// ARM, 32 bits (EABI).
    Arm,
}

/// Every architecture there are numbers for.
const ALL: [Arch; 5] = [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm];

impl Arch {
    /// Returns the architecture that Rust's `target_arch` names.
    pub fn of_target(target_arch: &str) -> Option<Arch> {
        match target_arch {
            "x86_64" => Some(Arch::X86_64),
            "aarch64" => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// Returns the architecture with a name of libseccomp's, as profiles have them: `SCMP_ARCH_X86_64`.
    pub fn of_profile(name: &str) -> Option<Arch> {
        ALL.into_iter().find(|arch| arch.profile_name() == name)
    }

    /// Returns libseccomp's name.
    pub fn profile_name(self) -> &'static str {
        match self {
            Arch::X86_64 => "SCMP_ARCH_X86_64",
            Arch::X86 => "SCMP_ARCH_X86",
            Arch::X32 => "SCMP_ARCH_X32",
            Arch::Aarch64 => "SCMP_ARCH_AARCH64",
            Arch::Arm => "SCMP_ARCH_ARM",
        }
    }

    /// Returns Go's name, which the conditions of moby's profile use.
    pub fn go_name(self) -> &'static str {
        match self {
            Arch::X86_64 => "amd64",
            Arch::X86 => "x86",
            Arch::X32 => "x32",
            Arch::Aarch64 => "arm64",
            Arch::Arm => "arm",
        }
    }

    /// Returns `AUDIT_ARCH_*` of linux/audit.h: what the kernel puts into `seccomp_data.arch`.
    pub fn token(self) -> u32 {
        match self {
            Arch::X86_64 | Arch::X32 => 0xc000_003e,
            Arch::X86 => 0x4000_0003,
            Arch::Aarch64 => 0xc000_00b7,
            Arch::Arm => 0x4000_0028,
        }
    }

    /// Returns what is added to every number: `__X32_SYSCALL_BIT`, or nothing.
    pub fn number_base(self) -> u32 {
        match self {
            Arch::X32 => 0x4000_0000,
            _ => 0,
        }
    }

    /// Returns whether registers, and so arguments, have 32 bits. x32 has small pointers in large registers.
    pub fn has_short_arguments(self) -> bool {
        matches!(self, Arch::X86 | Arch::Arm)
    }

    /// Returns the architectures whose programs the same kernel runs, itself first: moby's `archMap`.
    pub fn family(self) -> &'static [Arch] {
        match self {
            Arch::X86_64 => &[Arch::X86_64, Arch::X86, Arch::X32],
            Arch::Aarch64 => &[Arch::Aarch64, Arch::Arm],
            Arch::X86 => &[Arch::X86],
            Arch::X32 => &[Arch::X32],
            Arch::Arm => &[Arch::Arm],
        }
    }

    /// Returns the number of the call `name` as the kernel puts it into `seccomp_data.nr`; `None` where it does not exist.
    pub fn number(self, name: &str) -> Option<u32> {
        let row = SYSCALLS.binary_search_by(|row| row.0.cmp(name)).ok()?;
        let number = SYSCALLS[row].1[self as usize];
        (number != __).then_some(self.number_base() | number)
    }
}
