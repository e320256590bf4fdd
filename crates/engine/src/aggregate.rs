//! Numbers over events, grouped: DataFusion's own aggregation above our scan.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Column;
use datafusion::functions_aggregate::count::{count, count_distinct};
use datafusion::functions_aggregate::expr_fn::{avg, max, min, sum};
use datafusion::logical_expr::{Expr, lit};
use whodid_model::event::paths;
use whodid_store::Snapshot;

use crate::error::EngineError;
use crate::ops::bucket::BucketTable;
use crate::ops::grouped::{EVENTS, GroupedSpec, USERS};
use crate::ops::scan::{ScanColumn, ScanSpec};
use crate::run::Engine;

/// What is computed per group.
#[derive(Clone, Debug, PartialEq)]
pub enum Aggregate {
    Count,
    /// Distinct values of an attribute, as text.
    Cardinality(String),
    Sum(String),
    Average(String),
    Minimum(String),
    Maximum(String),
}

/// One group: its values (none where the event has no value), and the number (none where nothing was measured).
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub values: Vec<Option<String>>,
    pub number: Option<f64>,
}

impl Engine {
    /// Computes one number for every distinct combination of `group_by` (facet paths) among the events of `scan`, whose
    /// own columns are ignored. Without facets there is exactly one group.
    pub async fn aggregate(
        &self,
        snapshot: &Arc<Snapshot>,
        mut scan: ScanSpec,
        group_by: &[String],
        aggregate: &Aggregate,
    ) -> Result<Vec<Group>, EngineError> {
        scan.columns = group_by.iter().cloned().map(ScanColumn::Text).collect();
        if let Some(number) = counted(aggregate) {
            let work = GroupedSpec { scan: scan.clone() };
            if work.fits(snapshot) {
                return self.grouped(snapshot, work, group_by, number).await;
            }
        }
        if let Some(column) = measured(aggregate)
            && !scan.columns.contains(&column)
        {
            scan.columns.push(column);
        }
        let table = BucketTable::new(scan, snapshot.clone());
        let groups = group_by.iter().map(|path| column(&ScanColumn::Text(path.clone()))).collect();
        let number = expression(aggregate).alias("number");
        let frame = self.session().read_table(Arc::new(table))?.aggregate(groups, vec![number])?;
        let batches = self.run(frame.into_unoptimized_plan()).await?;
        read(&batches, group_by.len())
    }

    /// Per bucket by dense codes, then the sum over buckets: a user lies in one bucket, so unique users add up.
    async fn grouped(
        &self,
        snapshot: &Arc<Snapshot>,
        work: GroupedSpec,
        group_by: &[String],
        number: &str,
    ) -> Result<Vec<Group>, EngineError> {
        let table = BucketTable::new(work, snapshot.clone());
        let groups = group_by.iter().map(|path| column(&ScanColumn::Text(path.clone()))).collect();
        let total = sum(Expr::Column(Column::from_name(number))).alias("number");
        let frame = self.session().read_table(Arc::new(table))?.aggregate(groups, vec![total])?;
        let batches = self.run(frame.into_unoptimized_plan()).await?;
        let mut groups = read(&batches, group_by.len())?;
        // The sum of nothing is null, the count of nothing is 0.
        groups.iter_mut().for_each(|group| group.number = group.number.or(Some(0.0)));
        Ok(groups)
    }
}

fn read(batches: &[RecordBatch], facets: usize) -> Result<Vec<Group>, EngineError> {
    let mut groups = Vec::new();
    for batch in batches {
        let numbers = cast(batch.column(facets), &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let texts: Vec<ArrayRef> =
            (0..facets).map(|index| cast(batch.column(index), &DataType::Utf8)).collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            let value = |array: &ArrayRef| {
                let array = array.as_string::<i32>();
                array.is_valid(row).then(|| array.value(row).to_string())
            };
            let number = numbers.is_valid(row).then(|| numbers.value(row));
            groups.push(Group { values: texts.iter().map(value).collect(), number });
        }
    }
    Ok(groups)
}

/// The column of the grouped counts that answers, if one does.
fn counted(aggregate: &Aggregate) -> Option<&'static str> {
    match aggregate {
        Aggregate::Count => Some(EVENTS),
        Aggregate::Cardinality(path) if path == paths::USR_ID => Some(USERS),
        _ => None,
    }
}

fn measured(aggregate: &Aggregate) -> Option<ScanColumn> {
    match aggregate {
        Aggregate::Count => None,
        Aggregate::Cardinality(path) => Some(ScanColumn::Text(path.clone())),
        Aggregate::Sum(path)
        | Aggregate::Average(path)
        | Aggregate::Minimum(path)
        | Aggregate::Maximum(path) => Some(ScanColumn::Number(path.clone())),
    }
}

fn expression(aggregate: &Aggregate) -> Expr {
    let measured = measured(aggregate).map(|measured| column(&measured));
    match (aggregate, measured) {
        (Aggregate::Cardinality(_), Some(measured)) => count_distinct(measured),
        (Aggregate::Sum(_), Some(measured)) => sum(measured),
        (Aggregate::Average(_), Some(measured)) => avg(measured),
        (Aggregate::Minimum(_), Some(measured)) => min(measured),
        (Aggregate::Maximum(_), Some(measured)) => max(measured),
        _ => count(lit(1)),
    }
}

/// A column by its exact name; DataFusion would otherwise read dots as qualifiers.
fn column(column: &ScanColumn) -> Expr {
    Expr::Column(Column::from_name(column.name()))
}
