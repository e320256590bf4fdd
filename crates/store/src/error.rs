//! What can go wrong in the store.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use whodid_model::FaultKind;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the {what} is full; send the same request again in {retry_after_ms} ms")]
    Busy { what: &'static str, retry_after_ms: u64 },
    #[error(
        "{what} has {bytes} bytes; at most {limit_bytes} are taken at once, so send it in smaller batches"
    )]
    TooLarge { what: &'static str, bytes: u64, limit_bytes: u64 },
    #[error("{} is damaged: {detail}", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{} is in format {found}, and this version reads format {known}: use a newer whodid", path.display())]
    Format { path: PathBuf, found: String, known: u32 },
    #[error("{} is used by another process: stop that one, or name another data folder", path.display())]
    Locked { path: PathBuf },
    #[error("the tables cannot be at {place}: {detail}")]
    Place { place: String, detail: String },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// A table or a part of it; `doing` names the step and what it was about.
    #[error("{doing}: {source}")]
    Table { doing: String, source: Box<dyn Error + Send + Sync> },
    /// Whether the last change is in the table could not be found out: only opening it again tells.
    #[error("{doing}: it is unknown whether the last change was kept; open the table again")]
    Unsettled { doing: String },
    #[error("the store has stopped: {detail}")]
    Stopped { detail: String },
}

impl StoreError {
    pub(crate) fn io(path: &Path, source: io::Error) -> StoreError {
        StoreError::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn table(
        doing: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Table { doing: doing.into(), source: source.into() }
    }

    pub fn kind(&self) -> FaultKind {
        match self {
            StoreError::Busy { .. } => FaultKind::Busy,
            StoreError::TooLarge { .. } => FaultKind::TooLarge,
            StoreError::Damaged { .. } | StoreError::Format { .. } => FaultKind::Damaged,
            StoreError::Locked { .. } | StoreError::Place { .. } => FaultKind::Conflict,
            // A full disk is a matter of waiting for space, as a full log is.
            StoreError::Io { source, .. } if is_full(source) => FaultKind::Busy,
            StoreError::Table { source, .. } if is_full(source.as_ref()) => FaultKind::Busy,
            StoreError::Io { .. }
            | StoreError::Table { .. }
            | StoreError::Unsettled { .. }
            | StoreError::Stopped { .. } => FaultKind::Internal,
        }
    }
}

/// Whether a full disk is at the bottom of it.
fn is_full(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
    io.is_some_and(|kind| full.contains(&kind)) || error.source().is_some_and(is_full)
}
