#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_properties::configuration::check(data));
