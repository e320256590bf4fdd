//! Members as CSV, NDJSON and Parquet.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value as Json};
use whodid_insights::{Export, Member};
use whodid_intake::rows::is_formula;
use whodid_model::{EntityKind, Value};

use crate::problem::Problem;

/// Turns pages into the bytes of a file, one after another.
pub(super) trait Format: Send + 'static {
    const EXTENSION: &'static str;
    const CONTENT_TYPE: &'static str;

    fn page(&mut self, members: Vec<Member>) -> io::Result<Vec<u8>>;

    /// What is left to write after the last page.
    fn end(self) -> io::Result<Vec<u8>>;
}

/// The column that holds the id: the facet that says whom an event belongs to.
fn id_column(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::User => "usr.id",
        EntityKind::Account => "account.id",
    }
}

fn columns(export: &Export) -> Vec<String> {
    std::iter::once(id_column(export.entity).to_string()).chain(export.attributes.iter().cloned()).collect()
}

pub(super) struct Csv {
    attributes: Vec<String>,
    /// Written before the first page.
    header: Option<Vec<String>>,
}

impl Csv {
    pub(super) fn new(export: &Export) -> Csv {
        Csv { attributes: export.attributes.clone(), header: Some(columns(export)) }
    }

    fn write(&mut self, members: &[Member]) -> io::Result<Vec<u8>> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        if let Some(header) = self.header.take() {
            writer.write_record(header.iter().map(|name| harmless(name.clone())))?;
        }
        for member in members {
            let cell = |name: &String| member.profile.get(name).map(cell).unwrap_or_default();
            let cells = std::iter::once(harmless(member.id.clone())).chain(self.attributes.iter().map(cell));
            writer.write_record(cells)?;
        }
        writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A value as one cell. A number can begin with a minus sign and is no formula.
fn cell(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) | Value::Null => value.as_text().into_owned(),
        Value::Text(_) | Value::List(_) => harmless(value.as_text().into_owned()),
    }
}

/// Text that no spreadsheet takes for a formula.
fn harmless(text: String) -> String {
    if is_formula(&text) { format!("'{text}") } else { text }
}

impl Format for Csv {
    const EXTENSION: &'static str = "csv";
    const CONTENT_TYPE: &'static str = "text/csv; charset=utf-8";

    fn page(&mut self, members: Vec<Member>) -> io::Result<Vec<u8>> {
        self.write(&members)
    }

    fn end(mut self) -> io::Result<Vec<u8>> {
        self.write(&[])
    }
}

pub(super) struct Ndjson {
    id_column: &'static str,
}

impl Ndjson {
    pub(super) fn new(export: &Export) -> Ndjson {
        Ndjson { id_column: id_column(export.entity) }
    }
}

impl Format for Ndjson {
    const EXTENSION: &'static str = "ndjson";
    const CONTENT_TYPE: &'static str = "application/x-ndjson";

    fn page(&mut self, members: Vec<Member>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for member in members {
            let mut object = Map::new();
            object.insert(self.id_column.to_string(), member.id.into());
            object.extend(member.profile.into_iter().map(|(name, value)| (name, value.to_json())));
            serde_json::to_writer(&mut bytes, &Json::Object(object))?;
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    fn end(self) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

pub(super) struct Parquet {
    attributes: Vec<String>,
    schema: SchemaRef,
    writer: ArrowWriter<Taken>,
}

/// Bytes that are taken away as they come.
#[derive(Default)]
struct Taken(Vec<u8>);

impl Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Parquet {
    pub(super) fn new(export: &Export) -> Result<Parquet, Problem> {
        let columns = columns(export).into_iter().enumerate();
        let fields = columns.map(|(place, name)| Field::new(name, DataType::Utf8, place > 0));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let compression = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(compression).build();
        let writer = ArrowWriter::try_new(Taken::default(), schema.clone(), Some(properties));
        let writer = writer.map_err(|error| Problem::internal(&error.to_string()))?;
        Ok(Parquet { attributes: export.attributes.clone(), schema, writer })
    }
}

impl Format for Parquet {
    const EXTENSION: &'static str = "parquet";
    const CONTENT_TYPE: &'static str = "application/vnd.apache.parquet";

    fn page(&mut self, members: Vec<Member>) -> io::Result<Vec<u8>> {
        let ids = StringArray::from_iter_values(members.iter().map(|member| &member.id));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(ids)];
        for name in &self.attributes {
            let texts = members.iter().map(|member| member.profile.get(name).map(Value::as_text));
            columns.push(Arc::new(texts.collect::<StringArray>()));
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(io::Error::other)?;
        self.writer.write(&batch)?;
        Ok(mem::take(&mut self.writer.inner_mut().0))
    }

    fn end(mut self) -> io::Result<Vec<u8>> {
        self.writer.finish()?;
        Ok(mem::take(&mut self.writer.inner_mut().0))
    }
}
