//! Columns of attribute values that travel as they are: each distinct value once, as JSON.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt32Type};
use rustc_hash::FxHashMap;
use whodid_model::Value;

use crate::error::EngineError;
use crate::stream::Row;
use crate::subjects::Part;

pub(crate) fn data_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// A column in the making.
#[derive(Debug, Default)]
pub(crate) struct ValueColumn {
    path: String,
    keys: Vec<Option<u32>>,
    texts: Vec<String>,
    known: FxHashMap<String, u32>,
    /// By part and code of the attribute, so that a value is written once.
    of_code: FxHashMap<(u32, u32), u32>,
}

impl ValueColumn {
    pub(crate) fn new(path: &str) -> ValueColumn {
        ValueColumn { path: path.to_string(), ..ValueColumn::default() }
    }

    pub(crate) fn push_row(&mut self, parts: &[Part<'_>], row: Option<&Row>) {
        let Some(row) = row else { return self.keys.push(None) };
        let columns = parts[row.half as usize].half.columns;
        let code = columns.attribute(&self.path).map(|column| column.codes().get(row.row as usize));
        match code {
            None if !is_member(&self.path) => self.keys.push(None),
            Some(0) => self.keys.push(None),
            Some(code) => {
                if let Some(key) = self.of_code.get(&(row.half, code)) {
                    return self.keys.push(Some(*key));
                }
                self.push(value_at(parts, row, &self.path).as_ref());
                if let Some(Some(key)) = self.keys.last() {
                    self.of_code.insert((row.half, code), *key);
                }
            }
            None => self.push(value_at(parts, row, &self.path).as_ref()),
        }
    }

    pub(crate) fn push(&mut self, value: Option<&Value>) {
        let key = value.map(|value| {
            let text = value.to_json().to_string();
            let next = self.texts.len() as u32;
            *self.known.entry(text).or_insert_with_key(|text| {
                self.texts.push(text.clone());
                next
            })
        });
        self.keys.push(key);
    }

    pub(crate) fn finish(self) -> Result<ArrayRef, EngineError> {
        let values = StringArray::from_iter_values(self.texts);
        Ok(Arc::new(DictionaryArray::try_new(UInt32Array::from(self.keys), Arc::new(values))?))
    }
}

/// What every event has without being an attribute.
fn is_member(path: &str) -> bool {
    matches!(path, "type" | "id" | "ts" | "timestamp" | "date")
}

/// The value of a facet of one event; its instant as epoch milliseconds.
pub(crate) fn value_at(parts: &[Part<'_>], row: &Row, path: &str) -> Option<Value> {
    let (columns, index) = (parts[row.half as usize].half.columns, row.row as usize);
    match path {
        "type" => Some(Value::text(columns.kinds()[index].name())),
        "id" => Some(Value::text(columns.ids().get(index))),
        "ts" | "timestamp" | "date" => Some(Value::Number(row.ts_us.div_euclid(1_000) as f64)),
        path => columns.attribute(path)?.value(index).map(Cow::into_owned),
    }
}

/// A column of several batches: a code for each row into the values, each of which is there once.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// By row; none where there is no value.
    pub codes: Vec<Option<u32>>,
    pub values: Vec<Value>,
    known: FxHashMap<String, u32>,
}

impl Values {
    pub fn get(&self, row: usize) -> Option<&Value> {
        self.codes.get(row).copied().flatten().map(|code| &self.values[code as usize])
    }

    /// Appends what [`ValueColumn`] wrote.
    pub(crate) fn extend(&mut self, column: &ArrayRef) -> Result<(), EngineError> {
        let column = column.as_dictionary::<UInt32Type>();
        let texts = cast(column.values(), &DataType::Utf8)?;
        let code = |text: Option<&str>| {
            let text = text.unwrap_or("null");
            if let Some(known) = self.known.get(text) {
                return Ok(*known);
            }
            let json: serde_json::Value = serde_json::from_str(text).map_err(EngineError::codec)?;
            let code = self.values.len() as u32;
            self.values.push(Value::from_json(&json).unwrap_or(Value::Null));
            self.known.insert(text.to_string(), code);
            Ok(code)
        };
        let codes = texts.as_string::<i32>().iter().map(code).collect::<Result<Vec<u32>, EngineError>>()?;
        let keys = column.keys();
        self.codes
            .extend((0..keys.len()).map(|row| keys.is_valid(row).then(|| codes[keys.value(row) as usize])));
        Ok(())
    }
}

pub(crate) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, EngineError> {
    batch.column_by_name(name).ok_or_else(|| EngineError::codec(format!("no column {name}")))
}
