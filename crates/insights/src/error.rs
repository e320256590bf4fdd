//! What can go wrong with a question about segments and analytics, or with the definitions it rests on.

use whodid_engine::EngineError;
use whodid_intake::IntakeError;
use whodid_model::FaultKind;
use whodid_query::definition::DefinitionError;
use whodid_query::search::SearchError;
use whodid_store::StoreError;

use crate::catalogue::Dependent;

#[derive(Debug, thiserror::Error)]
pub enum InsightError {
    /// `pointer` is a JSON pointer relative to the thing that was handed in (its attributes, or its definition).
    #[error("{message}")]
    Invalid { pointer: Option<String>, message: String, hint: Option<String> },

    #[error("{what} `{id}` does not exist, or is deleted")]
    NotFound { what: &'static str, id: String },

    /// `users` are those who stand in the way: the holder of a name, or what depends on the thing to be changed.
    #[error("{message}")]
    Conflict { message: String, users: Vec<Dependent> },

    #[error("someone else changed it in the meantime: the current version is {current_version}")]
    Stale { current_version: i64 },

    #[error("the server is stopping; ask again in a moment")]
    Stopped,

    #[error("the job was cancelled")]
    Cancelled,

    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },

    #[error(transparent)]
    Intake(#[from] IntakeError),

    #[error(transparent)]
    Definition(#[from] DefinitionError),

    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error(transparent)]
    Store(#[from] StoreError),

    #[error("the catalogue of definitions: {0}")]
    Catalogue(#[from] sqlx::Error),
}

impl InsightError {
    /// A search query that cannot be meant, at `pointer` of what was handed in.
    pub(crate) fn search(pointer: &str, error: SearchError) -> InsightError {
        InsightError::Invalid {
            pointer: Some(pointer.to_string()),
            message: format!("{}, at position {} of the query", error.message, error.offset + 1),
            hint: Some(error.hint),
        }
    }

    pub fn kind(&self) -> FaultKind {
        match self {
            InsightError::Invalid { .. } => FaultKind::Invalid,
            InsightError::NotFound { .. } => FaultKind::NotFound,
            InsightError::Conflict { .. } => FaultKind::Conflict,
            InsightError::Stale { .. } => FaultKind::Stale,
            InsightError::Stopped | InsightError::Cancelled => FaultKind::Cancelled,
            InsightError::File { .. } => FaultKind::Internal,
            InsightError::Intake(error) => error.kind(),
            InsightError::Definition(error) => error.kind(),
            InsightError::Engine(error) => error.kind(),
            InsightError::Store(error) => error.kind(),
            InsightError::Catalogue(error) => crate::catalogue::fault_kind(error),
        }
    }
}
