//! What can go wrong while a question is planned and run.

use datafusion::error::DataFusionError;
use whodid_model::FaultKind;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{detail}")]
    Pattern { detail: String },
    #[error("{detail}")]
    Window { detail: String },
    #[error("no segment has the id `{id}`")]
    UnknownSegment { id: String },
    /// A condition reached an operator that decides clauses only.
    #[error("a condition that is not a clause reached the engine; this is a fault of ours")]
    NotAClause,
    #[error("a list could not be read to its end: {detail}")]
    Lists { detail: String },
    #[error("a plan could not be encoded or read back: {detail}")]
    Codec { detail: String },
    #[error("{waiting} questions are waiting already; ask again in a moment")]
    Busy { waiting: usize },
    #[error(
        "the question took longer than {seconds} s and was stopped; ask over a shorter time, or for less"
    )]
    OutOfTime { seconds: f64 },
    #[error(transparent)]
    Plan(#[from] DataFusionError),
    #[error(transparent)]
    Columns(#[from] arrow::error::ArrowError),
    #[error(transparent)]
    Store(#[from] whodid_store::StoreError),
}

impl EngineError {
    pub(crate) fn codec(detail: impl ToString) -> EngineError {
        EngineError::Codec { detail: detail.to_string() }
    }

    pub(crate) fn pattern(detail: impl ToString) -> EngineError {
        EngineError::Pattern { detail: detail.to_string() }
    }

    pub(crate) fn window(detail: impl ToString) -> EngineError {
        EngineError::Window { detail: detail.to_string() }
    }

    pub fn kind(&self) -> FaultKind {
        match self {
            EngineError::Pattern { .. } | EngineError::Window { .. } => FaultKind::Invalid,
            EngineError::UnknownSegment { .. } => FaultKind::NotFound,
            EngineError::Busy { .. } => FaultKind::Busy,
            EngineError::OutOfTime { .. } => FaultKind::Cancelled,
            EngineError::Store(error) => error.kind(),
            EngineError::Plan(error) => plan_kind(error),
            EngineError::NotAClause
            | EngineError::Lists { .. }
            | EngineError::Codec { .. }
            | EngineError::Columns(_) => FaultKind::Internal,
        }
    }
}

fn plan_kind(error: &DataFusionError) -> FaultKind {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => FaultKind::Busy,
        DataFusionError::External(inner) => {
            inner.downcast_ref::<EngineError>().map_or(FaultKind::Internal, EngineError::kind)
        }
        _ => FaultKind::Internal,
    }
}

impl From<EngineError> for DataFusionError {
    fn from(error: EngineError) -> DataFusionError {
        match error {
            EngineError::Plan(error) => error,
            other => DataFusionError::External(Box::new(other)),
        }
    }
}
