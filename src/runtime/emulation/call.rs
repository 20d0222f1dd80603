//! A call's number → what it is.

use std::collections::HashMap;

use super::super::seccomp::{self, Arch};

/// The calls that are emulated, by the layout of their arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `(path, uid, gid)`
    Chown { follow: bool },
    /// `(fd, uid, gid)`
    ChownFile,
    /// `(dirfd, path, uid, gid, flags)`
    ChownAt,
    /// `(path, mode, dev)`
    MakeNode,
    /// `(dirfd, path, mode, dev)`
    MakeNodeAt,
    /// `(path, mode)`
    MakeDirectory,
    /// `(dirfd, path, mode)`
    MakeDirectoryAt,
    /// `(target, path)`
    MakeLink,
    /// `(target, dirfd, path)`
    MakeLinkAt,
    /// `(path, mode)`
    Create,
    /// `(path, flags, mode)`
    Open,
    /// `(dirfd, path, flags, mode)`
    OpenAt,
    /// `(dirfd, path, how, size)`
    OpenHow,
    /// `(path, buffer)`
    Stat { follow: bool },
    /// `(fd, buffer)`
    StatFile,
    /// `(dirfd, path, buffer, flags)`
    StatAt,
    /// `(dirfd, path, flags, mask, buffer)`
    Statx,
    /// `(path, names, size)`
    ListAttributes { follow: bool },
    /// `(fd, names, size)`
    ListAttributesOfFile,
    /// `(path, argv, envp)`
    Execute,
    /// `(dirfd, path, argv, envp, flags)`
    ExecuteAt,
    /// `(id)`
    Set(Sort),
    /// `(real, effective)`
    SetTwo(Sort),
    /// `(real, effective, saved)`
    SetThree(Sort),
    /// `(id)`
    SetFs(Sort),
    /// `(count, ids)`
    SetGroups,
    /// `()`
    Get(Sort),
    /// `()`
    GetEffective(Sort),
    /// `(real, effective, saved)`
    GetThree(Sort),
    /// `(count, ids)`
    GetGroups,
    /// `(resource, new)`, of the resource that carries marks
    SetLimit,
    /// `(pid, resource, new, old)`, of the same
    ProcessLimit,
    /// `(option, value)`, of the options that say what becomes of capabilities
    ControlProcess,
    /// `(header, data)`
    SetCapabilities,
    /// The caller gets another root directory, or another mount namespace.
    Leave,
}

/// Users or groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    User,
    Group,
}

use Kind as K;
use Sort::{Group, User};

