//! The command line.

/// Runs the program; returns its exit code.
pub fn main() -> i32 {
    0
}
