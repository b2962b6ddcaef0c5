//! libFuzzer on [`fuzz::postgres::messages`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::postgres::messages(bytes));
