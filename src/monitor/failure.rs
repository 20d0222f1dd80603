//! How a failure travels from the monitor to the process that started it: its kind, its words, and those of its causes.

use crate::runtime;

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

/// An error that another process (the monitor) ran into, with its causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// Its kind.
    pub failure: StartFailure,
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
            cause: chain.map_or(unknown, |chain| *chain),
        }
    }

    /// Takes an error of this process.
    pub fn from_error(failure: StartFailure, error: &dyn std::error::Error) -> StartError {
        StartError::new(failure, &words(error))
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
        let mut bytes = vec![self.failure.exit_code() as u8];
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
        let text = String::from_utf8_lossy(bytes.get(1..).unwrap_or_default());
        let words: Vec<String> = (text.split('\0').filter(|word| !word.is_empty()))
            .map(str::to_owned)
            .collect();
        StartError::new(failure, &words)
    }
}

/// Returns the words of `error` and of its causes, outermost first.
fn words(error: &dyn std::error::Error) -> Vec<String> {
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

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.cause)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        (self.cause.as_deref()).map(|cause| cause as &(dyn std::error::Error + 'static))
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
        assert_eq!(
            StartError::decode(b"").to_string(),
            "the monitor gave no reason"
        );
    }
}
