//! Filters against what they were made from: every call of every architecture, with arguments around every boundary.

use super::arch::Arch;
use super::interpreter::{Data, run};
use super::policy::{Action, Condition, Op, Policy, Rule};
use super::syscall_numbers::SYSCALLS;
use super::*;

const FAMILIES: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];

/// The policy read straight from its definition, without a thought for speed.
fn naive(policy: &Policy<'_>, arch: Arch, name: &str, arguments: &[u64; 6]) -> Action {
    let speaks = |rule: &&Rule<'_>| rule.action != policy.default && rule.names.contains(&name);
    let mut rules: Vec<&Rule<'_>> = policy.rules.iter().filter(speaks).collect();
    rules.sort_by_key(|rule| !rule.conditions.is_empty());
    let holds = |condition: &Condition| {
        let mut argument = arguments[usize::from(condition.argument)];
        let mut value = condition.value;
        let int = matches!(
            (name, condition.argument),
            ("socket", 0..=2) | ("personality", 0)
        );
        if int || matches!(arch, Arch::X86 | Arch::Arm) {
            argument &= 0xffff_ffff;
            value &= 0xffff_ffff;
        }
        match condition.op {
            Op::NotEqual => argument != value,
            Op::Less => argument < value,
            Op::LessOrEqual => argument <= value,
            Op::Equal => argument == value,
            Op::GreaterOrEqual => argument >= value,
            Op::Greater => argument > value,
            Op::MaskedEqual { mask } => argument & mask == value,
        }
    };
    for rule in rules {
        let mut indices: Vec<u8> = rule.conditions.iter().map(|c| c.argument).collect();
        indices.sort_unstable();
        let twice = indices.windows(2).any(|pair| pair[0] == pair[1]);
        let applies = if twice {
            rule.conditions.iter().any(holds)
        } else {
            rule.conditions.iter().all(holds)
        };
        if applies {
            return rule.action;
        }
    }
    policy.default
}

/// Values on both sides of every value the policy compares with, in both halves.
fn boundaries(policy: &Policy<'_>) -> Vec<u64> {
    let mut values = vec![0, 1, u64::MAX, 1 << 32, 0xffff_ffff];
    for condition in policy.rules.iter().flat_map(|rule| &rule.conditions) {
        let mask = match condition.op {
            Op::MaskedEqual { mask } => mask,
            _ => condition.value,
        };
        for value in [condition.value, mask, mask & mask.wrapping_neg()] {
            values.extend([
                value,
                value.wrapping_sub(1),
                value.wrapping_add(1),
                value | 1 << 32,
                value ^ 1 << 63,
                value << 32,
                !value,
            ]);
        }
    }
    values.sort_unstable();
    values.dedup();
    values
}

/// Compares the compiled `policy` with the naive reading of it.
fn check(policy: &Policy<'_>) {
    let program = compile::compile(policy);
    assert!(program.len() <= MAX_INSTRUCTIONS, "{}", program.len());
    let values = boundaries(policy);
    for &arch in &policy.arches {
        let newest = (policy.rules.iter())
            .flat_map(|rule| &rule.names)
            .filter_map(|name| arch.number(name))
            .filter(|number| number - arch.number_base() < 0xf_0000)
            .max()
            .unwrap_or(0);
        for (name, _) in SYSCALLS {
            let Some(number) = arch.number(name) else {
                continue;
            };
            let named = policy.rules.iter().any(|rule| rule.names.contains(name));
            let known = named || number <= newest;
            // What no rule names is decided without a look at the arguments.
            let values = if named { &values[..] } else { &[0] };
            for argument in 0..6 {
                for &value in values {
                    let mut arguments = [7; 6];
                    arguments[argument] = value;
                    let expected = if known || !policy.default.refuses() {
                        naive(policy, arch, name, &arguments)
                    } else {
                        Action::Errno(38)
                    };
                    let data = Data {
                        number,
                        arch: arch.token(),
                        arguments,
                    };
                    assert_eq!(
                        run(&program, &data).0,
                        expected.return_value(),
                        "{arch:?} {name} {arguments:x?}"
                    );
                }
            }
        }
    }
}

