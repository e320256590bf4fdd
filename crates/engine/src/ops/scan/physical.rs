//! The scan operator: partitions share out the buckets, each half of a bucket is one batch.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    UInt32Array,
};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::stream;
use whodid_model::{EventType, Value};
use whodid_store::{BUCKETS, Columns, Half, Snapshot};

use super::spec::{ScanColumn, ScanSpec};
use crate::mask::matching;

#[derive(Debug)]
pub(crate) struct EventsExec {
    pub(crate) spec: Arc<ScanSpec>,
    snapshot: Arc<Snapshot>,
    partitions: usize,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl EventsExec {
    pub(crate) fn new(spec: Arc<ScanSpec>, snapshot: Arc<Snapshot>, partitions: usize) -> EventsExec {
        let partitions = partitions.clamp(1, BUCKETS);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(spec.schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        EventsExec { spec, snapshot, partitions, properties: Arc::new(properties), metrics }
    }

    pub(crate) fn partitions(&self) -> usize {
        self.partitions
    }
}

impl DisplayAs for EventsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> = self.spec.columns.iter().map(ScanColumn::name).collect();
        write!(f, "EventsExec: query={} columns=[{}]", self.spec.query, columns.join(", "))?;
        if self.spec.audience.is_some() {
            write!(f, " within an audience")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for EventsExec {
    fn name(&self) -> &str {
        "EventsExec"
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
        let units: Vec<(usize, usize)> = (partition..BUCKETS)
            .step_by(self.partitions)
            .flat_map(|bucket| [(bucket, 0), (bucket, 1)])
            .collect();
        let (spec, snapshot) = (self.spec.clone(), self.snapshot.clone());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let rows_scanned = MetricBuilder::new(&self.metrics).counter("rows_scanned", partition);
        let batches = stream::unfold(units.into_iter(), move |mut units| {
            let unit = units.next();
            let (spec, snapshot) = (spec.clone(), snapshot.clone());
            let (baseline, rows_scanned) = (baseline.clone(), rows_scanned.clone());
            async move {
                tokio::task::yield_now().await;
                let (bucket, half) = unit?;
                let timer = baseline.elapsed_compute().timer();
                let half = snapshot.buckets()[bucket].halves()[half];
                rows_scanned.add(half.columns.rows());
                let batch = read(&spec, half, bucket);
                timer.done();
                Some((batch.map(|batch| batch.record_output(&baseline)), units))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

fn read(spec: &ScanSpec, half: Half<'_>, bucket: usize) -> Result<RecordBatch> {
    let rows = matching_rows(spec, half, bucket);
    let column = |column: &ScanColumn| array(column, half.columns, &rows);
    let arrays: Vec<ArrayRef> = spec.columns.iter().map(column).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(spec.schema(), arrays, &options)?)
}

fn matching_rows(spec: &ScanSpec, half: Half<'_>, bucket: usize) -> Vec<usize> {
    let mut mask = matching(&spec.query, half.columns);
    if let Some(audience) = &spec.audience {
        mask = mask.and(&audience.mask(half, bucket));
    }
    let ts_us = half.columns.ts_us();
    let mut rows = Vec::new();
    for (_, run) in half.runs() {
        let range = run.rows();
        let times = &ts_us[range.clone()];
        let first = range.start + times.partition_point(|ts| *ts < spec.range.from.0);
        let end = range.start + times.partition_point(|ts| *ts < spec.range.to.0);
        if first < end {
            rows.extend(mask.ones(first..end));
        }
    }
    rows
}

fn array(column: &ScanColumn, columns: &Columns, rows: &[usize]) -> Result<ArrayRef> {
    Ok(match column {
        ScanColumn::Ts => {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| columns.ts_us()[*row])))
        }
        ScanColumn::Number(path) => {
            let attribute = columns.attribute(path);
            let number = |row: &usize| attribute?.value(*row)?.as_number();
            Arc::new(Float64Array::from_iter(rows.iter().map(number)))
        }
        ScanColumn::Text(path) => text_array(path, columns, rows)?,
    })
}

fn text_array(path: &str, columns: &Columns, rows: &[usize]) -> Result<ArrayRef> {
    let (keys, values): (UInt32Array, StringArray) = match path {
        "type" => {
            let keys = rows.iter().map(|row| columns.kinds()[*row] as u32);
            let names = EventType::ALL.map(EventType::name);
            (UInt32Array::from_iter_values(keys), StringArray::from_iter_values(names))
        }
        "id" => {
            let values = StringArray::from_iter_values(rows.iter().map(|row| &columns.ids()[*row]));
            (UInt32Array::from_iter_values(0..rows.len() as u32), values)
        }
        path => match columns.attribute(path) {
            None => (UInt32Array::new_null(rows.len()), StringArray::new_null(0)),
            Some(column) => {
                let key = |row: &usize| column.codes().get(*row).checked_sub(1);
                let texts = StringArray::from_iter_values(column.dictionary().iter().map(Value::as_text));
                (UInt32Array::from_iter(rows.iter().map(key)), texts)
            }
        },
    };
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?))
}
