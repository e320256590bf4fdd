//! What a scan reads, in a form that travels.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::json;
use whodid_model::{Instant, TimeRange};
use whodid_query::search::{self, Dialect, Query};

use crate::audience::Audience;
use crate::error::EngineError;

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
            ScanColumn::Text(_) => DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8)),
            ScanColumn::Number(_) => DataType::Float64,
        }
    }
}

/// Which events, and what of them.
#[derive(Clone, Debug)]
pub struct ScanSpec {
    pub query: Query,
    /// Already cut at the evaluation instant.
    pub range: TimeRange,
    pub columns: Vec<ScanColumn>,
    /// Only events of these users and accounts.
    pub audience: Option<Audience>,
}

impl ScanSpec {
    pub(crate) fn schema(&self) -> SchemaRef {
        let field =
            |column: &ScanColumn| Field::new(column.name(), column.data_type(), *column != ScanColumn::Ts);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    /// The words of the specification and the bitmaps that they speak of.
    pub(crate) fn to_parts(&self) -> Result<(String, Vec<Vec<u8>>), EngineError> {
        let mut bitmaps = Vec::new();
        let audience = self.audience.as_ref().map(|audience| audience.to_parts(&mut bitmaps)).transpose()?;
        let text = json!({
            "query": self.query.text,
            "from_us": self.range.from.0,
            "to_us": self.range.to.0,
            "columns": self.columns,
            "audience": audience,
        });
        Ok((text.to_string(), bitmaps))
    }

    pub(crate) fn from_parts(text: &str, bitmaps: &[Vec<u8>]) -> Result<ScanSpec, EngineError> {
        let json: serde_json::Value = serde_json::from_str(text).map_err(EngineError::codec)?;
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
            audience,
        })
    }
}
