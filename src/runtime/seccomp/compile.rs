//! From a policy to a BPF program.
//!
//! Numbers of calls with the same verdict are merged into ranges, and the ranges are searched by halves: seven comparisons
//! for Docker's profile, where a list would take hundreds. The calls of each architecture form one such search, chosen by
//! `seccomp_data.arch`. Spec: `seccomp(2)`, "Filters".

use std::collections::BTreeMap;

use libc::sock_filter;

use super::arch::Arch;
use super::bpf::{Assembler, Target, Test};
use super::policy::{Action, Condition, Op, Policy, Rule};

/// Instructions the kernel takes at most: `BPF_MAXINSNS` of linux/bpf_common.h.
pub const MAX_INSTRUCTIONS: usize = 4096;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

const ENOSYS: u16 = 38;

/// `__ARM_NR_BASE` of asm/unistd.h.
const ARM_PRIVATE: u32 = 0x000f_0000;

/// Arguments that the kernel takes as 32 bits, whatever else is in the register. Compared in full, a bit set above them
/// would let an address family through that the profile keeps out; libseccomp leaves that hole open.
const SHORT_ARGUMENTS: [(&str, u8); 4] = [
    ("personality", 0),
    ("socket", 0),
    ("socket", 1),
    ("socket", 2),
];

/// Calls with the same fate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    /// Tried in order.
    branches: Vec<(Vec<Test64>, u32)>,
    /// What is returned when none holds.
    otherwise: u32,
}

/// A condition, ready to be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Test64 {
    condition: Condition,
    /// Look at the lower half only.
    short: bool,
}

/// A verdict on all numbers from `first` up to the next segment's.
#[derive(Debug)]
struct Segment {
    first: u32,
    verdict: Verdict,
}

/// Compiles `policy`. Programs of [`MAX_INSTRUCTIONS`] and more are for the caller to refuse.
pub(crate) fn compile(policy: &Policy<'_>) -> Vec<sock_filter> {
    let mut assembler = Assembler::default();
    let mut tokens: Vec<u32> = Vec::new();
    for arch in &policy.arches {
        if !tokens.contains(&arch.token()) {
            tokens.push(arch.token());
        }
    }
    let mut next = Target::Return(Action::KillThread.return_value());
    for token in tokens.into_iter().rev() {
        let search = search(&mut assembler, &segments(policy, token));
        let block = assembler.load(NUMBER, search);
        next = assembler.branch(Test::Equal, token, block, next);
    }
    let entry = assembler.load(ARCH, next);
    assembler.finish(entry)
}

/// What is decided about every number that comes with `token`, in ascending order from 0.
fn segments(policy: &Policy<'_>, token: u32) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut push = |first: u32, verdict: Verdict| {
        if segments.last().is_none_or(|last| last.verdict != verdict) {
            segments.push(Segment { first, verdict });
        }
    };
    let default = Verdict::always(policy.default);
    let unknown = Verdict::always(Action::Errno(ENOSYS));
    let mut of_token = [Arch::X86_64, Arch::X32, Arch::X86, Arch::Aarch64, Arch::Arm];
    of_token.sort_by_key(|arch| arch.number_base());
    for arch in of_token.into_iter().filter(|arch| arch.token() == token) {
        let base = arch.number_base();
        if !policy.arches.contains(&arch) {
            push(base, Verdict::always(Action::KillThread));
            // What a tracer leaves of a call that it made itself, on any architecture.
            push(u32::MAX, default.clone());
            continue;
        }
        let last = last_named(policy, arch);
        let unnamed = |number| match last {
            Some(last) if number > last && policy.default.refuses() => unknown.clone(),
            _ => default.clone(),
        };
        push(base, unnamed(base));
        let verdicts = verdicts(policy, arch);
        for (&number, verdict) in &verdicts {
            push(number, verdict.clone());
            if !verdicts.contains_key(&(number + 1)) {
                push(number + 1, unnamed(number + 1));
            }
        }
        if let Some(last) = last
            && !verdicts.keys().any(|number| *number > last)
        {
            push(last + 1, unnamed(last + 1));
        }
    }
    segments
}

