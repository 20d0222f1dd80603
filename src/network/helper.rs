//! A running helper program: started, waited for until it is ready, ended.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Error;
use crate::sys;

/// How long a helper may take until the network is there. It takes milliseconds; a machine in trouble takes longer.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a helper's complaints is kept, in bytes.
const STDERR_LIMIT: u64 = 16 * 1024;

/// A helper that serves a network. It dies with the thread that started it; [`Helper::stop`] ends it earlier.
#[derive(Debug)]
pub struct Helper {
    child: Child,
    /// A pipe whose other end the helper watches.
    _exit: Option<OwnedFd>,
}

impl Helper {
    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the helper and waits for it, after which its ports are free again.
    pub fn stop(mut self) {
        // It may have ended by itself; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `command` and returns when it has written to `ready` (the read end of a pipe whose write end it inherited).
///
/// # Errors
///
/// [`Error::Helper`] with its words where it ended instead; [`Error::Io`].
pub(super) fn start(
    mut command: Command,
    name: &'static str,
    ready: OwnedFd,
    exit: Option<OwnedFd>,
) -> Result<Helper, Error> {
    let (words, stderr) = std::io::pipe().map_err(|source| io("pipe", source))?;
    command.stderr(stderr);
    sys::helper::die_with_caller(&mut command);
    let child = command
        .spawn()
        .map_err(|source| io(format!("start {name}"), source))?;
    // The write ends that the command held go with it: from here on an end of file means that the helper has ended.
    drop(command);
    let mut helper = Helper { child, _exit: exit };
    match wait_ready(ready) {
        Ok(true) => Ok(helper),
        Ok(false) => {
            let _ = helper.child.kill();
            let status = helper.child.wait();
            let mut text = Vec::new();
            let _ = File::from(OwnedFd::from(words))
                .take(STDERR_LIMIT)
                .read_to_end(&mut text);
            Err(Error::Helper {
                helper: name,
                stderr: complaint(&String::from_utf8_lossy(&text), status.ok()),
            })
        }
        Err(source) => {
            helper.stop();
            Err(io(format!("wait for {name}"), source))
        }
    }
}

/// Returns whether something was written to the pipe before it was closed.
fn wait_ready(ready: OwnedFd) -> std::io::Result<bool> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        let timeout = Timespec::try_from(left).map_err(|_| std::io::ErrorKind::TimedOut)?;
        let mut fds = [PollFd::from_borrowed_fd(ready.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => return Ok(rustix::io::read(&ready, &mut [0_u8; 16])? > 0),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// One line out of what a helper printed. Old versions of pasta complain first about a system log they cannot reach.
fn complaint(text: &str, status: Option<ExitStatus>) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains("bytes to syslog"))
        .collect();
    match (lines.is_empty(), status) {
        (false, _) => lines.join("; "),
        (true, Some(status)) => status.to_string(),
        (true, None) => "ended".to_owned(),
    }
}

/// Names the step of a failed system call.
pub(super) fn io(what: impl Into<String>, source: std::io::Error) -> Error {
    Error::Io {
        what: what.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Result<Helper, Error> {
        let (ready, stdout) = std::io::pipe().unwrap();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(stdout);
        start(command, "pasta", ready.into(), None)
    }

    #[test]
    fn ready_then_stopped() {
        let helper = shell("echo up; exec sleep 100").unwrap();
        let proc = format!("/proc/{}", helper.pid());
        assert!(std::fs::exists(&proc).unwrap());
        helper.stop();
        assert!(!std::fs::exists(&proc).unwrap());
    }

    #[test]
    fn words_of_a_failed_helper() {
        let error =
            shell("echo 'Failed to send 7 bytes to syslog' >&2; echo 'no way out' >&2; exit 3")
                .unwrap_err();
        assert_eq!(error.to_string(), "pasta failed: no way out");
        let error = shell("exit 3").unwrap_err();
        assert_eq!(error.to_string(), "pasta failed: exit status: 3");
    }
}
