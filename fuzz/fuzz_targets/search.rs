#![no_main]

#[path = "../laws/search.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|text: &str| law::obeyed(text));
