//! Who a process believes to be.
//!
//! A process is marked by a resource limit that no kernel since Linux 2.4 looks at, `RLIMIT_LOCKS`: a child inherits it, a
//! new program keeps it, and whoever has power over the process can read and set it from outside. It holds an index into
//! the table of [`Identities`], and, for others who look, the effective user. So nothing has to be known of processes that
//! come and go. It belongs to all threads of a process; so do ids, to POSIX and every C library.
//!
//! Programs that keep limits and put them back later (sudo does) would put back an identity. So setting this one does
//! nothing inside.
//!
//! The rules for changing ids are the kernel's (`credentials(7)`), with one [`Power`] for all capabilities.

use rustix::io::Errno;

use super::call::Sort;
use crate::sys::limit::{self, Limit};

/// `RLIMIT_LOCKS` of linux/resource.h.
pub(super) const MARKED: u32 = 10;

/// A limit that is a mark begins with these 16 bits; then come 32 of the effective user, then 16 of the index.
const MARK: u64 = 0x6374;

/// Returns what a mark says: the effective user, and the index.
fn read_mark(limit: u64) -> Option<(u32, usize)> {
    (limit >> 48 == MARK).then_some(((limit >> 16) as u32, usize::from(limit as u16)))
}

/// Identities that are known at once, less than there are indices in marks. A build has a handful; when all are taken,
/// `setuid` fails as it does for a user with too many processes.
const MAX_IDENTITIES: usize = 1024;

/// Supplementary groups of one identity. The kernel takes 65,536, and nobody uses them.
pub(super) const MAX_GROUPS: usize = 256;

/// `-1`: leave it as it is.
const KEEP: u32 = u32::MAX;

/// The ids of one sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) real: u32,
    pub(super) effective: u32,
    pub(super) saved: u32,
    /// For files.
    pub(super) files: u32,
}

/// What a process may do that takes capabilities, see `capabilities(7)`. The kernel's own say nothing: the true user never
/// changes, and so they stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    /// Nothing.
    None,
    /// Nothing, until it is taken up again: capabilities that are permitted, and not effective.
    Kept,
    /// Everything.
    Effective,
}

/// Capabilities by which a process has power: bits 0, 6 and 7, `CAP_CHOWN`, `CAP_SETGID`, `CAP_SETUID` of
/// linux/capability.h.
const POWERS: u32 = 0b1100_0001;

/// Who a process believes to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) user: Ids,
    pub(super) group: Ids,
    pub(super) groups: Vec<u32>,
    pub(super) power: Power,
    /// `PR_SET_KEEPCAPS`
    pub(super) keeps_power: bool,
}

impl Ids {
    /// The same id everywhere.
    pub(super) fn all(id: u32) -> Ids {
        Ids {
            real: id,
            effective: id,
            saved: id,
            files: id,
        }
    }

    fn has(&self, id: u32) -> bool {
        id == self.real || id == self.effective || id == self.saved
    }
}

impl Identity {
    /// Somebody who has just been started.
    pub(super) fn new(user: u32, group: u32, mut groups: Vec<u32>) -> Identity {
        // As the kernel keeps them.
        groups.sort_unstable();
        Identity {
            user: Ids::all(user),
            group: Ids::all(group),
            groups,
            power: match user {
                0 => Power::Effective,
                _ => Power::None,
            },
            keeps_power: false,
        }
    }

    /// Whether it may do what root may.
    pub(super) fn is_powerful(&self) -> bool {
        self.power == Power::Effective
    }

    /// Whether what it makes is root's.
    pub(super) fn makes_roots_files(&self) -> bool {
        self.user.files == 0 && self.group.files == 0
    }

    /// Whether it is in `group` as far as files go.
    pub(super) fn is_in(&self, group: u32) -> bool {
        self.group.files == group || self.groups.contains(&group)
    }

    pub(super) fn ids(&self, sort: Sort) -> &Ids {
        match sort {
            Sort::User => &self.user,
            Sort::Group => &self.group,
        }
    }

