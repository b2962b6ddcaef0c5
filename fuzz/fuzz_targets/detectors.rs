//! libFuzzer on [`fuzz::masking::detectors`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::masking::detectors(bytes));
