//! The target `etcd_address` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pintle_fuzz::run("etcd_address", data);
});