fn has_default(capability: &str) -> bool {
    DEFAULT_CAPABILITIES.contains(&capability)
}

#[test]
fn default_profile_as_written() {
    for host in FAMILIES {
        check(&default::policy(host, &has_default));
        check(&default::policy(host, &|_| true));
        check(&default::policy(host, &|_| false));
    }
}

#[test]
fn constant_is_what_the_compiler_makes() {
    let compiled = compile::compile(&default::policy(HOST, &has_default));
    let fields = |program: &[libc::sock_filter]| -> Vec<_> {
        program.iter().map(|i| (i.code, i.jt, i.jf, i.k)).collect()
    };
    let filter = default_filter(&has_default);
    assert!(matches!(filter.program, Cow::Borrowed(_)));
    assert_eq!(fields(&filter.program), fields(&compiled));
    // Capabilities the profile does not ask about change nothing.
    let more = default_filter(&|name| has_default(name) || name == "CAP_NET_ADMIN");
    assert!(matches!(more.program, Cow::Borrowed(_)));
    let admin = default_filter(&|name| has_default(name) || name == "CAP_SYS_ADMIN");
    assert!(matches!(admin.program, Cow::Owned(_)));
}

#[test]
fn calls_are_decided_in_few_steps() {
    let policy = default::policy(Arch::X86_64, &has_default);
    let program = compile::compile(&policy);
    let longest = SYSCALLS
        .iter()
        .filter_map(|(name, _)| Arch::X86_64.number(name))
        .map(|number| {
            let data = Data {
                number,
                arch: Arch::X86_64.token(),
                arguments: [0; 6],
            };
            run(&program, &data).1
        })
        .max();
    assert!(longest < Some(40), "{longest:?}");
    assert!(program.len() < 600, "{}", program.len());
}

#[test]
fn foreign_and_unknown_calls() {
    let program = compile::compile(&default::policy(Arch::X86_64, &has_default));
    let verdict = |arch: u32, number: u32| {
        let data = Data {
            number,
            arch,
            arguments: [0; 6],
        };
        run(&program, &data).0
    };
    let enosys = Action::Errno(38).return_value();
    assert_eq!(verdict(Arch::Aarch64.token(), 0), 0);
    assert_eq!(verdict(Arch::X86_64.token(), 4000), enosys);
    assert_eq!(verdict(Arch::X86_64.token(), 0x4000_0000 + 4000), enosys);
    assert_eq!(verdict(Arch::X86_64.token(), u32::MAX), enosys);
    assert_eq!(verdict(Arch::X86.token(), 4000), enosys);
    // Without x32 in the profile its calls are another architecture's.
    let mut policy = default::policy(Arch::X86_64, &has_default);
    policy.arches = vec![Arch::X86_64];
    let program = compile::compile(&policy);
    let data = Data {
        number: 0x4000_0000,
        arch: Arch::X86_64.token(),
        arguments: [0; 6],
    };
    assert_eq!(run(&program, &data).0, 0);
}

#[test]
fn every_operator_on_long_values() {
    let value = 0x0000_0005_8000_0000;
    let ops = [
        Op::NotEqual,
        Op::Less,
        Op::LessOrEqual,
        Op::Equal,
        Op::GreaterOrEqual,
        Op::Greater,
        Op::MaskedEqual {
            mask: 0x0000_000f_c000_0000,
        },
    ];
    for op in ops {
        for default in [Action::Errno(1), Action::Allow, Action::KillProcess] {
            let condition = |argument| Condition {
                argument,
                op,
                value,
            };
            let rule = |action, conditions: Vec<Condition>| Rule {
                names: vec!["ioctl", "socket", "lseek"],
                action,
                conditions,
            };
            for rules in [
                vec![rule(Action::Log, vec![condition(1)])],
                vec![rule(Action::Log, vec![condition(1), condition(3)])],
                vec![rule(Action::Log, vec![condition(1), condition(1)])],
                vec![
                    rule(Action::Errno(7), vec![condition(5)]),
                    rule(Action::Log, vec![condition(1)]),
                    rule(default, vec![condition(2)]),
                ],
                vec![
                    rule(Action::Errno(7), vec![condition(5)]),
                    rule(Action::Log, vec![]),
                    rule(Action::Trap, vec![]),
                ],
            ] {
                for host in FAMILIES {
                    check(&Policy {
                        default,
                        arches: host.family().to_vec(),
                        rules: rules.clone(),
                    });
                }
            }
        }
    }
}

