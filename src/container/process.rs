//! Processes by number, without being fooled by a number that has been given to somebody else.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a killed process may take to go away before it is given up on: a process in an uninterruptible sleep.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Returns when process `pid` was started, in clock ticks after boot; `None` if there is none.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    stat_field(pid, 22)
}

/// Returns the number of the parent of process `pid`, 0 where that is out of sight; `None` if there is no such process.
pub(super) fn parent(pid: u32) -> Option<u32> {
    stat_field(pid, 4)
}

/// Returns a field of `/proc/PID/stat` after the second, which is the name. See proc(5).
fn stat_field<T: std::str::FromStr>(pid: u32, number: usize) -> Option<T> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted after its end.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 2..)?).ok()?;
    rest.split(' ').nth(number.checked_sub(3)?)?.parse().ok()
}

/// Returns what tells this boot of the machine from all others; empty where `/proc` does not have it. See proc(5),
/// `random/boot_id`.
pub(super) fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim_end().to_owned()
}

/// Opens the process that had number `pid` and this start time; `None` if it is gone.
pub(super) fn open(pid: u32, started: u64) -> Option<OwnedFd> {
    let fd = pidfd_open(Pid::from_raw(pid as i32)?, PidfdFlags::empty()).ok()?;
    // Now that the number is held, whose is it?
    (start_time(pid) == Some(started)).then_some(fd)
}

/// Kills the process of a container whose monitor is gone, if it is still there, and waits until it is not.
pub(super) fn kill_leftover(pid: u32, started: u64) {
    if let Some(process) = open(pid, started)
        && pidfd_send_signal(&process, Signal::KILL).is_ok()
    {
        wait_for_end(&process, Some(KILL_PATIENCE));
    }
}

/// Waits until the process has ended; returns whether it has. `None`, and a time that no clock will
/// ever show, wait for ever.
pub(super) fn wait_for_end(process: &OwnedFd, timeout: Option<Duration>) -> bool {
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        let mut fds = [PollFd::new(process, PollFlags::IN)];
        match poll(&mut fds, left.as_ref()) {
            Ok(0) => return false,
            Err(Errno::INTR) => {}
            _ => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_is_not_enough() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let started = start_time(child.id()).unwrap();
        assert!(open(child.id(), started + 1).is_none());
        kill_leftover(child.id(), started + 1);
        let process = open(child.id(), started).unwrap();
        assert!(!wait_for_end(&process, Some(Duration::from_millis(1))));
        kill_leftover(child.id(), started);
        assert!(wait_for_end(&process, Some(Duration::ZERO)));
        // `stop -t` takes any number.
        assert!(wait_for_end(&process, Some(Duration::MAX)));
        let longest = Duration::from_secs(i64::MAX as u64);
        assert!(wait_for_end(&process, Some(longest)));
        assert!(!child.wait().unwrap().success());
        assert!(open(child.id(), started).is_none());
    }
}
