//! See [`ctr_fuzz::reference`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ctr_fuzz::reference(data));
