#![no_main]

#[path = "../laws/intake.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|body: &[u8]| laws::csv_obeyed(body));
