//! The three kinds of user that everything has to work for.

use std::process::Command;
use std::sync::LazyLock;

use super::needs::find_program;

/// A kind of user, by the ids it can map into a user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// uid 0.
    Root,
    /// An ordinary user with ranges in `/etc/subuid` and `/etc/subgid`.
    SubIds,
    /// An ordinary user who can map nothing but itself.
    NoSubIds,
}

impl Tier {
    /// Every kind, in the order in which trials are listed.
    pub(crate) const ALL: [Tier; 3] = [Tier::Root, Tier::SubIds, Tier::NoSubIds];

    /// The first part of a trial's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tier::Root => "root",
            Tier::SubIds => "subids",
            Tier::NoSubIds => "nosubids",
        }
    }

    /// The user of this kind on this machine, or why there is none.
    pub(crate) fn user(self) -> Result<&'static User, &'static str> {
        USERS[self as usize].as_ref().map_err(String::as_str)
    }
}

/// A user that scenarios run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) tier: Tier,
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

static USERS: LazyLock<[Result<User, String>; 3]> = LazyLock::new(|| Tier::ALL.map(find));

/// Whether the suite itself runs as root, and so can become anybody.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn find(tier: Tier) -> Result<User, String> {
    if is_root() {
        return match tier {
            Tier::Root => Ok(User {
                tier,
                name: "root".into(),
                uid: 0,
                gid: 0,
            }),
            // A system account gets no subordinate ids.
            Tier::NoSubIds => ensure("ctr-test-nosub", tier, &["--system"]),
            Tier::SubIds => ensure("ctr-test", tier, &[]),
        };
    }
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let name = account(|_, id| id == uid).map_or_else(|| uid.to_string(), |found| found.0);
    let own = if has_sub_ids(&name, uid) {
        Tier::SubIds
    } else {
        Tier::NoSubIds
    };
    if tier == own {
        return check(User {
            tier,
            name,
            uid,
            gid,
        });
    }
    Err(match tier {
        Tier::Root => "not run as root".into(),
        Tier::SubIds => format!("{name} has no subordinate ids"),
        Tier::NoSubIds => format!("{name} has subordinate ids"),
    })
}

/// Makes the account `name` unless it is there.
fn ensure(name: &str, tier: Tier, options: &[&str]) -> Result<User, String> {
    let look_up = || account(|found, _| found == name);
    if look_up().is_none() {
        let status = Command::new("useradd")
            .args([
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/bin/sh",
            ])
            .args(options)
            .arg(name)
            .output()
            .map_err(|error| format!("cannot run useradd: {error}"))?;
        if look_up().is_none() {
            return Err(format!(
                "useradd {name}: {}",
                String::from_utf8_lossy(&status.stderr).trim()
            ));
        }
    }
    let (_, uid, gid) = look_up().ok_or("the user is gone")?;
    let user = User {
        tier,
        name: name.into(),
        uid,
        gid,
    };
    match (tier, has_sub_ids(name, user.uid)) {
        (Tier::SubIds, false) => {
            return Err(format!("{name} has no line in /etc/subuid and /etc/subgid"));
        }
        (Tier::NoSubIds, true) => {
            return Err(format!("{name} has a line in /etc/subuid or /etc/subgid"));
        }
        _ => {}
    }
    check(user)
}

/// The first account in `/etc/passwd` that `wanted` (by name and uid) accepts: its name, uid and gid.
///
/// Not `getpwnam(3)`: in a static program that loads the NSS modules of the host's C library, which can crash it.
fn account(wanted: impl Fn(&str, u32) -> bool) -> Option<(String, u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, uid, gid) = (
            fields.next()?,
            fields.nth(1)?.parse().ok()?,
            fields.next()?.parse().ok()?,
        );
        wanted(name, uid).then(|| (name.to_owned(), uid, gid))
    })
}

fn has_sub_ids(name: &str, uid: u32) -> bool {
    ["/etc/subuid", "/etc/subgid"].iter().all(|file| {
        std::fs::read_to_string(file)
            .unwrap_or_default()
            .lines()
            .any(|line| {
                line.split(':')
                    .next()
                    .is_some_and(|owner| owner == name || owner == uid.to_string())
            })
    })
}

/// Tries what the kind of user is about: a user namespace, with the ranges where there are any.
fn check(user: User) -> Result<User, String> {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user"]);
    if user.tier == Tier::SubIds {
        find_program("newuidmap")?;
        command.arg("--map-auto");
    }
    command.arg("true");
    if is_root() {
        command.uid(user.uid).gid(user.gid);
    }
    let output = command
        .output()
        .map_err(|error| format!("cannot run unshare: {error}"))?;
    if output.status.success() {
        Ok(user)
    } else {
        let words = String::from_utf8_lossy(&output.stderr)
            .trim()
            .replace('\n', ", ");
        Err(format!(
            "{} cannot make user namespaces here: {words}",
            user.name
        ))
    }
}
