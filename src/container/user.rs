//! `USER`, `-u`: from a name or number to ids, supplementary groups and a home.
//!
//! The rules are those of Docker and runc (moby/sys/user, `GetExecUser`): numbers need no entry, names do; without an
//! explicit group, a user with an entry is in all groups that list her.

use std::collections::HashSet;

use super::Error;
use super::error::failed;
use super::view::View;

/// The largest id that Docker takes. Source: moby/sys/user, `maxID`.
const MAX_ID: u32 = i32::MAX as u32;

/// The most groups a process can have beside its own, the kernel's `NGROUPS_MAX`.
const MAX_GROUPS: usize = 65_536;

/// Whom a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The groups beside `gid`.
    pub(super) groups: Vec<u32>,
    /// From the entry, else `/`.
    pub(super) home: String,
}

/// Resolves `user[:group]`; empty is root.
///
/// # Errors
///
/// [`Error::NoSuchUser`], [`Error::Invalid`] for a number that is too large, [`Error::Io`] for a file that cannot be read.
pub(super) fn resolve(wanted: &str, view: &View) -> Result<User, Error> {
    let read = |path: &'static str| {
        let bytes = view.read(path).map_err(failed("read", path.as_ref()))?;
        Ok::<_, Error>(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
    };
    let passwd = read("/etc/passwd")?;
    resolve_in(wanted, &passwd, || read("/etc/group"))
}

fn resolve_in(
    wanted: &str,
    passwd: &str,
    group_file: impl FnOnce() -> Result<String, Error>,
) -> Result<User, Error> {
    let (name, group) = wanted.split_once(':').unwrap_or((wanted, ""));
    let number = if name.is_empty() { Some(0) } else { id(name)? };
    let entry = passwd
        .lines()
        .filter_map(Entry::parse)
        .find(|entry| Some(entry.uid) == number || (number.is_none() && entry.name == name));
    let mut user = match (&entry, number) {
        (Some(entry), _) => User {
            uid: entry.uid,
            gid: entry.gid,
            groups: Vec::new(),
            home: entry.home.to_owned(),
        },
        (None, Some(uid)) => User {
            uid,
            gid: 0,
            groups: Vec::new(),
            home: String::new(),
        },
        (None, None) => {
            return Err(Error::NoSuchUser {
                kind: "user",
                name: name.to_owned(),
                file: "passwd",
            });
        }
    };
    if user.home.is_empty() {
        user.home = "/".to_owned();
    }
    if !group.is_empty() {
        user.gid = explicit_group(group, group_file)?;
    } else if let Some(entry) = entry {
        user.groups = groups_of(entry.name, user.gid, &group_file()?);
    }
    Ok(user)
}

/// Returns the groups that list `name`, each once and without `own`, in the file's order.
fn groups_of(name: &str, own: u32, group_file: &str) -> Vec<u32> {
    let mut seen = HashSet::from([own]);
    group_file
        .lines()
        .filter_map(group_entry)
        .filter(|(_, _, members)| members.split(',').any(|member| member == name))
        .map(|(_, gid, _)| gid)
        .filter(|gid| seen.insert(*gid))
        .take(MAX_GROUPS)
        .collect()
}

fn explicit_group(
    group: &str,
    group_file: impl FnOnce() -> Result<String, Error>,
) -> Result<u32, Error> {
    if let Some(gid) = id(group)? {
        return Ok(gid);
    }
    let text = group_file()?;
    let mut entries = text.lines().filter_map(group_entry);
    let found = entries.find(|(name, _, _)| *name == group);
    found
        .map(|(_, gid, _)| gid)
        .ok_or_else(|| Error::NoSuchUser {
            kind: "group",
            name: group.to_owned(),
            file: "group",
        })
}

/// Returns the number, if the text is one.
fn id(text: &str) -> Result<Option<u32>, Error> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(id) if id <= MAX_ID => Ok(Some(id)),
        // moby/sys/user, `ErrRange`.
        _ => Err(Error::Invalid(format!(
            "uids and gids must be in range 0-{MAX_ID}"
        ))),
    }
}

