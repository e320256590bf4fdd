//! From bytes on the wire or in a file to validated, enriched events. Knows no HTTP and nothing asynchronous.
//!
//! Reading order: [`context`] (what is known of a request), [`report`] (what became of its lines), `json` (one object
//! to dotted paths), [`enrich`] (what is derived: URL parts, place, browser), `batch` (the same event twice), then the
//! three ways in: [`rum`] (the browser SDK's batches), [`server_event`] (one event from a back end), [`flat`] (CSV,
//! NDJSON and Parquet files). Beside them, [`rows`] (CSV as it is) and [`identifiers`] (a list of people in it).

pub mod context;
pub mod error;
pub mod report;

mod json;

pub mod enrich;

mod batch;
mod identity;

pub mod flat;
pub mod identifiers;
pub mod rows;
pub mod rum;
pub mod server_event;

pub use context::Context;
pub use enrich::Enricher;
pub use error::IntakeError;
pub use report::{Decoded, Rejection, Report};

#[cfg(test)]
mod laws;
