//! Docker's default profile, as data of our own.
//!
//! Content: moby/profiles, seccomp/default_linux.go, of June 2026. Left out are what it says of architectures this program
//! does not run on (ppc64le, riscv64, s390x), and its condition on Linux 4.8 for `ptrace`: user namespaces with overlayfs, which
//! every container has here, need Linux 5.11.

use super::arch::Arch;
use super::policy::{Action, Condition, Op, Policy, Rule};

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;

/// `CLONE_NEW*` of linux/sched.h, all but the time namespace's, which `clone(2)` has no bit for.
const NEW_NAMESPACES: u64 = 0x7e02_0000;

/// `AF_ALG` and `AF_VSOCK` of linux/socket.h: the kernel's cryptography, and sockets of virtual machines, which know nothing
/// of network namespaces.
const AF_ALG: u64 = 38;
const AF_VSOCK: u64 = 40;

/// Capabilities that a container has unless asked otherwise. Source: moby, oci/caps/defaults.go.
pub const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// When a group counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Always,
    /// The container may have this capability.
    With(&'static str),
    /// It may not.
    Without(&'static str),
    /// The host has one of these architectures, by Go's names.
    On(&'static [&'static str]),
}

/// Calls with the same fate.
#[derive(Debug)]
struct Group {
    when: When,
    action: Action,
    conditions: &'static [Condition],
    /// Separated by white space.
    names: &'static str,
}

/// Returns the capabilities that the profile asks about: for others it is the same with and without.
pub(crate) fn decisive_capabilities() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().filter_map(|group| match group.when {
        When::With(capability) | When::Without(capability) => Some(capability),
        _ => None,
    })
}

/// Returns the profile for containers on a host of architecture `host` whose bounding set is told by `has_capability`.
pub(crate) fn policy(host: Arch, has_capability: &dyn Fn(&str) -> bool) -> Policy<'static> {
    let counts = |group: &&Group| match group.when {
        When::Always => true,
        When::With(capability) => has_capability(capability),
        When::Without(capability) => !has_capability(capability),
        When::On(arches) => arches.contains(&host.go_name()),
    };
    Policy {
        default: Action::Errno(EPERM),
        arches: host.family().to_vec(),
        rules: GROUPS.iter().filter(counts).map(Group::rule).collect(),
    }
}

impl Group {
    fn rule(&self) -> Rule<'static> {
        Rule {
            names: self.names.split_ascii_whitespace().collect(),
            action: self.action,
            conditions: self.conditions.to_vec(),
        }
    }
}

const fn allow(when: When, names: &'static str) -> Group {
    allow_if(when, names, &[])
}

const fn allow_if(when: When, names: &'static str, conditions: &'static [Condition]) -> Group {
    Group {
        when,
        action: Action::Allow,
        conditions,
        names,
    }
}

const fn first_argument(op: Op, value: u64) -> Condition {
    Condition {
        argument: 0,
        op,
        value,
    }
}

const GROUPS: &[Group] = &[
    allow(
        When::Always,
        "accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 \
         clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 \
         clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 \
         epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old \
         eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate \
         fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr \
         flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate \
         ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd \
         getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer \
         getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid \
         getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid \
         gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 \
         inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get \
         ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self \
         lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek \
         lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret \
         mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify \
         mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal \
         msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat \
         _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free \
         pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 \
         pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg \
         recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 \
         restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo \
         rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity \
         sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler \
         sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam \
         sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send \
         sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 \
         setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid \
         setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address \
         setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 \
         sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink \
         symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun \
         timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime \
         timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname \
         unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write \
         writev",
    ),
    allow(When::Always, "process_vm_readv process_vm_writev ptrace"),
    // Not on i386, where socketcall(2) hides the family from any filter.
    allow_if(When::Always, "socket", &[first_argument(Op::Less, AF_ALG)]),
    allow_if(
        When::Always,
        "socket",
        &[first_argument(Op::Equal, AF_ALG + 1)],
    ),
    allow_if(
        When::Always,
        "socket",
        &[first_argument(Op::Greater, AF_VSOCK)],
    ),
    // PER_LINUX, PER_LINUX32, each with and without UNAME26, and the question which one it is.
    allow_if(When::Always, "personality", &[first_argument(Op::Equal, 0)]),
    allow_if(
        When::Always,
        "personality",
        &[first_argument(Op::Equal, 0x0008)],
    ),
    allow_if(
        When::Always,
        "personality",
        &[first_argument(Op::Equal, 0x0002_0000)],
    ),
    allow_if(
        When::Always,
        "personality",
        &[first_argument(Op::Equal, 0x0002_0008)],
    ),
    allow_if(
        When::Always,
        "personality",
        &[first_argument(Op::Equal, 0xffff_ffff)],
    ),
    allow(
        When::On(&["arm", "arm64"]),
        "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
    ),
    allow(When::On(&["amd64", "x32"]), "arch_prctl"),
    allow(When::On(&["amd64", "x32", "x86"]), "modify_ldt"),
    allow(When::With("CAP_DAC_READ_SEARCH"), "open_by_handle_at"),
    allow(
        When::With("CAP_SYS_ADMIN"),
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules \
         lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname \
         sethostname setns syslog umount umount2 unshare",
    ),
    allow_if(
        When::Without("CAP_SYS_ADMIN"),
        "clone",
        &[first_argument(
            Op::MaskedEqual {
                mask: NEW_NAMESPACES,
            },
            0,
        )],
    ),
    // Its flags lie in memory. Without the call, C libraries use clone(2).
    Group {
        when: When::Without("CAP_SYS_ADMIN"),
        action: Action::Errno(ENOSYS),
        conditions: &[],
        names: "clone3",
    },
    allow(When::With("CAP_SYS_BOOT"), "reboot"),
    allow(When::With("CAP_SYS_CHROOT"), "chroot"),
    allow(
        When::With("CAP_SYS_MODULE"),
        "delete_module init_module finit_module",
    ),
    allow(When::With("CAP_SYS_PACCT"), "acct"),
    allow(
        When::With("CAP_SYS_PTRACE"),
        "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    ),
    allow(When::With("CAP_SYS_RAWIO"), "iopl ioperm"),
    allow(
        When::With("CAP_SYS_TIME"),
        "settimeofday stime clock_settime clock_settime64",
    ),
    allow(When::With("CAP_SYS_TTY_CONFIG"), "vhangup"),
    allow(
        When::With("CAP_SYS_NICE"),
        "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    ),
    allow(When::With("CAP_SYSLOG"), "syslog"),
    allow(When::With("CAP_BPF"), "bpf"),
    allow(When::With("CAP_PERFMON"), "perf_event_open"),
];