    fn ids_mut(&mut self, sort: Sort) -> &mut Ids {
        match sort {
            Sort::User => &mut self.user,
            Sort::Group => &mut self.group,
        }
    }

    /// `setuid`, `setgid`
    pub(super) fn set(&mut self, sort: Sort, id: u32) -> Result<(), Errno> {
        let old_user = self.user;
        let root = self.is_powerful();
        let ids = self.ids_mut(sort);
        if id == KEEP {
            return Err(Errno::INVAL);
        }
        if root {
            *ids = Ids::all(id);
        } else if id == ids.real || id == ids.saved {
            (ids.effective, ids.files) = (id, id);
        } else {
            return Err(Errno::PERM);
        }
        self.user_changed(old_user);
        Ok(())
    }

    /// `setreuid`, `setregid`
    pub(super) fn set_two(&mut self, sort: Sort, real: u32, effective: u32) -> Result<(), Errno> {
        let old_user = self.user;
        let root = self.is_powerful();
        let ids = self.ids_mut(sort);
        let old = *ids;
        let real_ok = real == KEEP || real == old.real || real == old.effective;
        let effective_ok = effective == KEEP || old.has(effective);
        let allowed = root || (real_ok && effective_ok);
        if !allowed {
            return Err(Errno::PERM);
        }
        if real != KEEP {
            ids.real = real;
        }
        if effective != KEEP {
            ids.effective = effective;
        }
        if real != KEEP || (effective != KEEP && effective != old.real) {
            ids.saved = ids.effective;
        }
        ids.files = ids.effective;
        self.user_changed(old_user);
        Ok(())
    }

    /// `setresuid`, `setresgid`
    pub(super) fn set_three(&mut self, sort: Sort, wanted: [u32; 3]) -> Result<(), Errno> {
        let old_user = self.user;
        let root = self.is_powerful();
        let ids = self.ids_mut(sort);
        let old = *ids;
        if !root && !wanted.iter().all(|id| *id == KEEP || old.has(*id)) {
            return Err(Errno::PERM);
        }
        let [real, effective, saved] = wanted;
        for (place, id) in [
            (&mut ids.real, real),
            (&mut ids.effective, effective),
            (&mut ids.saved, saved),
        ] {
            if id != KEEP {
                *place = id;
            }
        }
        ids.files = ids.effective;
        self.user_changed(old_user);
        Ok(())
    }

    /// `setfsuid`, `setfsgid`: returns the old one, whatever comes of it.
    pub(super) fn set_files(&mut self, sort: Sort, id: u32) -> u32 {
        let root = self.is_powerful();
        let ids = self.ids_mut(sort);
        let old = ids.files;
        if id != KEEP && (root || id == old || ids.has(id)) {
            ids.files = id;
        }
        old
    }

    /// What becomes of the power of a process whose user was `old` (security/commoncap.c, `cap_emulate_setxuid`).
    fn user_changed(&mut self, old: Ids) {
        if old.has(0) && !self.user.has(0) && !self.keeps_power {
            self.power = Power::None;
        }
        self.power = match (old.effective, self.user.effective, self.power) {
            (0, 1.., Power::Effective) => Power::Kept,
            (1.., 0, Power::Kept) => Power::Effective,
            (_, _, power) => power,
        };
    }

    /// `capset`, with the lower halves of what shall be effective and permitted. Nobody gets more than permitted.
    pub(super) fn set_capabilities(&mut self, effective: u32, permitted: u32) {
        self.power = match self.power {
            Power::None => Power::None,
            _ if effective & POWERS != 0 => Power::Effective,
            _ if permitted & POWERS != 0 => Power::Kept,
            _ => Power::None,
        };
    }

    /// `setgroups`
    pub(super) fn set_groups(&mut self, mut groups: Vec<u32>) -> Result<(), Errno> {
        if !self.is_powerful() {
            return Err(Errno::PERM);
        }
        groups.sort_unstable();
        self.groups = groups;
        Ok(())
    }

