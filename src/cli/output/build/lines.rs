//! What a step writes, cut into lines; the last of them, for when it fails.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cli::output::escape::{self, Colours};
use crate::cli::streams;

/// Bytes of a line; one that is longer is shown in pieces.
const MAX_LINE: usize = 16 << 10;

/// Cuts output into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// What has no line end yet.
    partial: Vec<u8>,
}

impl Lines {
    /// Takes more output and hands on every line that it ends, without the end.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, further) = (&rest[..end], &rest[end + 1..]);
            if self.partial.is_empty() {
                each(line);
            } else {
                self.partial.extend_from_slice(line);
                each(&self.partial);
                self.partial.clear();
            }
            rest = further;
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > MAX_LINE {
            self.end(each);
        }
    }

    /// Takes what has no line end as a line.
    pub(super) fn end(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            each(&self.partial);
            self.partial.clear();
        }
    }

    /// Returns the line that has no end yet.
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }
}

/// The form that lines reach stderr in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they were written, for a file.
    Raw,
    /// Without what a terminal would obey.
    Tame,
}

impl Form {
    /// Returns the form for what stderr is.
    pub(super) fn of_stderr() -> Form {
        match streams::stderr_is_terminal() {
            true => Form::Tame,
            false => Form::Raw,
        }
    }

    /// Returns a line of output with the time it came after, as BuildKit shows it, and its end.
    pub(super) fn line(self, after: Duration, bytes: &[u8]) -> Vec<u8> {
        let seconds = after.as_secs_f64();
        let digits = match seconds {
            ..10.0 => 3,
            ..100.0 => 2,
            _ => 1,
        };
        let mut line = format!("{seconds:.digits$} ").into_bytes();
        match self {
            Form::Raw => line.extend_from_slice(bytes),
            Form::Tame => line.extend(escape::output(bytes, Colours::Keep).into_bytes()),
        }
        line.push(b'\n');
        line
    }
}

/// The last lines of a step.
#[derive(Debug)]
pub(super) struct Log {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    max_lines: usize,
    /// Lines that it has no longer.
    lost: usize,
}

impl Log {
    /// Bytes of one step that are kept.
    const MAX_BYTES: usize = 1 << 20;

    /// Returns an empty one that keeps as many lines, and at most a mebibyte of them.
    pub(super) fn new(max_lines: usize) -> Log {
        Log {
            lines: VecDeque::new(),
            bytes: 0,
            max_lines,
            lost: 0,
        }
    }

    pub(super) fn push(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > self.max_lines || self.bytes > Log::MAX_BYTES {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
            self.lost += 1;
        }
    }

    /// Returns what is shown in the end of a step that has failed. Lines that are shown nowhere else are `counted` where
    /// they have been lost.
    pub(super) fn of_failed(&self, name: &str, counted: bool) -> Vec<u8> {
        let mut text = format!("------\n > {name}:\n").into_bytes();
        if counted && self.lost > 0 {
            text.extend(format!("[{} lines before]\n", self.lost).into_bytes());
        }
        for line in &self.lines {
            text.extend_from_slice(line);
        }
        text.extend_from_slice(b"------\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        let mut each = |line: &[u8]| all.push(String::from_utf8(line.to_vec()).unwrap());
        for chunk in chunks {
            lines.feed(chunk.as_bytes(), &mut each);
        }
        lines.end(each);
        all
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(
            cut(&["a", "b\nc\n\nd", "", "e"]),
            ["ab", "c", "", "de"].map(str::to_owned)
        );
        assert!(cut(&[""]).is_empty());
        let long = "x".repeat(MAX_LINE + 1);
        assert_eq!(cut(&[&long, "y\n"]), [long.clone(), "y".to_owned()]);
    }

    #[test]
    fn a_log_keeps_the_last_lines() {
        let mut log = Log::new(2);
        for line in ["one\n", "two\n", "three\n"] {
            log.push(line.into());
        }
        let shown = |counted| String::from_utf8(log.of_failed("RUN x", counted)).unwrap();
        assert_eq!(shown(false), "------\n > RUN x:\ntwo\nthree\n------\n");
        assert!(shown(true).contains(":\n[1 lines before]\ntwo\n"));
        let mut log = Log::new(usize::MAX);
        for _ in 0..3 {
            log.push(vec![b'x'; Log::MAX_BYTES / 2]);
        }
        assert_eq!(log.lines.len(), 2);
    }

    #[test]
    fn times_have_fewer_digits_the_longer_they_are() {
        let line = |seconds| {
            let line = Form::Raw.line(Duration::from_secs_f64(seconds), b"\x1b[2Jx");
            String::from_utf8(line).unwrap()
        };
        assert_eq!(line(1.5), "1.500 \x1b[2Jx\n");
        assert_eq!(line(15.0), "15.00 \x1b[2Jx\n");
        assert_eq!(line(150.0), "150.0 \x1b[2Jx\n");
        let tame = Form::Tame.line(Duration::ZERO, b"\x1b[2J\x1b[31mx");
        assert_eq!(tame, b"0.000 \x1b[31mx\x1b[0m\n");
    }
}
