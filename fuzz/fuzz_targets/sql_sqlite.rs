//! libFuzzer on [`fuzz::sql::sqlite`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::sql::sqlite(bytes));
