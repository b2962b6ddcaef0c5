//! libFuzzer on [`fuzz::scram::exchange`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::scram::exchange(bytes));
