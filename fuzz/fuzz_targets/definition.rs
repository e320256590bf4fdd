#![no_main]

#[path = "../laws/definition.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|text: &str| law::obeyed(text));