/// Far more than 255 instructions between a jump and its target.
#[test]
fn long_jumps() {
    let mut rules = Vec::new();
    for (i, (name, _)) in SYSCALLS.iter().enumerate().step_by(3) {
        let value = i as u64;
        rules.push(Rule {
            names: vec![name],
            action: Action::Errno(i as u16 + 1),
            conditions: vec![Condition {
                argument: (i % 6) as u8,
                op: Op::GreaterOrEqual,
                value,
            }],
        });
    }
    check(&Policy {
        default: Action::Errno(1000),
        arches: vec![Arch::X86_64, Arch::X86],
        rules,
    });
}

/// The kernel takes the default filter and does what it says, in a process that could do all of this before.
#[test]
fn kernel_follows_the_default_filter() {
    use crate::sys::process::{Side, exit_now, fork, wait};
    use rustix::io::Errno;
    let filter = default_filter(&has_default);
    let child = match fork().unwrap() {
        Side::Parent(child) => child,
        // Only system calls from here on: the test runner has threads.
        Side::Child => {
            let loaded = rustix::thread::set_no_new_privs(true).is_ok()
                && crate::sys::seccomp::load(&filter.program, filter.flags).is_ok();
            let family = |number| rustix::net::AddressFamily::from_raw(number);
            let socket = |number| {
                rustix::net::socket(family(number), rustix::net::SocketType::DGRAM, None).err()
            };
            let checks = [
                loaded,
                crate::sys::namespace::unshare(libc::CLONE_NEWUSER)
                    .is_err_and(|error| error.raw_os_error() == Some(libc::EPERM)),
                crate::sys::keyring::join_new_session()
                    .is_err_and(|error| error.raw_os_error() == Some(libc::EPERM)),
                crate::sys::process::clone3(0, None)
                    .is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS)),
                socket(40) == Some(Errno::PERM),
                socket(38) == Some(Errno::PERM),
                socket(1).is_none(),
            ];
            let failed = checks.iter().position(|holds| !holds);
            exit_now(failed.map_or(100, |index| index as u8));
        }
    };
    assert_eq!(wait(child).unwrap(), 100, "index of the check that failed");
}

