//! Random numbers from the kernel: `getrandom(2)`.
//!
//! Without a library: in a static program the `getrandom` crate falls back to `/dev/urandom`, whose descriptor it keeps.

use std::io;

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// Fills `bytes`.
///
/// # Errors
///
/// The errno of `getrandom`.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_to_the_end() {
        let mut bytes = [0; 1000];
        fill(&mut bytes).unwrap();
        assert!(bytes[990..].iter().any(|byte| *byte != 0));
    }
}
