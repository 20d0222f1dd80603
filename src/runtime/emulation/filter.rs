//! Which calls are handed to the supervisor. The filter stands before that of the container's profile, whose refusals win.

use super::super::seccomp::{self, Action, Condition, Filter, Op, Policy, Rule};
use super::Scope;
use super::call::{CALLS, Kind};
use super::identity::MARKED;

/// Of `open(2)`, the same on all architectures there are numbers for.
const CREATE: u64 = 0o100;
/// `__O_TMPFILE`, the part of `O_TMPFILE` that is its own.
const TEMPORARY: u64 = 0o20_000_000;

/// Returns the filter. Its flags are the loader's business.
pub(super) fn filter(scope: Scope) -> Filter {
    let mut rules = Vec::new();
    for (name, kind) in CALLS {
        let on = |argument, op, value| Condition {
            argument,
            op,
            value,
        };
        let flag = |argument, mask| on(argument, Op::MaskedEqual { mask }, mask);
        // The kernel takes no notice of the upper half of a number of 32 bits.
        let number = |argument, value: u32| {
            let mask = u32::MAX.into();
            on(argument, Op::MaskedEqual { mask }, value.into())
        };
        // One of them, or the other.
        let device = |mode| {
            let mask = u64::from(libc::S_IFMT);
            [libc::S_IFCHR, libc::S_IFBLK]
                .map(|kind| on(mode, Op::MaskedEqual { mask }, kind.into()))
                .to_vec()
        };
        let conditions = match kind {
            Kind::MakeNode if scope == Scope::Devices => device(1),
            Kind::MakeNodeAt if scope == Scope::Devices => device(2),
            _ if scope == Scope::Devices => continue,
            // Opening a file that must be there makes nothing.
            Kind::Open => vec![flag(1, CREATE), flag(1, TEMPORARY)],
            Kind::OpenAt => vec![flag(2, CREATE), flag(2, TEMPORARY)],
            Kind::SetLimit => vec![number(0, MARKED)],
            Kind::ControlProcess => vec![
                number(0, libc::PR_SET_KEEPCAPS.cast_unsigned()),
                number(0, libc::PR_SET_SECUREBITS.cast_unsigned()),
            ],
            Kind::ProcessLimit => vec![number(1, MARKED)],
            _ => Vec::new(),
        };
        let notify = |conditions| Rule {
            names: vec![*name],
            action: Action::Notify,
            conditions,
        };
        if conditions.is_empty() {
            rules.push(notify(Vec::new()));
        }
        // Either of them.
        rules.extend(conditions.into_iter().map(|one| notify(vec![one])));
    }
    seccomp::compile(&Policy {
        default: Action::Allow,
        arches: seccomp::host_family().to_vec(),
        rules,
    })
}
