//! What every number comes with.

use serde::Serialize;
use whodid_model::Instant;

/// When and over what an answer was computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Meta {
    /// The evaluation instant: what is at or after it does not exist for the answer.
    pub as_of: Instant,
    /// How far into the log of acknowledged events the answer reaches. Equal watermark, instant and definition: equal
    /// answer.
    pub watermark: u64,
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition_version: Option<i64>,
    /// Whether something that belongs into the answer is missing.
    pub partial: bool,
}

/// Notes when a question was asked.
pub(crate) struct Asked {
    at: Instant,
    since: std::time::Instant,
}

impl Asked {
    pub(crate) fn new(at: Instant) -> Asked {
        Asked { at, since: std::time::Instant::now() }
    }

    pub(crate) fn answered(&self, watermark: u64, definition_version: Option<i64>) -> Meta {
        Meta {
            as_of: self.at,
            watermark,
            elapsed_ms: self.since.elapsed().as_millis() as u64,
            definition_version,
            partial: false,
        }
    }
}
