//! The target `text_formats` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pintle_fuzz::run("text_formats", data);
});
