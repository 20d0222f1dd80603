//! One command: how it is started, how long it may take, and what is asserted about it.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::terminal::Terminal;

/// What a command may take unless a scenario says otherwise, and what is waited for: far more than anything should take,
/// so that no slow or loaded machine fails the suite, and far less than a CI job's limit. Only what does not end by
/// itself takes as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// Arguments as a scenario likes to write them: one string split at blanks, or a list where blanks matter.
pub(crate) trait IntoArgs {
    fn into_args(self) -> Vec<String>;
}

impl IntoArgs for &str {
    fn into_args(self) -> Vec<String> {
        self.split_whitespace().map(str::to_owned).collect()
    }
}

impl IntoArgs for &String {
    fn into_args(self) -> Vec<String> {
        self.as_str().into_args()
    }
}

impl IntoArgs for String {
    fn into_args(self) -> Vec<String> {
        self.as_str().into_args()
    }
}

impl<const N: usize> IntoArgs for [&str; N] {
    fn into_args(self) -> Vec<String> {
        self.iter().map(|word| (*word).to_owned()).collect()
    }
}

impl IntoArgs for &[&str] {
    fn into_args(self) -> Vec<String> {
        self.iter().map(|word| (*word).to_owned()).collect()
    }
}

impl IntoArgs for Vec<String> {
    fn into_args(self) -> Vec<String> {
        self
    }
}

/// A command that is about to be run.
#[must_use = "nothing runs before `run`, `ok` or `spawn`"]
pub(crate) struct Invocation {
    command: Command,
    stdin: Option<Vec<u8>>,
    /// Where its output goes, where that is not collected.
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    timeout: Duration,
    /// Uid and gid to become, where they are not ours already.
    user: Option<(u32, u32)>,
}

impl Invocation {
    pub(super) fn new(mut command: Command, user: Option<(u32, u32)>) -> Invocation {
        if let Some((uid, gid)) = user {
            // std drops the supplementary groups along with the uid.
            command.uid(uid).gid(gid);
        }
        Invocation {
            command,
            stdin: None,
            stdout: None,
            stderr: None,
            timeout: PATIENCE,
            user,
        }
    }

    /// What it reads; without this, its stdin is `/dev/null`.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Invocation {
        self.stdin = Some(bytes.into());
        self
    }

    /// Gives it a standard output of its own: what it writes there is not collected.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Invocation {
        self.stdout = Some(stdout.into());
        self
    }

    /// Gives it a standard error of its own: what it writes there is not collected.
    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Invocation {
        self.stderr = Some(stderr.into());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Invocation {
        self.command.env(name, value);
        self
    }

    /// Sets its `argv[0]`.
    pub(crate) fn arg0(mut self, name: &str) -> Invocation {
        self.command.arg0(name);
        self
    }

    /// Allows more or less than [`PATIENCE`].
    pub(crate) fn timeout(mut self, timeout: Duration) -> Invocation {
        self.timeout = timeout;
        self
    }

    /// Runs it to its end, and to the end of both its streams: a `run -d` that leaves a process behind which holds
    /// stdout would hang every `$(…)` in a script.
    ///
    /// # Panics
    ///
    /// When it takes longer than its timeout; what it wrote by then is in the message.
    #[track_caller]
    pub(crate) fn run(self) -> Finished {
        match self.finish() {
            Ok(finished) => finished,
            Err(finished) => panic!("timed out\n{finished}"),
        }
    }

    /// Runs it and asserts that it succeeds.
    #[track_caller]
    pub(crate) fn ok(self) -> Finished {
        self.run().exits(0)
    }

    /// Runs it and says whether it had to be ended because it took too long.
    pub(crate) fn run_to_timeout(self) -> bool {
        self.finish().is_err()
    }

    /// Starts it and leaves it running; it is ended at the latest when the handle is dropped.
    #[track_caller]
    pub(crate) fn spawn(mut self) -> Running {
        let words = describe(&self.command);
        let stdin = if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(self.stdout.take().unwrap_or_else(Stdio::piped))
            .stderr(self.stderr.take().unwrap_or_else(Stdio::piped))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {words}: {error}"));
        if let (Some(bytes), Some(mut pipe)) = (self.stdin.take(), child.stdin.take()) {
            // A thread, because both sides may have more to say than a pipe holds. The reader may not want it all.
            std::thread::spawn(move || pipe.write_all(&bytes).is_ok());
        }
        let stdout = match child.stdout.take() {
            Some(stdout) => collect(stdout),
            None => collect(std::io::empty()),
        };
        let stderr = match child.stderr.take() {
            Some(stderr) => collect(stderr),
            None => collect(std::io::empty()),
        };
        Running {
            words,
            child,
            stdout,
            stderr,
            seen: Vec::new(),
            timeout: self.timeout,
            done: false,
        }
    }

    /// Starts it on a terminal of 24 × 80.
    #[track_caller]
    pub(crate) fn terminal(self) -> Terminal {
        self.terminal_of(24, 80)
    }

    /// Starts it on a terminal of that size.
    #[track_caller]
    pub(crate) fn terminal_of(self, rows: u16, columns: u16) -> Terminal {
        Terminal::start(&self.command, self.user, (rows, columns), self.timeout)
    }

    fn finish(self) -> Result<Finished, Finished> {
        self.spawn().finish()
    }
}

