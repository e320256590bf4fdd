//! The operator: partitions share out the buckets, each bucket is one unit of work.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, UInt32Array};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::stream;
use roaring::RoaringBitmap;
use whodid_model::EntityKind;
use whodid_store::{BUCKETS, Snapshot};

use super::spec::{MembershipSpec, schema};
use crate::clauses::Clauses;
use crate::entities::Population;
use crate::error::EngineError;
use crate::stream::Streams;

#[derive(Debug)]
pub(crate) struct MembershipExec {
    pub(crate) spec: Arc<MembershipSpec>,
    snapshot: Arc<Snapshot>,
    partitions: usize,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MembershipExec {
    /// Accounts are gathered from all buckets and are therefore one unit of work.
    pub(crate) fn new(
        spec: Arc<MembershipSpec>,
        snapshot: Arc<Snapshot>,
        partitions: usize,
    ) -> MembershipExec {
        let partitions = match spec.entity() {
            EntityKind::User => partitions.clamp(1, BUCKETS),
            EntityKind::Account => 1,
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        MembershipExec { spec, snapshot, partitions, properties: Arc::new(properties), metrics }
    }

    pub(crate) fn partitions(&self) -> usize {
        self.partitions
    }
}

impl DisplayAs for MembershipExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entity, clauses) = (self.spec.entity(), self.spec.clauses().len());
        write!(f, "MembershipExec: entity={entity} clauses={clauses} at={}", self.spec.at)
    }
}

impl ExecutionPlan for MembershipExec {
    fn name(&self) -> &str {
        "MembershipExec"
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
        let units: Vec<usize> = match self.spec.entity() {
            EntityKind::User => (partition..BUCKETS).step_by(self.partitions).collect(),
            EntityKind::Account => vec![0],
        };
        let (spec, snapshot) = (self.spec.clone(), self.snapshot.clone());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let rows_scanned = MetricBuilder::new(&self.metrics).counter("rows_scanned", partition);
        let batches = stream::unfold(units.into_iter(), move |mut units| {
            let unit = units.next();
            let (spec, snapshot) = (spec.clone(), snapshot.clone());
            let (baseline, rows_scanned) = (baseline.clone(), rows_scanned.clone());
            async move {
                // A dropped query stops here, between two buckets.
                tokio::task::yield_now().await;
                let unit = unit?;
                let timer = baseline.elapsed_compute().timer();
                let result = evaluate(&spec, &snapshot, unit, |rows| rows_scanned.add(rows));
                timer.done();
                Some((result.map_err(Into::into), units))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

fn evaluate(
    spec: &MembershipSpec,
    snapshot: &Snapshot,
    bucket: usize,
    scanned: impl Fn(usize),
) -> std::result::Result<RecordBatch, EngineError> {
    let streams = match spec.entity() {
        EntityKind::User => Streams::of_bucket(snapshot, bucket, spec.at),
        EntityKind::Account => Streams::of_everything(snapshot, spec.at),
    };
    let clauses = Clauses::new(spec.entity(), spec.at, &spec.timezone, spec.clauses(), &streams)?;
    let (members, rows) = match spec.entity() {
        EntityKind::User => clauses.users(&streams),
        EntityKind::Account => {
            clauses.accounts(&Population::of(EntityKind::Account, snapshot, spec.at), &streams)
        }
    };
    scanned(rows);
    let mut bitmaps = Vec::with_capacity(members.len());
    for set in &members {
        bitmaps.push(serialize(set)?);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from(vec![bucket as u32; members.len()])),
        Arc::new(UInt32Array::from_iter_values(0..members.len() as u32)),
        Arc::new(BinaryArray::from_iter_values(bitmaps)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

fn serialize(set: &RoaringBitmap) -> std::result::Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::with_capacity(set.serialized_size());
    set.serialize_into(&mut bytes).map_err(EngineError::codec)?;
    Ok(bytes)
}
