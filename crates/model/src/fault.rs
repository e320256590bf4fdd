//! The kinds of error. Every crate has its own error type with its own fields; what a caller does about one depends on
//! its kind alone, and only the server turns a kind into a status code.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The request cannot be meant: say where, and what to write instead.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// It clashes with what exists.
    Conflict,
    /// The caller holds a version that is no longer current.
    Stale,
    /// Larger than a named limit.
    TooLarge,
    /// Full for now: try again later.
    Busy,
    /// The question was cancelled or its time ran out.
    Cancelled,
    /// Stored data is damaged.
    Damaged,
    /// A fault of ours or of the machine.
    Internal,
}
