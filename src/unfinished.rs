//! Files that get their name when they are whole, and leave nothing behind where they do not.
//!
//! Such a file has no name at all (`O_TMPFILE`), so that it goes with its writer, whatever ends that. Where the filesystem
//! has no such files it is called `.NAME.<16 hex digits>` meanwhile, and a process that outlives the writer removes it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags};
use rustix::io::Errno;

use crate::sys;
use crate::sys::process::{Side, exit_now, fork, wait};
use crate::sys::rights::as_caller;

/// A file that is being written.
#[derive(Debug)]
pub struct Unfinished {
    /// To write to.
    pub file: File,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It is no regular file (a pipe, a device) and is written as it is.
    Itself,
    Nameless,
    Named(Named),
}

impl Unfinished {
    /// Begins a file that will be called `path`, with the caller's own rights.
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub fn beside(path: &Path) -> io::Result<Unfinished> {
        as_caller(|| Unfinished::open(path))
    }

    fn open(path: &Path) -> io::Result<Unfinished> {
        if path.metadata().is_ok_and(|meta| !meta.is_file()) {
            let file = File::options().write(true).open(path)?;
            let state = State::Itself;
            return Ok(Unfinished { file, state });
        }
        let nameless = File::options()
            .write(true)
            .mode(0o666)
            .custom_flags(OFlags::TMPFILE.bits() as i32)
            .open(directory_of(path));
        match nameless {
            Ok(file) => Ok(Unfinished {
                file,
                state: State::Nameless,
            }),
            Err(error) if has_no_nameless_files(&error) => Unfinished::named(path),
            Err(error) => Err(error),
        }
    }

    /// As [`Unfinished::beside`], where files must have names.
    fn named(path: &Path) -> io::Result<Unfinished> {
        let (file, named) = Named::create(path)?;
        let state = State::Named(named);
        Ok(Unfinished { file, state })
    }

    /// Gives it its name, with the caller's own rights. A file that had it is replaced.
    ///
    /// # Errors
    ///
    /// Those of naming it.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        as_caller(|| self.name(path))
    }

    fn name(self, path: &Path) -> io::Result<()> {
        match self.state {
            State::Itself => Ok(()),
            State::Nameless => {
                let by_number = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                let link = |to: &Path| {
                    rustix::fs::linkat(CWD, &by_number, CWD, to, AtFlags::SYMLINK_FOLLOW)
                };
                match link(path) {
                    Err(Errno::EXIST) => {}
                    linked => return Ok(linked?),
                }
                // A link replaces nothing.
                let beside = fresh_name(path)?;
                link(&beside)?;
                fs::rename(&beside, path).inspect_err(|_| {
                    // What was to be done is what is told of.
                    let _ = fs::remove_file(&beside);
                })
            }
            State::Named(named) => named.rename(path),
        }
    }
}

/// Whether an error says that the filesystem, or the kernel below it, has no files without names.
fn has_no_nameless_files(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL]
        .iter()
        .any(|known| errno == Some(known.raw_os_error()))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Returns a name beside `path` that nobody has.
fn fresh_name(path: &Path) -> io::Result<PathBuf> {
    let mut number = [0; 8];
    sys::random::fill(&mut number)?;
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}", u64::from_ne_bytes(number)));
    Ok(path.with_file_name(name))
}

/// A file with a name that it must not keep.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    /// Tells the process that looks after it that there is nothing to do.
    done: PipeWriter,
    keeper: u32,
}

impl Named {
    fn create(path: &Path) -> io::Result<(File, Named)> {
        let path = fresh_name(path)?;
        let (end, done) = io::pipe()?;
        let file = File::create_new(&path)?;
        match fork() {
            Ok(Side::Parent(keeper)) => Ok((file, Named { path, done, keeper })),
            Ok(Side::Child) => {
                drop(done);
                keep(end, &path)
            }
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    fn rename(self, to: &Path) -> io::Result<()> {
        // Under its own name nobody removes it: then dropping this is all that is left to do.
        fs::rename(&self.path, to)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // Gone already where it has been renamed.
        let _ = fs::remove_file(&self.path);
        let _ = self.done.write_all(b".");
        let _ = wait(self.keeper);
    }
}

/// In a process of its own, which signals to the writer's process group do not reach: removes the file when the writer is
/// gone. There may have been threads: system calls only.
fn keep(mut end: PipeReader, path: &Path) -> ! {
    let _ = rustix::process::setsid();
    if matches!(end.read(&mut [0]), Ok(0)) {
        let _ = rustix::fs::unlink(path);
    }
    exit_now(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        for begin in [Unfinished::beside, Unfinished::named] {
            for text in ["one", "two"] {
                let mut unfinished = begin(&path).unwrap();
                unfinished.file.write_all(text.as_bytes()).unwrap();
                unfinished.finish(&path).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
                assert_eq!(names(dir.path()), ["f"]);
            }
            drop(begin(&path).unwrap());
            assert_eq!(names(dir.path()), ["f"]);
            fs::remove_file(&path).unwrap();
        }
        assert!(Unfinished::beside(&dir.path().join("none/f")).is_err());
        assert!(Unfinished::beside(dir.path()).is_err());
    }

    #[test]
    fn what_its_writer_leaves_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let (mut ready, mut tell) = io::pipe().unwrap();
        match fork().unwrap() {
            Side::Child => {
                let unfinished = Unfinished::named(&path);
                let _ = tell.write_all(b".");
                // As after a SIGKILL: no destructor runs.
                std::mem::forget(unfinished);
                exit_now(0)
            }
            Side::Parent(pid) => {
                drop(tell);
                ready.read_exact(&mut [0]).unwrap();
                assert_eq!(wait(pid).unwrap(), 0);
            }
        }
        // The other end of the pipe closes with the keeper, which is the last to hold it.
        assert_eq!(ready.read(&mut [0]).unwrap(), 0);
        assert!(names(dir.path()).is_empty());
    }
}
