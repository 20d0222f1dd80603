//! Library errors, by variant: what can be done about them, and the exit codes that are more than success or failure.

use std::error::Error;
use std::io;

use super::exit_code::ENGINE_ERROR;
use crate::build;
use crate::container::{self, Obstacle};
use crate::image;
use crate::registry;
use crate::runtime;
use crate::store;

/// What is known of an error.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// What the user can do.
    pub(super) hint: Option<String>,
    /// Exit code, where the error decides on it.
    pub(super) code: Option<i32>,
}

impl Sorted {
    fn hint(text: impl Into<String>) -> Sorted {
        Sorted {
            hint: Some(text.into()),
            code: None,
        }
    }
}

/// Sorts one link of a chain of errors.
pub(super) fn sort(error: &(dyn Error + 'static)) -> Sorted {
    let error = innermost(error);
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return by_errno(error);
    }
    if let Some(error) = error.downcast_ref::<container::Error>() {
        return container(error);
    }
    if let Some(error) = error.downcast_ref::<container::StartError>() {
        return Sorted {
            hint: error.obstacle.and_then(|found| obstacle(found).hint),
            ..by_code(error.failure.exit_code())
        };
    }
    if let Some(build::Error::Step(failure)) = error.downcast_ref() {
        return failure.obstacle.map(obstacle).unwrap_or_default();
    }
    if let Some(found) = Obstacle::of(error) {
        return obstacle(found);
    }
    if let Some(error) = error.downcast_ref::<runtime::Error>() {
        return by_code(i32::from(error.exit_code()));
    }
    if let Some(error) = error.downcast_ref::<registry::Error>() {
        return registry(error);
    }
    if let Some(error) = error.downcast_ref::<store::Error>() {
        return store(error);
    }
    if let Some(image::archive::Error::NoImages) = error.downcast_ref() {
        return Sorted::hint("a tar of a root file system becomes an image with \"ctr import\"");
    }
    Sorted::default()
}

/// Looks through variants that only wrap another error and have no words of their own.
fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    use container::Error as Container;
    if let Some(error) = error.downcast_ref::<Container>() {
        return match error {
            Container::Image(inner) => innermost(inner),
            Container::Store(inner) => innermost(inner),
            Container::Network(inner) => innermost(inner),
            Container::Rootfs(inner) => innermost(inner),
            Container::Runtime(inner) => innermost(inner),
            Container::Userns(inner) => innermost(inner),
            Container::Start(inner) => innermost(inner),
            other => other,
        };
    }
    if let Some(image::Error::Store(inner)) = error.downcast_ref() {
        return inner;
    }
    if let Some(image::pull::Error::Registry(inner)) = error.downcast_ref() {
        return inner;
    }
    if let Some(image::pull::Error::Store(inner)) = error.downcast_ref() {
        return inner;
    }
    if let Some(image::push::Error::Registry(inner)) = error.downcast_ref() {
        return inner;
    }
    if let Some(image::push::Error::Store(inner)) = error.downcast_ref() {
        return inner;
    }
    if let Some(image::push::Error::Image(inner)) = error.downcast_ref() {
        return innermost(inner);
    }
    if let Some(image::archive::Error::Store(inner)) = error.downcast_ref() {
        return inner;
    }
    if let Some(image::archive::Error::Image(inner)) = error.downcast_ref() {
        return innermost(inner);
    }
    if let Some(runtime::Error::Userns(inner)) = error.downcast_ref() {
        return inner;
    }
    error
}

/// 126 and 127 say which of a command's own faults it was. 125 is left to `run` and `exec`: other commands end with 1.
fn by_code(code: i32) -> Sorted {
    Sorted {
        code: Some(code).filter(|code| *code != ENGINE_ERROR),
        hint: None,
    }
}

fn by_errno(error: &io::Error) -> Sorted {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Sorted::hint(
            "free some space, e.g. with \"ctr system prune\", or keep the store elsewhere with --root DIR",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            Sorted::hint("keep the store on a filesystem that can be written, with --root DIR")
        }
        _ => Sorted::default(),
    }
}

fn container(error: &container::Error) -> Sorted {
    match error {
        container::Error::NameInUse { name, .. } => Sorted::hint(format!(
            "remove it with \"ctr rm -f {name}\", or choose another --name"
        )),
        container::Error::Running(name) => {
            Sorted::hint(format!("\"ctr rm -f {name}\" kills and removes it"))
        }
        container::Error::ForeignRootfs { path, .. } => Sorted::hint(format!(
            "have an overlay take all writes: --rootfs {}:O",
            path.display()
        )),
        container::Error::NoProgram("ps") => Sorted::hint("install it (Debian: procps)"),
        _ => Sorted::default(),
    }
}

