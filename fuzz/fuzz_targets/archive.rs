//! See [`ctr_fuzz::archive`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ctr_fuzz::archive(data));
