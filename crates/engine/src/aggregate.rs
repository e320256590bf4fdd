//! Numbers over events, grouped: DataFusion's own aggregation above our scan, or above counts by dense code where all
//! that is asked for is events and users.

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

/// One group: its values, none where the event has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub values: Vec<Option<String>>,
    /// One number per aggregate asked for; none where nothing was measured.
    pub numbers: Vec<Option<f64>>,
}

impl Engine {
    /// Computes numbers for every distinct combination of `group_by` (facet paths) among the events of `scan`, whose own
    /// columns are ignored. Without facets there is exactly one group.
    pub async fn aggregate(
        &self,
        snapshot: &Arc<Snapshot>,
        mut scan: ScanSpec,
        group_by: &[String],
        aggregates: &[Aggregate],
    ) -> Result<Vec<Group>, EngineError> {
        scan.columns = group_by.iter().cloned().map(ScanColumn::Text).collect();
        let groups: Vec<Expr> = scan.columns.iter().map(column).collect();
        if let Some(numbers) = aggregates.iter().map(counted).collect::<Option<Vec<_>>>() {
            let work = GroupedSpec { scan: scan.clone() };
            if work.fits(snapshot) {
                return self.grouped(snapshot, work, groups, &numbers).await;
            }
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
        let frame = self.session().read_table(Arc::new(table))?.aggregate(groups, numbers)?;
        read(&self.run(frame.into_unoptimized_plan()).await?, group_by.len())
    }

    /// Per bucket by dense codes, then the sum over buckets: a user lies in one bucket, so unique users add up.
    async fn grouped(
        &self,
        snapshot: &Arc<Snapshot>,
        work: GroupedSpec,
        groups: Vec<Expr>,
        numbers: &[&str],
    ) -> Result<Vec<Group>, EngineError> {
        let facets = groups.len();
        let table = BucketTable::new(work, snapshot.clone());
        let total = |(index, name): (usize, &&str)| {
            sum(Expr::Column(Column::from_name(*name))).alias(index.to_string())
        };
        let totals = numbers.iter().enumerate().map(total).collect();
        let frame = self.session().read_table(Arc::new(table))?.aggregate(groups, totals)?;
        let mut groups = read(&self.run(frame.into_unoptimized_plan()).await?, facets)?;
        // The sum of nothing is null, the count of nothing is 0.
        for number in groups.iter_mut().flat_map(|group| &mut group.numbers) {
            number.get_or_insert(0.0);
        }
        Ok(groups)
    }
}

/// Reads batches whose first columns are `facets` texts and whose others are numbers.
fn read(batches: &[RecordBatch], facets: usize) -> Result<Vec<Group>, EngineError> {
    let mut groups = Vec::new();
    for batch in batches {
        let (texts, numbers) = batch.columns().split_at(facets);
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
            let (values, numbers) = (texts.iter().map(text).collect(), numbers.iter().map(number).collect());
            groups.push(Group { values, numbers });
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