fn obstacle(obstacle: Obstacle) -> Sorted {
    Sorted::hint(match obstacle {
        Obstacle::UserNamespaceLimit => "raise the limit: sysctl user.max_user_namespaces=15000",
        Obstacle::UserNamespaces => {
            "user namespaces are forbidden here; as root, allow them: sysctl kernel.unprivileged_userns_clone=1, on \
             Ubuntu also sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container, start it with \
             --security-opt seccomp=unconfined; in a chroot the kernel allows none"
        }
        Obstacle::IdHelper => {
            "check that your user has a range in /etc/subuid and /etc/subgid, e.g. \"alice:100000:65536\", and that \
             newuidmap and newgidmap (Debian: uidmap) are installed set-user-ID root"
        }
        Obstacle::NetworkHelper => {
            "install pasta (Debian: passt) or slirp4netns, or do without a network: --network none"
        }
        Obstacle::PortInUse => {
            "choose another host port with -p, or leave it out to have one chosen"
        }
        Obstacle::PrivilegedPort => {
            "ports below 1024 are for root; publish a higher one, or as root: sysctl \
             net.ipv4.ip_unprivileged_port_start=80"
        }
        Obstacle::Proc => "mount it: mount -t proc proc /proc",
        Obstacle::CgroupController => {
            "have systemd hand it down, as root: \"systemctl edit user@.service\" with the lines [Service] and \
             Delegate=cpu cpuset io memory pids; then log in again"
        }
        Obstacle::CgroupDelegation => {
            "systemd gives users cgroups of their own: log in with a session of systemd's (loginctl enable-linger keeps it), \
             or have root make a cgroup yours and start from a cgroup in it"
        }
        Obstacle::CgroupVersion => {
            "boot with cgroup version 2: systemd.unified_cgroup_hierarchy=1 on the kernel's command line"
        }
        Obstacle::CgroupOccupied => {
            "move its processes into a cgroup below it, as a container's first process can: mkdir \
             /sys/fs/cgroup/init && echo 0 > /sys/fs/cgroup/init/cgroup.procs"
        }
        // It takes more than that to know whose, and what for.
        Obstacle::Permission => return Sorted::default(),
    })
}

fn registry(error: &registry::Error) -> Sorted {
    use registry::Error;
    match error {
        Error::Unauthorized {
            logged_in: true, ..
        } => Sorted::hint(
            "the registry does not take the user name or the password, or no longer: log in again with \"ctr login SERVER\"",
        ),
        Error::Denied { .. } | Error::Unauthorized { .. } | Error::NoCredentials { .. } => {
            Sorted::hint(
                "check the name; if the image is private, log in first: \"ctr login SERVER\"",
            )
        }
        Error::PushDenied { .. } => Sorted::hint(
            "check the name, and log in first as somebody who may push there: \"ctr login\"",
        ),
        Error::RateLimited { .. } => {
            Sorted::hint("wait a while, or log in: registries allow more to those they know")
        }
        Error::Transport { .. } => Sorted::hint(
            "check the registry's name and your network; HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured",
        ),
        _ => Sorted::default(),
    }
}

fn store(error: &store::Error) -> Sorted {
    match error {
        store::Error::Owner { .. } => {
            Sorted::hint("run as the owner, or use a store of your own with --root DIR")
        }
        store::Error::NotPrivate { .. } => {
            Sorted::hint("remove it, or use a directory of your own with --runroot DIR")
        }
        store::Error::Format { .. } => {
            Sorted::hint("use the version of ctr that wrote it, or another store with --root DIR")
        }
        store::Error::Missing(_) => Sorted::hint("pull the image again"),
        _ => Sorted::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::userns;

    #[test]
    fn looks_through_wrappers() {
        let wrapped = |inner: runtime::Error| container::Error::Runtime(inner);
        let missing = wrapped(runtime::Error::CommandNotFound("x".to_owned()));
        assert_eq!(sort(&missing).code, Some(127));
        let forbidden = userns::Error::Unshare(io::Error::from_raw_os_error(libc::EPERM));
        let hint = sort(&wrapped(runtime::Error::Userns(forbidden))).hint;
        assert!(hint.unwrap().contains("sysctl"));
        // Nor does it matter whether it was this process or the monitor that ran into it.
        let missing = userns::Error::Unshare(io::Error::from_raw_os_error(libc::ENOSYS));
        let told = container::StartError::from_runtime(&runtime::Error::Userns(missing));
        let sorted = sort(&container::Error::Start(told));
        assert!(sorted.hint.unwrap().contains("seccomp"));
        assert_eq!(sorted.code, None);
        let full = io::Error::from_raw_os_error(libc::ENOSPC);
        assert!(sort(&full).hint.unwrap().contains("prune"));
        assert!(
            sort(&io::Error::from_raw_os_error(libc::ENOENT))
                .hint
                .is_none()
        );
    }
}