    /// `execve` of a program, with the ids that its setuid and setgid bits give.
    pub(super) fn execute(&mut self, user: Option<u32>, group: Option<u32>) {
        for (ids, given) in [(&mut self.user, user), (&mut self.group, group)] {
            ids.effective = given.unwrap_or(ids.effective);
            (ids.saved, ids.files) = (ids.effective, ids.effective);
        }
        self.power = match (self.user.real, self.user.effective) {
            (_, 0) => Power::Effective,
            (0, _) => Power::Kept,
            _ => Power::None,
        };
        self.keeps_power = false;
    }
}

/// Every identity there was, by number.
#[derive(Debug)]
pub(super) struct Identities(Vec<Identity>);

impl Identities {
    /// `first` is that of a process without a mark.
    pub(super) fn new(first: Identity) -> Identities {
        Identities(vec![first])
    }

    /// Returns who the process of `thread` believes to be.
    pub(super) fn of(&self, thread: u32) -> &Identity {
        let limit = limit::get(thread, MARKED).ok();
        let marked = limit.and_then(|limit| read_mark(limit.current));
        let marked = marked.and_then(|(_, index)| self.0.get(index));
        // There is a first one, from the beginning.
        marked.unwrap_or(&self.0[0])
    }

    /// Returns effective user and group of a process with this limit, if it is a mark. It may be one of another supervisor, to
    /// which other indices mean the same; then only the user is known.
    pub(super) fn owner_by_mark(&self, limit: u64) -> Option<(u32, u32)> {
        let (user, index) = read_mark(limit)?;
        let own = (self.0.get(index)).filter(|identity| identity.user.effective == user);
        Some((user, own.map_or(0, |identity| identity.group.effective)))
    }

    /// Whether the process of `thread` is without a mark, and others who look would take it for root.
    pub(super) fn is_unknown(&self, thread: u32) -> bool {
        let unmarked = |limit: Limit| read_mark(limit.current).is_none();
        self.0[0].user.effective != 0 && limit::get(thread, MARKED).is_ok_and(unmarked)
    }

