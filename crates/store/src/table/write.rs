//! Rows to the bytes of a part.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int32Array, Int64Array, ListBuilder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use whodid_model::Value;

use super::layout::{self, Kind, Layout};
use super::row::{self, Row};

/// The version of what a part's columns mean, in its key-value metadata. Every version up to this one can be read.
///
/// 1: rows of any months, sorted by owner. 2: `_bucket`; rows of one month, in the order of [`Row::order`]; row groups
/// hold whole buckets or a piece of one.
pub(super) const FORMAT_KEY: &str = "whodid.format";
pub(super) const FORMAT: u32 = 2;

/// Rows that are turned into columns at a time.
pub(super) const BATCH_ROWS: usize = 8_192;
/// Most rows of a row group: small enough that a reader can skip by `_bucket`, large enough for dictionaries to pay.
pub(super) const ROW_GROUP_ROWS: usize = 131_072;
const ZSTD_LEVEL: i32 = 1;

pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Encodes rows as one Parquet file. `columns` are those that [`Layout::admit`] answered for their events.
pub(super) fn part(rows: &[Row], layout: &Layout, columns: &[u32]) -> Result<Vec<u8>, Failure> {
    let schema = Arc::new(layout::part_schema(layout, columns));
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties()?))?;
    for group in row::pieces(rows, Row::bucket, ROW_GROUP_ROWS) {
        for rows in rows[group].chunks(BATCH_ROWS) {
            let mut arrays = fixed_columns(rows);
            let (dynamic, overflow) = attribute_columns(rows, layout, columns)?;
            arrays.push(overflow);
            arrays.extend(dynamic);
            writer.write(&RecordBatch::try_new(schema.clone(), arrays)?)?;
        }
        writer.flush()?;
    }
    Ok(writer.into_inner()?)
}

pub(super) fn properties() -> Result<WriterProperties, Failure> {
    let column = |name: &str| ColumnPath::from(vec![name.to_string()]);
    Ok(WriterProperties::builder()
        .set_created_by(concat!("whodid ", env!("CARGO_PKG_VERSION")).to_string())
        .set_key_value_metadata(Some(vec![KeyValue::new(FORMAT_KEY.to_string(), FORMAT.to_string())]))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(true)
        .set_column_dictionary_enabled(column(layout::ID), false)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_column_statistics_enabled(column(layout::REVISIONS), EnabledStatistics::None)
        .set_column_statistics_enabled(column(layout::OVERFLOW), EnabledStatistics::None)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build())
}

/// All before `_overflow`, in the layout's order.
fn fixed_columns(rows: &[Row]) -> Vec<ArrayRef> {
    let events = || rows.iter().map(|row| &row.event);
    let revisions = events().map(|event| {
        // Values of a map keyed by numbers always have a JSON form.
        event.revisions.as_deref().and_then(|revisions| serde_json::to_string(revisions).ok())
    });
    vec![
        Arc::new(StringArray::from_iter_values(events().map(|event| event.kind.name()))),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(events().map(|event| event.ts.0))
                .with_timezone("UTC"),
        ),
        Arc::new(StringArray::from_iter_values(events().map(|event| &event.id))),
        Arc::new(rows.iter().map(Row::user).collect::<StringArray>()),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.bucket().into()))),
        // The same 64 bits; versions beyond an i64 show as negative numbers.
        Arc::new(Int64Array::from_iter_values(events().map(|event| event.revision as i64))),
        Arc::new(revisions.collect::<StringArray>()),
    ]
}

/// The attribute columns and the overflow.
fn attribute_columns(
    rows: &[Row],
    layout: &Layout,
    columns: &[u32],
) -> Result<(Vec<ArrayRef>, ArrayRef), Failure> {
    let mut slots = vec![None; layout.len()];
    let mut builders: Vec<ColumnBuilder> = Vec::with_capacity(columns.len());
    for (slot, column) in columns.iter().enumerate() {
        slots[*column as usize] = Some(slot);
        builders.push(ColumnBuilder::new(layout.name_and_kind(*column).1));
    }
    let mut overflow = StringBuilder::new();
    let mut homeless: BTreeMap<&str, &Value> = BTreeMap::new();
    for (row, event) in rows.iter().map(|row| &row.event).enumerate() {
        for (path, value) in &event.attributes {
            let column = Kind::of(value).and_then(|kind| layout.column(path, kind));
            match column.and_then(|column| slots[column as usize]) {
                Some(slot) => builders[slot].put(row, value),
                None => {
                    homeless.insert(path, value);
                }
            }
        }
        match homeless.is_empty() {
            true => overflow.append_null(),
            false => overflow.append_value(serde_json::to_string(&homeless)?),
        }
        homeless.clear();
    }
    let dynamic = builders.into_iter().map(|builder| builder.finish(rows.len())).collect();
    Ok((dynamic, Arc::new(overflow.finish())))
}

/// A column that is filled row by row; rows that are passed over are null.
pub(super) enum ColumnBuilder {
    Text(StringBuilder),
    Number(Float64Builder),
    Bool(BooleanBuilder),
    List(ListBuilder<StringBuilder>),
}

impl ColumnBuilder {
    pub(super) fn new(kind: Kind) -> ColumnBuilder {
        match kind {
            Kind::Text => ColumnBuilder::Text(StringBuilder::new()),
            Kind::Number => ColumnBuilder::Number(Float64Builder::new()),
            Kind::Bool => ColumnBuilder::Bool(BooleanBuilder::new()),
            Kind::List => {
                ColumnBuilder::List(ListBuilder::new(StringBuilder::new()).with_field(layout::list_item()))
            }
        }
    }

    /// Sets the value of a row behind all set before. The value is of the column's kind.
    pub(super) fn put(&mut self, row: usize, value: &Value) {
        self.pass_to(row);
        match (self, value) {
            (ColumnBuilder::Text(builder), Value::Text(text)) => builder.append_value(text),
            (ColumnBuilder::Number(builder), Value::Number(number)) => builder.append_value(*number),
            (ColumnBuilder::Bool(builder), Value::Bool(truth)) => builder.append_value(*truth),
            (ColumnBuilder::List(builder), Value::List(items)) => {
                items.iter().for_each(|item| builder.values().append_value(item));
                builder.append(true);
            }
            _ => {}
        }
    }

    fn pass_to(&mut self, row: usize) {
        match self {
            ColumnBuilder::Text(builder) => builder.append_nulls(row - builder.len()),
            ColumnBuilder::Number(builder) => builder.append_nulls(row - builder.len()),
            ColumnBuilder::Bool(builder) => builder.append_nulls(row - builder.len()),
            ColumnBuilder::List(builder) => (builder.len()..row).for_each(|_| builder.append(false)),
        }
    }

    pub(super) fn finish(mut self, rows: usize) -> ArrayRef {
        self.pass_to(rows);
        match self {
            ColumnBuilder::Text(mut builder) => Arc::new(builder.finish()),
            ColumnBuilder::Number(mut builder) => Arc::new(builder.finish()),
            ColumnBuilder::Bool(mut builder) => Arc::new(builder.finish()),
            ColumnBuilder::List(mut builder) => Arc::new(builder.finish()),
        }
    }
}
