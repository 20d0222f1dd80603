//! Building images from Dockerfiles.
//!
//! [`dockerfile`] is the language: text in, instructions out, every one with its place in the file.

pub mod dockerfile;
