//! How a failure travels from the monitor to the process that started it: its kind, what stands in the way, its words, and
//! those of its causes.

use std::error::Error;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use crate::runtime::CgroupError;
use crate::{network, runtime, userns};

/// What kind of failure kept a process from starting; it decides the exit code of `run`, `start -a` and `exec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFailure {
    /// 125: ours.
    Engine,
    /// 126: the command cannot be executed.
    NotExecutable,
    /// 127: there is no such command.
    NotFound,
}

impl StartFailure {
    /// Returns the exit code that Docker's contract gives it.
    pub fn exit_code(self) -> i32 {
        match self {
            StartFailure::Engine => 125,
            StartFailure::NotExecutable => 126,
            StartFailure::NotFound => 127,
        }
    }

    /// Classifies an error of the runtime.
    pub fn of(error: &runtime::Error) -> StartFailure {
        match error {
            runtime::Error::CommandNotFound(_) | runtime::Error::CommandMissing { .. } => {
                StartFailure::NotFound
            }
            runtime::Error::CommandNotExecutable { .. } => StartFailure::NotExecutable,
            _ => StartFailure::Engine,
        }
    }
}

/// What stands in the way, where the user, or root, can do something about it: `cli` has hints for these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Obstacle {
    /// User namespaces are forbidden.
    UserNamespaces = 1,
    /// There are as many of them as there may be.
    UserNamespaceLimit = 2,
    /// `newuidmap` or `newgidmap` refuses to map the user's ids.
    IdHelper = 3,
    /// The program that makes networks is not there.
    NetworkHelper = 4,
    /// Somebody has the port.
    PortInUse = 5,
    /// The port is for root.
    PrivilegedPort = 6,
    /// Some file or directory is somebody else's.
    Permission = 7,
    /// `/proc` is not mounted.
    Proc = 8,
    /// A cgroup controller is not handed down to the user.
    CgroupController = 9,
    /// There is no cgroup in which the user may make some.
    CgroupDelegation = 10,
    /// Version 1 of cgroups is for root.
    CgroupVersion = 11,
    /// A cgroup has processes and so cannot have cgroups with limits below it.
    CgroupOccupied = 12,
}

impl Obstacle {
    const ALL: [Obstacle; 12] = [
        Obstacle::UserNamespaces,
        Obstacle::UserNamespaceLimit,
        Obstacle::IdHelper,
        Obstacle::NetworkHelper,
        Obstacle::PortInUse,
        Obstacle::PrivilegedPort,
        Obstacle::Permission,
        Obstacle::Proc,
        Obstacle::CgroupController,
        Obstacle::CgroupDelegation,
        Obstacle::CgroupVersion,
        Obstacle::CgroupOccupied,
    ];

    /// Returns what stands behind `error` itself; its causes are not asked.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Obstacle> {
        if let Some(error) = error.downcast_ref::<runtime::Error>() {
            return match error {
                runtime::Error::Userns(error) => Obstacle::of(error),
                runtime::Error::Cgroup(error) => match error {
                    CgroupError::Controller { .. } => Some(Obstacle::CgroupController),
                    CgroupError::Undelegated { .. } => Some(Obstacle::CgroupDelegation),
                    CgroupError::Legacy { .. } => Some(Obstacle::CgroupVersion),
                    CgroupError::Occupied { .. } => Some(Obstacle::CgroupOccupied),
                    _ => None,
                },
                runtime::Error::Step { source, .. }
                    if source.kind() == ErrorKind::PermissionDenied =>
                {
                    Some(Obstacle::Permission)
                }
                _ => None,
            };
        }
        if let Some(error) = error.downcast_ref::<userns::Error>() {
            return Some(match error {
                userns::Error::Unshare(source) if source.raw_os_error() == Some(libc::ENOSPC) => {
                    Obstacle::UserNamespaceLimit
                }
                userns::Error::Unshare(_) | userns::Error::Write { .. } => Obstacle::UserNamespaces,
                userns::Error::Helper { .. } => Obstacle::IdHelper,
                userns::Error::Read { .. } => Obstacle::Proc,
            });
        }
        match error.downcast_ref::<network::Error>()? {
            network::Error::NoHelper(_) => Some(Obstacle::NetworkHelper),
            network::Error::PortInUse(_) => Some(Obstacle::PortInUse),
            network::Error::Bind { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                Some(Obstacle::PrivilegedPort)
            }
            _ => None,
        }
    }

    fn from_byte(byte: u8) -> Option<Obstacle> {
        (Obstacle::ALL.into_iter()).find(|obstacle| *obstacle as u8 == byte)
    }
}

