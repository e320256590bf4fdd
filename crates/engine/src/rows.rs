//! Lists of events: the first rows in an order, and how many there are.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::UInt64Type;
use serde_json::{Map, Value as Json};
use whodid_store::Snapshot;

use crate::error::EngineError;
use crate::ops::bucket::BucketTable;
use crate::ops::rows::{MATCHING, PLACE, Placed, RECORD, RowsSpec};
use crate::run::Engine;

/// Some rows of many.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Values by path.
    pub records: Vec<Map<String, Json>>,
    /// How many rows match, whatever the limit.
    pub total: u64,
}

impl Engine {
    pub async fn rows(&self, snapshot: &Arc<Snapshot>, spec: RowsSpec) -> Result<Rows, EngineError> {
        let (order, limit) = (spec.order.clone(), spec.limit);
        let table = BucketTable::new(spec, snapshot.clone());
        let frame = self.session().read_table(Arc::new(table))?;
        let broken = || EngineError::codec("a column is missing");
        let (mut first, mut total): (Vec<(Placed, String)>, u64) = (Vec::new(), 0);
        for batch in self.run(frame.into_unoptimized_plan()).await? {
            let column = |name: &str| batch.column_by_name(name).ok_or_else(broken);
            let matching = column(MATCHING)?.as_primitive::<UInt64Type>();
            let (places, records) = (column(PLACE)?.as_string::<i32>(), column(RECORD)?.as_string::<i32>());
            for row in 0..batch.num_rows() {
                total += matching.value(row);
                if records.is_valid(row) {
                    first.push((Placed::from_json(places.value(row))?, records.value(row).to_string()));
                }
            }
        }
        first.sort_by(|(a, _), (b, _)| order.compare(a, b));
        first.truncate(limit);
        let record =
            |(_, record): (Placed, String)| serde_json::from_str(&record).map_err(EngineError::codec);
        Ok(Rows { records: first.into_iter().map(record).collect::<Result<_, _>>()?, total })
    }
}
