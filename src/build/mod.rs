//! Building images from Dockerfiles: so far the language, without a command that executes it.
//!
//! [`dockerfile`] is the language: text in, instructions out, every one with its place in the file.
//! [`ignore`] says which files of the context the build sees. [`lint`] finds what is better written otherwise.

pub mod dockerfile;
pub mod ignore;
pub mod lint;
