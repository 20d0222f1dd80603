//! `logs`: showing what the monitor's log kept, and following it.
//!
//! Files are read oldest first ([`reader`]). Following waits for the directory to change (inotify(7)) or for the monitor to
//! say that all is over; what was written until then has been read by the end.

mod reader;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use serde::Deserialize;

use super::error::system;
use super::record::Status;
use super::{Container, Engine, Error, LogOptions, log_options};
use crate::monitor;
use crate::monitor::log::FILE_NAME;
use crate::monitor::protocol::{Kind, Outbox, Wants};
use crate::percent::query_escaped;
use reader::{EntrySink, LogReader};

/// One line of the file.
#[derive(Deserialize)]
struct Entry<'l> {
    #[serde(borrow)]
    log: std::borrow::Cow<'l, str>,
    #[serde(borrow)]
    stream: std::borrow::Cow<'l, str>,
    #[serde(borrow)]
    time: std::borrow::Cow<'l, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

/// Where the lines go.
struct Sink<'a> {
    options: LogOptions,
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
    /// Whether the next piece begins a line, of each stream.
    at_start: [bool; 2],
    /// An entry later than `until` has been seen.
    done: bool,
}

impl Engine {
    /// Writes the container's log to `stdout` and `stderr`, each line to where it came from.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with Docker's words where the log driver keeps nothing; [`Error::System`] for a failed write.
    pub fn logs(
        &self,
        container: &Container,
        options: LogOptions,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> Result<(), Error> {
        let record = &container.record;
        let dir = self.store.container(&record.id).path().to_owned();
        let target = log_options::target(&record.host_config.log_config, &dir)?;
        let Some(target) = target else {
            // moby, daemon/logger/errors.go.
            let words = "configured logging driver does not support reading";
            return Err(Error::Invalid(words.to_owned()));
        };
        let follows = options.follow && container.state.status == Status::Running;
        // Before the first look, so that nothing falls in between.
        let waker = follows.then(|| self.waker(&record.id, &dir)).transpose()?;
        let mut sink = Sink {
            options,
            stdout,
            stderr,
            at_start: [true; 2],
            done: false,
        };
        let names = (1..target.max_files)
            .rev()
            .map(|n| dir.join(format!("{FILE_NAME}.{n}")))
            .chain([dir.join(FILE_NAME)])
            .collect();
        let mut reader = LogReader::open(names, options.tail)?;
        reader.read(&mut sink)?;
        if let Some(waker) = waker {
            while !sink.done {
                sink.flush()?;
                let over = waker.wait(options.until)?;
                reader.read(&mut sink)?;
                if over {
                    break;
                }
            }
        }
        sink.flush()
    }

    fn waker(&self, id: &str, dir: &Path) -> Result<Waker, Error> {
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(system("watch the log"))?;
        let what = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&changes, dir, what).map_err(system("watch the log"))?;
        let monitor = monitor::connect(&self.run_dir(id)).ok();
        if let Some(socket) = &monitor {
            let mut hello = Outbox::default();
            hello.push_frame(Kind::Hello, &[Wants::default().to_byte()]);
            hello.send(socket).map_err(system("talk to the monitor"))?;
        }
        Ok(Waker { changes, monitor })
    }
}

/// What a follower waits for.
struct Waker {
    changes: OwnedFd,
    /// Readable, or hung up, when the container has ended; `None` if it had before anybody could ask.
    monitor: Option<OwnedFd>,
}

