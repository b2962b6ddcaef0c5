//! libFuzzer on [`fuzz::sql::postgres`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::sql::postgres(bytes));
