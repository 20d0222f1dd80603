//! System calls that `nix` and `rustix` lack or get wrong; the only home of `unsafe`.
//!
//! Every wrapper makes one call and returns its errno as an [`std::io::Error`], without a word of its own: the caller
//! knows what was attempted. Unless its doc says otherwise, none of them allocates, so the child half of
//! the runtime may use it.
#![allow(
    unsafe_code,
    reason = "the one place for it; every block says why it is sound"
)]

pub mod child;
pub mod exec;
pub mod file;
pub mod helper;
pub mod keyring;
pub mod limit;
pub mod memory;
pub mod mount;
pub mod names;
pub mod namespace;
pub mod network;
pub mod process;
pub mod random;
pub mod rights;
pub mod seccomp;
pub mod signal;
pub mod stat;
pub mod stub;
pub mod xattr;
