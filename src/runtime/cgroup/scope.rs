//! A transient scope of systemd's for the calling process, whose cgroup is delegated to it.
//!
//! The scope ends with its last process, and its cgroup with it, whatever is in there: nothing is left behind by whoever is
//! killed. See systemd, "Control Group APIs and Delegation", and org.freedesktop.systemd1(5).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::bus::{self, Bus, Message, Target};
use super::error::Error;
use super::files::enter as enter_cgroup;
use super::marshal::{Body, Value};
use super::place::{Hierarchies, Hierarchy};
use super::wish::Wish;
use crate::patience::Patience;
use crate::settings::Settings;

const MANAGER: Target = Target {
    name: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
};

/// Where the maker of the container's cgroup stays, below the scope.
const SUPERVISOR: &str = "supervisor";

/// How long systemd may take to forget a scope without processes, and how often it is asked.
const FORGETTING: Patience = Patience::of_millis(5_000, 10);

const EXISTS: &str = "org.freedesktop.systemd1.UnitExists";

const SUFFIX: &str = ".scope";
const PREFIX: &str = "ctr-";

/// The slices that Docker's daemon has for root's containers and for those of a user.
const SYSTEM_SLICE: &str = "system.slice";
const USER_SLICE: &str = "user.slice";

/// The system's directory of sockets; others are those of a user's manager.
const SYSTEM_DIR: &str = "/run";

/// The sockets where this user's service manager may be asked, the best first; whether a bus stands between.
fn sockets(settings: &Settings) -> [(PathBuf, bool); 2] {
    let dir = &settings.session_dir;
    let bus = match dir.as_path() == Path::new(SYSTEM_DIR) {
        true => dir.join("dbus/system_bus_socket"),
        false => dir.join("bus"),
    };
    [(dir.join("systemd/private"), false), (bus, true)]
}

/// Returns whether this user has a service manager.
pub(super) fn is_offered(settings: &Settings) -> bool {
    // The bus may be there without.
    settings.session_dir.join("systemd").is_dir()
        && sockets(settings).iter().any(|(socket, _)| socket.exists())
}

fn connect(settings: &Settings) -> Result<Bus, bus::Error> {
    let [(own, _), (shared, _)] = sockets(settings);
    Bus::connect(&own, false).or_else(|error| Bus::connect(&shared, true).map_err(|_| error))
}

/// Moves the calling process into a new scope `name`.scope, unless it is in one of ours already, and there aside. Returns the
/// directory of the scope's cgroup.
///
/// # Errors
///
/// [`Error::Manager`], [`Error::Io`].
pub(super) fn enter(
    slice: Option<&str>,
    name: &str,
    wish: &Wish,
    place: &Hierarchy,
    settings: &Settings,
) -> Result<PathBuf, Error> {
    let gone = || {
        Error::Invalid(
            "the scope that systemd has made cannot be seen: it is in another cgroup namespace"
                .to_owned(),
        )
    };
    if let Some(scope) = own_scope(&place.own) {
        return place.dir(scope).ok_or_else(gone);
    }
    let unit = format!("{name}{SUFFIX}");
    start(&unit, slice, settings).map_err(|source| Error::Manager {
        attempt: wish.attempt(),
        source,
    })?;
    let place = Hierarchies::find()?.unified.ok_or_else(gone)?;
    let scope = place.dir(&place.own).ok_or_else(gone)?;
    if !scope.ends_with(&unit) {
        return Err(gone());
    }
    let aside = scope.join(SUPERVISOR);
    fs::create_dir(&aside).map_err(Error::io("make the cgroup", &aside))?;
    enter_cgroup(&aside)?;
    Ok(scope)
}

/// Returns the directory of the cgroup that the service manager hands out from.
pub(super) fn manager(place: &Hierarchy, settings: &Settings) -> Option<PathBuf> {
    if settings.session_dir.as_path() == Path::new(SYSTEM_DIR) {
        return place.dir("/");
    }
    let uid = settings.uid;
    let unit = format!("user@{uid}.service");
    // This process may be one of the manager's; otherwise it is where logind puts it.
    let own = place
        .own
        .split_once(&unit)
        .map(|(before, _)| format!("{before}{unit}"));
    place.dir(&own.unwrap_or_else(|| format!("/user.slice/user-{uid}.slice/{unit}")))
}

/// The scope of ours that a process in `cgroup` keeps.
fn own_scope(cgroup: &str) -> Option<&str> {
    let scope = cgroup.strip_suffix(SUPERVISOR)?.strip_suffix('/')?;
    let (_, unit) = scope.rsplit_once('/')?;
    (unit.starts_with(PREFIX) && unit.ends_with(SUFFIX)).then_some(scope)
}

