//! The bytes of a part to events.

use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use whodid_model::{Attributes, Event, EventType, Instant, Value};

use super::layout;
use super::write::{FORMAT, FORMAT_KEY};
use crate::error::StoreError;

const BATCH_ROWS: usize = 8_192;

/// The events of a part. `path` is for error messages.
pub(super) fn events(path: &Path, bytes: Bytes) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    batches(path, bytes, |batch| append(batch, &mut events))?;
    Ok(events)
}

/// Everything in a part.
#[derive(Debug, Default)]
pub(super) struct PartRows {
    /// None if another program wrote the part.
    pub(super) format: Option<u32>,
    pub(super) events: Vec<Event>,
    pub(super) users: Vec<Option<String>>,
    /// Without the column, as in format 1, all are -1.
    pub(super) buckets: Vec<i32>,
    /// How many rows each row group has.
    pub(super) row_groups: Vec<usize>,
}

pub(super) fn rows(path: &Path, bytes: Bytes) -> Result<PartRows, StoreError> {
    let mut part = PartRows::default();
    let (format, row_groups) = batches(path, bytes, |batch| {
        append(batch, &mut part.events)?;
        let users = column(batch, layout::USER, &DataType::Utf8)?.as_string::<i32>();
        part.users.extend(users.iter().map(|user| user.map(str::to_string)));
        match column(batch, layout::BUCKET, &DataType::Int32) {
            Ok(buckets) => part.buckets.extend_from_slice(buckets.as_primitive::<Int32Type>().values()),
            Err(_) => part.buckets.resize(part.events.len(), -1),
        }
        Ok(())
    })?;
    Ok(PartRows { format, row_groups, ..part })
}

/// Hands every batch of rows to `take`. Answers the format and the rows of each row group.
fn batches(
    path: &Path,
    bytes: Bytes,
    mut take: impl FnMut(&RecordBatch) -> Result<(), String>,
) -> Result<(Option<u32>, Vec<usize>), StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: path.to_path_buf(), detail };
    // The file's own types suffice, whichever program wrote it.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options);
    let reader = reader.map_err(|e| damaged(e.to_string()))?;
    let file = reader.metadata().file_metadata();
    let format = file.key_value_metadata().into_iter().flatten().find(|pair| pair.key == FORMAT_KEY);
    let format = format.and_then(|pair| pair.value.as_deref());
    // A table optimised by another program has lost the mark and kept the columns.
    let is_known = |found: &str| found.parse().is_ok_and(|found: u32| (1..=FORMAT).contains(&found));
    if let Some(found) = format.filter(|found| !is_known(found)) {
        return Err(StoreError::Format { path: path.to_path_buf(), found: found.to_string(), known: FORMAT });
    }
    let format = format.and_then(|format| format.parse().ok());
    let row_groups = reader.metadata().row_groups().iter();
    let row_groups = row_groups.map(|group| usize::try_from(group.num_rows()).unwrap_or_default()).collect();
    let batches = reader.with_batch_size(BATCH_ROWS).build().map_err(|e| damaged(e.to_string()))?;
    for batch in batches {
        let batch = batch.map_err(|e| damaged(e.to_string()))?;
        take(&batch).map_err(damaged)?;
    }
    Ok((format, row_groups))
}

/// The error names the column and what is wrong with it.
fn append(batch: &RecordBatch, events: &mut Vec<Event>) -> Result<(), String> {
    let first = events.len();
    let kinds = column(batch, layout::TYPE, &DataType::Utf8)?.as_string::<i32>();
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let instants = column(batch, layout::TS, &instant)?.as_primitive::<TimestampMicrosecondType>();
    let ids = column(batch, layout::ID, &DataType::Utf8)?.as_string::<i32>();
    let revisions = column(batch, layout::REVISION, &DataType::Int64)?.as_primitive::<Int64Type>();
    let histories = column(batch, layout::REVISIONS, &DataType::Utf8)?.as_string::<i32>();
    for row in 0..batch.num_rows() {
        let kind: EventType = kinds.value(row).parse().map_err(|e| format!("column type: {e}"))?;
        let history = histories.is_valid(row).then(|| serde_json::from_str(histories.value(row)));
        events.push(Event {
            kind,
            id: ids.value(row).to_string(),
            ts: Instant(instants.value(row)),
            revision: revisions.value(row) as u64,
            attributes: Attributes::new(),
            revisions: history.transpose().map_err(|e| format!("column _revisions: {e}"))?,
        });
    }
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if !layout::is_fixed(field.name()) {
            attribute(layout::path_of(field.name()), array, &mut events[first..]);
        }
    }
    let overflow = column(batch, layout::OVERFLOW, &DataType::Utf8)?.as_string::<i32>();
    for row in (0..batch.num_rows()).filter(|row| overflow.is_valid(*row)) {
        let homeless: Attributes =
            serde_json::from_str(overflow.value(row)).map_err(|e| format!("column _overflow: {e}"))?;
        events[first + row].attributes.extend(homeless);
    }
    Ok(())
}

fn column<'a>(batch: &'a RecordBatch, name: &str, kind: &DataType) -> Result<&'a dyn Array, String> {
    let array = batch.column_by_name(name).ok_or_else(|| format!("it has no column {name}"))?;
    match array.data_type() == kind {
        true => Ok(array),
        false => Err(format!("column {name} is {} and not {kind}", array.data_type())),
    }
}

/// Gives every row its value. A column of a type that is none of ours says nothing about events.
fn attribute(path: &str, array: &dyn Array, events: &mut [Event]) {
    let value: Box<dyn Fn(usize) -> Value + '_> = match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            Box::new(|row| Value::text(texts.value(row)))
        }
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            Box::new(|row| Value::Number(numbers.value(row)))
        }
        DataType::Boolean => {
            let truths = array.as_boolean();
            Box::new(|row| Value::Bool(truths.value(row)))
        }
        DataType::List(item) if *item.data_type() == DataType::Utf8 => {
            let lists = array.as_list::<i32>();
            Box::new(|row| {
                let items = lists.value(row);
                Value::List(items.as_string::<i32>().iter().flatten().map(str::to_string).collect())
            })
        }
        _ => return,
    };
    for (row, event) in events.iter_mut().enumerate().filter(|(row, _)| array.is_valid(*row)) {
        event.attributes.insert(path.to_string(), value(row));
    }
}
