//! The command: found in the container's `$PATH`, then executed through the stub.
//!
//! What is found and which error comes of it follows Go's `exec.LookPath`, through which runc finds commands, and moby's
//! `daemon/start.go` (`translateContainerdStartErr`), which makes 127 of "not found" and 126 of "permission denied".

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd as _;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::Error;
use super::inside::c_string;
use super::step::{State, Step};
use crate::sys::exec::{StringArray, execve, execveat};
use crate::sys::file;
use crate::sys::stub::REPORT_FD;

/// What stands for a stub that cannot be executed; no `execve` of a program fails with it.
const STUB_REFUSED: Errno = Errno::OPNOTSUPP;

/// What the command may be: itself if it has a slash, otherwise its name in each directory of `$PATH`.
fn candidates(command: &str, environment: &[String]) -> Result<Vec<CString>, Error> {
    if command.contains('/') {
        return Ok(vec![c_string(command)?]);
    }
    if command.is_empty() {
        return Ok(Vec::new());
    }
    let path = environment
        .iter()
        .rev()
        .find_map(|variable| variable.strip_prefix("PATH="))
        .unwrap_or_default();
    path.split(':')
        // An empty entry would mean the working directory; Go's LookPath refuses what it finds there.
        .filter(|directory| directory.starts_with('/'))
        .map(|directory| c_string(format!("{}/{command}", directory.trim_end_matches('/'))))
        .collect()
}

/// Finds the command.
#[derive(Debug)]
pub(super) struct FindCommand {
    command: String,
    candidates: Vec<CString>,
}

impl FindCommand {
    pub(super) fn new(command: &str, environment: &[String]) -> Result<FindCommand, Error> {
        Ok(FindCommand {
            command: command.to_owned(),
            candidates: candidates(command, environment)?,
        })
    }
}

impl Step for FindCommand {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let mut failure = Errno::NOENT;
        for (index, candidate) in self.candidates.iter().enumerate() {
            match check(candidate) {
                Ok(()) => {
                    state.program = index;
                    return Ok(());
                }
                Err(error) if self.command.contains('/') => return Err(error),
                // A search goes on, and remembers that there was something.
                Err(error) if error.raw_os_error() == Some(libc::EACCES) => failure = Errno::ACCESS,
                Err(_) => {}
            }
        }
        Err(failure.into())
    }

    fn words(&self) -> String {
        format!("exec: {:?}", self.command)
    }

    fn error(&self, source: io::Error) -> Error {
        command_error(&self.command, source)
    }
}

/// Whether the process could execute the file.
fn check(path: &CStr) -> io::Result<()> {
    let file = rustix::fs::openat2(
        CWD,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        // `/proc/self/exe` would be this binary.
        ResolveFlags::NO_MAGICLINKS,
    )?;
    let stat = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        // As execve(2) has it, and so Docker.
        FileType::Directory => Err(Errno::ACCESS.into()),
        FileType::RegularFile => file::check_executable(file.as_fd()),
        _ => Err(Errno::ACCESS.into()),
    }
}

/// Sorts what came of a command into "not found" and "found, but".
fn command_error(command: &str, source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::ENOENT) if !command.contains('/') => Error::CommandNotFound(command.to_owned()),
        Some(libc::ENOENT | libc::ENOTDIR) => Error::CommandMissing {
            command: command.to_owned(),
            source,
        },
        _ => Error::CommandNotExecutable {
            command: command.to_owned(),
            source,
        },
    }
}

/// Whether it is not for want of anything that the stub was not executed. Nothing is wrong with its file, so it is the
/// filter that does not know the call, with whichever errno it likes.
fn is_refusal(error: &io::Error) -> bool {
    !matches!(
        error.raw_os_error(),
        Some(libc::E2BIG | libc::ENOMEM | libc::EAGAIN)
    )
}

/// Executes what [`FindCommand`] has found. The last step: it returns only on failure.
#[derive(Debug)]
pub(super) struct Execute {
    command: String,
    candidates: Vec<CString>,
    /// The stub wants the program's path in front of the arguments, and which path that is shows only in the child.
    arguments: RefCell<StringArray>,
    environment: StringArray,
}

impl Execute {
    pub(super) fn new(arguments: &[String], environment: &[String]) -> Result<Execute, Error> {
        let command = arguments.first().cloned().unwrap_or_default();
        let strings = |strings: &[String]| -> Result<StringArray, Error> {
            Ok(StringArray::new(
                strings.iter().map(c_string).collect::<Result<_, _>>()?,
            ))
        };
        Ok(Execute {
            candidates: candidates(&command, environment)?,
            command,
            arguments: RefCell::new(strings(arguments)?),
            environment: strings(environment)?,
        })
    }
}

impl Step for Execute {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let program = self
            .candidates
            .get(state.program)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
        // Filled since the very first step, so this overwrites no descriptor that is still needed.
        file::place(state.inherited.report.as_fd(), REPORT_FD, false)?;
        let mut arguments = self.arguments.borrow_mut();
        let environment = &self.environment;
        let mut error = execveat(state.stub()?, program, &mut arguments, environment);
        if let (true, Some(path)) = (is_refusal(&error), &state.stub_path) {
            error = execve(path.as_c_str(), program, &mut arguments, environment);
        }
        match is_refusal(&error) {
            true => Err(STUB_REFUSED.into()),
            false => Err(error),
        }
    }

    fn words(&self) -> String {
        format!("exec {:?}", self.command)
    }

    fn error(&self, source: io::Error) -> Error {
        if source.raw_os_error() == Some(STUB_REFUSED.raw_os_error()) {
            return Error::Unsupported(
                "a seccomp profile that forbids execveat, which keeps the engine's own binary out of the container's reach"
                    .to_owned(),
            );
        }
        command_error(&self.command, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str, environment: &[&str]) -> Vec<String> {
        let environment: Vec<String> = environment.iter().map(|&entry| entry.to_owned()).collect();
        candidates(command, &environment)
            .unwrap()
            .into_iter()
            .map(|path| path.into_string().unwrap())
            .collect()
    }

    #[test]
    fn commands_with_a_slash_are_themselves() {
        assert_eq!(of("./run", &["PATH=/bin"]), ["./run"]);
        assert_eq!(of("/bin/sh", &[]), ["/bin/sh"]);
    }

    #[test]
    fn names_are_looked_up_in_the_last_path() {
        assert_eq!(
            of("sh", &["PATH=/x", "A=b", "PATH=/usr/bin/:/bin::relative"]),
            ["/usr/bin/sh", "/bin/sh"]
        );
        assert!(of("sh", &["A=b"]).is_empty());
        assert!(of("", &["PATH=/bin"]).is_empty());
    }

    #[test]
    fn errors_of_commands() {
        let error = |command, errno| command_error(command, io::Error::from_raw_os_error(errno));
        assert_eq!(error("sh", libc::ENOENT).exit_code(), 127);
        assert_eq!(error("/sh", libc::ENOENT).exit_code(), 127);
        assert_eq!(error("/sh", libc::ENOTDIR).exit_code(), 127);
        assert_eq!(error("sh", libc::EACCES).exit_code(), 126);
        assert_eq!(error("/etc", libc::EACCES).exit_code(), 126);
        assert_eq!(error("/script", libc::ENOEXEC).exit_code(), 126);
        assert_eq!(
            error("sh", libc::ENOENT).to_string(),
            "exec: \"sh\": executable file not found in $PATH"
        );
    }
}
