//! Events as a table for everything that DataFusion does by itself: the rows that pass a search query, a time range and
//! an audience, with the columns that a question asks for.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    UInt32Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::json;
use whodid_model::event::paths;
use whodid_model::{EventType, Instant, TimeRange};
use whodid_query::op::Op;
use whodid_query::search::{self, Dialect, Expr, Query};
use whodid_store::{Columns, Half, Snapshot};

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use super::keys::{Grouping, HalfGrouping};
use crate::audience::Audience;
use crate::error::EngineError;
use crate::mask::{Mask, matching, matching_among};
use crate::stream::for_each_hit_run;

/// One column of a scan. Its name in the schema is [`ScanColumn::name`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum ScanColumn {
    /// The instant, microseconds since 1970.
    Ts,
    /// An attribute as text, or one of the event's own members `type` and `id`.
    Text(String),
    /// An attribute's numbers; null where the value is not a number.
    Number(String),
}

impl ScanColumn {
    pub fn name(&self) -> String {
        match self {
            ScanColumn::Ts => "ts".to_string(),
            ScanColumn::Text(path) => format!("text:{path}"),
            ScanColumn::Number(path) => format!("number:{path}"),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            ScanColumn::Ts => DataType::Int64,
            ScanColumn::Text(_) => text_type(),
            ScanColumn::Number(_) => DataType::Float64,
        }
    }
}

fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// Which events, and what of them.
#[derive(Clone, Debug)]
pub struct ScanSpec {
    pub query: Query,
    /// Already cut at the evaluation instant.
    pub range: TimeRange,
    pub columns: Vec<ScanColumn>,
    /// What the rows are grouped by; a row with several values of a key comes once for each.
    pub grouping: Grouping,
    /// Only events of these users and accounts.
    pub audience: Option<Audience>,
    /// Only events of identified users who have so many that pass the query in the range.
    pub occurrences: Option<Occurrences>,
}

/// The name of the column of a key, by its place in the grouping.
pub(crate) fn key_name(index: usize) -> String {
    format!("key:{index}")
}

/// The name of the column of steps, counted from 0.
pub(crate) const STEP: &str = "step";

/// How often a user has to have done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrences {
    pub op: Op,
    pub count: u64,
}

impl ScanSpec {
    /// All events of a range that match a query.
    pub fn new(query: Query, range: TimeRange) -> ScanSpec {
        let (columns, grouping) = (Vec::new(), Grouping::default());
        ScanSpec { query, range, columns, grouping, audience: None, occurrences: None }
    }

    /// The words of the specification and the bitmaps that they speak of.
    pub(crate) fn to_parts(&self) -> Result<(String, Vec<Vec<u8>>), EngineError> {
        let mut bitmaps = Vec::new();
        let words = self.to_json(&mut bitmaps)?;
        Ok((words.to_string(), bitmaps))
    }

    /// The words alone, with the bitmaps that they speak of appended to `bitmaps`.
    pub(crate) fn to_json(&self, bitmaps: &mut Vec<Vec<u8>>) -> Result<serde_json::Value, EngineError> {
        let audience = self.audience.as_ref().map(|audience| audience.to_parts(bitmaps)).transpose()?;
        Ok(json!({
            "query": self.query.text,
            "from_us": self.range.from.0,
            "to_us": self.range.to.0,
            "columns": self.columns,
            "grouping": self.grouping.to_json(),
            "audience": audience,
            "occurrences": self.occurrences.map(|occurrences| (occurrences.op.symbol(), occurrences.count)),
        }))
    }

    pub(crate) fn from_parts(text: &str, bitmaps: &[Vec<u8>]) -> Result<ScanSpec, EngineError> {
        ScanSpec::from_json(&serde_json::from_str(text).map_err(EngineError::codec)?, bitmaps)
    }

