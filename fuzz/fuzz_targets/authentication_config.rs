//! The target `authentication_config` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pintle_fuzz::run("authentication_config", data);
});
