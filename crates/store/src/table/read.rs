//! The bytes of a part to events.

use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use rustc_hash::FxHashSet;
use whodid_model::{Attributes, Event, EventBatch, EventKey, EventType, Instant, Value};

use super::layout;
use super::write::{FORMAT, FORMAT_KEY};
use crate::error::StoreError;
use crate::keys::KeyHash;

const BATCH_ROWS: usize = 8_192;

/// The events of a part. `path` is for error messages.
pub(super) fn events(path: &Path, bytes: Bytes) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    batches(path, bytes, &[], |batch| append(batch, &mut events))?;
    Ok(events)
}

/// The events of a part as a batch, and those that do not fit one.
pub(super) fn batch(path: &Path, bytes: Bytes) -> Result<(EventBatch, Vec<Event>), StoreError> {
    let (mut batch, mut rest) = (EventBatch::default(), Vec::new());
    batches(path, bytes, &[], |rows| append_rows(rows, &mut batch, &mut rest))?;
    Ok((batch, rest))
}

/// Those of the wanted events of which the part has a row.
pub(super) fn keys(
    path: &Path,
    bytes: Bytes,
    wanted: &FxHashSet<EventKey>,
) -> Result<Vec<EventKey>, StoreError> {
    let mut found = Vec::new();
    let hashes: FxHashSet<KeyHash> = wanted.iter().map(|key| KeyHash::of(key.kind, &key.id)).collect();
    batches(path, bytes, &[layout::TYPE, layout::ID], |batch| {
        let kinds = kinds(batch)?;
        let ids = column(batch, layout::ID, &DataType::Utf8)?.as_string::<i32>();
        for (row, kind) in kinds.into_iter().enumerate() {
            let id = ids.value(row);
            if hashes.contains(&KeyHash::of(kind, id)) {
                found.extend(wanted.get(&EventKey { kind, id: id.to_string() }).cloned());
            }
        }
        Ok(())
    })?;
    Ok(found)
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
    let (format, row_groups) = batches(path, bytes, &[], |batch| {
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

/// Hands every batch of rows to `take`, with the named columns alone if any are named. Answers the format and the rows of each row group.
fn batches(
    path: &Path,
    bytes: Bytes,
    columns: &[&str],
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
    let schema = reader.parquet_schema();
    let mask = match columns {
        [] => ProjectionMask::all(),
        some => ProjectionMask::columns(schema, some.iter().copied()),
    };
    let batches = reader
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|e| damaged(e.to_string()))?;
    for batch in batches {
        let batch = batch.map_err(|e| damaged(e.to_string()))?;
        take(&batch).map_err(damaged)?;
    }
    Ok((format, row_groups))
}

fn kinds(batch: &RecordBatch) -> Result<Vec<EventType>, String> {
    let kinds = column(batch, layout::TYPE, &DataType::Utf8)?.as_string::<i32>();
    let kind = |row| kinds.value(row).parse().map_err(|e| format!("column type: {e}"));
    (0..batch.num_rows()).map(kind).collect()
}

/// An event without attributes for each row. The error names the column and what is wrong with it.
fn bare(batch: &RecordBatch) -> Result<Vec<Event>, String> {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let instants = column(batch, layout::TS, &instant)?.as_primitive::<TimestampMicrosecondType>();
    let ids = column(batch, layout::ID, &DataType::Utf8)?.as_string::<i32>();
    let revisions = column(batch, layout::REVISION, &DataType::Int64)?.as_primitive::<Int64Type>();
    let histories = column(batch, layout::REVISIONS, &DataType::Utf8)?.as_string::<i32>();
    let event = |(row, kind)| {
        let history = histories.is_valid(row).then(|| serde_json::from_str(histories.value(row)));
        Ok(Event {
            kind,
            id: ids.value(row).to_string(),
            ts: Instant(instants.value(row)),
            revision: revisions.value(row) as u64,
            attributes: Attributes::new(),
            revisions: history.transpose().map_err(|e| format!("column _revisions: {e}"))?,
        })
    };
    kinds(batch)?.into_iter().enumerate().map(event).collect()
}

fn append(batch: &RecordBatch, events: &mut Vec<Event>) -> Result<(), String> {
    let first = events.len();
    events.extend(bare(batch)?);
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if !layout::is_fixed(field.name()) {
            let path = layout::path_of(field.name());
            for (row, value) in values(array).into_iter().flatten() {
                events[first + row].attributes.insert(path.to_string(), value);
            }
        }
    }
    for (row, homeless) in overflow(batch)? {
        events[first + row].attributes.extend(homeless);
    }
    Ok(())
}

/// The same into columns; events with histories go to `rest`.
fn append_rows(rows: &RecordBatch, batch: &mut EventBatch, rest: &mut Vec<Event>) -> Result<(), String> {
    let events = bare(rows)?;
    let mut homeless = overflow(rows)?.into_iter().peekable();
    if batch.is_full() || events.iter().any(|event| event.revisions.is_some()) {
        let mut whole = Vec::with_capacity(events.len());
        append(rows, &mut whole)?;
        rest.extend(whole.into_iter().filter_map(|event| batch.push(event)));
        return Ok(());
    }
    let first = batch.rows();
    for (row, event) in events.into_iter().enumerate() {
        batch.begin(event.kind, &event.id, event.ts, event.revision);
        if let Some((_, attributes)) = homeless.next_if(|(of, _)| *of == row) {
            attributes.into_iter().for_each(|(path, value)| batch.put(&path, value));
        }
    }
    for (field, array) in rows.schema().fields().iter().zip(rows.columns()) {
        if layout::is_fixed(field.name()) {
            continue;
        }
        let column = batch.column_at(layout::path_of(field.name()));
        let column = batch.column_mut(column);
        if let Some(texts) = array.as_string_opt::<i32>() {
            for row in (0..texts.len()).filter(|row| texts.is_valid(*row)) {
                column.set_text(first + row, texts.value(row));
            }
        } else {
            values(array).into_iter().flatten().for_each(|(row, value)| column.set(first + row, value));
        }
    }
    Ok(())
}

/// The attributes that lie in no column, of the rows that have any.
fn overflow(batch: &RecordBatch) -> Result<Vec<(usize, Attributes)>, String> {
    let overflow = column(batch, layout::OVERFLOW, &DataType::Utf8)?.as_string::<i32>();
    let homeless = |row| {
        let read = serde_json::from_str(overflow.value(row));
        Ok((row, read.map_err(|e| format!("column _overflow: {e}"))?))
    };
    (0..batch.num_rows()).filter(|row| overflow.is_valid(*row)).map(homeless).collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str, kind: &DataType) -> Result<&'a dyn Array, String> {
    let array = batch.column_by_name(name).ok_or_else(|| format!("it has no column {name}"))?;
    match array.data_type() == kind {
        true => Ok(array),
        false => Err(format!("column {name} is {} and not {kind}", array.data_type())),
    }
}

/// The values of a column with their rows. A column of a type that is none of ours says nothing about events.
fn values(array: &dyn Array) -> Option<Vec<(usize, Value)>> {
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
        _ => return None,
    };
    let valid = (0..array.len()).filter(|row| array.is_valid(*row));
    Some(valid.map(|row| (row, value(row))).collect())
}
