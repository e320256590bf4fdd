//! What makes a whole request or file unreadable. A single bad line is a [`Rejection`](crate::Rejection) instead.

use whodid_model::FaultKind;

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("{what} is larger than {limit_bytes} bytes; send it in smaller pieces")]
    TooLarge { what: &'static str, limit_bytes: usize },

    #[error("the {what} cannot be decompressed as {encoding}: {reason}")]
    Compression { what: &'static str, encoding: &'static str, reason: String },

    #[error("the body is not a readable JSON object: {reason}")]
    Json { reason: String },

    #[error("`{member}` {problem}; write {instead}")]
    Member { member: &'static str, problem: &'static str, instead: &'static str },

    #[error(
        "`{part}` is not a mapping; write column=facet pairs with commas between, such as user_id=usr.id,ts=timestamp"
    )]
    Mapping { part: String },

    #[error("`{name}` is not a file format; the formats are csv, ndjson and parquet")]
    Format { name: String },

    #[error("line {line}: {reason}")]
    File { line: u64, reason: String },

    #[error("{reason}")]
    Column { reason: String },

    #[error("the Parquet file cannot be read: {reason}")]
    Parquet { reason: String },

    #[error("the geo database cannot be used: {reason}")]
    GeoDatabase { reason: String },

    #[error("reading failed: {0}")]
    Io(#[from] std::io::Error),
}

impl IntakeError {
    pub fn kind(&self) -> FaultKind {
        match self {
            IntakeError::TooLarge { .. } => FaultKind::TooLarge,
            IntakeError::Io(_) => FaultKind::Internal,
            _ => FaultKind::Invalid,
        }
    }
}