    pub(crate) fn from_json(json: &serde_json::Value, bitmaps: &[Vec<u8>]) -> Result<ScanSpec, EngineError> {
        let instant = |name: &str| {
            json[name].as_i64().map(Instant).ok_or_else(|| EngineError::codec(format!("no {name}")))
        };
        let query = json["query"].as_str().unwrap_or_default();
        let audience = match &json["audience"] {
            serde_json::Value::Null => None,
            words => Some(Audience::from_parts(words, bitmaps)?),
        };
        Ok(ScanSpec {
            query: search::parse(query, Dialect::Event).map_err(EngineError::codec)?,
            range: TimeRange { from: instant("from_us")?, to: instant("to_us")? },
            columns: serde_json::from_value(json["columns"].clone()).map_err(EngineError::codec)?,
            grouping: Grouping::from_json(&json["grouping"])?,
            audience,
            occurrences: occurrences(&json["occurrences"])?,
        })
    }

    pub(crate) fn describe_filter(&self) -> String {
        let audience = if self.audience.is_some() { " within an audience" } else { "" };
        format!("query={}{audience}", self.query)
    }
}

pub(super) fn occurrences(json: &serde_json::Value) -> Result<Option<Occurrences>, EngineError> {
    let read: Option<(String, u64)> = serde_json::from_value(json.clone()).map_err(EngineError::codec)?;
    let op = |symbol: &str| {
        Op::parse(symbol).ok_or_else(|| EngineError::codec(format!("no comparison `{symbol}`")))
    };
    read.map(|(symbol, count)| Ok(Occurrences { op: op(&symbol)?, count })).transpose()
}

impl BucketWork for ScanSpec {
    const NAME: &'static str = "EventsExec";

    fn schema(&self) -> SchemaRef {
        let field =
            |column: &ScanColumn| Field::new(column.name(), column.data_type(), *column != ScanColumn::Ts);
        let key = |index| Field::new(key_name(index), text_type(), true);
        let keys = (0..self.grouping.keys.len()).map(key);
        let step = self.grouping.steps.iter().map(|_| Field::new(STEP, DataType::UInt32, false));
        Arc::new(Schema::new(keys.chain(step).chain(self.columns.iter().map(field)).collect::<Vec<_>>()))
    }

    fn describe(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(ScanColumn::name).collect();
        format!("{} columns=[{}]", self.describe_filter(), columns.join(", "))
    }

    /// One batch for each half of the bucket.
    fn work(&self, snapshot: &Snapshot, bucket: usize) -> Result<Worked, EngineError> {
        let mut worked = Worked { batches: Vec::new(), rows_scanned: 0 };
        for half in snapshot.buckets()[bucket].halves() {
            worked.rows_scanned += half.columns.rows();
            let grouping = self.grouping.of_half(half);
            let (rows, groups) = self.matching_rows(half, bucket, &grouping);
            let mut arrays = self.key_arrays(&grouping, &groups)?;
            for column in &self.columns {
                arrays.push(array(column, half.columns, &rows)?);
            }
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            worked.batches.push(RecordBatch::try_new_with_options(self.schema(), arrays, &options)?);
        }
        Ok(worked)
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        let (spec, bitmaps) = self.to_parts()?;
        Ok(OperatorMessage { spec, bitmaps, ..OperatorMessage::default() })
    }
}

impl ScanSpec {
    /// The rows of a half that pass the query and the audience and lie in the time range.
    pub(crate) fn mask(&self, half: Half<'_>, bucket: usize) -> Mask {
        self.within(matching(&self.query, half.columns), half, bucket)
    }

    /// Those of `rows` that pass the same. Cheaper where `rows` are few.
    pub(crate) fn narrow(&self, mut rows: Mask, half: Half<'_>, bucket: usize) -> Mask {
        if self.query.expr != Expr::Everything {
            rows = matching_among(&self.query, half.columns, &rows);
        }
        self.within(rows, half, bucket)
    }

    fn within(&self, mut mask: Mask, half: Half<'_>, bucket: usize) -> Mask {
        if !half.columns.all_within(self.range) {
            let ts_us = half.columns.ts_us();
            mask.retain(|row| self.range.contains(Instant(ts_us.get(row))));
        }
        if let Some(occurrences) = self.occurrences {
            mask = occurrences.mask(half, &mask);
        }
        if let Some(audience) = &self.audience {
            mask = mask.and(&audience.mask(half, bucket));
        }
        mask
    }

