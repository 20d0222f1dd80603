//! Archives as they come to a build: plain, with gzip, zstd or xz, which are read here, or with bzip2, which the program of
//! that name reads.
//!
//! A copy of this process hands the archive to the program, so that it may come from anywhere. Both are ended with the
//! reader, however far that got.

use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getpid, kill_process};

use super::error::{Error, failed};
use crate::bounded;
use crate::image::decompress::Decompress;
use crate::settings::find_program;
use crate::sys::child::die_with;
use crate::sys::helper::die_with_caller;
use crate::sys::process::{Side, exit_now, fork, wait};

/// Bytes of memory that a program may take: more than any file makes it need.
const MAX_MEMORY: u64 = 1 << 30;

/// Bytes of a program's complaint.
const MAX_WORDS: u64 = 4 << 10;

/// Compressions that other programs read: how they begin, the program, the package that has it.
const PROGRAMS: [(&[u8], &str, &str); 1] = [(b"BZh", "bzip2", "bzip2")];

/// The uncompressed bytes of an archive.
pub(super) enum Inflate<R: Read> {
    /// Read here.
    Here(Box<Decompress<BufReader<R>>>),
    /// Read by a program.
    Program(Program),
}

impl<R: Read> Inflate<R> {
    /// Reads an archive by what it begins with; programs are looked for in `path`, which is a
    /// [`Settings::path`](crate::settings::Settings::path). The calling process has one thread.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where a program is missing; [`Error::Io`] for what cannot be read.
    pub(super) fn detect(reader: R, path: &str) -> Result<Inflate<R>, Error> {
        let unreadable = || failed("read", "the archive");
        let mut reader = BufReader::new(reader);
        let head = reader.fill_buf().map_err(unreadable())?;
        let other = PROGRAMS.iter().find(|(magic, ..)| head.starts_with(magic));
        let Some((_, name, package)) = other else {
            let reader = Decompress::detect(reader).map_err(unreadable())?;
            return Ok(Inflate::Here(Box::new(reader)));
        };
        let Some(program) = find_program(name, path) else {
            return Err(Error::Invalid(format!(
                "the archive is compressed with {name}, and the program {name} is not in $PATH: install the package {package}"
            )));
        };
        let program = Program::start(name, Command::new(program), reader);
        program.map(Inflate::Program).map_err(failed("run", name))
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Inflate::Here(reader) => reader.read(buffer),
            Inflate::Program(program) => program.read(buffer),
        }
    }
}

/// A program that unpacks its standard input.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    child: Child,
    output: ChildStdout,
    /// The process that hands it the archive; `None` once it has ended.
    feeder: Option<u32>,
    has_ended: bool,
}

impl Program {
    fn start(
        name: &'static str,
        mut command: Command,
        mut reader: impl Read,
    ) -> io::Result<Program> {
        command
            .arg("-dc")
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        die_with_caller(&mut command);
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(mut input), Some(output)) = (input, output) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let memory = Rlimit {
            current: Some(MAX_MEMORY),
            maximum: Some(MAX_MEMORY),
        };
        // Where even that is refused, the machine is the bound.
        let _ = rustix::process::prlimit(Pid::from_raw(child.id() as i32), Resource::As, memory);
        let parent = getpid();
        let feeder = match fork()? {
            Side::Parent(pid) => pid,
            Side::Child => {
                drop((output, child.stderr.take()));
                let tied = die_with(parent);
                let copied = io::copy(&mut reader, &mut input);
                exit_now(u8::from(tied.is_err() || copied.is_err()))
            }
        };
        Ok(Program {
            name,
            child,
            output,
            feeder: Some(feeder),
            has_ended: false,
        })
    }

    /// At the end of the output: whether it was the end of the archive, too.
    fn end(&mut self) -> io::Result<()> {
        self.has_ended = true;
        let words = self.child.stderr.take();
        let words = words.and_then(|words| bounded::read(words, MAX_WORDS).ok());
        let status = self.child.wait()?;
        let fed = self.feeder.take().map_or(Ok(0), wait)?;
        if status.success() && fed == 0 {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&words.unwrap_or_default())
            .trim()
            .to_owned();
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            match words.lines().next() {
                Some(first) => format!("{}: {first}", self.name),
                None => format!("{} failed: {status}", self.name),
            },
        ))
    }
}

impl Read for Program {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buffer.is_empty() {
            return Ok(0);
        }
        let read = self.output.read(buffer)?;
        if read == 0 {
            self.end()?;
        }
        Ok(read)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both may have ended already; they are there to be reaped all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(feeder) = self.feeder.take() {
            if let Some(pid) = Pid::from_raw(feeder as i32) {
                let _ = kill_process(pid, Signal::KILL);
            }
            let _ = wait(feeder);
        }
    }
}
