//! Processes that a command leaves behind where no pid namespace ends them: with `--isolation chroot`.
//!
//! Orphans become children of the next process above them that adopts them (`PR_SET_CHILD_SUBREAPER`): of the process that
//! builds the stage, and once that was killed, of the build's first one.

use std::fs;

use crate::patience::Patience;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};

/// For what dies, which may wait for a busy disk; what still lives then is given up.
const DYING: Patience = Patience::of_millis(30_000, 5);

/// Has the calling process adopt orphans from now on. Where that cannot be had they are nobody's any more.
pub(super) fn adopt() {
    let _ = set_child_subreaper(Some(getpid()));
}

/// Ends all children of the calling process but the one that is `spared`, and theirs, which are adopted one after the other.
pub(super) fn end(spared: Option<u32>) {
    let wait = DYING.begin();
    loop {
        let mut is_done = true;
        for child in children() {
            if Some(child.as_raw_nonzero().get() as u32) == spared {
                continue;
            }
            is_done = false;
            // It may be dead already, and then only waits to be reaped.
            let _ = kill_process(child, Signal::KILL);
            let _ = waitpid(Some(child), WaitOptions::NOHANG);
        }
        if is_done || !wait.pause() {
            return;
        }
    }
}

/// Returns the children of the calling process. What ends meanwhile may be among them.
fn children() -> Vec<Pid> {
    let own = getpid().as_raw_nonzero().get().to_string();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let is_child = |pid: &Pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // `PID (NAME) STATE PARENT …`, and the name may hold anything.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1) == Some(own.as_str())
    };
    (processes.flatten())
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(is_child)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn children_are_found() {
        let mut child = Command::new("sleep")
            .arg("1000")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let is_there = |pid: u32| {
            let pid = Pid::from_raw(pid as i32).unwrap();
            children().contains(&pid)
        };
        assert!(is_there(child.id()));
        assert!(!is_there(std::process::id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
