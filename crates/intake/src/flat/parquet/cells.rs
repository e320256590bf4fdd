//! Columns of a record batch as attribute values.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{
    DataType, Field, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use whodid_model::{Instant, Value, limits};

use crate::IntakeError;
use crate::flat::Mapping;
use crate::json::whole_number;

/// One column under its facet path.
pub(super) struct Column {
    path: String,
    cells: Cells,
}

/// The few shapes that all types are turned into, a batch at a time.
enum Cells {
    Absent,
    Text(StringArray),
    Bytes(BinaryArray),
    Bool(BooleanArray),
    Number(Float64Array),
    Whole(Int64Array),
    Unsigned(UInt64Array),
    Instants(TimestampMicrosecondArray),
    Lists(ListArray),
}

/// The columns of a batch in the order of their paths; members of structs are columns of their own.
pub(super) fn columns(batch: &RecordBatch, mapping: &Mapping) -> Result<Vec<Column>, IntakeError> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        add(field.name(), array, mapping, &mut columns)?;
    }
    columns.sort_by(|a, b| a.path.cmp(&b.path));
    match columns.windows(2).find(|pair| pair[0].path == pair[1].path) {
        Some(pair) => {
            Err(unreadable(format!("two columns are `{}`; rename one with a mapping", pair[0].path)))
        }
        None => Ok(columns),
    }
}

fn add(
    name: &str,
    array: &ArrayRef,
    mapping: &Mapping,
    columns: &mut Vec<Column>,
) -> Result<(), IntakeError> {
    if let Some(members) = array.as_struct_opt() {
        for (field, member) in members.fields().iter().zip(members.columns()) {
            add(&format!("{name}.{}", field.name()), member, mapping, columns)?;
        }
        return Ok(());
    }
    let path = mapping.path(name).into_owned();
    if path.is_empty() {
        return Ok(());
    }
    if path.len() > limits::PATH_BYTES {
        return Err(unreadable(format!("a column's name is longer than {} bytes", limits::PATH_BYTES)));
    }
    let is_time = path == super::TIMESTAMP;
    let cells = cells(array, is_time).map_err(|reason| unreadable(format!("column `{name}`: {reason}")))?;
    columns.push(Column { path, cells });
    Ok(())
}

fn unreadable(reason: String) -> IntakeError {
    IntakeError::Parquet { reason }
}

fn cells(array: &ArrayRef, is_time: bool) -> Result<Cells, String> {
    use DataType as T;
    let micros = |zone| T::Timestamp(TimeUnit::Microsecond, zone);
    let to = |target: &DataType| cast(array, target);
    Ok(match array.data_type() {
        T::Null => Cells::Absent,
        T::Boolean => Cells::Bool(array.as_boolean().clone()),
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 => {
            Cells::Whole(to(&T::Int64)?.as_primitive::<Int64Type>().clone())
        }
        T::UInt64 => Cells::Unsigned(array.as_primitive::<UInt64Type>().clone()),
        T::Float16
        | T::Float32
        | T::Float64
        | T::Decimal32(..)
        | T::Decimal64(..)
        | T::Decimal128(..)
        | T::Decimal256(..) => Cells::Number(to(&T::Float64)?.as_primitive::<Float64Type>().clone()),
        T::Timestamp(_, zone) => {
            Cells::Instants(to(&micros(zone.clone()))?.as_primitive::<TimestampMicrosecondType>().clone())
        }
        T::Date32 | T::Date64 if is_time => {
            Cells::Instants(to(&micros(None))?.as_primitive::<TimestampMicrosecondType>().clone())
        }
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => {
            Cells::Bytes(to(&T::Binary)?.as_binary::<i32>().clone())
        }
        T::Dictionary(_, values) => return cells(&to(values)?, is_time),
        T::List(_) | T::LargeList(_) | T::FixedSizeList(..) | T::ListView(_) | T::LargeListView(_) => {
            let texts = T::List(Field::new("item", T::Utf8, true).into());
            Cells::Lists(to(&texts)?.as_list::<i32>().clone())
        }
        _ => Cells::Text(to(&T::Utf8)?.as_string::<i32>().clone()),
    })
}

fn cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, String> {
    if !can_cast_types(array.data_type(), target) {
        return Err(format!("values of type {} are not facets; leave the column out", array.data_type()));
    }
    let loud = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &loud).map_err(|e| e.to_string())
}

impl Column {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn instant(&self, row: usize) -> Option<Instant> {
        match &self.cells {
            Cells::Instants(micros) if micros.is_valid(row) => Some(Instant(micros.value(row))),
            _ => None,
        }
    }

    pub(super) fn value(&self, row: usize) -> Result<Option<Value>, String> {
        Ok(Some(match &self.cells {
            Cells::Absent => return Ok(None),
            Cells::Text(texts) if texts.is_valid(row) => Value::text(texts.value(row)),
            Cells::Bytes(bytes) if bytes.is_valid(row) => match str::from_utf8(bytes.value(row)) {
                Ok(text) => Value::text(text),
                Err(_) => return Err(format!("the value of `{}` is not UTF-8", self.path)),
            },
            Cells::Bool(flags) if flags.is_valid(row) => Value::Bool(flags.value(row)),
            Cells::Number(numbers) if numbers.is_valid(row) => match numbers.value(row) {
                n if n.is_finite() => Value::Number(n),
                _ => return Ok(None),
            },
            Cells::Whole(numbers) if numbers.is_valid(row) => whole_number(numbers.value(row).into()),
            Cells::Unsigned(numbers) if numbers.is_valid(row) => whole_number(numbers.value(row).into()),
            Cells::Instants(micros) if micros.is_valid(row) => {
                Value::Text(Instant(micros.value(row)).to_string())
            }
            Cells::Lists(lists) if lists.is_valid(row) => Value::List(items(&lists.value(row))),
            _ => return Ok(None),
        }))
    }
}

fn items(list: &ArrayRef) -> Vec<String> {
    let texts = list.as_string::<i32>();
    texts.iter().flatten().map(str::to_string).collect()
}
