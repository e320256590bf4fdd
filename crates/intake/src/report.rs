//! What became of the lines of a request or file.

use std::collections::BTreeMap;

use serde::Serialize;
use whodid_model::Event;

/// Most rejections that a report describes one by one; more are only counted.
pub const REJECTIONS_SHOWN: usize = 1_000;

/// The events of a request and what became of its lines.
#[derive(Debug, Default)]
pub struct Decoded {
    pub events: Vec<Event>,
    pub report: Report,
}

/// Every line that is not blank is counted once: `accepted + duplicates + not stored + rejected = lines`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Lines that were kept. Versions of one view are accepted each and become one event.
    pub accepted: u64,
    /// Lines that said again what an earlier line of the same request, or of the same piece of a file, had said.
    pub duplicates: u64,
    /// Lines of a type that is read and not kept, by type: `error`, `resource`, `telemetry` …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_stored: BTreeMap<String, u64>,
    /// How many lines were rejected, those included that `rejected` has no room for.
    pub rejected_count: u64,
    /// The first rejected lines, at most [`REJECTIONS_SHOWN`].
    pub rejected: Vec<Rejection>,
}

/// A line that could not be read, while the others were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// 1-based line of the body or file; for Parquet the row.
    pub line: u64,
    pub reason: String,
}

impl Report {
    /// Every line that was counted.
    pub fn lines(&self) -> u64 {
        self.accepted + self.duplicates + self.not_stored.values().sum::<u64>() + self.rejected_count
    }

    pub(crate) fn reject(&mut self, line: u64, reason: impl Into<String>) {
        self.rejected_count += 1;
        if self.rejected.len() < REJECTIONS_SHOWN {
            self.rejected.push(Rejection { line, reason: reason.into() });
        }
    }

    pub(crate) fn skip(&mut self, kind: &str) {
        match self.not_stored.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.not_stored.insert(kind.to_string(), 1);
            }
        }
    }
}