fn start(unit: &str, slice: Option<&str>, settings: &Settings) -> Result<(), bus::Error> {
    let default_slice = match settings.session_dir.as_path() == Path::new(SYSTEM_DIR) {
        true => SYSTEM_SLICE,
        false => USER_SLICE,
    };
    let mut body = Body::default();
    body.string(unit).string("fail");
    body.array(8, |properties| {
        properties
            .property("Description", Value::Text("container of ctr"))
            .property("Slice", Value::Text(slice.unwrap_or(default_slice)))
            .property("Delegate", Value::Flag(true))
            .property("CollectMode", Value::Text("inactive-or-failed"))
            // What limits there are is the container's business.
            .property("TasksMax", Value::Number(u64::MAX))
            .property("PIDs", Value::Numbers(&[std::process::id()]));
    });
    // No auxiliary units.
    body.array(8, |_| {});
    let mut bus = connect(settings)?;
    let rule = format!(
        "type='signal',interface='{}',member='JobRemoved',path='{}'",
        MANAGER.interface, MANAGER.path
    );
    bus.subscribe(&rule)?;
    let mut result = None;
    let wait = FORGETTING.begin();
    loop {
        let look = |signal: Message| {
            if let Some(word) = job_result(&signal, unit) {
                result = Some(word);
            }
        };
        match bus.call_then(
            MANAGER,
            "StartTransientUnit",
            "ssa(sv)a(sa(sv))",
            &body,
            look,
        ) {
            // Of the container's last run: its end has not been noticed yet.
            Err(bus::Error::Refused { name, .. }) if name == EXISTS && wait.pause() => {}
            other => {
                other?;
                break;
            }
        }
    }
    while result.is_none() {
        let signal = bus.signal()?;
        result = job_result(&signal, unit);
    }
    match result.as_deref() {
        Some("done") => Ok(()),
        word => Err(bus::Error::Refused {
            name: unit.to_owned(),
            words: word.unwrap_or_default().to_owned(),
        }),
    }
}

/// How the job of `unit` has ended, if the signal is about that.
fn job_result(signal: &Message, unit: &str) -> Option<String> {
    if signal.member != "JobRemoved" {
        return None;
    }
    let mut values = signal.values();
    let (_number, _path) = (values.u32()?, values.string()?);
    let about = values.string()?;
    let result = values.string()?;
    (about == unit).then_some(result)
}

/// Has the service manager move process `pid` to `cgroup`, in a scope of ours. It may where the user may not: from a session's
/// cgroup, which is root's.
///
/// # Errors
///
/// As it says. `None` where `cgroup` is in no scope of ours.
pub(super) fn attach(
    pid: u32,
    cgroup: &str,
    settings: &Settings,
) -> Option<Result<(), bus::Error>> {
    let (unit, below) = split(cgroup)?;
    let mut body = Body::default();
    body.string(unit).string(below).array(4, |list| {
        list.u32(pid);
    });
    let call = |mut bus: Bus| bus.call(MANAGER, "AttachProcessesToUnit", "ssau", &body);
    Some(connect(settings).and_then(call).map(|_| ()))
}

/// The unit of ours in a cgroup's path, and what is below it, with a slash before it.
fn split(cgroup: &str) -> Option<(&str, &str)> {
    let mut rest = cgroup;
    loop {
        let (_, after) = rest.split_once('/')?;
        let unit = after.split('/').next()?;
        if unit.starts_with(PREFIX) && unit.ends_with(SUFFIX) {
            return Some((unit, &after[unit.len()..]));
        }
        rest = after;
    }
}

/// Makes an [`io::Error`] of a refusal, for those who have a file's name to go with it.
pub(super) fn as_io(error: bus::Error) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_ours_and_of_others() {
        let inside = "/user.slice/u@1.service/user.slice/ctr-5.scope/supervisor";
        assert_eq!(
            own_scope(inside),
            Some("/user.slice/u@1.service/user.slice/ctr-5.scope")
        );
        for other in [
            "/user.slice/session-1.scope",
            "/user.slice/run-7.scope/supervisor",
            "/supervisor",
            "/ctr-5.scope/container",
        ] {
            assert_eq!(own_scope(other), None, "{other}");
        }
        assert_eq!(
            split("/user.slice/ctr-5.scope/container"),
            Some(("ctr-5.scope", "/container"))
        );
        assert_eq!(split("/user.slice/session-1.scope"), None);
        assert_eq!(split("/ctr/ctr-5"), None);
    }
}