/// An error that another process (the monitor) ran into, with its causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// Its kind.
    pub failure: StartFailure,
    /// What stands in the way, if that is known.
    pub obstacle: Option<Obstacle>,
    cause: Cause,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

impl StartError {
    /// Makes an error of its own words and those of its causes, outermost first.
    pub fn new(failure: StartFailure, words: &[String]) -> StartError {
        let mut chain = None;
        for message in words.iter().rev() {
            chain = Some(Box::new(Cause {
                message: message.clone(),
                cause: chain,
            }));
        }
        let unknown = Cause {
            message: "the monitor gave no reason".to_owned(),
            cause: None,
        };
        StartError {
            failure,
            obstacle: None,
            cause: chain.map_or(unknown, |chain| *chain),
        }
    }

    /// Takes an error of this process.
    pub fn from_error(failure: StartFailure, error: &(dyn Error + 'static)) -> StartError {
        StartError {
            obstacle: Obstacle::of(error),
            ..StartError::new(failure, &words(error))
        }
    }

    /// Takes an error of the runtime.
    pub fn from_runtime(error: &runtime::Error) -> StartError {
        StartError::from_error(StartFailure::of(error), error)
    }

    /// Its words and those of its causes, in one line.
    pub fn in_full(&self) -> String {
        words(self).join(": ")
    }

    /// As the payload of a frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let obstacle = self.obstacle.map_or(0, |obstacle| obstacle as u8);
        let mut bytes = vec![self.failure.exit_code() as u8, obstacle];
        bytes.extend_from_slice(words(self).join("\0").as_bytes());
        bytes
    }

    /// From the payload of a frame.
    pub(crate) fn decode(bytes: &[u8]) -> StartError {
        let failure = match bytes.first() {
            Some(126) => StartFailure::NotExecutable,
            Some(127) => StartFailure::NotFound,
            _ => StartFailure::Engine,
        };
        let obstacle = bytes.get(1).copied().and_then(Obstacle::from_byte);
        let text = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default());
        let words: Vec<String> = (text.split('\0').filter(|word| !word.is_empty()))
            .map(str::to_owned)
            .collect();
        StartError {
            obstacle,
            ..StartError::new(failure, &words)
        }
    }
}

/// Returns the words of `error` and of its causes, outermost first.
fn words(error: &dyn Error) -> Vec<String> {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        words.push(error.to_string());
        source = error.source();
    }
    words
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.cause.message)
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Error::source(&self.cause)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.cause.as_deref()).map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_survive_the_way_through_another_process() {
        let error = runtime::Error::CommandNotExecutable {
            command: "/etc".to_owned(),
            source: std::io::Error::from_raw_os_error(libc::EACCES),
        };
        let here = StartError::from_runtime(&error);
        let there = StartError::decode(&here.encode());
        assert_eq!(there, here);
        assert_eq!(there.failure.exit_code(), 126);
        assert_eq!(words(&there), words(&error));
        assert_eq!(words(&there).len(), 2);
        for obstacle in Obstacle::ALL {
            let here = StartError {
                obstacle: Some(obstacle),
                ..here.clone()
            };
            assert_eq!(StartError::decode(&here.encode()), here);
        }
        assert_eq!(
            StartError::decode(b"").to_string(),
            "the monitor gave no reason"
        );
    }

    #[test]
    fn knows_what_stands_in_the_way() {
        let forbidden = |errno| {
            let error = userns::Error::Unshare(std::io::Error::from_raw_os_error(errno));
            StartError::from_runtime(&runtime::Error::Userns(error)).obstacle
        };
        for errno in [libc::EPERM, libc::ENOSYS] {
            assert_eq!(forbidden(errno), Some(Obstacle::UserNamespaces));
        }
        assert_eq!(forbidden(libc::ENOSPC), Some(Obstacle::UserNamespaceLimit));
        let error = userns::Error::Read {
            path: "/proc/self/uid_map".to_owned(),
            source: ErrorKind::NotFound.into(),
        };
        assert_eq!(Obstacle::of(&error), Some(Obstacle::Proc));
        let taken = network::Error::PortInUse("0.0.0.0:80/tcp".to_owned());
        let error = StartError::from_error(StartFailure::Engine, &taken);
        assert_eq!(error.obstacle, Some(Obstacle::PortInUse));
    }
}
