//! The first rows of a scan in some order, and how many there are: what a list of events shows.
//!
//! Each bucket hands on its own first rows; whoever reads them merges. A record is JSON, so that values keep their types.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Map, Value as Json, json};
use whodid_model::{Instant, Value};
use whodid_store::{Columns, Half, Snapshot, value_order};

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use super::scan::ScanSpec;
use crate::error::EngineError;
use crate::stream::for_each_hit_run;

/// The rows of a scan, whose own columns and grouping are left alone.
#[derive(Clone, Debug)]
pub struct RowsSpec {
    pub scan: ScanSpec,
    /// Paths, of which `timestamp` is the instant as text and `date` as epoch milliseconds. Empty: all that a row has.
    pub columns: Vec<String>,
    pub order: RowOrder,
    pub limit: usize,
}

/// Rows without a value come last. Equal rows: the latest first, then by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOrder {
    /// Absent: by instant.
    pub path: Option<String>,
    pub ascending: bool,
}

/// A row with what it is ordered by.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    value: Option<Value>,
    ts_us: i64,
    id: String,
}

impl RowOrder {
    pub(crate) fn compare(&self, a: &Placed, b: &Placed) -> Ordering {
        let directed = |ordering: Ordering| if self.ascending { ordering } else { ordering.reverse() };
        let first = match (&self.path, &a.value, &b.value) {
            (None, _, _) => directed(a.ts_us.cmp(&b.ts_us)),
            (_, Some(a), Some(b)) => directed(value_order(a, b)),
            (_, a, b) => b.is_some().cmp(&a.is_some()),
        };
        first.then_with(|| b.ts_us.cmp(&a.ts_us)).then_with(|| a.id.cmp(&b.id))
    }
}

/// Names of the operator's columns. The first row of a bucket says how many rows match and has no record.
pub(crate) const MATCHING: &str = "matching";
pub(crate) const PLACE: &str = "place";
pub(crate) const RECORD: &str = "record";

impl RowsSpec {
    pub(crate) fn from_parts(spec: &str, bitmaps: &[Vec<u8>]) -> Result<RowsSpec, EngineError> {
        let json: Json = serde_json::from_str(spec).map_err(EngineError::codec)?;
        let text = |json: &Json| json.as_str().map(ToString::to_string);
        let limit = json["limit"].as_u64().ok_or_else(|| EngineError::codec("no limit"))?;
        Ok(RowsSpec {
            scan: ScanSpec::from_parts(json["scan"].as_str().unwrap_or_default(), bitmaps)?,
            columns: serde_json::from_value(json["columns"].clone()).map_err(EngineError::codec)?,
            order: RowOrder {
                path: text(&json["order"]),
                ascending: json["ascending"].as_bool().unwrap_or_default(),
            },
            limit: limit as usize,
        })
    }

    /// The first rows of a half in order, as places and rows, and how many match in all.
    fn first_rows(&self, half: Half<'_>, bucket: usize) -> (Vec<(Placed, usize)>, u64) {
        let mut first: Vec<(Placed, usize)> = Vec::new();
        let mut matching = 0;
        let cut = |first: &mut Vec<(Placed, usize)>| {
            first.sort_by(|(a, _), (b, _)| self.order.compare(a, b));
            first.truncate(self.limit);
        };
        for_each_hit_run(half, &self.scan.mask(half, bucket), |_, rows| {
            matching += rows.len() as u64;
            for row in rows {
                let value = self.order.path.as_deref().and_then(|path| value(half.columns, path, *row));
                let (ts_us, id) = (half.columns.ts_us().get(*row), half.columns.ids().get(*row).into_owned());
                first.push((Placed { value, ts_us, id }, *row));
            }
            if first.len() > 2 * self.limit + 1024 {
                cut(&mut first);
            }
        });
        cut(&mut first);
        (first, matching)
    }

    fn record(&self, columns: &Columns, row: usize) -> Json {
        let member = |path: &str| value(columns, path, row).map(|value| value.to_json()).unwrap_or_default();
        if !self.columns.is_empty() {
            return self
                .columns
                .iter()
                .map(|path| (path.clone(), member(path)))
                .collect::<Map<_, _>>()
                .into();
        }
        let own = ["timestamp", "type", "id"].into_iter();
        let present = columns
            .paths()
            .filter(|path| columns.attribute(path).is_some_and(|column| column.value(row).is_some()));
        own.chain(present).map(|path| (path.to_string(), member(path))).collect::<Map<_, _>>().into()
    }
}

/// The value of a row at a path, or of one of the event's own members.
fn value(columns: &Columns, path: &str, row: usize) -> Option<Value> {
    let ts = Instant(columns.ts_us().get(row));
    match path {
        "type" => Some(Value::text(columns.kinds()[row].name())),
        "id" => Some(Value::text(columns.ids().get(row))),
        "timestamp" | "ts" => Some(Value::Text(ts.to_string())),
        "date" => Some(Value::Number(ts.millis() as f64)),
        path => columns.attribute(path)?.value(row).map(std::borrow::Cow::into_owned),
    }
}

impl Placed {
    fn to_json(&self) -> String {
        json!([self.value, self.ts_us, self.id]).to_string()
    }

    pub(crate) fn from_json(text: &str) -> Result<Placed, EngineError> {
        let (value, ts_us, id) = serde_json::from_str(text).map_err(EngineError::codec)?;
        Ok(Placed { value, ts_us, id })
    }
}

impl BucketWork for RowsSpec {
    const NAME: &'static str = "FirstRowsExec";

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new(MATCHING, DataType::UInt64, false),
            Field::new(PLACE, DataType::Utf8, true),
            Field::new(RECORD, DataType::Utf8, true),
        ]))
    }

    fn describe(&self) -> String {
        format!("limit={} {}", self.limit, self.scan.describe())
    }

    fn work(&self, snapshot: &Snapshot, bucket: usize) -> Result<Worked, EngineError> {
        let (mut first, mut matching, mut rows_scanned) = (Vec::new(), 0, 0);
        for half in snapshot.buckets()[bucket].halves() {
            rows_scanned += half.columns.rows();
            let (rows, count) = self.first_rows(half, bucket);
            matching += count;
            let record = |(placed, row): (Placed, usize)| {
                let record = self.record(half.columns, row).to_string();
                (placed, record)
            };
            first.extend(rows.into_iter().map(record));
        }
        first.sort_by(|(a, _), (b, _)| self.order.compare(a, b));
        first.truncate(self.limit);
        let counts = std::iter::once(matching).chain(first.iter().map(|_| 0));
        let places = std::iter::once(None).chain(first.iter().map(|(placed, _)| Some(placed.to_json())));
        let records = std::iter::once(None).chain(first.iter().map(|(_, record)| Some(record.as_str())));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(counts)),
            Arc::new(StringArray::from_iter(places)),
            Arc::new(StringArray::from_iter(records)),
        ];
        Ok(Worked { batches: vec![RecordBatch::try_new(self.schema(), columns)?], rows_scanned })
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        let (scan, bitmaps) = self.scan.to_parts()?;
        let spec = json!({"scan": scan, "columns": self.columns, "order": self.order.path,
            "ascending": self.order.ascending, "limit": self.limit});
        Ok(OperatorMessage { spec: spec.to_string(), bitmaps, ..OperatorMessage::default() })
    }
}
