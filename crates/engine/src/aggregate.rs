//! Numbers over events, grouped: DataFusion's own aggregation above our scan, or above counts by code where all that is
//! asked for is events and users.
//!
//! Every number is exact; a percentile between two values is so to a millionth of their distance. A percentile holds the values of its group in memory while it is computed, 8 bytes each.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Column;
use datafusion::functions_aggregate::count::{count, count_distinct};
use datafusion::functions_aggregate::expr_fn::{avg, max, min, sum};
use datafusion::functions_aggregate::percentile_cont::percentile_cont;
use datafusion::logical_expr::{Expr, lit};
use whodid_model::event::paths;
use whodid_store::Snapshot;

use crate::error::EngineError;
use crate::ops::bucket::BucketTable;
use crate::ops::grouped::{EVENTS, GroupedSpec, USERS};
use crate::ops::keys::Grouping;
use crate::ops::scan::{STEP, ScanColumn, ScanSpec, key_name};
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
    /// The value below which this share (0 to 1) of the values lies, between two of them by straight line.
    Percentile(String, f64),
}

/// One group: its values, none where the event has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub values: Vec<Option<String>>,
    /// The step of time, counted from 0; 0 without steps.
    pub step: usize,
    /// One number per aggregate asked for; none where nothing was measured.
    pub numbers: Vec<Option<f64>>,
}

impl Engine {
    /// Computes numbers for every group of the events of `scan`, whose own columns are ignored. Without keys and steps
    /// there is exactly one group; otherwise groups without events are absent.
    pub async fn aggregate(
        &self,
        snapshot: &Arc<Snapshot>,
        mut scan: ScanSpec,
        aggregates: &[Aggregate],
    ) -> Result<Vec<Group>, EngineError> {
        scan.columns = Vec::new();
        let grouping = scan.grouping.clone();
        if let Some(numbers) = aggregates.iter().map(counted).collect::<Option<Vec<_>>>() {
            return self.counted(snapshot, GroupedSpec { scan }, &numbers).await;
        }
        for measured in aggregates.iter().filter_map(measured) {
            if !scan.columns.contains(&measured) {
                scan.columns.push(measured);
            }
        }
        let numbered = aggregates.iter().enumerate();
        let numbers =
            numbered.map(|(number, aggregate)| expression(aggregate).alias(number.to_string())).collect();
        let table = BucketTable::new(scan, snapshot.clone());
        let frame =
            self.session().read_table(Arc::new(table))?.aggregate(group_columns(&grouping), numbers)?;
        read(&self.run(frame.into_unoptimized_plan()).await?, &grouping)
    }

    /// Per bucket by code, then the sum over buckets: a user lies in one bucket, so unique users add up.
    async fn counted(
        &self,
        snapshot: &Arc<Snapshot>,
        work: GroupedSpec,
        numbers: &[&str],
    ) -> Result<Vec<Group>, EngineError> {
        let grouping = work.scan.grouping.clone();
        let table = BucketTable::new(work, snapshot.clone());
        let total = |(index, name): (usize, &&str)| sum(by_name(*name)).alias(index.to_string());
        let totals = numbers.iter().enumerate().map(total).collect();
        let frame =
            self.session().read_table(Arc::new(table))?.aggregate(group_columns(&grouping), totals)?;
        let mut groups = read(&self.run(frame.into_unoptimized_plan()).await?, &grouping)?;
        // The sum of nothing is null, the count of nothing is 0.
        for number in groups.iter_mut().flat_map(|group| &mut group.numbers) {
            number.get_or_insert(0.0);
        }
        Ok(groups)
    }
}

fn group_columns(grouping: &Grouping) -> Vec<Expr> {
    let keys = (0..grouping.keys.len()).map(|key| by_name(key_name(key)));
    keys.chain(grouping.steps.iter().map(|_| by_name(STEP))).collect()
}

/// Reads batches whose columns are keys, the step if there are steps, and numbers.
fn read(batches: &[RecordBatch], grouping: &Grouping) -> Result<Vec<Group>, EngineError> {
    let mut groups = Vec::new();
    for batch in batches {
        let (texts, numbers) = batch.columns().split_at(grouping.keys.len());
        let texts: Vec<ArrayRef> =
            texts.iter().map(|column| cast(column, &DataType::Utf8)).collect::<Result<_, _>>()?;
        let numbers: Vec<ArrayRef> =
            numbers.iter().map(|column| cast(column, &DataType::Float64)).collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            let text = |array: &ArrayRef| {
                let array = array.as_string::<i32>();
                array.is_valid(row).then(|| array.value(row).to_string())
            };
            let number = |array: &ArrayRef| {
                let array = array.as_primitive::<Float64Type>();
                array.is_valid(row).then(|| array.value(row))
            };
            let values = texts.iter().map(text).collect();
            let mut numbers = numbers.iter().map(number);
            let step = match grouping.steps {
                Some(_) => numbers.next().flatten().unwrap_or_default() as usize,
                None => 0,
            };
            groups.push(Group { values, step, numbers: numbers.collect() });
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
        | Aggregate::Maximum(path)
        | Aggregate::Percentile(path, _) => Some(ScanColumn::Number(path.clone())),
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
        (Aggregate::Percentile(_, share), Some(measured)) => {
            percentile_cont(measured.sort(true, false), lit(*share))
        }
        _ => count(lit(1)),
    }
}

fn column(column: &ScanColumn) -> Expr {
    by_name(column.name())
}

/// A column by its exact name; DataFusion would otherwise read dots as qualifiers.
fn by_name(name: impl Into<String>) -> Expr {
    Expr::Column(Column::from_name(name))
}