#[test]
fn numbers_are_sorted_and_the_headers() {
    assert!(SYSCALLS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for (name, number) in [
        ("read", libc::SYS_read),
        ("mount", libc::SYS_mount),
        ("clone3", libc::SYS_clone3),
        ("openat2", libc::SYS_openat2),
        ("keyctl", libc::SYS_keyctl),
        ("mseal", libc::SYS_mseal),
    ] {
        assert_eq!(HOST.number(name), u32::try_from(number).ok(), "{name}");
    }
    assert_eq!(Arch::X86.number("mount"), Some(21));
    assert_eq!(Arch::X32.number("ioctl"), Some(0x4000_0000 + 514));
    assert_eq!(Arch::Arm.number("clone3"), Some(435));
    assert_eq!(Arch::Aarch64.number("fork"), None);
}

mod profiles {
    use super::*;

    fn host<'a>(has_capability: &'a dyn Fn(&str) -> bool) -> Host<'a> {
        Host {
            arch: Arch::X86_64,
            kernel: (6, 1),
            has_capability,
        }
    }

    fn refusal(json: &str) -> String {
        let nothing = |_: &str| false;
        match Profile::parse(json.as_bytes()) {
            Ok(profile) => profile.compile(&host(&nothing)).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn conditions_of_a_file() {
        let json = br#"{
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"]}
            ],
            "syscalls": [
                {"names": ["read", "made_up"], "action": "SCMP_ACT_ALLOW"},
                {"name": "write", "action": "SCMP_ACT_LOG", "args": null, "comment": ""},
                {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
                {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.2"}},
                {"names": ["acct"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
                {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["arm64"]}},
                {"names": ["clone"], "action": "SCMP_ACT_TRACE", "errnoRet": 9, "args": [
                    {"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}
            ]}"#;
        let profile = Profile::parse(json).unwrap();
        for admin in [false, true] {
            let has = |name: &str| admin && name == "CAP_SYS_ADMIN";
            let policy = profile.policy(&host(&has)).unwrap();
            check(&policy);
            assert_eq!(policy.arches, [Arch::X86_64, Arch::X86]);
            let verdict = |name| naive(&policy, Arch::X86_64, name, &[0; 6]);
            let mount = if admin {
                Action::Allow
            } else {
                Action::Errno(13)
            };
            assert_eq!(verdict("mount"), mount);
            assert_eq!(verdict("read"), Action::Allow);
            assert_eq!(verdict("write"), Action::Log);
            assert_eq!(verdict("ptrace"), Action::Allow);
            assert_eq!(verdict("bpf"), Action::Errno(38));
            assert_eq!(verdict("acct"), Action::Errno(38));
            assert_eq!(verdict("chroot"), Action::Allow);
            assert_eq!(verdict("clone"), Action::Trace(9));
        }
    }

    #[test]
    fn refusals() {
        for (json, expected) in [
            ("{", "decoding seccomp profile failed"),
            ("{}", "decoding seccomp profile failed"),
            (
                r#"{"defaultAction": "SCMP_ACT_MAYBE"}"#,
                r#"invalid action in seccomp profile: "SCMP_ACT_MAYBE""#,
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#,
                "SCMP_ACT_NOTIFY in a seccomp profile is not supported",
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000}"#,
                r#"invalid errnoRet in seccomp profile: "5000""#,
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["X86"]}"#,
                r#"invalid architecture in seccomp profile: "X86""#,
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
                    "archMap": [{"architecture": "SCMP_ARCH_X86"}]}"#,
                "both 'architectures' and 'archMap' are specified in the seccomp profile, \
                 use either 'architectures' or 'archMap'",
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"name": "a", "names": ["b"], "action": "SCMP_ACT_KILL"}]}"#,
                "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"],
                    "action": "SCMP_ACT_KILL", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
                r#"invalid argument index in seccomp profile: "6""#,
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_X"]}"#,
                r#"invalid flag in seccomp profile: "SECCOMP_FILTER_FLAG_X""#,
            ),
        ] {
            assert_eq!(refusal(json), expected, "{json}");
        }
    }

    #[test]
    fn too_many_rules() {
        let names: Vec<String> = (0..3000).map(|value| format!(
            r#"{{"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{{"index": 0, "value": {value}, "op": "SCMP_CMP_EQ"}}]}}"#
        )).collect();
        let json = format!(
            r#"{{"defaultAction": "SCMP_ACT_KILL", "syscalls": [{}]}}"#,
            names.join(",")
        );
        assert!(refusal(&json).contains("instructions, the kernel takes 4096"));
    }

    #[test]
    fn of_a_runtime_spec() {
        let json = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}]}]}"#;
        let spec: oci_spec::runtime::LinuxSeccomp = serde_json::from_str(json).unwrap();
        let nothing = |_: &str| false;
        let filter = Profile::from_spec(&spec)
            .unwrap()
            .compile(&host(&nothing))
            .unwrap();
        assert_eq!(filter.flags, 2);
        let data = Data {
            number: 0,
            arch: Arch::X86_64.token(),
            arguments: [3, 0, 0, 0, 0, 0],
        };
        assert_eq!(run(&filter.program, &data).0, Action::Allow.return_value());
    }
}
