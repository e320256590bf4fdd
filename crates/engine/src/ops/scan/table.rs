//! The scan as a DataFusion table.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use whodid_store::Snapshot;

use super::physical::EventsExec;
use super::spec::ScanSpec;

#[derive(Debug)]
pub(crate) struct EventsTable {
    spec: ScanSpec,
    snapshot: Arc<Snapshot>,
    schema: SchemaRef,
}

impl EventsTable {
    pub(crate) fn new(spec: ScanSpec, snapshot: Arc<Snapshot>) -> EventsTable {
        let schema = spec.schema();
        EventsTable { spec, snapshot, schema }
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Search queries are evaluated by the scan itself; DataFusion's own filters stay above it.
    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut spec = self.spec.clone();
        if let Some(projection) = projection {
            spec.columns = projection.iter().map(|index| self.spec.columns[*index].clone()).collect();
        }
        let partitions = session.config().target_partitions();
        Ok(Arc::new(EventsExec::new(Arc::new(spec), self.snapshot.clone(), partitions)))
    }
}
