//! `top`: the processes of a container, as the host's own `ps` shows them.
//!
//! A container's processes are those in the process namespace of its first one, and their descendants: those that `exec`
//! brought in are the children of somebody outside, those in a namespace below have one of their own.
//!
//! What is handed to `ps`, and what is made of its answer, is Docker's: moby, daemon/top_unix.go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::error::system;
use super::{Container, Engine, Error, process};
use crate::bounded;
use crate::settings::find_program;

/// What `ps` is asked for where nobody says otherwise.
const DEFAULT_ARGS: &str = "-ef";

/// Bytes of an answer. It holds command lines, which are the container's to choose.
const MAX_ANSWER: u64 = 64 << 20;

/// Bytes of a complaint, of which the first line is shown.
const MAX_COMPLAINT: u64 = 64 << 10;

/// A table of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes {
    /// Heads of the columns.
    pub titles: Vec<String>,
    /// As many cells each as there are titles.
    pub rows: Vec<Vec<String>>,
}

impl Engine {
    /// Lists the processes of a running container. `ps_args` are arguments of `ps(1)`, as typed.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`]; [`Error::NoProgram`] without `ps`; [`Error::Invalid`] with its words where it refuses its
    /// arguments, or where they leave out the column `PID`.
    pub fn top(&self, container: &Container, ps_args: &[String]) -> Result<Processes, Error> {
        let text = match ps_args {
            [] => DEFAULT_ARGS.to_owned(),
            words => words.join(" "),
        };
        check_args(&text)?;
        let not_running = || Error::NotRunning(container.record.id.clone());
        let first = self.open_process(container).ok_or_else(not_running)?;
        let processes = processes_of(container.state.pid);
        // What was found by number was its own only if it still has that number.
        if process::wait_for_end(&first, Some(std::time::Duration::ZERO)) {
            return Err(not_running());
        }
        let ps = find_program("ps", &self.settings.path).ok_or(Error::NoProgram("ps"))?;
        let args: Vec<&str> = text.split(' ').collect();
        let list: Vec<String> = processes.iter().map(u32::to_string).collect();
        let only = format!("-q{}", list.join(","));
        let with_only: Vec<&str> = (args.iter().copied()).chain([only.as_str()]).collect();
        let answer = match run(&ps, &with_only)? {
            Ok(answer) => answer,
            // Some options (`f`) do not go with `-q`.
            Err(_) => run(&ps, &args)?.map_err(|words| Error::Invalid(format!("ps: {words}")))?,
        };
        parse(&answer, &processes)
    }
}

/// Another column must not be given the name by which the process IDs are found.
fn check_args(text: &str) -> Result<(), Error> {
    for (at, _) in text.match_indices('=') {
        let (before, after) = (&text[..at], text[at + 1..].trim_start());
        let Some(start) = before.rfind(char::is_whitespace) else {
            continue;
        };
        let column = before[start..].trim_start();
        if after.starts_with("PID") && column != "pid" {
            let title = after.split(char::is_whitespace).next().unwrap_or(after);
            return Err(Error::Invalid(format!(
                "specifying \"{column}={title}\" is not allowed"
            )));
        }
    }
    Ok(())
}

/// Returns the processes of the container whose first process is `first`.
fn processes_of(first: u32) -> BTreeSet<u32> {
    let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = namespace(first);
    let mut found = BTreeSet::from([first]);
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if own.is_some() && namespace(pid) == own {
            found.insert(pid);
        }
        if let Some(parent) = process::parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut todo: Vec<u32> = found.iter().copied().collect();
    while let Some(pid) = todo.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            if found.insert(child) {
                todo.push(child);
            }
        }
    }
    found
}

/// Runs `ps`; returns what it says, or the first line of its complaint.
fn run(ps: &PathBuf, args: &[&str]) -> Result<Result<String, String>, Error> {
    // The user's own settings (a width, a personality) are nothing to this table.
    let mut child = Command::new(ps)
        .args(args)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(system("run ps"))?;
    let answer = (child.stdout.take()).map(|stdout| bounded::read(stdout, MAX_ANSWER));
    let complaint = (child.stderr.take()).map(|stderr| bounded::read(stderr, MAX_COMPLAINT));
    let status = child.wait().map_err(system("wait for ps"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let answer = answer.transpose().map_err(system("read from ps"))?;
    if status.success() {
        return Ok(Ok(answer.map(text).unwrap_or_default()));
    }
    let complaint = complaint.and_then(Result::ok).map(text).unwrap_or_default();
    let first = complaint.lines().next().filter(|line| !line.is_empty());
    Ok(Err(first.map_or_else(|| status.to_string(), str::to_owned)))
}

/// Takes the rows of `wanted` from a table of `ps`.
fn parse(answer: &str, wanted: &BTreeSet<u32>) -> Result<Processes, Error> {
    let mut lines = answer.lines();
    let titles: Vec<String> = (lines.next().unwrap_or_default().split_ascii_whitespace())
        .map(str::to_owned)
        .collect();
    let Some(pid_at) = titles.iter().position(|title| title == "PID") else {
        return Err(Error::Invalid(
            "Couldn't find PID field in ps output".to_owned(),
        ));
    };
    let mut rows = Vec::new();
    // With `m`, threads follow their process, with a hyphen for its number.
    let mut threads_too = false;
    for line in lines {
        let cells: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(pid) = cells.get(pid_at) else {
            continue;
        };
        if *pid != "-" {
            let number = pid
                .parse()
                .map_err(|error| Error::Invalid(format!("Unexpected pid '{pid}': {error}")))?;
            threads_too = wanted.contains(&number);
        }
        if threads_too {
            // What hangs over belongs to the last column: a command with its arguments.
            let (own, rest) = cells.split_at(cells.len().min(titles.len() - 1));
            let mut row: Vec<String> = own.iter().map(|cell| (*cell).to_owned()).collect();
            row.push(rest.join(" "));
            rows.push(row);
        }
    }
    Ok(Processes { titles, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_container_only() {
        let answer = "UID          PID    PPID CMD\n\
                      root          10       1 sh -c  a b\n\
                      root          11       1 outside\n\
                      -              -       - -\n\
                      root          12      10 sleep\n\
                      -              -       - -\n\n";
        let processes = parse(answer, &BTreeSet::from([10, 12])).unwrap();
        assert_eq!(processes.titles, ["UID", "PID", "PPID", "CMD"]);
        assert_eq!(
            processes.rows,
            [
                ["root", "10", "1", "sh -c a b"],
                ["root", "12", "10", "sleep"],
                ["-", "-", "-", "-"]
            ]
        );
        let refused = |answer| parse(answer, &BTreeSet::new()).unwrap_err().to_string();
        assert_eq!(
            refused("COMMAND\nsh\n"),
            "Couldn't find PID field in ps output"
        );
        assert!(refused("PID\nx\n").starts_with("Unexpected pid 'x'"));
        assert!(parse("", &BTreeSet::new()).is_err());
    }

    #[test]
    fn the_column_of_the_numbers_keeps_its_name() {
        for good in ["-ef", "-eo pid,comm", "-o pid=PID", "-eo pid= PID", "aux"] {
            check_args(good).unwrap();
        }
        for bad in ["-o ppid=PID", "-e -o comm= PIDs"] {
            assert!(check_args(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn finds_itself_and_its_children() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found = processes_of(std::process::id());
        assert!(found.contains(&std::process::id()) && found.contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
