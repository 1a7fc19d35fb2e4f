//! The target `sealed_object` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pintle_fuzz::run("sealed_object", data);
});
