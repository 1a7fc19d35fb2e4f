//! The target `encryption_config` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pintle_fuzz::run("encryption_config", data);
});
