//! Which namespaces are new, which are joined, and which are the host's.
//!
//! A network (or any other) namespace of another container belongs to that container's user namespace, and only its
//! members have power over it. So joining it means joining that user namespace as well, in place of a new one.
//!
//! Spec: runtime-spec, config-linux.md, "Namespaces".

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType};

use super::Error;
use super::step::{State, Step};
use crate::sys::namespace::{owner, setns, unshare};

/// What becomes of the namespaces of a container.
#[derive(Debug)]
pub(super) struct Namespaces {
    /// `CLONE_NEW…` of those to make.
    pub(super) new: libc::c_int,
    /// Those to join, in the order in which that has to happen.
    pub(super) join: Vec<JoinNamespace>,
}

impl Namespaces {
    /// Sorts the namespaces of the spec. `join` comes before what the spec says about the same kind.
    pub(super) fn new(
        spec: &[LinuxNamespace],
        join: Vec<(LinuxNamespaceType, OwnedFd)>,
        new_user_namespace: bool,
    ) -> Result<Namespaces, Error> {
        let mut namespaces = Namespaces {
            new: 0,
            join: Vec::new(),
        };
        let mut foreign = None;
        let joined: Vec<LinuxNamespaceType> = join.iter().map(|(kind, _)| *kind).collect();
        for (kind, namespace) in join {
            namespaces.add_join(kind, namespace, &mut foreign)?;
        }
        for namespace in spec {
            let kind = namespace.typ();
            if kind == LinuxNamespaceType::Time {
                return Err(Error::Unsupported("time namespaces".to_owned()));
            }
            if joined.contains(&kind) {
                continue;
            }
            match namespace.path() {
                Some(path) => {
                    let opened = std::fs::File::open(path).map_err(|source| Error::Step {
                        step: format!("error opening the namespace {path:?}"),
                        source,
                    })?;
                    namespaces.add_join(kind, opened.into(), &mut foreign)?;
                }
                None if kind == LinuxNamespaceType::User => {}
                None => namespaces.new |= flag(kind),
            }
        }
        match foreign {
            Some(user) => {
                // First of all: the others are joined with the power it gives.
                namespaces.join.insert(
                    0,
                    JoinNamespace {
                        kind: LinuxNamespaceType::User,
                        namespace: user,
                    },
                );
            }
            None if new_user_namespace => namespaces.new |= libc::CLONE_NEWUSER,
            None => {}
        }
        if namespaces.new & libc::CLONE_NEWNS == 0 {
            return Err(Error::Unsupported(
                "a container without a mount namespace of its own".to_owned(),
            ));
        }
        Ok(namespaces)
    }

    /// Whether `kind` is new or another container's, not the host's.
    pub(super) fn has_own(&self, kind: LinuxNamespaceType) -> bool {
        self.new & flag(kind) != 0 || self.joins(kind)
    }

    /// Whether `kind` is another container's.
    pub(super) fn joins(&self, kind: LinuxNamespaceType) -> bool {
        self.join.iter().any(|join| join.kind == kind)
    }

    fn add_join(
        &mut self,
        kind: LinuxNamespaceType,
        namespace: OwnedFd,
        foreign: &mut Option<OwnedFd>,
    ) -> Result<(), Error> {
        match kind {
            LinuxNamespaceType::Mount | LinuxNamespaceType::Time => {
                return Err(Error::Unsupported(format!(
                    "joining another container's {kind} namespace"
                )));
            }
            LinuxNamespaceType::User => {
                if !is_own(&namespace)? {
                    *foreign = Some(namespace);
                }
                return Ok(());
            }
            _ => {}
        }
        let of_owner = owner(namespace.as_fd()).map_err(|source| Error::Step {
            step: format!("error finding the owner of the {kind} namespace to join"),
            source,
        })?;
        if foreign.is_none() && !is_own(&of_owner)? {
            *foreign = Some(of_owner);
        }
        self.join.push(JoinNamespace { kind, namespace });
        Ok(())
    }
}

/// The kinds are numbered by their flags.
fn flag(kind: LinuxNamespaceType) -> libc::c_int {
    kind as libc::c_int
}

/// Whether `user` is the user namespace this process is in.
fn is_own(user: &OwnedFd) -> Result<bool, Error> {
    let same = || -> rustix::io::Result<bool> {
        let theirs = rustix::fs::fstat(user)?;
        let ours = rustix::fs::stat(c"/proc/self/ns/user")?;
        Ok(theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
    };
    same().map_err(|errno| Error::Step {
        step: "error comparing user namespaces".to_owned(),
        source: errno.into(),
    })
}

/// Joins one namespace.
#[derive(Debug)]
pub(super) struct JoinNamespace {
    kind: LinuxNamespaceType,
    namespace: OwnedFd,
}

impl Step for JoinNamespace {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        setns(self.namespace.as_fd(), flag(self.kind))
    }

    fn words(&self) -> String {
        format!("error joining the {} namespace", self.kind)
    }
}

/// Makes the namespaces that need not be there from the first moment. The parent has the id maps written meanwhile.
#[derive(Debug)]
pub(super) struct Unshare {
    pub(super) flags: libc::c_int,
}

impl Step for Unshare {
    fn run(&self, _: &mut State<'_>) -> io::Result<()> {
        unshare(self.flags)
    }

    fn words(&self) -> String {
        "error creating namespaces".to_owned()
    }
}