/// A command that runs.
pub(crate) struct Running {
    words: String,
    child: Child,
    stdout: mpsc::Receiver<Vec<u8>>,
    stderr: mpsc::Receiver<Vec<u8>>,
    /// What has been taken of stdout already.
    seen: Vec<u8>,
    timeout: Duration,
    done: bool,
}

impl Running {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, signal).expect("a child that was not waited for");
    }

    /// Waits until it has written `text` to its stdout, within its timeout, counted from now.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, text: &str) {
        let deadline = Instant::now() + self.timeout;
        let text = text.as_bytes();
        while !self.seen.windows(text.len()).any(|window| window == text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stdout.recv_timeout(left) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(_) => panic!(
                    "{} did not say {:?}, but {:?}",
                    self.words,
                    String::from_utf8_lossy(text),
                    String::from_utf8_lossy(&self.seen)
                ),
            }
        }
    }

    /// Waits for its end within its timeout, counted from now.
    #[track_caller]
    pub(crate) fn wait(self) -> Finished {
        match self.finish() {
            Ok(finished) => finished,
            Err(finished) => panic!("timed out\n{finished}"),
        }
    }

    fn finish(mut self) -> Result<Finished, Finished> {
        let deadline = Instant::now() + self.timeout;
        let (mut stdout, mut stderr) = (std::mem::take(&mut self.seen), Vec::new());
        let complete = drain(&self.stdout, &mut stdout, deadline)
            && drain(&self.stderr, &mut stderr, deadline);
        let status = if complete {
            wait_until(&mut self.child, deadline)
        } else {
            None
        };
        let timed_out = status.is_none();
        let status = status.unwrap_or_else(|| self.end());
        self.done = true;
        let finished = Finished {
            words: std::mem::take(&mut self.words),
            status,
            stdout,
            stderr,
        };
        if timed_out {
            Err(finished)
        } else {
            Ok(finished)
        }
    }

    /// Kills its process group, which is its own.
    fn end(&mut self) -> ExitStatus {
        let group = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        // It may have ended meanwhile.
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        self.child.wait().expect("a child of ours")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            self.end();
        }
    }
}

pub(super) fn describe(command: &Command) -> String {
    let mut words = command.get_program().to_string_lossy().into_owned();
    for word in command.get_args() {
        let word = word.to_string_lossy();
        words.push(' ');
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"{}$;|&".contains(c))
        {
            words.push_str(&format!("'{word}'"));
        } else {
            words.push_str(&word);
        }
    }
    words
}

fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Takes all of a stream; false when it does not end in time.
fn drain(stream: &mpsc::Receiver<Vec<u8>>, into: &mut Vec<u8>, deadline: Instant) -> bool {
    loop {
        match stream.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) => into.extend(bytes),
            Err(mpsc::RecvTimeoutError::Disconnected) => return true,
            Err(mpsc::RecvTimeoutError::Timeout) => return false,
        }
    }
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A command that has ended, and what it said. The assertions chain, and show everything when one fails.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    words: String,
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Finished {
    /// Its exit code, 128 + n after signal n, as a shell has it.
    pub(crate) fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| 128 + self.status.signal().unwrap_or(127))
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Finished {
        assert!(self.code() == code, "expected exit code {code}\n{self}");
        self
    }

    /// Asserts all of stdout.
    #[track_caller]
    pub(crate) fn stdout(self, text: &str) -> Finished {
        assert!(
            self.stdout == text.as_bytes(),
            "expected stdout {text:?}\n{self}"
        );
        self
    }

    /// Asserts all of stderr.
    #[track_caller]
    pub(crate) fn stderr(self, text: &str) -> Finished {
        assert!(
            self.stderr == text.as_bytes(),
            "expected stderr {text:?}\n{self}"
        );
        self
    }

    /// Asserts a part of stdout, where the rest is not ours to fix (times, ids).
    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Finished {
        assert!(
            self.out().contains(text),
            "expected {text:?} in stdout\n{self}"
        );
        self
    }

    /// Asserts a part of stderr.
    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Finished {
        assert!(
            self.err().contains(text),
            "expected {text:?} in stderr\n{self}"
        );
        self
    }

    /// Its stdout as bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.stdout
    }

    /// Its stdout as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its stderr as text.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Its stdout, which must be exactly one line, without the line's end.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        let text = self.out();
        let line = text.strip_suffix('\n').filter(|line| !line.contains('\n'));
        line.unwrap_or_else(|| panic!("expected one line on stdout\n{self}"))
            .to_owned()
    }

    /// Its stdout's lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.out().lines().map(str::to_owned).collect()
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self}"))
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.words)?;
        for (name, text) in [("stdout", self.out()), ("stderr", self.err())] {
            let shown: String = text.chars().take(4000).collect();
            writeln!(f, "--- {name} ({} bytes)\n{shown}", text.len())?;
        }
        write!(f, "--- {}", self.status)
    }
}