    /// The rows that pass, and beside each the number of its group.
    fn matching_rows(
        &self,
        half: Half<'_>,
        bucket: usize,
        grouping: &HalfGrouping<'_>,
    ) -> (Vec<usize>, Vec<u128>) {
        let (mut matching, mut groups) = (Vec::new(), Vec::new());
        for_each_hit_run(half, &self.mask(half, bucket), |run, rows| {
            if grouping.keys.is_empty() {
                return matching.extend_from_slice(rows);
            }
            for row in rows {
                grouping.each(run, *row, &mut |group| {
                    matching.push(*row);
                    groups.push(group);
                });
            }
        });
        (matching, groups)
    }

    fn key_arrays(&self, grouping: &HalfGrouping<'_>, groups: &[u128]) -> Result<Vec<ArrayRef>, EngineError> {
        let mut codes: Vec<Vec<u32>> = vec![Vec::with_capacity(groups.len()); grouping.keys.len()];
        for group in groups {
            codes.iter_mut().zip(grouping.codes(*group)).for_each(|(codes, code)| codes.push(code));
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(codes.len() + self.columns.len());
        for (index, codes) in codes.into_iter().enumerate() {
            if index == self.grouping.keys.len() {
                arrays.push(Arc::new(UInt32Array::from(codes)));
                continue;
            }
            let key = &grouping.keys[index];
            let texts = (1..key.width() as u32).map(|code| key.text(code).unwrap_or_default());
            let texts = StringArray::from_iter_values(texts);
            let keys = UInt32Array::from_iter(codes.into_iter().map(|code| code.checked_sub(1)));
            arrays.push(Arc::new(DictionaryArray::try_new(keys, Arc::new(texts))?));
        }
        Ok(arrays)
    }
}

impl Occurrences {
    /// The rows of `matching` whose user has as many of them as asked for. A run holds all events of its user.
    pub(super) fn mask(self, half: Half<'_>, matching: &Mask) -> Mask {
        let mut kept = Mask::none(half.columns.rows());
        let identified = half.columns.attribute(paths::USR_ID);
        for_each_hit_run(half, matching, |_, rows| {
            let known = identified.is_some_and(|users| users.codes().get(rows[0]) != 0);
            if known && self.op.holds(rows.len() as u64, self.count) {
                rows.iter().for_each(|row| kept.set(*row..*row + 1));
            }
        });
        kept
    }
}

fn array(column: &ScanColumn, columns: &Columns, rows: &[usize]) -> Result<ArrayRef, EngineError> {
    Ok(match column {
        ScanColumn::Ts => {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| columns.ts_us().get(*row))))
        }
        ScanColumn::Number(path) => {
            let attribute = columns.attribute(path);
            let number = |row: &usize| attribute?.value(*row)?.as_number();
            Arc::new(Float64Array::from_iter(rows.iter().map(number)))
        }
        ScanColumn::Text(path) => text_array(path, columns, rows)?,
    })
}

fn text_array(path: &str, columns: &Columns, rows: &[usize]) -> Result<ArrayRef, EngineError> {
    let (keys, values): (UInt32Array, StringArray) = match path {
        "type" => {
            let keys = rows.iter().map(|row| columns.kinds()[*row] as u32);
            let names = EventType::ALL.map(EventType::name);
            (UInt32Array::from_iter_values(keys), StringArray::from_iter_values(names))
        }
        "id" => {
            let values = StringArray::from_iter_values(rows.iter().map(|row| columns.ids().get(*row)));
            (UInt32Array::from_iter_values(0..rows.len() as u32), values)
        }
        path => match columns.attribute(path) {
            None => (UInt32Array::new_null(rows.len()), StringArray::new_null(0)),
            Some(column) => {
                let key = |row: &usize| column.codes().get(*row).checked_sub(1);
                let texts = StringArray::from(column.dictionary().map(|value| value.as_text().into_owned()));
                (UInt32Array::from_iter(rows.iter().map(key)), texts)
            }
        },
    };
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?))
}
