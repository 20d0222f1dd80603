//! Seccomp: Docker's default profile, profiles from files, and the compiler that makes filters of them.
//!
//! ```text
//! default   Docker's default profile, as a table      ┐
//! profile   moby's JSON and the runtime-spec's        ├─► policy ─► compile ─► bpf ─► Filter
//!           LinuxSeccomp, conditions resolved         ┘              └ arch, syscall_numbers
//! ```
//!
//! The filter of the default profile for the default capabilities is made by the build script, from these very files, so
//! that `run` spends nothing on it. With other capabilities it is compiled when needed, in some hundred microseconds.
//! Without a C library: libseccomp takes tens of milliseconds for the same profile, and a program three times as long.

mod arch;
mod bpf;
mod compile;
mod default;
mod policy;
mod profile;
mod syscall_numbers;

#[cfg(test)]
mod interpreter;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use arch::Arch;
pub use compile::MAX_INSTRUCTIONS;
pub use default::DEFAULT_CAPABILITIES;
pub(super) use policy::{Action, Condition, Op, Policy, Rule};
pub use profile::{Host, Profile, ProfileError};

/// A compiled BPF program.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Instructions as `struct sock_filter` has them: code, jt, jf, k. At most [`MAX_INSTRUCTIONS`].
    pub program: Cow<'static, [libc::sock_filter]>,
    /// `SECCOMP_FILTER_FLAG_*` for `seccomp(2)`.
    pub flags: u32,
}

/// The default profile for [`DEFAULT_CAPABILITIES`].
static DEFAULT: &[libc::sock_filter] = include!(concat!(env!("OUT_DIR"), "/default_filter.rs"));

/// Filters do not slow the process down by mitigations against speculation: runc's choice for profiles without flags
/// (libcontainer/specconv), and the kernel's own since Linux 5.16.
const DEFAULT_FLAGS: u32 = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW as u32;

/// The architecture this program was built for.
#[cfg(target_arch = "x86_64")]
const HOST: Arch = Arch::X86_64;
/// The architecture this program was built for.
#[cfg(target_arch = "aarch64")]
const HOST: Arch = Arch::Aarch64;

/// Returns Docker's default profile for a container whose bounding set is told by `has_capability`, which is asked for names
/// with `CAP_`.
pub fn default_filter(has_capability: &dyn Fn(&str) -> bool) -> Filter {
    let mut decisive = default::decisive_capabilities();
    let program = if decisive.all(|c| has_capability(c) == DEFAULT_CAPABILITIES.contains(&c)) {
        Cow::Borrowed(DEFAULT)
    } else {
        Cow::Owned(compile::compile(&default::policy(HOST, has_capability)))
    };
    Filter {
        program,
        flags: DEFAULT_FLAGS,
    }
}

/// Compiles a policy of this program's own.
pub(super) fn compile(policy: &Policy<'_>) -> Filter {
    Filter {
        program: Cow::Owned(compile::compile(policy)),
        flags: DEFAULT_FLAGS,
    }
}

/// The architectures whose programs can run here, this program's first.
pub(super) fn host_family() -> &'static [Arch] {
    HOST.family()
}

impl<'a> Host<'a> {
    /// Returns what a profile is resolved against here and now.
    pub fn current(has_capability: &'a dyn Fn(&str) -> bool) -> Host<'a> {
        Host {
            arch: HOST,
            kernel: kernel_version(),
            has_capability,
        }
    }
}

/// Returns the first two numbers of the version of the kernel that runs.
pub(super) fn kernel_version() -> (u32, u32) {
    let name = rustix::system::uname();
    let mut numbers = name
        .release()
        .to_bytes()
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| {
            std::str::from_utf8(digits)
                .unwrap_or_default()
                .parse()
                .unwrap_or(0)
        });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
