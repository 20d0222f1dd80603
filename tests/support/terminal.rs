//! A command on a terminal of its own, with the scenario as the person before it.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::command::describe;
use super::needs::find_program;

/// A terminal and the command that has it as its controlling terminal.
pub(crate) struct Terminal {
    words: String,
    master: OwnedFd,
    child: Child,
    seen: Vec<u8>,
    /// How much of `seen` an `expect` has passed.
    passed: usize,
    timeout: Duration,
    done: bool,
}

impl Terminal {
    /// Starts `command` on a terminal of a size (rows, columns) that belongs to `owner` (uid and gid), where that is somebody else.
    #[track_caller]
    pub(super) fn start(
        command: &Command,
        owner: Option<(u32, u32)>,
        size: (u16, u16),
        timeout: Duration,
    ) -> Terminal {
        use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
        use std::os::unix::process::CommandExt as _;

        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = ioctl_tiocgptpeer(&master, flags).expect("a terminal");
        if let Some((uid, _)) = owner {
            rustix::fs::fchown(&slave, Some(rustix::fs::Uid::from_raw(uid)), None)
                .expect("a terminal of ours");
        }
        set_size(&master, size);
        // A new session with the terminal on stdin as its own. setsid(1) does it, because between fork and exec
        // nothing can be done without `unsafe`.
        let mut session = Command::new(find_program("setsid").expect("util-linux"));
        session
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args());
        session.env_clear();
        session.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| value.map(|value| (name, value))),
        );
        session.env("TERM", "xterm");
        if let Some(directory) = command.get_current_dir() {
            session.current_dir(directory);
        }
        if let Some((uid, gid)) = owner {
            session.uid(uid).gid(gid);
        }
        let duplicate = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let words = describe(command);
        let child = session
            .stdin(duplicate())
            .stdout(duplicate())
            .stderr(duplicate())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {words}: {error}"));
        Terminal {
            words,
            master,
            child,
            seen: Vec::new(),
            passed: 0,
            timeout,
            done: false,
        }
    }

    /// Changes the window's size, as a window manager does.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        set_size(&self.master, (rows, columns));
    }

    /// Types `text`.
    pub(crate) fn send(&self, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written = rustix::io::write(&self.master, rest).expect("a terminal");
            rest = &rest[written..];
        }
    }

    /// Waits until `text` appears after what earlier calls have waited for.
    ///
    /// # Panics
    ///
    /// When it does not within the command's timeout.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        assert!(
            self.shows(text, self.timeout),
            "expected {text:?} on the terminal\n{}",
            self.transcript()
        );
    }

    /// Waits for `text` as [`Terminal::expect`] does, but not longer than `limit`; whether it appeared.
    pub(crate) fn shows(&mut self, text: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let found = self.seen[self.passed..]
                .windows(text.len())
                .position(|window| window == text.as_bytes());
            if let Some(position) = found {
                self.passed += position + text.len();
                return true;
            }
            if !self.read_until(deadline) {
                return false;
            }
        }
    }

    /// Waits for the command's end and returns its exit code (128 + n after signal n), after everything was read.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> i32 {
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                self.done = true;
                while self.read_until(Instant::now()) {}
                return status
                    .code()
                    .unwrap_or_else(|| 128 + status.signal().unwrap_or(127));
            }
            assert!(
                Instant::now() < deadline,
                "timed out\n{}",
                self.transcript()
            );
            self.read_until(Instant::now() + Duration::from_millis(10));
        }
    }

    /// Everything the terminal has shown.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Whether keys are handed on one by one and unseen, as in a program that took the terminal over.
    pub(crate) fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.master).expect("a terminal").local_modes;
        !modes.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn transcript(&self) -> String {
        format!("$ {}\n--- terminal\n{:?}", self.words, self.shown())
    }

    /// Reads once; false when nothing came until `deadline`, or nothing can come any more.
    fn read_until(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = Timespec::try_from(left).expect("a short time");
        let mut ready = [PollFd::from_borrowed_fd(self.master.as_fd(), PollFlags::IN)];
        if poll(&mut ready, Some(&limit)).unwrap_or(0) == 0 {
            return false;
        }
        let mut buffer = [0; 65536];
        match rustix::io::read(&self.master, &mut buffer) {
            Ok(length @ 1..) => {
                self.seen.extend_from_slice(&buffer[..length]);
                true
            }
            // EIO: nobody has the other side open.
            _ => false,
        }
    }
}

fn set_size(master: &OwnedFd, (rows, columns): (u16, u16)) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(master, size).expect("a terminal");
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.done {
            // It leads its session and group. It may have ended meanwhile.
            let group = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
