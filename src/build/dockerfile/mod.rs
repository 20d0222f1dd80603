//! The Dockerfile language, as BuildKit's frontend 1.20 reads it.
//!
//! ```text
//! directives   `# syntax=`, `# escape=`, `# check=` at the top
//! lines        physical lines → one logical line per instruction: continuations, comments, here-documents
//! parse        logical line → instruction word, flags, arguments (words, JSON list, name=value pairs)
//! words        quotes and `${variables}` of one word: BuildKit's `shell` package
//! pattern      the shell patterns of `${v#p}` and `${v/p/r}`
//! instruction  typed instructions, checked and expanded
//! stages       instructions → global ARGs and stages
//! excerpt      the lines around an error, for people
//! mount        the options of RUN's mounts
//! ```
//!
//! Nothing here reads a file, runs a command or expands a variable by itself: who executes the instructions knows the
//! values, and asks [`words::Expander`].
//!
//! Reference: BuildKit, `frontend/dockerfile/docs/reference.md`.

#[cfg(test)]
mod conformance;
pub mod directives;
mod error;
mod excerpt;
mod heredoc;
pub mod instruction;
mod lines;
pub mod mount;
mod parse;
mod pattern;
pub mod stages;
pub(in crate::build) mod suggest;
pub mod words;

pub use error::{Error, Problem};
pub use excerpt::excerpt;
pub use heredoc::Heredoc;
pub use parse::{Argument, Flag, Node, Parsed, parse};

/// A range of physical lines, counted from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First line.
    pub first: usize,
    /// Last line.
    pub last: usize,
}

/// Bytes of a Dockerfile: far more than anybody writes, and no burden to hold.
pub const MAX_DOCKERFILE_BYTES: usize = 8 * 1024 * 1024;
