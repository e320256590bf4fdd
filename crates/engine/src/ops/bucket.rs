//! Work done bucket by bucket over a snapshot, as a DataFusion table (the logical side) and as the operator that it plans
//! (the physical side). Partitions share out the buckets; a bucket is the unit of work and of cancellation.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{StreamExt, stream};
use whodid_store::{BUCKETS, Snapshot};

use super::codec::OperatorMessage;
use crate::error::EngineError;

/// Units of work done since the process began.
static WORKED: AtomicU64 = AtomicU64::new(0);

/// How many buckets all questions together have looked at since the process began.
pub fn buckets_worked() -> u64 {
    WORKED.load(Ordering::Relaxed)
}

/// What an operator of ours computes for one bucket.
pub(crate) trait BucketWork: Debug + Send + Sync + 'static {
    /// The operator's name in plans and in messages.
    const NAME: &'static str;

    fn schema(&self) -> SchemaRef;

    /// Into how many units the work divides: one per bucket, or a single one for what needs all buckets at once.
    fn units(&self) -> usize {
        BUCKETS
    }

    /// The operator's parameters in a line, for `EXPLAIN`.
    fn describe(&self) -> String;

    fn work(&self, snapshot: &Snapshot, unit: usize) -> std::result::Result<Worked, EngineError>;

    fn to_message(&self) -> std::result::Result<OperatorMessage, EngineError>;
}

/// The result of one unit.
pub(crate) struct Worked {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) rows_scanned: usize,
}

/// The work as a table to plan over.
#[derive(Debug)]
pub(crate) struct BucketTable<W> {
    work: Arc<W>,
    snapshot: Arc<Snapshot>,
}

impl<W: BucketWork> BucketTable<W> {
    pub(crate) fn new(work: W, snapshot: Arc<Snapshot>) -> BucketTable<W> {
        BucketTable { work: Arc::new(work), snapshot }
    }
}

#[async_trait]
impl<W: BucketWork> TableProvider for BucketTable<W> {
    fn schema(&self) -> SchemaRef {
        self.work.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = session.config().target_partitions();
        let projection = projection.cloned();
        Ok(Arc::new(BucketExec::new(self.work.clone(), self.snapshot.clone(), partitions, projection)?))
    }
}

/// The operator.
#[derive(Debug)]
pub(crate) struct BucketExec<W> {
    pub(crate) work: Arc<W>,
    snapshot: Arc<Snapshot>,
    pub(crate) partitions: usize,
    /// Indexes into the work's schema; absent for all columns.
    pub(crate) projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<W: BucketWork> BucketExec<W> {
    pub(crate) fn new(
        work: Arc<W>,
        snapshot: Arc<Snapshot>,
        partitions: usize,
        projection: Option<Vec<usize>>,
    ) -> Result<BucketExec<W>> {
        let partitions = partitions.clamp(1, work.units());
        let schema: Schema = match &projection {
            Some(projection) => work.schema().project(projection)?,
            None => work.schema().as_ref().clone(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(BucketExec { work, snapshot, partitions, projection, properties: Arc::new(properties), metrics })
    }
}

impl<W: BucketWork> DisplayAs for BucketExec<W> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", W::NAME, self.work.describe())
    }
}

impl<W: BucketWork> ExecutionPlan for BucketExec<W> {
    fn name(&self) -> &str {
        W::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let units: Vec<usize> = (partition..self.work.units()).step_by(self.partitions).collect();
        let (work, snapshot, projection) =
            (self.work.clone(), self.snapshot.clone(), self.projection.clone());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let rows_scanned = MetricBuilder::new(&self.metrics).counter("rows_scanned", partition);
        let batches = stream::iter(units).then(move |unit| {
            let (work, snapshot, projection) = (work.clone(), snapshot.clone(), projection.clone());
            let (baseline, rows_scanned) = (baseline.clone(), rows_scanned.clone());
            async move {
                // A dropped query stops here, between two buckets.
                tokio::task::yield_now().await;
                let timer = baseline.elapsed_compute().timer();
                let worked = work.work(&snapshot, unit)?;
                if let Some(fault) = snapshot.fault() {
                    return Err(EngineError::from(fault).into());
                }
                timer.done();
                WORKED.fetch_add(1, Ordering::Relaxed);
                rows_scanned.add(worked.rows_scanned);
                let project = |batch: RecordBatch| match &projection {
                    Some(projection) => batch.project(projection),
                    None => Ok(batch),
                };
                let batches =
                    worked.batches.into_iter().map(project).collect::<std::result::Result<Vec<_>, _>>()?;
                Ok(batches.into_iter().map(|batch| batch.record_output(&baseline)).collect::<Vec<_>>())
            }
        });
        let batches = batches.flat_map(|worked: Result<Vec<RecordBatch>>| match worked {
            Ok(batches) => stream::iter(batches.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
