//! libFuzzer on [`fuzz::postgres::results`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::postgres::results(bytes));
