//! The child half as data: a list of steps that the parent prepares and the child carries out in order.
//!
//! A step owns everything it needs (C strings, numbers, tables) before the process is copied, so that carrying it out
//! takes nothing but system calls. When one fails, its index and the errno travel to the parent, which has the same list
//! and therefore the words.

use std::fmt::Debug;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use super::Error;
use super::stub::{Stub, StubPath};
use super::sync::ChildEnd;

/// Something the child does.
pub(super) trait Step: Debug {
    /// Does it, with system calls only.
    fn run(&self, state: &mut State<'_>) -> io::Result<()>;

    /// What was attempted on what.
    fn words(&self) -> String;

    /// The error that the user sees when it has failed.
    fn error(&self, source: io::Error) -> Error {
        Error::Step {
            step: self.words(),
            source,
        }
    }
}

/// What the child finds out on its way from step to step.
#[derive(Debug)]
pub(super) struct State<'a> {
    /// The other half.
    pub(super) sync: &'a ChildEnd,
    /// The descriptors that the parent handed over.
    pub(super) inherited: &'a Inherited,
    /// The root directory, once it is there.
    pub(super) root: Option<OwnedFd>,
    /// The container's own procfs: what is mounted at `/proc` by descriptor, never looked up by path again.
    pub(super) proc: Option<OwnedFd>,
    /// As `proc`, for `/sys`.
    pub(super) sys: Option<OwnedFd>,
    /// The terminal, from the inside.
    pub(super) terminal: Option<OwnedFd>,
    /// The terminal, from the outside, until it has been sent away.
    pub(super) master: Option<OwnedFd>,
    /// The program found for the command: index into the candidates of `lookup`.
    pub(super) program: usize,
    /// The stub, where the child had to make its file.
    pub(super) stub: Option<OwnedFd>,
    /// Another way to the stub, where there is one that can be trusted.
    pub(super) stub_path: Option<StubPath>,
}

/// The descriptors that the child gets and the parent gives away.
#[derive(Debug)]
pub(super) struct Inherited {
    /// stdin, stdout, stderr, unless there is a terminal.
    pub(super) streams: Option<[OwnedFd; 3]>,
    /// Where the stub reports a failed `execve`.
    pub(super) report: OwnedFd,
    /// What executes the program.
    pub(super) stub: Stub,
}

impl<'a> State<'a> {
    pub(super) fn new(sync: &'a ChildEnd, inherited: &'a Inherited) -> State<'a> {
        State {
            sync,
            inherited,
            root: None,
            proc: None,
            sys: None,
            terminal: None,
            master: None,
            program: 0,
            stub: None,
            stub_path: None,
        }
    }

    /// The root directory. `EBADF` before the step that makes it, which would be a mistake in the list of steps.
    pub(super) fn root(&self) -> io::Result<BorrowedFd<'_>> {
        present(&self.root)
    }
}

/// Borrows a descriptor that an earlier step must have opened.
pub(super) fn present(fd: &Option<OwnedFd>) -> io::Result<BorrowedFd<'_>> {
    fd.as_ref()
        .map(OwnedFd::as_fd)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
}

/// The steps in order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    steps: Vec<Box<dyn Step>>,
}

impl Plan {
    pub(super) fn push(&mut self, step: impl Step + 'static) {
        self.steps.push(Box::new(step));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Carries out all steps in order; reports the first that fails and returns its error.
    pub(super) fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        for (index, step) in self.steps.iter().enumerate() {
            if let Err(error) = step.run(state) {
                state.sync.report_failure(index, &error)?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The error for a failure that the child has reported.
    pub(super) fn error(&self, failure: super::sync::Failure) -> Error {
        let source = io::Error::from_raw_os_error(failure.errno);
        match self.steps.get(failure.step) {
            Some(step) => step.error(source),
            None => Error::Step {
                step: "error preparing the container process".to_owned(),
                source,
            },
        }
    }

    /// The error for a failed `execve` of the stub's, which the last step stands for.
    pub(super) fn exec_error(&self, errno: i32) -> Error {
        self.error(super::sync::Failure {
            step: self.steps.len().saturating_sub(1),
            errno,
        })
    }
}
