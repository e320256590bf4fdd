//! Running plans.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{collect, displayable};

use crate::error::EngineError;
use crate::subjects::KnownSubjects;

/// Plans and runs questions. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    session: SessionContext,
    subjects: Arc<KnownSubjects>,
}

impl Engine {
    /// `partitions` is how many buckets are worked on at the same time, usually the number of cores.
    pub fn new(partitions: usize) -> Engine {
        let config = SessionConfig::new().with_target_partitions(partitions.max(1));
        let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
        Engine { session: SessionContext::new_with_state(state), subjects: Arc::default() }
    }

    pub(crate) fn known_subjects(&self) -> &Arc<KnownSubjects> {
        &self.subjects
    }

    pub(crate) fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Runs a plan to its end. Dropping the future stops the work between two buckets.
    pub(crate) async fn run(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>, EngineError> {
        let plan = self.session.state().create_physical_plan(&plan).await?;
        tracing::debug!(plan = %displayable(plan.as_ref()).one_line(), "running");
        Ok(collect(plan, self.session.task_ctx()).await?)
    }
}
