//! libFuzzer on [`fuzz::proposal::body`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::proposal::body(bytes));
