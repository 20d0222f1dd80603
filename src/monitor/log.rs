//! Docker's `json-file` log: one JSON object per line of output, in files that are rotated by size.
//!
//! ```text
//! DIR/log       the newest, appended to
//! DIR/log.1 …   older ones, up to max-file − 1 of them
//! ```
//!
//! The bytes are those that dockerd writes, so that log shippers read them: moby, daemon/logger/jsonfilelog (entries,
//! rotation), daemon/logger/copier.go (lines and parts of lines), jsonlog/jsonlogbytes.go (escapes). Bytes that are not
//! UTF-8 become U+FFFD, as there; attached clients and pipes get them unchanged.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use jiff::Timestamp;

/// Longest piece of a line in one entry, in bytes. moby: `defaultBufSize` of copier.go.
pub const MAX_ENTRY: usize = 16 * 1024;

/// Name of the newest file in the container's directory.
pub const FILE_NAME: &str = "log";

/// Which of a process's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Returns the word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// Where a log goes and how large it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTarget {
    /// Directory of the files.
    pub dir: PathBuf,
    /// Bytes after which a new file is begun; `None` for never.
    pub max_size: Option<u64>,
    /// How many files are kept, at least 1.
    pub max_files: u32,
    /// What each entry says of the container.
    pub attributes: BTreeMap<String, String>,
}

/// A log being written. Its file is made with the first entry.
#[derive(Debug)]
pub struct LogWriter {
    /// `None` where nothing is kept (driver `none`).
    target: Option<LogTarget>,
    file: Option<File>,
    size: u64,
    lines: [Line; 2],
    encoded: Vec<u8>,
    /// `,"attrs":{…}`; empty where there are none.
    attributes: Vec<u8>,
}

/// A line whose end has not come yet.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    /// Of its first part: every part of a line carries the same time.
    time: Option<Timestamp>,
}

impl LogWriter {
    /// Makes a log; `None` keeps nothing.
    pub fn new(target: Option<LogTarget>) -> LogWriter {
        let attributes = target.as_ref().map(|target| encode_map(&target.attributes));
        LogWriter {
            attributes: attributes.unwrap_or_default(),
            target,
            file: None,
            size: 0,
            lines: Default::default(),
            encoded: Vec::new(),
        }
    }

    /// Takes what the process wrote. A failed write (a full disk) loses these entries and nothing else: the container goes
    /// on.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn record(&mut self, stream: Stream, mut bytes: &[u8], now: Timestamp) -> io::Result<()> {
        if self.target.is_none() {
            return Ok(());
        }
        let line = &mut self.lines[stream as usize];
        while !bytes.is_empty() {
            let room = MAX_ENTRY - line.bytes.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let count = end.map_or(room.min(bytes.len()), |end| end + 1);
            let (piece, rest) = bytes.split_at(count);
            bytes = rest;
            line.bytes.extend_from_slice(piece);
            let time = *line.time.get_or_insert(now);
            if end.is_some() {
                encode(
                    &line.bytes,
                    stream,
                    &self.attributes,
                    time,
                    &mut self.encoded,
                );
                line.bytes.clear();
                line.time = None;
            } else if line.bytes.len() == MAX_ENTRY {
                let whole = whole_chars(&line.bytes);
                encode(
                    &line.bytes[..whole],
                    stream,
                    &self.attributes,
                    time,
                    &mut self.encoded,
                );
                line.bytes.drain(..whole);
            }
        }
        self.write_out()
    }

    /// Writes the lines that never ended.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn finish(&mut self, now: Timestamp) -> io::Result<()> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let line = std::mem::take(&mut self.lines[stream as usize]);
            if !line.bytes.is_empty() {
                let time = line.time.unwrap_or(now);
                encode(
                    &line.bytes,
                    stream,
                    &self.attributes,
                    time,
                    &mut self.encoded,
                );
            }
        }
        self.write_out()
    }

    fn write_out(&mut self) -> io::Result<()> {
        if self.encoded.is_empty() {
            return Ok(());
        }
        let written = self.ensure_file().and_then(|()| self.append());
        self.encoded.clear();
        self.encoded.shrink_to(4 * MAX_ENTRY);
        written
    }

    /// Appends what is encoded, all or nothing: half an entry would swallow the next one.
    fn append(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let written = file.write_all(&self.encoded);
        match written {
            Ok(()) => self.size += self.encoded.len() as u64,
            Err(_) => file.set_len(self.size)?,
        }
        written
    }

    /// Opens the file, or begins the next one where this one is full.
    fn ensure_file(&mut self) -> io::Result<()> {
        let Some(target) = &self.target else {
            return Ok(());
        };
        let path = target.dir.join(FILE_NAME);
        if self.file.is_none() {
            let mut file = open(&path)?;
            self.size = file.metadata()?.len();
            if is_torn(&file, self.size)? {
                file.write_all(b"\n")?;
                self.size += 1;
            }
            self.file = Some(file);
        }
        if target.max_size.is_some_and(|max| self.size >= max) {
            let name = |n| match n {
                0 => path.clone(),
                n => target.dir.join(format!("{FILE_NAME}.{n}")),
            };
            for n in (1..target.max_files).rev() {
                let _ = fs::rename(name(n - 1), name(n));
            }
            if target.max_files == 1 {
                let _ = fs::remove_file(&path);
            }
            self.file = Some(open(&path)?);
            self.size = 0;
        }
        Ok(())
    }
}