/// The calls that some rule speaks of, by number.
fn verdicts(policy: &Policy<'_>, arch: Arch) -> BTreeMap<u32, Verdict> {
    let mut verdicts: BTreeMap<u32, Verdict> = BTreeMap::new();
    let mut settled: Vec<u32> = Vec::new();
    let counting = policy.rules.iter().filter(|r| r.action != policy.default);
    for rule in counting {
        for name in &rule.names {
            let Some(number) = arch.number(name) else {
                continue;
            };
            if settled.contains(&number) {
                continue;
            }
            if rule.conditions.is_empty() {
                settled.push(number);
                verdicts.insert(number, Verdict::always(rule.action));
            } else {
                verdicts
                    .entry(number)
                    .or_insert_with(|| Verdict::always(policy.default))
                    .branches
                    .extend(branches(rule, name, arch));
            }
        }
    }
    verdicts
}

/// The alternatives of a rule with conditions. One argument named twice means either condition, not both: so runc reads
/// profiles, because libseccomp could not do otherwise (libcontainer/seccomp, `matchCall`).
fn branches(rule: &Rule<'_>, name: &str, arch: Arch) -> Vec<(Vec<Test64>, u32)> {
    let value = rule.action.return_value();
    let tests: Vec<Test64> = rule
        .conditions
        .iter()
        .map(|&condition| Test64 {
            condition,
            short: arch.has_short_arguments()
                || SHORT_ARGUMENTS.contains(&(name, condition.argument)),
        })
        .collect();
    let twice = tests.iter().enumerate().any(|(i, test)| {
        tests[..i]
            .iter()
            .any(|earlier| earlier.condition.argument == test.condition.argument)
    });
    if twice {
        tests.into_iter().map(|test| (vec![test], value)).collect()
    } else {
        vec![(tests, value)]
    }
}

/// The highest number that the policy knows of. 32-bit ARM's private calls lie above all there will ever be.
fn last_named(policy: &Policy<'_>, arch: Arch) -> Option<u32> {
    let names = policy.rules.iter().flat_map(|rule| &rule.names);
    names
        .filter_map(|name| arch.number(name))
        .filter(|number| number - arch.number_base() < ARM_PRIVATE)
        .max()
}

impl Verdict {
    fn always(action: Action) -> Verdict {
        Verdict {
            branches: Vec::new(),
            otherwise: action.return_value(),
        }
    }

    fn write(&self, assembler: &mut Assembler) -> Target {
        let mut next = Target::Return(self.otherwise);
        for (tests, value) in self.branches.iter().rev() {
            let failed = next;
            next = Target::Return(*value);
            for test in tests.iter().rev() {
                next = test.write(assembler, next, failed);
            }
        }
        next
    }
}

impl Test64 {
    /// Writes the comparison by halves, because classic BPF has 32 bits: the upper one decides unless it is equal.
    fn write(&self, assembler: &mut Assembler, yes: Target, no: Target) -> Target {
        let Condition {
            argument,
            op,
            value,
        } = self.condition;
        let lower = ARGUMENTS + 8 * u32::from(argument);
        let [low, high] = halves(value);
        let (test, yes, no) = match op {
            Op::MaskedEqual { mask } => {
                let [mask_low, mask_high] = halves(mask);
                let test = assembler.branch(Test::Equal, low, yes, no);
                let masked = assembler.and(mask_low, test);
                let next = assembler.load(lower, masked);
                if self.short || (mask_high == 0 && high == 0) {
                    return next;
                }
                let test = assembler.branch(Test::Equal, high, next, no);
                let masked = assembler.and(mask_high, test);
                return assembler.load(lower + 4, masked);
            }
            Op::Equal => (Test::Equal, yes, no),
            Op::NotEqual => (Test::Equal, no, yes),
            Op::Greater => (Test::Greater, yes, no),
            Op::LessOrEqual => (Test::Greater, no, yes),
            Op::GreaterOrEqual => (Test::GreaterOrEqual, yes, no),
            Op::Less => (Test::GreaterOrEqual, no, yes),
        };
        let tested = assembler.branch(test, low, yes, no);
        let next = assembler.load(lower, tested);
        if self.short {
            return next;
        }
        let mut upper = assembler.branch(Test::Equal, high, next, no);
        if test != Test::Equal {
            upper = assembler.branch(Test::Greater, high, yes, upper);
        }
        assembler.load(lower + 4, upper)
    }
}

/// The lower and the upper half.
fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Writes a search of `segments` (never empty) by halves.
fn search(assembler: &mut Assembler, segments: &[Segment]) -> Target {
    if let [segment] = segments {
        return segment.verdict.write(assembler);
    }
    let (left, right) = segments.split_at(segments.len() / 2);
    let above = search(assembler, right);
    let below = search(assembler, left);
    assembler.branch(Test::GreaterOrEqual, right[0].first, above, below)
}