    /// Has the process of `thread` believe to be `identity`.
    pub(super) fn assign(&mut self, thread: u32, identity: Identity) -> Result<(), Errno> {
        let known = self.0.iter().position(|known| *known == identity);
        let index = match known {
            Some(index) => index,
            None if self.0.len() == MAX_IDENTITIES => return Err(Errno::AGAIN),
            None => {
                self.0.push(identity);
                self.0.len() - 1
            }
        };
        let user = u64::from(self.0[index].user.effective);
        let set = |limit| {
            limit::set(thread, MARKED, limit)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::PERM))
        };
        let maximum = limit::get(thread, MARKED).map_or(u64::MAX, |limit| limit.maximum);
        set(Limit {
            current: MARK << 48 | user << 16 | index as u64,
            maximum,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(user: u32, group: u32) -> Identity {
        Identity::new(user, group, Vec::new())
    }

    #[test]
    fn root_becomes_anybody_and_does_not_come_back() {
        assert_eq!(Identity::new(5, 5, vec![7, 5]).groups, [5, 7]);
        let mut it = identity(0, 0);
        it.set_groups(vec![7, 5]).unwrap();
        it.set(Sort::Group, 5).unwrap();
        it.set(Sort::User, 5).unwrap();
        assert_eq!(it.user, Ids::all(5));
        assert_eq!(it.set(Sort::User, 0), Err(Errno::PERM));
        assert_eq!(it.set(Sort::Group, 0), Err(Errno::PERM));
        assert_eq!(it.set_groups(vec![]), Err(Errno::PERM));
        assert_eq!(it.set_three(Sort::User, [KEEP, 0, KEEP]), Err(Errno::PERM));
        assert_eq!(it.set(Sort::User, KEEP), Err(Errno::INVAL));
        assert!(it.is_in(7) && it.is_in(5) && !it.is_in(0));
        // Every thread of a process says the same again.
        it.set_three(Sort::User, [5, 5, 5]).unwrap();
        it.set(Sort::User, 5).unwrap();
    }

    #[test]
    fn a_saved_id_leads_back() {
        let mut it = identity(0, 0);
        it.set_three(Sort::User, [KEEP, 33, KEEP]).unwrap();
        assert!(!it.is_powerful());
        assert_eq!(it.user.files, 33);
        it.set_three(Sort::User, [KEEP, 0, KEEP]).unwrap();
        assert!(it.is_powerful());

        let mut it = identity(0, 0);
        it.set_two(Sort::User, KEEP, 33).unwrap();
        assert_eq!(it.user.saved, 33);
        it.set_two(Sort::User, 33, 0).unwrap();
        assert_eq!((it.user.real, it.user.effective, it.user.saved), (33, 0, 0));
    }

    #[test]
    fn power_is_kept_and_taken_up_again() {
        // As `setpriv --reuid 6 --regid 12 --clear-groups` does.
        let mut it = identity(0, 0);
        it.keeps_power = true;
        it.set_three(Sort::User, [6; 3]).unwrap();
        assert_eq!(it.set_three(Sort::Group, [12; 3]), Err(Errno::PERM));
        it.set_capabilities(u32::MAX, u32::MAX);
        it.set_three(Sort::Group, [12; 3]).unwrap();
        it.set_groups(Vec::new()).unwrap();
        it.execute(None, None);
        assert_eq!(it, identity(6, 12));
        it.set_capabilities(u32::MAX, u32::MAX);
        assert!(!it.is_powerful());

        let mut root = identity(0, 0);
        root.set_capabilities(0, u32::MAX);
        assert_eq!(root.power, Power::Kept);
        root.set_capabilities(0, 0);
        root.set_capabilities(u32::MAX, u32::MAX);
        assert_eq!(root.set(Sort::Group, 5), Err(Errno::PERM));
        root.execute(None, None);
        assert!(root.is_powerful());
    }

    #[test]
    fn file_ids_change_alone() {
        let mut it = identity(0, 0);
        assert_eq!(it.set_files(Sort::User, 12), 0);
        assert_eq!(it.set_files(Sort::User, KEEP), 12);
        assert_eq!(it.user.effective, 0);
        let mut it = identity(4, 4);
        assert_eq!(it.set_files(Sort::User, 12), 4);
        assert_eq!(it.set_files(Sort::User, KEEP), 4);
    }

    #[test]
    fn setuid_programs_give_their_owner() {
        let mut it = identity(1000, 1000);
        it.execute(Some(0), None);
        assert!(it.is_powerful());
        assert_eq!((it.user.real, it.user.saved), (1000, 0));
        assert_eq!(it.group, Ids::all(1000));
    }

    #[test]
    fn a_process_carries_its_mark() {
        let mut all = Identities::new(identity(0, 0));
        let me = std::process::id();
        assert_eq!(*all.of(me), identity(0, 0));
        // In a process of its own, which the mark dies with.
        let mut child = std::process::Command::new("sleep")
            .arg("9")
            .spawn()
            .unwrap();
        all.assign(child.id(), identity(5, 6)).unwrap();
        assert_eq!(*all.of(child.id()), identity(5, 6));
        assert_eq!(*all.of(me), identity(0, 0));
        let marked = limit::get(child.id(), MARKED).unwrap().current;
        assert_eq!(all.owner_by_mark(marked), Some((5, 6)));
        assert_eq!(
            Identities::new(identity(0, 0)).owner_by_mark(marked),
            Some((5, 0))
        );
        assert_eq!(all.owner_by_mark(u64::MAX), None);
        child.kill().unwrap();
        child.wait().unwrap();
        for id in 1..2 * MAX_IDENTITIES as u32 {
            // Of a process that is not there.
            assert!(all.assign(u32::MAX >> 1, identity(id, 0)).is_err());
        }
        assert_eq!(all.0.len(), MAX_IDENTITIES);
    }
}