/// Every call that is handed to the supervisor.
pub(super) const CALLS: &[(&str, Kind)] = &[
    ("chown", K::Chown { follow: true }),
    ("chown32", K::Chown { follow: true }),
    ("lchown", K::Chown { follow: false }),
    ("lchown32", K::Chown { follow: false }),
    ("fchown", K::ChownFile),
    ("fchown32", K::ChownFile),
    ("fchownat", K::ChownAt),
    ("mknod", K::MakeNode),
    ("mknodat", K::MakeNodeAt),
    ("mkdir", K::MakeDirectory),
    ("mkdirat", K::MakeDirectoryAt),
    ("symlink", K::MakeLink),
    ("symlinkat", K::MakeLinkAt),
    ("creat", K::Create),
    ("open", K::Open),
    ("openat", K::OpenAt),
    ("openat2", K::OpenHow),
    ("stat", K::Stat { follow: true }),
    ("lstat", K::Stat { follow: false }),
    ("fstat", K::StatFile),
    ("newfstatat", K::StatAt),
    ("statx", K::Statx),
    ("listxattr", K::ListAttributes { follow: true }),
    ("llistxattr", K::ListAttributes { follow: false }),
    ("flistxattr", K::ListAttributesOfFile),
    ("execve", K::Execute),
    ("execveat", K::ExecuteAt),
    ("setuid", K::Set(User)),
    ("setuid32", K::Set(User)),
    ("setgid", K::Set(Group)),
    ("setgid32", K::Set(Group)),
    ("setreuid", K::SetTwo(User)),
    ("setreuid32", K::SetTwo(User)),
    ("setregid", K::SetTwo(Group)),
    ("setregid32", K::SetTwo(Group)),
    ("setresuid", K::SetThree(User)),
    ("setresuid32", K::SetThree(User)),
    ("setresgid", K::SetThree(Group)),
    ("setresgid32", K::SetThree(Group)),
    ("setfsuid", K::SetFs(User)),
    ("setfsuid32", K::SetFs(User)),
    ("setfsgid", K::SetFs(Group)),
    ("setfsgid32", K::SetFs(Group)),
    ("setgroups", K::SetGroups),
    ("setgroups32", K::SetGroups),
    ("getuid", K::Get(User)),
    ("getuid32", K::Get(User)),
    ("getgid", K::Get(Group)),
    ("getgid32", K::Get(Group)),
    ("geteuid", K::GetEffective(User)),
    ("geteuid32", K::GetEffective(User)),
    ("getegid", K::GetEffective(Group)),
    ("getegid32", K::GetEffective(Group)),
    ("getresuid", K::GetThree(User)),
    ("getresuid32", K::GetThree(User)),
    ("getresgid", K::GetThree(Group)),
    ("getresgid32", K::GetThree(Group)),
    ("getgroups", K::GetGroups),
    ("getgroups32", K::GetGroups),
    ("setrlimit", K::SetLimit),
    ("prlimit64", K::ProcessLimit),
    ("prctl", K::ControlProcess),
    ("capset", K::SetCapabilities),
    ("chroot", K::Leave),
    ("pivot_root", K::Leave),
    ("unshare", K::Leave),
    ("setns", K::Leave),
];

/// One of them, on one architecture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) kind: Kind,
    /// Ids have 16 bits.
    pub(super) narrow: bool,
    /// `struct stat` is the one of this program.
    pub(super) native: bool,
}

/// All of them on all architectures.
#[derive(Debug)]
pub(super) struct Calls(HashMap<(u32, u32), Call>);

impl Calls {
    pub(super) fn new() -> Calls {
        let mut calls = HashMap::new();
        for arch in seccomp::host_family() {
            for (name, kind) in CALLS {
                if let Some(number) = arch.number(name) {
                    let call = Call {
                        kind: *kind,
                        narrow: is_narrow(*arch, name),
                        native: seccomp::host_family().first() == Some(arch),
                    };
                    calls.insert((arch.token(), number), call);
                }
            }
        }
        Calls(calls)
    }

    /// Finds a call by `AUDIT_ARCH_…` and number.
    pub(super) fn find(&self, arch: u32, number: u32) -> Option<Call> {
        self.0.get(&(arch, number)).copied()
    }
}

/// Whether the call is from the days of 16-bit ids: there is another one for 32 bits.
fn is_narrow(arch: Arch, name: &str) -> bool {
    arch.number(&format!("{name}32")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_calls_of_every_architecture() {
        let calls = Calls::new();
        for arch in seccomp::host_family() {
            let number = arch.number("fchownat").unwrap();
            let call = calls.find(arch.token(), number).unwrap();
            assert_eq!((call.kind, call.narrow), (Kind::ChownAt, false));
        }
        assert!(calls.find(0, 0).is_none());
        assert!(is_narrow(Arch::X86, "chown"));
        assert!(!is_narrow(Arch::X86, "chown32"));
        assert!(!is_narrow(Arch::X86_64, "chown"));
        assert!(is_narrow(Arch::Arm, "getgroups"));
    }

    #[test]
    fn every_name_is_one() {
        for (name, _) in CALLS {
            let known = seccomp::host_family()
                .iter()
                .any(|arch| arch.number(name).is_some());
            // 64-bit ARM came without these.
            assert!(known || cfg!(target_arch = "aarch64"), "{name}");
        }
    }
}