impl Waker {
    /// Waits until there is something new; returns whether all is over.
    fn wait(&self, until: Option<i128>) -> Result<bool, Error> {
        let Some(monitor) = &self.monitor else {
            return Ok(true);
        };
        let left = until.map(|until| (until - Timestamp::now().as_nanosecond()).max(0));
        let left = left.map(|left| Timespec {
            tv_sec: i64::try_from(left / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: (left % 1_000_000_000) as i64,
        });
        let mut fds = [
            PollFd::new(&self.changes, PollFlags::IN),
            PollFd::from_borrowed_fd(monitor.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, left.as_ref()) {
            Ok(0) => return Ok(true),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(system("wait for the log")(error)),
        }
        let mut events = [0; 4096];
        while matches!(rustix::io::read(&self.changes, &mut events[..]), Ok(count) if count > 0) {}
        Ok(!fds[1].revents().is_empty())
    }
}

impl EntrySink for Sink<'_> {
    fn entry(&mut self, line: &[u8]) -> Result<(), Error> {
        // What is no entry (a power cut can leave such) is passed over.
        let Ok(entry) = serde_json::from_slice::<Entry<'_>>(line) else {
            return Ok(());
        };
        let LogOptions {
            since,
            until,
            timestamps,
            details,
            ..
        } = self.options;
        let is_stderr = entry.stream == "stderr";
        let begins = self.at_start[usize::from(is_stderr)];
        if (since.is_some() || until.is_some() || timestamps)
            && let Ok(time) = entry.time.parse::<Timestamp>()
        {
            let nanoseconds = time.as_nanosecond();
            if until.is_some_and(|until| nanoseconds > until) {
                self.done = true;
                return Ok(());
            }
            if since.is_some_and(|since| nanoseconds < since) {
                return Ok(());
            }
            if timestamps && begins {
                // Nine digits always: moby, jsonmessage, `RFC3339NanoFixed`.
                self.write(is_stderr, format!("{time:.9} ").as_bytes())?;
            }
        }
        if details && begins {
            self.write(is_stderr, described(&entry.attrs).as_bytes())?;
        }
        self.write(is_stderr, entry.log.as_bytes())?;
        self.at_start[usize::from(is_stderr)] = entry.log.ends_with('\n');
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Sink<'_> {
    fn write(&mut self, is_stderr: bool, bytes: &[u8]) -> Result<(), Error> {
        let written = match is_stderr {
            true if self.options.stderr => self.stderr.write_all(bytes),
            false if self.options.stdout => self.stdout.write_all(bytes),
            _ => Ok(()),
        };
        written.map_err(system("write the log"))
    }

    fn flush(&mut self) -> Result<(), Error> {
        (self.stdout.flush().and_then(|()| self.stderr.flush())).map_err(system("write the log"))
    }
}

/// Returns `key=value,key=value `, or the space alone, as moby's `api/server/httputils/write_log_stream.go`.
fn described(attributes: &BTreeMap<String, String>) -> String {
    let escaped = attributes.iter();
    let escaped: BTreeMap<_, _> = escaped
        .map(|(key, value)| (query_escaped(key), query_escaped(value)))
        .collect();
    let pairs: Vec<String> = (escaped.iter())
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!("{} ", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::log::LogWriter;
    use crate::monitor::{LogTarget, Stream};

    fn shown(dir: &Path, options: LogOptions) -> (String, String) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut sink = Sink {
            options,
            stdout: &mut stdout,
            stderr: &mut stderr,
            at_start: [true; 2],
            done: false,
        };
        let names = ["log.2", "log.1", "log"]
            .map(|name| dir.join(name))
            .to_vec();
        let mut reader = LogReader::open(names, options.tail).unwrap();
        reader.read(&mut sink).unwrap();
        (
            String::from_utf8(stdout).unwrap(),
            String::from_utf8(stderr).unwrap(),
        )
    }

    fn write(dir: &Path, max_size: u64, entries: std::ops::Range<u32>) {
        write_with(dir, max_size, entries, BTreeMap::new());
    }

    fn write_with(
        dir: &Path,
        max_size: u64,
        entries: std::ops::Range<u32>,
        attributes: BTreeMap<String, String>,
    ) {
        let mut log = LogWriter::new(Some(LogTarget {
            dir: dir.to_owned(),
            max_size: Some(max_size),
            max_files: 3,
            attributes,
        }));
        for n in entries {
            let time = Timestamp::from_second(i64::from(n)).unwrap();
            let stream = if n % 2 == 0 {
                Stream::Stdout
            } else {
                Stream::Stderr
            };
            log.record(stream, format!("{n}\n").as_bytes(), time)
                .unwrap();
        }
    }

    #[test]
    fn reads_over_files_that_were_rotated() {
        let dir = tempfile::tempdir().unwrap();
        // About 60 bytes an entry: two or three a file.
        write(dir.path(), 150, 0..8);
        assert!(dir.path().join("log.2").exists());
        let all = LogOptions::default();
        assert_eq!(
            shown(dir.path(), all),
            ("0\n2\n4\n6\n".into(), "1\n3\n5\n7\n".into())
        );
        for (tail, stdout) in [
            (0, ""),
            (1, ""),
            (2, "6\n"),
            (5, "4\n6\n"),
            (100, "0\n2\n4\n6\n"),
        ] {
            let options = LogOptions {
                tail: Some(tail),
                ..all
            };
            assert_eq!(shown(dir.path(), options).0, stdout, "{tail}");
        }
        let options = LogOptions {
            since: Some(3_000_000_000),
            until: Some(6_000_000_000),
            timestamps: true,
            stderr: false,
            ..all
        };
        assert_eq!(
            shown(dir.path(), options),
            (
                "1970-01-01T00:00:04.000000000Z 4\n1970-01-01T00:00:06.000000000Z 6\n".into(),
                String::new()
            )
        );
    }

    #[test]
    fn details_stand_before_each_line() {
        let dir = tempfile::tempdir().unwrap();
        let attributes = BTreeMap::from([("a b".to_owned(), "1,é".to_owned())]);
        write_with(dir.path(), 1000, 0..1, attributes);
        let options = LogOptions {
            details: true,
            timestamps: true,
            ..LogOptions::default()
        };
        let line = "1970-01-01T00:00:00.000000000Z a+b=1%2C%C3%A9 0\n";
        assert_eq!(shown(dir.path(), options).0, line);
    }

    #[test]
    fn goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["log.2", "log.1", "log"]
            .map(|name| dir.path().join(name))
            .to_vec();
        let mut reader = LogReader::open(names, None).unwrap();
        let mut seen = Vec::new();
        for round in 0..10 {
            write(dir.path(), 100, round..round + 1);
            let (mut stderr, options) = (Vec::new(), LogOptions::default());
            let mut sink = Sink {
                options,
                stdout: &mut seen,
                stderr: &mut stderr,
                at_start: [true; 2],
                done: false,
            };
            reader.read(&mut sink).unwrap();
        }
        assert_eq!(String::from_utf8(seen).unwrap(), "0\n2\n4\n6\n8\n");
    }
}
