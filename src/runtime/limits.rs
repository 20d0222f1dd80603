//! `rlimits` and `oomScoreAdj`: what the parent does to the child, because it may be allowed more.
//!
//! Spec: runtime-spec, config.md, "POSIX process"; config.md, "Linux Process".

use std::io::Write as _;

use oci_spec::runtime::{PosixRlimit, PosixRlimitType, Process};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::Error;

/// The limits of a process that is not yet executed.
#[derive(Debug)]
pub(super) struct Limits {
    limits: Vec<PosixRlimit>,
    oom_score_adj: Option<i32>,
}

impl Limits {
    pub(super) fn new(process: &Process) -> Limits {
        Limits {
            limits: process.rlimits().clone().unwrap_or_default(),
            oom_score_adj: process.oom_score_adj().filter(|score| *score != 0),
        }
    }

    /// The preference for the out-of-memory killer, if it is not the default.
    pub(super) fn oom_score_adj(&self) -> Option<i32> {
        self.oom_score_adj
    }

    /// Applies the resource limits to `pid`.
    ///
    /// # Errors
    ///
    /// [`Error::Step`] for a limit the kernel does not accept, or that this user may not raise.
    pub(super) fn apply(&self, pid: u32) -> Result<(), Error> {
        for limit in &self.limits {
            set(pid, limit).map_err(|errno| Error::Step {
                step: words(limit, errno),
                source: errno.into(),
            })?;
        }
        Ok(())
    }

    /// Sets the preference for the out-of-memory killer of `process`, a directory in `/proc`. Must come while it is still
    /// dumpable. A user who may not lower it keeps the one they have, as with Docker's rootless mode.
    ///
    /// # Errors
    ///
    /// [`Error::Step`] where it can be had and still fails.
    pub(super) fn apply_oom_score(&self, process: &str) -> Result<(), Error> {
        let Some(score) = self.oom_score_adj else {
            return Ok(());
        };
        let path = format!("/proc/{process}/oom_score_adj");
        let written = std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.write_all(score.to_string().as_bytes()));
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => {
                Err(Error::Step {
                    step: format!("error writing {score} to {path}"),
                    source: error,
                })
            }
            _ => Ok(()),
        }
    }
}

fn set(pid: u32, limit: &PosixRlimit) -> Result<(), Errno> {
    let resource = resource(limit.typ());
    let finite = |value: u64| (value != libc::RLIM_INFINITY).then_some(value);
    let wanted = Rlimit {
        current: finite(limit.soft()),
        maximum: finite(limit.hard()),
    };
    prlimit(Pid::from_raw(pid as i32), resource, wanted).map(|_| ())
}

fn words(limit: &PosixRlimit, errno: Errno) -> String {
    let number = |value: u64| match value {
        libc::RLIM_INFINITY => "unlimited".to_owned(),
        value => value.to_string(),
    };
    let mut words = format!(
        "error setting rlimit {}: soft {}, hard {}",
        limit.typ(),
        number(limit.soft()),
        number(limit.hard())
    );
    // The child has inherited ours.
    if errno == Errno::PERM
        && let Some(hard) = getrlimit(resource(limit.typ())).maximum
    {
        words += &format!(": raising the hard limit, which is {hard}, takes CAP_SYS_RESOURCE");
    }
    words
}

fn resource(kind: PosixRlimitType) -> Resource {
    use PosixRlimitType as Kind;
    match kind {
        Kind::RlimitCpu => Resource::Cpu,
        Kind::RlimitFsize => Resource::Fsize,
        Kind::RlimitData => Resource::Data,
        Kind::RlimitStack => Resource::Stack,
        Kind::RlimitCore => Resource::Core,
        Kind::RlimitRss => Resource::Rss,
        Kind::RlimitNproc => Resource::Nproc,
        Kind::RlimitNofile => Resource::Nofile,
        Kind::RlimitMemlock => Resource::Memlock,
        Kind::RlimitAs => Resource::As,
        Kind::RlimitLocks => Resource::Locks,
        Kind::RlimitSigpending => Resource::Sigpending,
        Kind::RlimitMsgqueue => Resource::Msgqueue,
        Kind::RlimitNice => Resource::Nice,
        Kind::RlimitRtprio => Resource::Rtprio,
        Kind::RlimitRttime => Resource::Rttime,
    }
}
