//! libFuzzer on [`fuzz::audit::log`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::audit::log(bytes));
