//! See [`ctr_fuzz::manifest`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ctr_fuzz::manifest(data));
