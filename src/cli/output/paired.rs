//! Two streams through one buffer: fast, and in order where both end up in the same place.

use std::cell::RefCell;
use std::io::{self, Write};

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// Buffers stdout and stderr together: writing to one empties what the other has left.
#[derive(Debug)]
pub(crate) struct Paired {
    shared: RefCell<Shared>,
    /// Whether every write goes out at once, as for somebody who watches.
    eager: bool,
}

#[derive(Debug)]
struct Shared {
    stream: Stream,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// One of the two.
#[derive(Debug)]
pub(crate) struct Half<'a> {
    pair: &'a Paired,
    stream: Stream,
}

impl Paired {
    /// Makes the pair.
    pub(crate) fn new(eager: bool) -> Paired {
        let shared = Shared {
            stream: Stream::Stdout,
            buffer: Vec::new(),
        };
        Paired {
            shared: RefCell::new(shared),
            eager,
        }
    }

    /// Standard output.
    pub(crate) fn stdout(&self) -> Half<'_> {
        Half {
            pair: self,
            stream: Stream::Stdout,
        }
    }

    /// Standard error.
    pub(crate) fn stderr(&self) -> Half<'_> {
        Half {
            pair: self,
            stream: Stream::Stderr,
        }
    }
}

impl Shared {
    fn empty(&mut self) -> io::Result<()> {
        let written = match self.stream {
            Stream::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&self.buffer).and_then(|()| stdout.flush())
            }
            Stream::Stderr => io::stderr().lock().write_all(&self.buffer),
        };
        self.buffer.clear();
        written
    }
}

impl Write for Half<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = self.pair.shared.borrow_mut();
        if shared.stream != self.stream {
            shared.empty()?;
            shared.stream = self.stream;
        }
        shared.buffer.extend_from_slice(bytes);
        if self.pair.eager || shared.buffer.len() >= BUFFER_BYTES {
            shared.empty()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pair.shared.borrow_mut().empty()
    }
}