fn open(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Whether a log of `size` bytes ends within an entry: its monitor was killed, or the machine went down.
fn is_torn(file: &File, size: u64) -> io::Result<bool> {
    let Some(last) = size.checked_sub(1) else {
        return Ok(false);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

/// Returns the length of `bytes` without the beginning of a character that is cut off at the end.
fn whole_chars(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        // `error_len` of `None`: more bytes could have completed it.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Appends `{"log":"…","stream":"…","attrs":{…},"time":"…"}` and a newline.
fn encode(line: &[u8], stream: Stream, attributes: &[u8], time: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"log\":\"");
    for chunk in line.utf8_chunks() {
        escape(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(br"\ufffd");
        }
    }
    // Writing to a vector cannot fail.
    let _ = write!(out, "\",\"stream\":\"{}\"", stream.as_str());
    out.extend_from_slice(attributes);
    let _ = writeln!(out, ",\"time\":\"{time}\"}}");
}

/// Returns `,"attrs":{"…":"…"}`, or nothing for nothing.
fn encode_map(attributes: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in attributes {
        let before: &[u8] = if out.is_empty() {
            b",\"attrs\":{\""
        } else {
            b"\",\""
        };
        out.extend_from_slice(before);
        escape(key, &mut out);
        out.extend_from_slice(b"\":\"");
        escape(value, &mut out);
    }
    if !out.is_empty() {
        out.extend_from_slice(b"\"}");
    }
    out
}

/// Escapes as Go's `encoding/json` does with its HTML escapes on.
fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escaped: &[u8] = match byte {
            b'"' => br#"\""#,
            b'\\' => br"\\",
            b'\n' => br"\n",
            b'\r' => br"\r",
            b'<' | b'>' | b'&' | 0..0x20 => {
                out.extend_from_slice(&bytes[plain..at]);
                let _ = write!(out, "\\u{byte:04x}");
                plain = at + 1;
                continue;
            }
            // The line and paragraph separators, U+2028 and U+2029.
            0xe2 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])) => {
                out.extend_from_slice(&bytes[plain..at]);
                let _ = write!(out, "\\u20{:02x}", bytes[at + 2] - 0x80);
                plain = at + 3;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..at]);
        out.extend_from_slice(escaped);
        plain = at + 1;
    }
    out.extend_from_slice(&bytes[plain.min(bytes.len())..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &[u8]) -> String {
        let mut out = Vec::new();
        let time: Timestamp = "2026-11-21T01:02:03.000000450Z".parse().unwrap();
        encode(line, Stream::Stdout, b"", time, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn entries_are_dockers() {
        assert_eq!(
            entry(b"hi <b> & \"q\" \\ \t\x01\n"),
            "{\"log\":\"hi \\u003cb\\u003e \\u0026 \\\"q\\\" \\\\ \\u0009\\u0001\\n\",\"stream\":\"stdout\",\
             \"time\":\"2026-11-21T01:02:03.00000045Z\"}\n"
        );
        assert!(entry("é\u{2028}\u{2029}x\r".as_bytes()).contains("é\\u2028\\u2029x\\r\""));
        assert!(entry(b"a\xff\xfeb").contains("a\\ufffd\\ufffdb"));
    }

    #[test]
    fn attributes_are_part_of_every_entry() {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let map = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            String::from_utf8(encode_map(&map.collect())).unwrap()
        };
        assert_eq!(map(&[]), "");
        assert_eq!(
            map(&[("b", "2"), ("a", "\"<")]),
            r#","attrs":{"a":"\"\u003c","b":"2"}"#
        );
        let dir = tempfile::tempdir().unwrap();
        let mut target = target(dir.path(), None, 1).unwrap();
        target.attributes.insert("a".to_owned(), "1".to_owned());
        let mut log = LogWriter::new(Some(target));
        log.record(Stream::Stdout, b"x\n", Timestamp::now())
            .unwrap();
        assert_eq!(logs(dir.path())[0]["attrs"]["a"], "1");
    }

    fn logs(dir: &std::path::Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(dir.join(FILE_NAME)).unwrap();
        (text.lines())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn target(dir: &std::path::Path, max_size: Option<u64>, max_files: u32) -> Option<LogTarget> {
        Some(LogTarget {
            dir: dir.to_owned(),
            max_size,
            max_files,
            attributes: BTreeMap::new(),
        })
    }

    #[test]
    fn lines_are_put_together_and_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogWriter::new(target(dir.path(), None, 1));
        let now = Timestamp::now();
        log.record(Stream::Stdout, b"one", now).unwrap();
        assert!(!dir.path().join(FILE_NAME).exists());
        log.record(Stream::Stderr, b"err\n", now).unwrap();
        log.record(Stream::Stdout, b" two\nthree", now).unwrap();
        log.record(Stream::Stdout, &vec![b'x'; MAX_ENTRY], now)
            .unwrap();
        log.finish(now).unwrap();
        let text: Vec<String> = (logs(dir.path()).iter())
            .map(|entry| entry["log"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(text[..2], ["err\n", "one two\n"]);
        assert_eq!(text[2].len(), MAX_ENTRY);
        assert_eq!(text[3], "xxxxx");
        // A character is not torn apart where a line is cut.
        let mut line = vec![b'y'; MAX_ENTRY - 1];
        line.extend_from_slice("é\n".as_bytes());
        log.record(Stream::Stdout, &line, now).unwrap();
        assert_eq!(logs(dir.path())[5]["log"], "é\n");
    }

    #[test]
    fn a_torn_entry_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        fs::write(&path, "{\"log\":\"torn").unwrap();
        let mut log = LogWriter::new(target(dir.path(), None, 1));
        let now = Timestamp::now();
        log.record(Stream::Stdout, b"whole\n", now).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("{\"log\":\"whole"));
    }

    #[test]
    fn files_are_rotated() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        for n in 0..9 {
            // A new writer each time: a restarted container goes on where it was.
            let mut log = LogWriter::new(target(dir.path(), Some(1), 3));
            log.record(Stream::Stdout, format!("{n}\n").as_bytes(), now)
                .unwrap();
        }
        let mut names: Vec<_> = (fs::read_dir(dir.path()).unwrap())
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["log", "log.1", "log.2"]);
        assert_eq!(logs(dir.path())[0]["log"], "8\n");
        let mut none = LogWriter::new(None);
        none.record(Stream::Stdout, b"x\n", now).unwrap();
    }
}
