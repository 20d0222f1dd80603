//! See [`ctr_fuzz::layer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ctr_fuzz::layer(data));
