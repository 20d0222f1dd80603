//! `ctr`: argv in, exit code out. Everything else is in the library.
#![no_main]

/// The C entry point. Rust's own start-up (stack guard, SIGPIPE, alternate stack) costs a tenth of a millisecond and
/// leaves SIGPIPE ignored, which an `execve` would hand on to the container; see `cli::main`.
#[allow(unsafe_code, reason = "`no_mangle` of the process entry point")]
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: i32, _argv: *const *const u8) -> i32 {
    ctr::cli::main()
}
