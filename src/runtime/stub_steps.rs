//! The child's steps that have to do with the stub: its file where it is no memfd, and a second way to it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use super::step::{State, Step, present};
use super::stub::{Stub, StubPath, read_only_file};

impl State<'_> {
    /// The stub. `EBADF` before [`PlaceStub`].
    pub(super) fn stub(&self) -> io::Result<BorrowedFd<'_>> {
        match &self.inherited.stub {
            Stub::Memfd(memfd) => Ok(memfd.as_fd()),
            Stub::Content(_) => present(&self.stub),
        }
    }
}

/// Makes the stub's file, where it is no memfd. Takes power over the mount namespace.
#[derive(Debug)]
pub(super) struct PlaceStub;

impl Step for PlaceStub {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        if let Stub::Content(content) = &state.inherited.stub {
            state.stub = Some(read_only_file(content)?);
        }
        Ok(())
    }

    fn words(&self) -> String {
        "error placing what executes the program on a tmpfs, as this host forbids executable memfds"
            .to_owned()
    }
}

/// Finds the path by which the stub can be executed should the filter that comes next not know `execveat`. Beforehand:
/// the filter may not know what this takes either.
#[derive(Debug)]
pub(super) struct FindStubPath;

impl Step for FindStubPath {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        // Without one, `execveat` has to do.
        state.stub_path = StubPath::find(state.stub()?).ok();
        Ok(())
    }

    fn words(&self) -> String {
        "error finding what executes the program".to_owned()
    }
}