/// Returns the id in a field of a file; `None` for one that no process may have. 4294967295 would be the worst of them:
/// `setresuid(2)` takes it for "leave it as it is", which is root.
fn listed_id(field: &str) -> Option<u32> {
    field.parse().ok().filter(|id| *id <= MAX_ID)
}

/// One line of `passwd(5)`.
struct Entry<'l> {
    name: &'l str,
    uid: u32,
    gid: u32,
    home: &'l str,
}

impl<'l> Entry<'l> {
    fn parse(line: &'l str) -> Option<Entry<'l>> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = listed_id(fields.nth(1)?)?;
        let gid = listed_id(fields.next()?)?;
        let home = fields.nth(1).unwrap_or_default();
        Some(Entry {
            name,
            uid,
            gid,
            home,
        })
    }
}

/// Name, number and members of one line of `group(5)`.
fn group_entry(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let gid = listed_id(fields.nth(1)?)?;
    Some((name, gid, fields.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken:x\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:7:8\n";
    const GROUP: &str = "root:x:0:root\nwheel:x:10:root,ann\naudio:x:29:ann,bob\nann:x:1000:\n";

    fn user(wanted: &str) -> Result<(u32, u32, Vec<u32>, String), String> {
        resolve_in(wanted, PASSWD, || Ok(GROUP.to_owned()))
            .map(|user| (user.uid, user.gid, user.groups, user.home))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn as_docker_resolves() {
        let ok =
            |uid, gid, groups: &[u32], home: &str| Ok((uid, gid, groups.to_vec(), home.to_owned()));
        assert_eq!(user(""), ok(0, 0, &[10], "/root"));
        assert_eq!(user("ann"), ok(1000, 1000, &[10, 29], "/home/ann"));
        assert_eq!(user("1000"), ok(1000, 1000, &[10, 29], "/home/ann"));
        assert_eq!(user("ann:audio"), ok(1000, 29, &[], "/home/ann"));
        assert_eq!(user("bob"), ok(7, 8, &[29], "/"));
        assert_eq!(user("4242"), ok(4242, 0, &[], "/"));
        assert_eq!(user("4242:77"), ok(4242, 77, &[], "/"));
        assert_eq!(user(":wheel"), ok(0, 10, &[], "/root"));
    }

    #[test]
    fn entries_with_ids_out_of_range_do_not_count() {
        for line in [
            "app:x:4294967295:7::/:",
            "app:x:7:4294967295::/:",
            "app:x:2147483648:7::/:",
        ] {
            let error = resolve_in("app", line, || Ok(String::new())).unwrap_err();
            assert!(matches!(error, Error::NoSuchUser { .. }), "{line}");
        }
        let groups = "all:x:4294967295:ann\nwheel:x:10:ann\n";
        let ann = resolve_in("ann", PASSWD, || Ok(groups.to_owned())).unwrap();
        assert_eq!(ann.groups, [10]);
        let error = resolve_in("ann:all", PASSWD, || Ok(groups.to_owned())).unwrap_err();
        assert!(matches!(error, Error::NoSuchUser { .. }));
    }

    #[test]
    fn groups_count_once_and_have_a_bound() {
        let mut file = "again:x:5:ann\n".repeat(3);
        for gid in 0..=MAX_GROUPS {
            file += &format!("g:x:{}:ann\n", 10_000 + gid);
        }
        let groups = groups_of("ann", 1000, &file);
        assert_eq!(groups.len(), MAX_GROUPS);
        assert_eq!(groups[..2], [5, 10_000]);
    }

    #[test]
    fn in_dockers_words() {
        let words = |wanted| user(wanted).unwrap_err();
        assert_eq!(
            words("eve"),
            "unable to find user eve: no matching entries in passwd file"
        );
        assert_eq!(
            words("ann:eve"),
            "unable to find group eve: no matching entries in group file"
        );
        assert_eq!(
            words("4294967295"),
            "uids and gids must be in range 0-2147483647"
        );
    }
}
