//! System calls that `nix` and `rustix` lack or get wrong; the only home of `unsafe`.
#![allow(
    unsafe_code,
    reason = "the one place for it; every block says why it is sound"
)]
