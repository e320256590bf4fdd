//! For tests only: builders for events. The rules that the repository keeps are in `tests/tidy.rs`.

mod build;

pub use build::{EventBuilder, action, server, view};
